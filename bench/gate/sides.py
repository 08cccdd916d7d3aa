"""One arm inside of a block: what takes turns. A live agent, or a native tool that is started for each turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

import msgspec

from bench.backends import registry
from bench.backends.client import AgentClient, InvocationFailed
from bench.backends.job import Job, Watch
from bench.backends.python_runtime import load, slots
from bench.gate.rule import turn_value
from bench.records.types import CaseError

WARMUP_NS = 600_000_000  # two windows of the agent's warm-up; what is slow after it is slow in both arms
TOOL_TURN_S = 1.0
TOOL_WARMUP_S = 0.5


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """An InvocationFailed from inside says which arm it was."""
    try:
        yield
    except InvocationFailed as failed:
        error = msgspec.structs.replace(failed.error, message=f"the {name} failed: {failed.error.message}")
        raise InvocationFailed(error, failed.transcript) from failed


class Side(Protocol):
    """A context: on leaving, its processes are gone. typical_ns: one inference after warm-up; None: not known."""

    typical_ns: float | None

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def turn(self, count: int) -> float:
        """s of a turn of `count` inferences, in ns. Raises InvocationFailed."""
        ...


class LiveSide:
    """An agent that stays: loaded and warm when it is entered."""

    def __init__(self, job: Job, busy: float = 0.0) -> None:
        """busy: makes each inference longer by this share (self-tests)."""
        self._job, self._busy = job, busy
        self.typical_ns: float | None = None

    def __enter__(self) -> Self:
        job = self._job
        agent = AgentClient(job.device, job.program.path, job.limit_s, job.case.accelerator)
        self._agent = agent
        try:
            _, loaded, _ = load(agent, self._job, profiling=False)
            agent.ask("inputs", "setting the inputs", files=[self._job.input_file(s.spec) for s in slots(loaded)])
            agent.ask("first", "first inference")
            warm = agent.ask("warmup", "warm-up", limit_ns=WARMUP_NS)
        except BaseException as error:
            agent.__exit__(type(error), error, None)
            raise
        self.typical_ns = float(warm["window_medians_ns"][-1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._agent.ask("quit", "leaving")
            except InvocationFailed as failed:
                kind, error = type(failed), failed  # all was measured: how it leaves does not matter
        self._agent.__exit__(kind, error, trace)

    def turn(self, count: int) -> float:
        more = {"busy": self._busy} if self._busy else {}
        samples: Sequence[int] = self._agent.ask("turn", "a turn", n=count, **more)["samples_ns"]
        return turn_value(samples)


class ToolSide:
    """A native tool: an invocation is a turn."""

    typical_ns: float | None = None

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays."""

    def turn(self, count: int) -> float:
        """count: the tool itself fills a second. Its median, else its average."""
        job = self._job
        invocation = registry.driver(job.case.backend).measure(job, TOOL_TURN_S, TOOL_WARMUP_S, Watch()).invocation
        if invocation.summary is not None:
            return invocation.summary.centre_ns
        if invocation.samples_ns:
            return turn_value(invocation.samples_ns)
        raise InvocationFailed(CaseError(kind="no result", message="an invocation gave no times", phase="a turn"))


def side_for(job: Job, busy: float = 0.0) -> Side:
    """busy: only an agent can be slowed."""
    return ToolSide(job) if registry.backend(job.case.backend).native else LiveSide(job, busy)
