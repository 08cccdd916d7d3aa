"""Measuring with a Python runtime: one agent process is one invocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bench.backends import pack, throughput
from bench.backends.batch import batch_of, batches_of, must_hold
from bench.backends.client import AgentClient, open_shape
from bench.backends.job import Job, Measured, Output, Profiled, Program, Watch
from bench.devices.protocol import Device
from bench.records.store import now
from bench.records.types import (
    Invocation,
    Memory,
    OpRow,
    Placement,
    Profile,
    TensorSpec,
    Tool,
    Turn,
    Warmup,
)

TURN_NS = 25_000_000
PROFILE_NS = 1_500_000_000
PROFILE_AT_LEAST, PROFILE_AT_MOST = 5, 200


@dataclass(frozen=True)
class Slot:
    """An input as the runtime tells of it. scale: 0 when it is not quantized, or the runtime does not tell."""

    spec: TensorSpec
    scale: float = 0.0
    zero_point: int = 0


def program(device: Device, backend: str, tools: Mapping[str, str], cache: Path) -> Program:
    """The agent, on the device. backend, tools: play no part here."""
    packed, sha256 = pack.packed(cache)
    return Program(device.push(packed), sha256)


def _specs(found: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return msgspec.convert(found, type=tuple[TensorSpec, ...])


def load(agent: AgentClient, job: Job, profiling: bool) -> tuple[dict[str, Any], dict[str, Any], int]:
    """hello, load: the answers, and when the runtime was there (ns since the start). Raises InvocationFailed."""
    case = job.case
    hello = agent.ask(
        "hello",
        "importing the runtime",
        backend=case.backend,
        accelerator=case.accelerator,
        threads=case.threads,
        options=case.options,
        scratch=job.scratch,
    )
    spawn_ns = agent.elapsed_ns
    batch, phase = batch_of(case.options), "loading the model"
    with batches_of(batch):
        loaded = agent.ask("load", phase, model=job.model, shapes=case.shapes, trace=_place(job) if profiling else "")
    dynamic = next((slot.spec for slot in slots(loaded) if slot.spec.dynamic), None)
    if dynamic is not None:
        raise open_shape(dynamic, phase)
    must_hold(_specs(loaded["outputs"]), batch, phase)
    return hello, loaded, spawn_ns


def slots(loaded: dict[str, Any]) -> list[Slot]:
    """The inputs in the answer to `load`."""
    specs = _specs(loaded["inputs"])
    found = zip(specs, loaded["inputs"], strict=True)
    return [Slot(spec, float(raw.get("scale", 0.0)), int(raw.get("zero_point", 0))) for spec, raw in found]


def _begin(agent: AgentClient, job: Job, profiling: bool) -> tuple[dict[str, Any], dict[str, Any], int]:
    """load, and the seeded inputs set."""
    begun = load(agent, job, profiling)
    agent.ask("inputs", "setting the inputs", files=[job.input_file(slot.spec) for slot in slots(begun[1])])
    return begun


def read_outputs(agent: AgentClient, job: Job) -> list[Output]:
    answer = agent.ask("outputs", "reading the outputs", folder=_place(job))
    specs = _specs(answer["outputs"])
    must_hold(specs, batch_of(job.case.options), "reading the outputs")
    found = []
    for spec, name, raw in zip(specs, answer["files"], answer["outputs"], strict=True):
        file = job.folder / PurePosixPath(name.replace("\\", "/")).name
        with agent.waiting():
            job.device.pull(name, file)
        found.append(Output(spec, file, float(raw.get("scale", 0.0)), int(raw.get("zero_point", 0))))
    return found


def _place(job: Job) -> str:
    """A folder on the device that the agent may write to."""
    return job.scratch or str(job.folder)


def turn_length(typical_ns: int) -> int:
    """Inferences that fill 25 ms, at least one."""
    return max(1, round(TURN_NS / max(typical_ns, 1)))


def measure(job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
    """One invocation with turns for `seconds`. Raises InvocationFailed."""
    started = now()
    with AgentClient(job.device, job.program.path, job.limit_s, job.case.accelerator) as agent:
        watch.stage("loading")
        hello, loaded, spawn_ns = _begin(agent, job, profiling=False)
        first_ns = int(agent.ask("first", "first inference")["first_ns"])
        if watch.outputs is not None:
            found = read_outputs(agent, job)
            with agent.waiting():  # the reference may have to be made first
                watch.outputs(found)
        watch.stage("warming up")
        answer = agent.ask("warmup", "warm-up", limit_ns=int(warmup_s * 1e9))
        warmup = msgspec.convert(answer, type=Warmup)
        count = turn_length(warmup.window_medians_ns[-1])
        turns: list[Turn] = []
        spent_ns = 0
        watch.stage("measuring")
        while spent_ns < seconds * 1e9 or not turns:
            turn = msgspec.convert(agent.ask("turn", "turn", n=count), type=Turn)
            turns.append(turn)
            spent_ns += sum(turn.samples_ns)
            watch.turn(turn.samples_ns)
        several = throughput.measure(agent, loaded, job.case.options, turns, seconds, watch)
        finish = agent.ask("finish", "reading placement and memory")
        agent.ask("quit", "leaving")
        stderr = agent.stderr()
    io = finish.get("io") or {}
    invocation = Invocation(
        started=started,
        spawn_ns=spawn_ns,
        load_ns=int(loaded["load_ns"]),
        first_inference_ns=first_ns,
        warmup=warmup,
        turns=tuple(turns),
        memory=_memory(finish),
        input_copy_ns=io.get("input_copy_ns"),
        output_read_ns=io.get("output_read_ns"),
        throughput=several,
    )
    tool = Tool(
        runtime=hello["runtime"],
        version=hello["version"],
        agent_sha256=job.program.sha256,
        python=hello["python"],
        sync=hello["sync"],
        settings=finish["settings"],
    )
    placement = msgspec.convert(finish["placement"], type=Placement)
    return Measured(invocation, tool, placement, stderr)


def _memory(finish: dict[str, Any]) -> Memory:
    peak, before = finish["peak"], finish["before_load"]
    return Memory(peak_bytes=peak.get("bytes"), before_load_bytes=before.get("bytes"), reason=peak.get("reason", ""))


def profile(job: Job, typical_ns: float | None, watch: Watch) -> Profiled:
    """Op rows from an invocation of its own, over about 1.5 s. typical_ns: the unprofiled median, for the slow-down.

    Raises InvocationFailed, also where the runtime gives no profile.
    """
    guess = typical_ns or PROFILE_NS / PROFILE_AT_LEAST
    count = min(max(PROFILE_AT_LEAST, int(PROFILE_NS / max(guess, 1.0))), PROFILE_AT_MOST)
    with AgentClient(job.device, job.program.path, job.limit_s, job.case.accelerator) as agent:
        watch.stage("profiling")
        _begin(agent, job, profiling=True)
        agent.ask("first", "first inference")
        answer = agent.ask("profile", "profiling", n=count)
        agent.ask("quit", "leaving")
    return Profiled(profile_of(answer, typical_ns))


def profile_of(answer: dict[str, Any], typical_ns: float | None) -> Profile:
    """The agent's sums over `inferences` as a Profile per inference."""
    inferences = int(answer["inferences"])
    samples = sorted(answer["samples_ns"])
    rows = tuple(
        OpRow(
            position=row["position"],
            op_type=row["op_type"],
            name=row["name"],
            time_ns=row["time_ns"] / inferences,
            calls=row["calls"] / inferences,
            source_ops=tuple(row["source_ops"]),
            where=row["where"],
        )
        for row in answer["rows"]
    )
    return Profile(
        source=answer["source"],
        inferences=inferences,
        total_ns=answer["total_ns"] / inferences,
        rows=rows,
        slowdown=samples[len(samples) // 2] / typical_ns if typical_ns else None,
        notes=tuple(answer["notes"]),
    )
