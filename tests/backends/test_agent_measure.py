"""The timing loop and the warm-up."""

from __future__ import annotations

import ast
import inspect
import textwrap
import threading
import time
import types
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.agent import measure
from bench.backends.python_runtime import TURN_NS, turn_length

MS = 1_000_000


class FakeClock:
    """A clock that moves only while the measured call runs. latencies: of each call in turn; the last one repeats."""

    def __init__(self, latency: Callable[[int], int]) -> None:
        self.now_ns = 1_000
        self.calls = 0
        self._latency = latency

    def perf_counter_ns(self) -> int:
        return self.now_ns

    def call(self) -> None:
        self.now_ns += self._latency(self.calls)
        self.calls += 1


def warm_up(latency: Callable[[int], int], limit_ns: int) -> tuple[dict[str, object], FakeClock]:
    clock = FakeClock(latency)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "time", types.SimpleNamespace(perf_counter_ns=clock.perf_counter_ns))
        return measure.warm_up(clock.call, limit_ns), clock


def test_between_the_two_clock_reads_stands_nothing_but_the_call() -> None:
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(measure.turn))).body
    loops = [node for node in ast.walk(function) if isinstance(node, ast.For | ast.While)]
    assert len(loops) == 1
    assert [ast.unparse(statement) for statement in loops[0].body] == [
        "begun = clock()",
        "call()",
        "samples[index] = clock() - begun",
    ]
    assert not loops[0].orelse
    assert isinstance(function, ast.FunctionDef)
    before = [ast.unparse(statement) for statement in function.body[:-2] if not isinstance(statement, ast.Expr)]
    assert before == ["clock = time.perf_counter_ns", "samples = [0] * count"]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_a_turn_gives_each_calls_time_in_order(latencies: list[int]) -> None:
    clock = FakeClock(lambda index: latencies[index])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "time", types.SimpleNamespace(perf_counter_ns=clock.perf_counter_ns))
        samples = measure.turn(clock.call, len(latencies))
    assert samples == latencies
    assert all(type(sample) is int for sample in samples)


def test_steady_after_two_windows_that_are_alike() -> None:
    found, _ = warm_up(lambda _: 10 * MS, 60_000 * MS)
    assert found["steady"] is True
    assert found["window_medians_ns"] == [10 * MS, 10 * MS]
    assert found["inferences"] == 1 + 25 + 25
    assert found["duration_ns"] == 51 * 10 * MS


@pytest.mark.parametrize(("second_ms", "windows"), [(102, 2), (98, 2), (103, 3), (97, 3)])
def test_steady_means_within_two_percent(second_ms: int, windows: int) -> None:
    """The second of three-sample windows differs from the first by so much, the third no more."""
    found, _ = warm_up(lambda index: (100 if index < 4 else second_ms) * MS, 60_000 * MS)
    assert found["steady"] is True
    assert len(found["window_medians_ns"]) == windows  # type: ignore[arg-type]


def test_not_steady_when_the_limit_comes_first() -> None:
    found, _ = warm_up(lambda index: (100 + 10 * index) * MS, 3_000 * MS)
    assert found["steady"] is False
    assert found["duration_ns"] <= 3_000 * MS  # type: ignore[operator]


def test_one_window_is_always_made_also_without_any_time() -> None:
    found, clock = warm_up(lambda _: 10_000 * MS, 0)
    assert found["steady"] is False
    assert found["window_medians_ns"] == [10_000 * MS]
    assert clock.calls == 1 + measure.WINDOW_AT_LEAST


@given(
    st.lists(st.integers(1 * MS, 3_000 * MS), min_size=1, max_size=40),
    st.integers(0, 5_000 * MS),
)
def test_it_never_goes_on_far_beyond_its_limit(latencies: list[int], limit_ns: int) -> None:
    found, clock = warm_up(lambda index: latencies[index % len(latencies)], limit_ns)
    slowest = max(latencies)
    # A window is begun when it should end in time; it can be as long as its samples are slower than foreseen.
    longest_window = max(measure.WINDOW_AT_LEAST, measure.WINDOW_NS // min(latencies)) * slowest
    assert clock.now_ns - 1_000 <= limit_ns + longest_window + slowest
    assert found["duration_ns"] == clock.now_ns - 1_000
    assert found["inferences"] == clock.calls
    assert found["window_medians_ns"]


@given(st.integers(0, 10**12))
def test_turns_fill_25_ms_and_have_one_inference_at_least(typical_ns: int) -> None:
    count = turn_length(typical_ns)
    assert count >= 1
    if typical_ns <= TURN_NS:
        assert abs(count * max(typical_ns, 1) - TURN_NS) <= max(typical_ns, 1)


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_the_median_is_the_middle(values: list[int]) -> None:
    found = measure.median(values)
    assert sum(value < found for value in values) * 2 <= len(values)
    assert sum(value > found for value in values) * 2 <= len(values) + (1 if len(values) % 2 == 0 else 0)


def test_a_short_call_is_repeated_a_long_one_is_not() -> None:
    long = FakeClock(lambda _: 100 * MS)
    short = FakeClock(lambda _: 1_000)
    for clock, calls in ((long, 3), (short, 50)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(measure, "time", types.SimpleNamespace(perf_counter_ns=clock.perf_counter_ns))
            measure.timed_apart(clock.call)
        assert clock.calls == calls


def test_memory_is_bytes_or_a_reason() -> None:
    found = measure.memory_bytes("VmRSS")
    assert found.get("bytes", 0) > 1_000_000 or found["reason"]
    assert measure.memory_bytes("VmNothing").get("reason")


def overlapped(calls: list[Callable[[], None]], duration_ns: int) -> dict[str, int]:
    return measure.overlapped(calls, duration_ns)


def test_overlapped_calls_are_under_way_at_once() -> None:
    inside: set[int] = set()
    met = threading.Event()

    def call() -> None:
        inside.add(threading.get_ident())
        if len(inside) == 3:
            met.set()
        met.wait(20.0)  # the first call of each returns only when the other two are inside as well
        inside.discard(threading.get_ident())

    found = overlapped([call] * 3, 5 * MS)
    assert met.is_set()
    assert found["inferences"] >= 3
    assert found["duration_ns"] >= 5 * MS


class OwnClock(threading.local):
    """A clock for each thread, which moves only while its own calls run."""

    now_ns = 1_000

    def calls(self, latency: int) -> Callable[[], None]:
        def call() -> None:
            self.now_ns += latency

        return call


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=4), st.integers(1, 10**8))
def test_each_stream_counts_whole_calls_over_its_own_time(latencies: list[int], duration: int) -> None:
    latencies = [max(latency, duration // 50) for latency in latencies]
    clock = OwnClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "time", types.SimpleNamespace(perf_counter_ns=lambda: clock.now_ns))
        found = overlapped([clock.calls(latency) for latency in latencies], duration)
    counts = [-(-duration // latency) for latency in latencies]
    spans = [count * latency for count, latency in zip(counts, latencies, strict=True)]
    assert found == {"inferences": sum(counts), "duration_ns": sum(spans) // len(spans)}


def test_a_stream_goes_on_uncounted_until_the_last_one_has_ended() -> None:
    after: list[int] = []
    slow_is_inside, short = threading.Event(), threading.local()

    def slow() -> None:
        short.count = getattr(short, "count", 0) + 1
        if short.count > measure.OVERLAPPED_WARM_UP:
            slow_is_inside.set()
            for _ in range(2000):  # only calls of the other one, whose time is over, let this one end early
                if len(after) >= 5:
                    break
                time.sleep(0.001)

    def quick() -> None:
        if slow_is_inside.is_set():
            time.sleep(0.002)
            after.append(1)

    found = overlapped([slow, quick], 1)
    assert found["inferences"] == 2
    assert len(after) >= 5


@pytest.mark.parametrize("good", [0, 5])
def test_a_call_that_fails_ends_the_others_too(good: int) -> None:
    left = [good]

    def fails() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError

    with pytest.raises(MemoryError):
        overlapped([lambda: None, fails], 20_000 * MS)
