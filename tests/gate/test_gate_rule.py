"""What blocks decide: the words, reruns, many cases, the floor, and how the numbers of a block come about."""

from __future__ import annotations

import math
import random
import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.rule import FEWEST_BLOCKS, PRESETS, halves, log_ratio, look, turn_value, with_floor
from bench.records.verdicts import Block, Rule

DEFAULT = Rule(preset="default", tolerance=0.01, limit=0.05, alpha=0.05, max_blocks=24, budget_s=60.0)
STRICT = msgspec.structs.replace(DEFAULT, preset="strict", tolerance=0.0, limit=0.03)
turns = st.lists(st.floats(1e5, 1e7), min_size=4, max_size=20)


def blocks_at(change: float, count: int, spread: float = 0.004) -> list[float]:
    """Blocks around that change, with a spread that is always the same."""
    chance = random.Random(5)
    noise = [chance.gauss(0, spread) for _ in range(count)]
    return [math.log1p(change) + each - statistics.fmean(noise) for each in noise]


@pytest.mark.parametrize(
    ("change", "rule", "word"),
    [
        (0.10, DEFAULT, "regressed"),
        (0.0, DEFAULT, "within limit"),
        (-0.10, DEFAULT, "faster"),
        (0.05, STRICT, "regressed"),
        (0.0, STRICT, "within limit"),
        (-0.10, STRICT, "faster"),
    ],
)
def test_words(change: float, rule: Rule, word: str) -> None:
    assert look(blocks_at(change, 8), rule).word == word


@pytest.mark.parametrize(("change", "word"), [(0.0280, "within limit"), (0.0320, "regressed")])
def test_both_at_one_look_is_decided_by_the_estimate(change: float, word: str) -> None:
    seen = look(blocks_at(change, 24, 0.002), DEFAULT)
    assert min(seen.e_regressed, seen.e_within) >= 20
    assert math.sqrt(1.01 * 1.05) - 1 == pytest.approx(0.0298, abs=1e-4)
    assert seen.word == word


def test_between_tolerance_and_limit_with_wide_blocks_nothing_is_decided() -> None:
    seen = look(blocks_at(0.03, 10, 0.03), DEFAULT)
    assert seen.word is None
    assert seen.low is not None
    assert seen.high is not None
    assert seen.low < 0.03 < seen.high


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_nothing_before_the_fourth_block(count: int) -> None:
    seen = look(blocks_at(0.5, count, 1e-6) if count else [], DEFAULT)
    assert seen.word is None
    assert seen.smallest is None
    assert look(blocks_at(0.5, 4, 1e-6), DEFAULT).word == "regressed"


def test_four_blocks_have_a_verdict_and_no_interval() -> None:
    seen = look(blocks_at(0.5, 4, 1e-6), DEFAULT)
    assert (seen.low, seen.high) == (None, None)
    assert seen.interval_reason


@given(st.lists(st.tuples(turns, st.floats(0.5, 2.0)), min_size=4, max_size=8))
def test_swapping_the_arms_flips_the_sign(pairs: list[tuple[list[float], float]]) -> None:
    d = [log_ratio(base, [value * factor for value in base]) for base, factor in pairs]
    swapped = [log_ratio([value * factor for value in base], base) for base, factor in pairs]
    assert swapped == pytest.approx([-value for value in d])
    assert look(swapped, DEFAULT).change == pytest.approx(math.expm1(-statistics.fmean(d)))


@given(turns, turns, st.floats(0.01, 100.0))
def test_scaling_both_arms_changes_nothing(base: list[float], head: list[float], scale: float) -> None:
    size = min(len(base), len(head))
    base, head = base[:size], head[:size]
    scaled = log_ratio([value * scale for value in base], [value * scale for value in head])
    assert scaled == pytest.approx(log_ratio(base, head), abs=1e-9)


def test_a_turn_is_its_lower_quartile_or_its_median_below_four() -> None:
    assert turn_value([40, 10, 30, 20, 50]) == 20
    assert turn_value([30, 10, 90]) == 30
    assert turn_value([5]) == 5


def test_reruns_count_and_an_earlier_run_alone_decides_nothing() -> None:
    once = blocks_at(0.03, 8, 0.03)
    assert look(once, DEFAULT).word is None
    again = look(once, DEFAULT, [once])
    assert again.e_regressed == pytest.approx(look(once, DEFAULT).e_regressed ** 2)
    sure = blocks_at(0.2, 8)
    assert look(sure, DEFAULT).word == "regressed"
    assert look(sure[: FEWEST_BLOCKS - 1], DEFAULT, [sure]).word is None
    assert look([], DEFAULT, [sure]).change == pytest.approx(0.2, abs=1e-3)


def test_many_cases_need_more_evidence() -> None:
    d = blocks_at(0.5, 4, 1e-6)  # e = 22, which is enough for one case
    assert look(d, DEFAULT, cases=1).word == "regressed"
    assert look(d, DEFAULT, cases=2).word is None
    assert look(blocks_at(0.5, 5, 1e-6), DEFAULT, cases=2).word == "regressed"


def test_smallest_change_lies_above_the_tolerance_and_shrinks_with_blocks() -> None:
    few, many = look(blocks_at(0.0, 5), DEFAULT).smallest, look(blocks_at(0.0, 20), DEFAULT).smallest
    assert few is not None
    assert many is not None
    assert 0.01 < many < few


def test_floor_moves_both_bounds() -> None:
    rule = msgspec.structs.replace(DEFAULT, floor_ms=0.1)
    assert with_floor(rule, 1e6).tolerance == pytest.approx(0.1)
    assert with_floor(rule, 1e6).limit == pytest.approx(0.14)
    assert with_floor(rule, 1e9) == rule
    assert with_floor(DEFAULT, 1e6) == DEFAULT
    assert with_floor(rule, None) == rule


@pytest.mark.parametrize("wrong", [{"tolerance": 0.05}, {"tolerance": -0.1}, {"alpha": 0.0}, {"budget_s": 0.0}])
def test_a_rule_that_decides_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        msgspec.structs.replace(DEFAULT, **wrong)


def test_presets_are_the_measured_ones() -> None:
    assert PRESETS == {"default": (0.01, 0.05), "strict": (0.0, 0.03)}


def test_halves_compare_an_arm_with_itself() -> None:
    def block(*base: float) -> Block:
        head = tuple(3 * value for value in base)
        return Block(at="", first="base", count=1, base_ns=base, head_ns=head, seconds=1.0)

    still = halves([block(1.0, 1.0, 1.0, 1.0), block(2.0, 2.0, 2.0, 2.0)] * 2)
    assert still is not None
    assert (still.share, still.of, still.blocks) == (0.0, "halves", 4)
    moving = halves([block(1.0, math.e, 1.0, math.e, 1.0)] * 4)
    assert moving is not None
    assert moving.share == pytest.approx(1.0)
    assert halves([block(1.0, 2.0)] * 3) is None
