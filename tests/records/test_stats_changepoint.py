"""Change points: how often noise raises an alarm, how often a step is found, and what must not matter."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records.stats.changepoint import ALPHA, FEWEST, LEAST, LONGEST, change_points, energy

SEEDS = range(200)


def gauss(seed: int, count: int) -> list[float]:
    dice = random.Random(seed)
    return [1e6 * math.exp(dice.gauss(0, 0.02)) for _ in range(count)]


def spiky(seed: int, count: int) -> list[float]:
    """Runs as a shared machine gives them: a narrow bulk, and now and then one that is far too slow."""
    dice = random.Random(seed)
    return [
        1e6 * math.exp(abs(dice.gauss(0, 0.01)) + (dice.expovariate(8) if dice.random() < 0.1 else 0))
        for _ in range(count)
    ]


def with_step(values: Sequence[float], after: int, factor: float = 1.05) -> list[float]:
    return [*values[:-after], *(value * factor for value in values[-after:])]


@pytest.mark.parametrize("noise", [gauss, spiky])
@pytest.mark.parametrize("count", [FEWEST, 30])
def test_constant_noise_raises_alarms_no_more_often_than_stated(
    noise: Callable[[int, int], list[float]], count: int
) -> None:
    alarms = sum(bool(change_points(noise(seed, count))) for seed in SEEDS)
    # 200 series at 1 %: more than 6 would come in one of 250 such tests, and these seeds are fixed.
    assert alarms <= 6
    assert ALPHA == 0.01


@pytest.mark.parametrize("noise", [gauss, spiky])
def test_a_step_of_five_per_cent_is_found(noise: Callable[[int, int], list[float]]) -> None:
    found = [change_points(with_step(noise(seed, 30), 10)) for seed in range(60)]
    assert sum(bool(each) for each in found) >= 0.78 * len(found)
    places = [each[-1] for each in found if each]
    assert statistics.median(places) == 20
    assert sum(abs(place - 20) <= 2 for place in places) >= 0.85 * len(places)


def test_a_step_down_and_one_up_are_both_found() -> None:
    values = [100.0 + index % 3 for index in range(15)]
    both = [*values, *(value * 0.9 for value in values), *(value * 1.1 for value in values)]
    assert change_points(both) == (15, 30)


def test_one_slow_run_is_no_change_of_level() -> None:
    for place in (0, 7, 28, 29):
        values = gauss(3, 30)
        values[place] *= 3
        assert change_points(values) == ()


def test_three_runs_after_a_step_can_be_enough_and_two_are_not() -> None:
    values = [100.0 + 0.1 * (index * 7 % 5) for index in range(20)]
    assert change_points(with_step(values, LEAST)) == (17,)
    assert change_points(with_step(values, LEAST - 1)) == ()


def test_too_few_runs_tell_nothing_and_equal_ones_no_change() -> None:
    assert change_points([]) == ()
    assert change_points([1.0] * 5 + [2.0] * (FEWEST - 6)) == ()
    assert change_points([1.0] * 6 + [2.0] * (FEWEST - 6)) == (6,)
    assert change_points([5.0] * 40) == ()


def test_of_a_long_series_the_latest_runs_are_looked_at() -> None:
    values = [100.0 + index % 3 for index in range(LONGEST + 40)]
    early, late = list(values), list(values)
    early[:20] = [value * 2 for value in early[:20]]
    late[-20:] = [value * 2 for value in late[-20:]]
    assert change_points(early) == ()
    assert change_points(late) == (LONGEST + 20,)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_latency_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        change_points([1.0] * 20 + [bad])


series = st.lists(st.floats(min_value=1e3, max_value=1e9), min_size=FEWEST, max_size=40)


@settings(max_examples=40, deadline=None)
@given(series, st.floats(min_value=1e-3, max_value=1e3))
def test_a_unit_changes_nothing(values: list[float], factor: float) -> None:
    assert change_points([value * factor for value in values]) == change_points(values)


@settings(max_examples=40, deadline=None)
@given(series)
def test_the_same_values_give_the_same_answer_with_room_between_changes(values: list[float]) -> None:
    found = change_points(values)
    assert found == change_points(values)
    bounds = [0, *found, len(values)]
    assert all(later - sooner >= LEAST for sooner, later in itertools.pairwise(bounds))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(min_value=-5, max_value=5), min_size=2, max_size=12))
def test_the_statistic_is_its_definition(values: list[float]) -> None:
    """All splits at once from prefix sums, against the three means, one split after the other."""
    found = energy(np.array(values))
    for m in range(1, len(values)):
        first, others = values[:m], values[m:]
        k = len(others)
        between = statistics.fmean(abs(x - y) for x in first for y in others)
        inside = [statistics.fmean(abs(x - y) for x in side for y in side) for side in (first, others)]
        assert found[m - 1] == pytest.approx(m * k / (m + k) * (2 * between - sum(inside)), abs=1e-9)
