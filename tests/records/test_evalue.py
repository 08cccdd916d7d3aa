"""e-values against scipy, their bounds, their symmetries, and how often they are wrong."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.records.stats import evalue
from bench.records.stats.ebh import e_bh

stats = pytest.importorskip("scipy.stats")

ratios = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=12).filter(lambda d: statistics.stdev(d) > 1e-6)
nulls = st.floats(-0.2, 0.2)
ALPHA, LOOKS, TRIALS = 0.05, 40, 1000


@pytest.mark.parametrize(("blocks", "largest"), [(2, 3), (3, 8), (4, 22), (5, 72)])
def test_largest_possible(blocks: int, largest: int) -> None:
    assert round(evalue.one_sided_at(math.inf, blocks)) == largest
    assert evalue.one_sided([0.5] * blocks, 0.0) == pytest.approx(evalue.one_sided_at(math.inf, blocks))
    assert evalue.one_sided_at(1e9, blocks) == pytest.approx(evalue.one_sided_at(math.inf, blocks), rel=1e-6)


@given(ratios, nulls)
def test_is_the_bayes_factor(d: list[float], mu0: float) -> None:
    """Two-sided: the noncentral t density mixed over N(0, g), which has a closed form; one-sided: its half line."""
    n, nu, r = len(d), len(d) - 1, 1.0 + len(d)
    t = float(stats.ttest_1samp(d, mu0).statistic)
    assume(math.isfinite(t) and abs(t) < 1e6)
    wide = stats.t.pdf(t / math.sqrt(r), nu) / math.sqrt(r) / stats.t.pdf(t, nu)
    assert evalue.two_sided(d, mu0) == pytest.approx(wide, rel=1e-6)
    share = stats.t.cdf(t * math.sqrt(n / r) * math.sqrt((nu + 1) / nu) / math.sqrt(1 + t * t / (nu * r)), nu + 1)
    assert evalue.one_sided(d, mu0) == pytest.approx(2 * wide * share, rel=1e-6, abs=1e-12)


def test_one_sided_is_the_mixture_over_positive_effects() -> None:
    """2 * integral over effect > 0 of the noncentral t density, weighed by N(0, 1), over the central one."""
    integrate = pytest.importorskip("scipy.integrate")
    for n, t in ((4, 2.0), (6, -1.0), (9, 3.5)):
        area, _ = integrate.quad(
            lambda effect, n=n, t=t: stats.norm.pdf(effect) * stats.nct.pdf(t, n - 1, effect * math.sqrt(n)), 0, 12
        )
        assert evalue.one_sided_at(t, n) == pytest.approx(2 * area / stats.t.pdf(t, n - 1), rel=1e-4)


@given(ratios, nulls)
def test_swapping_the_arms_mirrors(d: list[float], mu0: float) -> None:
    swapped = [-value for value in d]
    assert evalue.below([swapped], -mu0) == pytest.approx(evalue.above([d], mu0))
    assert evalue.estimate([swapped]) == pytest.approx(-evalue.estimate([d]))
    one, other = evalue.interval([d], ALPHA), evalue.interval([swapped], ALPHA)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (-one[1], -one[0]) == pytest.approx(other, abs=1e-9)


@given(ratios, st.floats(0.001, 100.0))
def test_unit_does_not_matter(d: list[float], scale: float) -> None:
    assert evalue.one_sided([value * scale for value in d], 0.0) == pytest.approx(evalue.one_sided(d, 0.0), rel=1e-6)


@given(ratios)
def test_interval_is_what_is_not_rejected(d: list[float]) -> None:
    found = evalue.interval([d], ALPHA)
    if found is None:
        assert len(d) < 5 or evalue.two_sided(d, evalue.FARTHEST) < 1 / ALPHA
        return
    width = found[1] - found[0]
    assert found[0] <= statistics.fmean(d) <= found[1]
    for edge, outward in ((found[0], -width), (found[1], width)):
        assert evalue.two_sided(d, edge + 1e-3 * outward) > 1 / ALPHA
        assert evalue.two_sided(d, edge - 1e-3 * outward) < 1 / ALPHA


def test_interval_is_wider_than_students() -> None:
    d = [0.01, 0.03, 0.02, 0.05, 0.04, 0.02, 0.03, 0.01]
    found = evalue.interval([d], ALPHA)
    once = stats.t.interval(0.95, len(d) - 1, statistics.fmean(d), stats.sem(d))
    assert found is not None
    assert found[0] < once[0] < once[1] < found[1]


@given(ratios, nulls)
def test_runs_multiply(d: list[float], mu0: float) -> None:
    assert evalue.above([d, d], mu0) == pytest.approx(evalue.above([d], mu0) ** 2)
    assert evalue.above([d, []], mu0) == pytest.approx(evalue.above([d], mu0))


def test_runs_that_disagree_have_no_interval() -> None:
    calm, other = [0.0, 0.001, -0.001, 0.0005, -0.0005] * 2, [0.5, 0.501, 0.499, 0.5005, 0.4995] * 2
    assert evalue.interval([calm, other], ALPHA) is None


@given(ratios)
def test_smallest_seen_would_be_seen(d: list[float]) -> None:
    seen = evalue.smallest_seen([d], 0.01, ALPHA)
    if seen is None:
        assert len(d) < 4
        return
    assert seen > 0.01
    moved = [value - statistics.fmean(d) + seen for value in d]
    assert evalue.one_sided(moved, 0.01) == pytest.approx(1 / ALPHA, rel=1e-3)
    less = [value - 0.2 * (seen - 0.01) for value in moved]
    assert evalue.one_sided(less, 0.01) < 1 / ALPHA


def test_nothing_is_known_of_few_blocks() -> None:
    assert evalue.above([[]], 0.0) == evalue.above([[0.3]], 0.0) == 1.0
    assert evalue.interval([[0.3]], ALPHA) is None
    assert evalue.one_sided([0.01, 0.01, 0.01], 0.01) <= 1.0
    with pytest.raises(ValueError, match="no blocks"):
        evalue.estimate([[]])


def _student3(chance: random.Random) -> float:
    return chance.gauss(0, 1) / math.sqrt(sum(chance.gauss(0, 1) ** 2 for _ in range(3)) / 3)


# Of a single arm, as latencies are: most near the fastest, few far above. Two equal arms differ symmetrically.
_WEATHER: dict[str, Callable[[random.Random], float]] = {
    "normal": lambda chance: chance.gauss(0, 1),
    "t3": _student3,
    "skewed": lambda chance: chance.expovariate(1) - chance.expovariate(1),
    "spikes": lambda chance: chance.gauss(0, 0.1) + (chance.random() < 0.1) * 5 - (chance.random() < 0.1) * 5,
}


@pytest.mark.parametrize("weather", _WEATHER)
def test_false_alarms(weather: str) -> None:
    """A change that is exactly the tolerance, looked at 40 times, is called more in at most 5 %."""
    chance, alarms, mu0 = random.Random(7), 0, math.log(1.01)
    for _ in range(TRIALS):
        d: list[float] = []
        for _ in range(LOOKS):
            d.append(mu0 + 0.01 * _WEATHER[weather](chance))
            if evalue.one_sided(d, mu0) >= 1 / ALPHA:
                alarms += 1
                break
    assert alarms / TRIALS <= ALPHA


def test_evidence_stays_finite() -> None:
    d = [0.5 + 1e-9 * (index % 2) for index in range(1000)]
    assert evalue.above([d] * 3, 0.0) == evalue.MOST
    assert evalue.below([d] * 3, 0.0) == 0.0
    assert evalue.one_sided([1e-200, 2e-200], 1.0) < 1.0


def test_e_bh() -> None:
    assert e_bh([], 0.05) == []
    assert e_bh([20.0], 0.05) == [True]
    assert e_bh([19.9], 0.05) == [False]
    assert e_bh([40.0, 1.0], 0.05) == [True, False]
    assert e_bh([25.0, 1.0], 0.05) == [False, False]
    assert e_bh([25.0, 21.0], 0.05) == [True, True]  # 2 / (2 * 0.05)
    assert e_bh([60.0, 31.0, 1.0], 0.05) == [True, True, False]


@given(st.lists(st.floats(0, 200), max_size=8))
def test_e_bh_lets_stand_what_reaches_all_over_alpha(values: list[float]) -> None:
    for value, stands in zip(values, e_bh(values, 0.05), strict=True):
        assert stands or value < len(values) / 0.05
        assert value >= 20.0 or not stands
