"""The agent's protocol: a JSON object per line on stdin, one per line back. One process is one invocation.

hello {backend, accelerator, threads, options, scratch} -> {agent, python, runtime, version, sync}
load {model, shapes, trace}                         -> {load_ns, inputs, outputs, streams}
inputs {files}                                      -> {}            raw little-endian arrays, in order
first {}                                            -> {first_ns}
outputs {folder}                                    -> {files, outputs}
warmup {limit_ns}                                   -> {inferences, duration_ns, window_medians_ns, steady}
turn {n, busy}                                      -> {start_ns, samples_ns}
throughput {streams, duration_ns}                   -> {inferences, duration_ns, how}
finish {}                                           -> {placement, settings, memory, io}
profile {n}                                         -> {source, inferences, total_ns, rows, notes}
quit {}                                             -> {}

trace: a folder for what profiling writes; empty: not a profiling invocation. busy: makes each inference longer by this
share, to try out whether a slow-down is found; left out: nothing. streams: inferences that are to be under way at once;
1: there is no throughput to measure apart. An answer has `ok`; when it is false, `error` has
{kind, message, todo}. A closed stdin ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any, Dict, List, Optional

from . import measure
from .adapter import Adapter, Json, Refused

PROTOCOL = 1


def die_with_parent() -> None:
    """Let the kernel kill us when the harness dies, also while a runtime hangs (Linux; elsewhere stdin's end)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


class Agent:
    """The state of one invocation: an adapter, its timed call, and the instant it began."""

    def __init__(self) -> None:
        self.begun_ns = time.perf_counter_ns()
        self.adapter: Optional[Adapter] = None
        self.call: Any = None
        self.before_load: Json = {}
        self.leaving = False

    @property
    def loaded(self) -> Adapter:
        if self.adapter is None:
            raise Refused("no runtime is loaded", "Send `hello` first.")
        return self.adapter

    def hello(self, request: Json) -> Json:
        module = importlib.import_module(".adapter_" + request["backend"], __package__)
        adapter: Adapter = module.ADAPTER(request["accelerator"], int(request["threads"]), dict(request["options"]))
        adapter.scratch = str(request.get("scratch") or "")
        version = adapter.version()
        self.adapter = adapter
        return {
            "protocol": PROTOCOL,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "runtime": adapter.name,
            "version": version,
            "sync": adapter.sync,
        }

    def load(self, request: Json) -> Json:
        self.before_load = measure.memory_bytes("VmRSS")
        measure.reset_peak_memory()
        begun = time.perf_counter_ns()
        self.loaded.load(request["model"], request.get("shapes") or {}, str(request.get("trace") or ""))
        load_ns = time.perf_counter_ns() - begun
        inputs, outputs = self.loaded.tensors()
        return {"load_ns": load_ns, "inputs": inputs, "outputs": outputs, "streams": self.loaded.streams()}

    def inputs(self, request: Json) -> Json:
        import numpy as np

        specs, _ = self.loaded.tensors()
        files = request["files"]
        if len(files) != len(specs):
            raise Refused("the model has %d inputs, %d were given" % (len(specs), len(files)))
        arrays: List[Any] = []
        for spec, name in zip(specs, files):
            data = np.fromfile(name, dtype=spec["dtype"])
            arrays.append(np.ascontiguousarray(data.reshape(spec["shape"])))
        self.loaded.set_inputs(arrays)
        self.call = self.loaded.invoker()
        return {}

    def first(self, request: Json) -> Json:
        return {"first_ns": measure.turn(self.call, 1)[0]}

    def outputs(self, request: Json) -> Json:
        _, specs = self.loaded.tensors()
        files: List[str] = []
        found: List[Json] = []
        for index, array in enumerate(self.loaded.outputs()):
            path = os.path.join(request["folder"], "output%d.bin" % index)
            array.tofile(path)
            files.append(path)
            # The spec says what the tensor is called and how it is quantized; the array, what came out.
            found.append(dict(specs[index], dtype=str(array.dtype), shape=list(array.shape)))
        return {"files": files, "outputs": found}

    def warmup(self, request: Json) -> Json:
        return measure.warm_up(self.call, int(request["limit_ns"]))

    def turn(self, request: Json) -> Json:
        busy = float(request.get("busy") or 0.0)
        call = measure.slowed(self.call, busy) if busy else self.call
        start = time.perf_counter_ns() - self.begun_ns
        return {"start_ns": start, "samples_ns": measure.turn(call, int(request["n"]))}

    def throughput(self, request: Json) -> Json:
        calls, how = self.loaded.overlapping(int(request["streams"]))
        return dict(measure.overlapped(calls, int(request["duration_ns"])), how=how)

    def finish(self, request: Json) -> Json:
        peak = measure.memory_bytes("VmHWM")
        calls = self.loaded.io_calls()
        io = None
        if calls is not None:
            io = {"input_copy_ns": measure.timed_apart(calls[0]), "output_read_ns": measure.timed_apart(calls[1])}
        return {
            "placement": self.loaded.placement(),
            "settings": self.loaded.settings(),
            "peak": peak,
            "before_load": self.before_load,
            "io": io,
        }

    def profile(self, request: Json) -> Json:
        return self.loaded.profile(int(request["n"]))

    def quit(self, request: Json) -> Json:
        self.leaving = True
        return {}


COMMANDS = {
    "hello", "load", "inputs", "first", "outputs", "warmup", "turn", "throughput", "finish", "profile", "quit",
}  # fmt: skip


def answer(agent: Agent, line: bytes) -> Json:
    """Carry out one request. A runtime's own exception is an answer, not an end."""
    try:
        request: Dict[str, Any] = json.loads(line)
        command = request.get("cmd")
        if command not in COMMANDS:
            raise Refused("no such command: %r" % command)
        reply: Json = getattr(agent, str(command))(request)
        return dict(reply, ok=True)
    except Refused as error:
        return {"ok": False, "error": {"kind": "refused", "message": error.message, "todo": error.todo}}
    except MemoryError:
        return {"ok": False, "error": {"kind": "out of memory", "message": "the runtime ran out of memory", "todo": ""}}
    except Exception as error:
        text = "%s: %s" % (type(error).__name__, error)
        return {"ok": False, "error": {"kind": "runtime error", "message": text[:4000], "todo": ""}}


def main() -> None:
    die_with_parent()
    # What runtimes print to stdout must not mix with the protocol: it goes to stderr, which is kept.
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    agent = Agent()
    for line in iter(sys.stdin.buffer.readline, b""):
        channel.write(json.dumps(answer(agent, line)).encode() + b"\n")
        if agent.leaving:
            break
    sys.stderr.flush()
    # Not sys.exit: some runtimes crash while they are torn down, after all was measured.
    os._exit(0)
