"""When inferences ran, and what a sampler beside them gives: readings, a rest before, reasons, failures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bench.backends.client import InvocationFailed
from bench.backends.job import MEASURING, Job, Measured, Watch
from bench.devices.energy import Power, Rail, Span
from bench.devices.local import LocalDevice
from bench.devices.power_sampling import NoRails
from bench.devices.protocol import Sampler
from bench.records.types import CaseError, Invocation, Memory, Placement, Summary, Tool, Turn
from bench.run import power
from bench.run.power import Marks, span_of_tool, span_of_turns
from bench.run.sofar import SoFar

MS = 1_000_000


def measured(**more: Any) -> Measured:
    invocation = Invocation(
        started="", spawn_ns=None, load_ns=None, first_inference_ns=None, warmup=None,
        **{"turns": (), "memory": Memory(), **more},
    )  # fmt: skip
    tool = Tool(runtime="x", version="1", agent_sha256="", python="", sync="")
    return Measured(invocation, tool, Placement(kind="full"), "")


def test_turns_are_placed_by_their_answers() -> None:
    marks = Marks(turns=[(1000, (10, 20)), (1100, (30,)), (1200, (5, 5))])
    assert span_of_turns(marks) == Span(970, 1200, 5, 70)


def test_a_tools_inferences_begin_with_its_line_and_take_their_own_times() -> None:
    marks = Marks(stages=[("loading", 0), ("warming up", 10), (MEASURING, 1000), ("reading its answer", 9000)])
    assert span_of_tool(marks, measured(summary=Summary(count=50, mean_ns=100.0))) == Span(1000, 6000, 50, 5000)
    turns = (Turn(start_ns=200, samples_ns=(100, 100)), Turn(start_ns=450, samples_ns=(100,)))
    assert span_of_tool(marks, measured(turns=turns)) == Span(1200, 1550, 3, 300)


def test_a_line_that_was_under_way_for_a_while_is_set_right_by_the_end() -> None:
    marks = Marks(stages=[(MEASURING, 1000), ("reading its answer", 5600)])
    assert span_of_tool(marks, measured(summary=Summary(count=50, mean_ns=100.0))) == Span(600, 5600, 50, 5000)


@pytest.mark.parametrize(
    ("stages", "word"),
    [
        ([("loading", 0), ("reading its answer", 9000)], "does not tell"),
        ([("loading", 0), (MEASURING, 8000), ("reading its answer", 9000)], "too late"),
        ([("loading", 0), (MEASURING, 8000)], "too late"),
    ],
    ids=["no such line", "a log that was held back", "no end"],
)
def test_where_it_cannot_be_told_when_that_is_said(stages: list[tuple[str, int]], word: str) -> None:
    found = span_of_tool(Marks(stages=stages), measured(summary=Summary(count=50, mean_ns=100.0)))
    assert isinstance(found, str)
    assert word in found


class Steady:
    """A meter that says the same all the time, ten times a millisecond."""

    source = "steady"
    reason = ""

    def __init__(self, watts: float) -> None:
        self._watts = watts
        self._begun = time.monotonic_ns()
        self.stopped = False

    def readings(self) -> dict[Rail, list[Power]]:
        return {
            Rail("a", "board"): [Power(at, self._watts) for at in range(self._begun, time.monotonic_ns(), MS // 10)]
        }

    def refused(self) -> dict[Rail, str]:
        return {Rail("b", "part"): "no such file"}

    def stop(self) -> None:
        self.stopped = True


class Powered(LocalDevice):
    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        self._sampler = sampler

    @contextlib.contextmanager
    def power(self) -> Iterator[Sampler]:
        yield self._sampler
        self._sampler.stop()


class Turns:
    """A driver of turns that take 5 ms, with pauses of 5 ms between them."""

    def measure(self, job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
        watch.stage(MEASURING)
        for _ in range(4):
            time.sleep(0.01)
            watch.turn((5 * MS,))
        return measured()


def run(sampler: Sampler, driver: Any, native: bool = False) -> SoFar:
    found = SoFar()
    job: Any = None
    with power.beside(driver, native, Powered(sampler), found, lambda _: None) as watched:
        watched.measure(job, 1.0, 0.0, Watch())
    return found


@pytest.fixture(autouse=True)
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "IDLE_S", 0.05)


def test_a_steady_device_draws_its_power_times_the_time_of_an_inference() -> None:
    sampler = Steady(4.0)
    energy = run(sampler, Turns()).energy
    assert energy is not None
    assert energy.unavailable == ""
    rail = energy.whole
    assert rail is not None
    assert (rail.mean_w, rail.idle_w, rail.net_w) == (pytest.approx(4), pytest.approx(4), pytest.approx(0, abs=1e-9))
    assert rail.joules_per_inference == pytest.approx(4 * 0.005)
    assert (energy.inferences, energy.timed_ns) == (4, 20 * MS)
    assert energy.watched_ns >= 35 * MS
    assert "answer" in energy.located
    assert energy.rails[1].unavailable == "no such file"
    assert sampler.stopped


def test_without_a_rail_nobody_rests_and_the_reason_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "IDLE_S", 1e9)
    energy = run(NoRails("there is none", {Rail("b"): "no"}), Turns()).energy
    assert energy is not None
    assert energy.unavailable == "there is none"
    assert [rail.unavailable for rail in energy.rails] == ["no"]


def test_a_case_that_fails_keeps_what_was_known_of_the_energy() -> None:
    found = SoFar()
    job: Any = None

    class FailsLater(Turns):
        def measure(self, job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
            if seconds > 1:
                raise InvocationFailed(CaseError(kind="crashed", message="x"))
            return super().measure(job, seconds, warmup_s, watch)

    def twice() -> None:
        with power.beside(FailsLater(), False, Powered(Steady(4.0)), found, lambda _: None) as watched:
            watched.measure(job, 1.0, 0.0, Watch())
            watched.measure(job, 2.0, 0.0, Watch())

    with pytest.raises(InvocationFailed):
        twice()
    assert found.energy is not None
    assert found.energy.inferences == 4


def test_a_tool_whose_log_tells_nothing_has_no_energy() -> None:
    class Mute:
        def measure(self, job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
            return measured(summary=Summary(count=1, mean_ns=1e6))

    energy = run(Steady(4.0), Mute(), native=True).energy
    assert energy is not None
    assert "does not tell when" in energy.unavailable
