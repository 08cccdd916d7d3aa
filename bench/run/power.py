"""Power beside a case's timed inferences: a rest before them, when they ran, and what that makes of energy.

All times are of this host's monotonic clock, where readings and answers come in. A board's own clock is never asked: an
answer is under way for milliseconds at most, the inferences of an invocation take seconds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec import structs

from bench.backends.job import MEASURING, Job, Measured, Measures, Watch
from bench.devices.energy import Span, assess
from bench.devices.protocol import Device, Sampler
from bench.records.energy import Energy
from bench.run.sofar import SoFar

IDLE_S: Final = 2.0
LATE: Final = 0.1  # of a tool's timed part, by which its log may be behind
_ANSWERS = "by each turn's answer, when it came here"
_LOG = "by the line of the tool's log that its timed inferences begin with, when it came here; then by their own times"
_UNTOLD = "the tool's log does not tell when its timed inferences began"
_LATE = "the tool's log came too late to tell when its timed inferences began"
Tell = Callable[[str], None]


@dataclass
class Marks:
    """What one invocation tells of its timed part: when its stages began, and when turns were answered (ns)."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    turns: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def watched(self, watch: Watch) -> Watch:
        """The same watch, which these marks are taken from."""

        def stage(text: str) -> None:
            self.stages.append((text, time.monotonic_ns()))
            watch.stage(text)

        def turn(samples: tuple[int, ...]) -> None:
            self.turns.append((time.monotonic_ns(), samples))
            watch.turn(samples)

        return Watch(outputs=watch.outputs, stage=stage, turn=turn)


def span_of_turns(marks: Marks) -> Span:
    """From the first turn's begin to the last one's answer."""
    first, samples = marks.turns[0]
    timed = [each for _, turn in marks.turns for each in turn]
    start, end = first - sum(samples), marks.turns[-1][0]
    return Span(start, end, len(timed), min(sum(timed), end - start))


def span_of_tool(marks: Marks, measured: Measured) -> Span | str:
    """Of a tool that runs its inferences back to back; or why it cannot be told when."""
    at = next((index for index, (text, _) in enumerate(marks.stages) if text == MEASURING), None)
    if at is None:
        return _UNTOLD
    begun, invocation = marks.stages[at][1], measured.invocation
    if invocation.turns:  # since the log's line
        last = invocation.turns[-1]
        start, end = begun + invocation.turns[0].start_ns, begun + last.start_ns + sum(last.samples_ns)
        count, timed_ns = len(invocation.samples_ns), sum(invocation.samples_ns)
    elif invocation.summary is not None:
        timed_ns, count = round(invocation.timed_ns), invocation.summary.count
        start, end = begun, begun + timed_ns
    else:
        return _UNTOLD
    # A line may be under way for a while, on a busy host; a log that is held back puts all inferences behind the end.
    late = end - marks.stages[at + 1][1] if at + 1 < len(marks.stages) else end - start
    if late > LATE * (end - start):
        return _LATE
    start, end = start - max(late, 0), end - max(late, 0)
    return Span(start, end, count, min(timed_ns, end - start))


class Beside:
    """A driver's measuring with the device's power beside it (bench.backends.job.Measures)."""

    def __init__(self, driver: Measures, native: bool, sampler: Sampler) -> None:
        """native: whether it is a tool that measures, which tells no turn while it does."""
        self._driver = driver
        self._native = native
        self._sampler = sampler
        self._spans: list[Span] = []
        self._idle: tuple[int, int] | None = None
        self._unlocated = ""

    def rest(self, seconds: float, tell: Tell) -> None:
        """Let the device rest, to see what it draws then; not where there is nothing to see it with."""
        if not self._sampler.reason:
            tell("power at rest")
            start = time.monotonic_ns()
            time.sleep(seconds)
            self._idle = start, time.monotonic_ns()

    def measure(self, job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
        marks = Marks()
        measured = self._driver.measure(job, seconds, warmup_s, marks.watched(watch))
        span = span_of_tool(marks, measured) if self._native else span_of_turns(marks)
        if isinstance(span, Span):
            self._spans.append(span)
        else:
            self._unlocated = self._unlocated or span
        return measured

    def energy(self) -> Energy:
        """What came of it so far."""
        readings, refused, source = self._sampler.readings(), self._sampler.refused(), self._sampler.source
        if self._sampler.reason:
            rails = assess(source, {}, [], None, refused).rails
            return Energy(source=source, rails=rails, unavailable=self._sampler.reason)
        if self._unlocated:
            return Energy(source=source, unavailable=self._unlocated)
        found = assess(source, readings, self._spans, self._idle, refused)
        return found if found.unavailable else structs.replace(found, located=_LOG if self._native else _ANSWERS)


@contextlib.contextmanager
def beside(driver: Measures, native: bool, device: Device, found: SoFar, tell: Tell) -> Iterator[Beside]:
    """The driver to measure with; `found` has the energy afterwards, also when the block fails."""
    with device.power() as sampler:
        watched = Beside(driver, native, sampler)
        watched.rest(IDLE_S, tell)
        try:
            yield watched
        finally:
            found.energy = watched.energy()
