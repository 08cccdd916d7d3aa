"""What goes wrong with a measuring process, in words, and that nothing of it is left."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.backends import client as client_module
from bench.backends import python_runtime
from bench.backends.client import SIGNAL_ADVICE, AgentClient, InvocationFailed, ended_error, refused_error
from bench.backends.job import Job, Output, Program, Watch
from bench.backends.registry import BACKENDS, backend, default_for, option_keys
from bench.base.errors import UsageError
from bench.devices.local import LocalDevice
from bench.models.inputs import input_file
from bench.models.inspect import describe
from bench.records.types import Case, CaseError

HELLO: dict[str, Any] = {"accelerator": "cpu", "threads": 1, "options": {}}


LIMIT_S = 60.0


class Clock:
    """The client's clock, which a test can put on: a limit that leaves time enough is then over soon."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(client_module, "time", made)
    return made


def failed(client: AgentClient, command: str, phase: str = "a phase", **fields: object) -> CaseError:
    with pytest.raises(InvocationFailed) as caught:
        client.ask(command, phase, **fields)
    assert str(caught.value) == caught.value.error.message
    return caught.value.error


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_call_that_hangs_is_timed_out_and_its_whole_group_ended(
    device: LocalDevice, hanging_agent: str, clock: Clock, tmp_path: Path
) -> None:
    marker = tmp_path / "hangs"
    with AgentClient(device, hanging_agent, LIMIT_S) as client:
        client.ask("hello", "hello", backend="hanging", **HELLO)
        client.ask("load", "load", model=str(marker))
        client.ask("inputs", "inputs", files=[])
        clock.ahead_s = client.left_s - 2.0
        error = failed(client, "first", "first inference")
        assert error.kind == "timed out"
        assert "no answer within 60 s" in error.message
        assert error.phase == "first inference"
        assert "--limit" in error.todo
        assert "a last word" in error.stderr_tail
        children = [client._child.process.pid, int(marker.read_text())]
        end = time.monotonic() + 60
        while not all(map(gone, children)) and time.monotonic() < end:
            time.sleep(0.02)
        assert [gone(pid) for pid in children] == [True, True]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_an_agent_that_was_stopped_is_timed_out_and_ended(device: LocalDevice, agent: str, clock: Clock) -> None:
    with AgentClient(device, agent, LIMIT_S) as client:
        client.ask("hello", "hello", backend="litert", **HELLO)
        pid = client._child.process.pid
        os.kill(pid, signal.SIGSTOP)
        clock.ahead_s = client.left_s - 0.3
        assert failed(client, "finish").kind == "timed out"
        assert gone(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_an_agent_that_is_killed_is_a_crash_with_its_signal(client: AgentClient) -> None:
    client.ask("hello", "hello", backend="litert", **HELLO)
    os.kill(client._child.process.pid, signal.SIGKILL)
    error = failed(client, "finish", "warm-up")
    assert (error.kind, error.signal, error.exit_code, error.phase) == ("crashed", "SIGKILL", None, "warm-up")
    assert error.todo == SIGNAL_ADVICE["SIGKILL"]


def test_leaving_in_the_middle_leaves_no_process(device: LocalDevice, agent: str) -> None:
    pids: list[int] = []

    def interrupted() -> None:
        with AgentClient(device, agent, LIMIT_S) as client:
            pids.append(client._child.process.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gone(pids[0])


@pytest.mark.parametrize(
    ("script", "kind", "part"),
    [
        ("print('hello there', flush=True); input(); input()", "protocol", "no JSON"),
        ("import sys; input(); sys.exit('no such module')", "crashed", "exit code 1"),
        ("import time; time.sleep(60)", "timed out", "no answer within 60 s"),
    ],
)
def test_what_is_no_agent_is_named(
    device: LocalDevice, clock: Clock, tmp_path: Path, script: str, kind: str, part: str
) -> None:
    path = tmp_path / "agent.py"
    path.write_text(script)
    with AgentClient(device, str(path), LIMIT_S) as client:
        if kind == "timed out":
            clock.ahead_s = client.left_s - 0.3
        error = failed(client, "hello", backend="litert", **HELLO)
    assert error.kind == kind
    assert part in error.message
    if kind == "crashed":
        assert "no such module" in error.stderr_tail


def test_a_missing_agent_is_a_crash_with_pythons_own_words(device: LocalDevice, tmp_path: Path) -> None:
    with AgentClient(device, str(tmp_path / "none.pyz"), LIMIT_S) as client:
        error = failed(client, "hello", backend="litert", **HELLO)
    assert error.exit_code == 2
    assert "none.pyz" in error.stderr_tail


def test_waiting_does_not_count_against_the_limit(device: LocalDevice, agent: str, clock: Clock) -> None:
    with AgentClient(device, agent, LIMIT_S) as client:
        with client.waiting():
            clock.ahead_s += 10 * LIMIT_S
        assert client.left_s > 0
        clock.ahead_s += 10 * LIMIT_S
        assert client.left_s < 0


def test_a_process_that_ended_is_described_by_its_signal_or_code() -> None:
    crashed = ended_error(-11, "warm-up", "last words")
    assert (crashed.kind, crashed.signal, crashed.exit_code) == ("crashed", "SIGSEGV", None)
    assert crashed.message == "the measuring process was ended by SIGSEGV (in warm-up)"
    assert crashed.todo
    other = ended_error(-11, "loading the model", "", "edgetpu")
    assert "libedgetpu" in other.todo
    assert other.todo != crashed.todo
    assert ended_error(-7, "turn", "", "edgetpu").todo == ended_error(-7, "turn", "").todo
    left = ended_error(3, "turn", "")
    assert (left.kind, left.signal, left.exit_code) == ("crashed", "", 3)
    assert "exit code 3" in left.message
    unknown = ended_error(None, "turn", "")
    assert (unknown.signal, unknown.exit_code) == ("", None)


def test_a_refusal_keeps_the_agents_words() -> None:
    error = refused_error({"kind": "refused", "message": "m", "todo": "t"}, "load", "s")
    assert error == CaseError(kind="refused", message="m", todo="t", phase="load", stderr_tail="s")
    assert refused_error({}, "load", "").message


def test_a_runtime_that_refuses_says_why(client: AgentClient, tmp_path: Path) -> None:
    client.ask("hello", "hello", backend="litert", **HELLO)
    path = tmp_path / "x.tflite"
    path.write_bytes(b"nothing")
    error = failed(client, "load", model=str(path), shapes={})
    assert error.kind == "refused"
    assert "LiteRT refuses the model" in error.message


def job_of(device: LocalDevice, agent: str, cache: Path, model: Path, tmp_path: Path, **changes: Any) -> Job:
    case = Case(
        device="local", backend="litert", accelerator="cpu", model="m", variant="fp32", era="2019", format="tflite",
        threads=1, options={"kernels": "xnnpack"},
    )  # fmt: skip
    job = Job(
        device, case, str(model), Program(agent, "sha"), describe(model, cache),
        lambda spec: str(input_file(spec, spec.shape, 0, cache)), tmp_path, cache, 60.0,
    )  # fmt: skip
    return dataclasses.replace(job, **changes)


def test_an_invocation_holds_what_was_measured(
    device: LocalDevice, agent: str, cache_folder: Path, zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    outputs: list[Output] = []
    stages: list[str] = []
    turns: list[tuple[int, ...]] = []
    job = job_of(device, agent, cache_folder, zoo_file("paradox_7"), tmp_path)
    measured = python_runtime.measure(job, 0.1, 0.0, Watch(outputs.extend, stages.append, turns.append))
    invocation = measured.invocation
    assert stages == ["loading", "warming up", "measuring"]
    assert [turn.samples_ns for turn in invocation.turns] == turns
    assert sum(invocation.samples_ns) >= 0.1e9
    assert len({len(turn.samples_ns) for turn in invocation.turns}) == 1
    starts = [turn.start_ns for turn in invocation.turns]
    assert starts == sorted(starts)
    assert min(invocation.spawn_ns, invocation.load_ns, invocation.first_inference_ns) > 0
    assert (invocation.memory.peak_bytes or 0) > (invocation.memory.before_load_bytes or 0) > 0
    (output,) = outputs
    assert output.spec.shape == (1, 256, 256, 4)
    assert output.file.stat().st_size == 256 * 256 * 4 * 4
    assert measured.tool.agent_sha256 == "sha"


def test_a_reference_that_takes_long_does_not_time_the_case_out(
    device: LocalDevice, agent: str, cache_folder: Path, zoo_file: Callable[..., Path], clock: Clock, tmp_path: Path
) -> None:
    def reference(_: object) -> None:
        clock.ahead_s += 10 * LIMIT_S

    job = job_of(device, agent, cache_folder, zoo_file("paradox_7"), tmp_path, limit_s=LIMIT_S)
    assert python_runtime.measure(job, 0.05, 0.0, Watch(outputs=reference)).invocation.turns
    assert clock.ahead_s


def test_the_registry_knows_its_names() -> None:
    with pytest.raises(UsageError) as caught:
        backend("openvin")
    assert "openvino" in caught.value.todo
    assert [default_for(format) for format in ("tflite", "onnx", "ir")] == ["litert", "onnxruntime", "openvino"]
    keys = option_keys()
    assert (keys["kernels"], keys["optimization"]) == (["litert"], ["onnxruntime"])
    assert {"litert", "openvino"} <= set(keys["precision"])
    assert keys["gpu_backend"] == ["benchmark_model", "benchmark_litert_model"]
    assert all(row.installed() for row in BACKENDS.values() if not row.extra)
    assert not dataclasses.replace(backend("litert"), module="not_here.at_all").installed()
    assert not dataclasses.replace(backend("litert"), module="not_here").installed()
