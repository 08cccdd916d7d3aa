"""Ratios of medians with Welch's interval, and ops that are paired by what they stand for."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.records.stats.differences import OpDifferences, median_ratio, op_differences, ratio_interval
from bench.records.types import OpRow, Profile, Record

Make = Callable[..., Record]
medians = st.lists(st.floats(min_value=1e5, max_value=1e8), min_size=3, max_size=8, unique=True)


@settings(max_examples=60, deadline=None)
@given(medians, medians)
def test_the_interval_is_welchs(base: list[float], other: list[float]) -> None:
    found = ratio_interval(base, other)
    logs = [[math.log(value) for value in side] for side in (other, base)]
    if isinstance(found, str):
        assert "coarse" in found
        return
    wanted = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert math.log(found[0]) == pytest.approx(wanted.low, rel=1e-6, abs=1e-9)
    assert math.log(found[1]) == pytest.approx(wanted.high, rel=1e-6, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(medians, medians, st.floats(min_value=0.01, max_value=100))
def test_the_other_way_round_it_is_the_inverse_and_a_factor_moves_it(
    base: list[float], other: list[float], factor: float
) -> None:
    found, back = ratio_interval(base, other), ratio_interval(other, base)
    moved = ratio_interval(base, [value * factor for value in other])
    if isinstance(found, str) or isinstance(back, str) or isinstance(moved, str):
        return
    assert back == pytest.approx((1 / found[1], 1 / found[0]), rel=1e-6)
    assert moved == pytest.approx((found[0] * factor, found[1] * factor), rel=1e-6)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    dice = random.Random(5)

    def draw(factor: float) -> list[float]:
        return [1e6 * factor * math.exp(dice.gauss(0, 0.02)) for _ in range(5)]

    held = 0
    for _ in range(400):
        found = ratio_interval(draw(1), draw(1.05))
        assert not isinstance(found, str)
        held += found[0] <= 1.05 <= found[1]
    assert 0.93 <= held / 400 <= 0.985


@pytest.mark.parametrize(
    ("base", "other", "why"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], "2 invocations < 3"),
        ([1.0, 2.0, 3.0], [1.0], "1 invocation < 3"),
        ([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], "0 ns"),
        ([5.0] * 3, [6.0] * 3, "coarse"),
    ],
)
def test_no_interval_has_a_reason(base: list[float], other: list[float], why: str) -> None:
    found = ratio_interval(base, other)
    assert isinstance(found, str)
    assert why in found


def test_the_ratio_is_of_the_medians_that_are_printed(make_record: Make) -> None:
    base = make_record(samples=[[100, 101, 102]] * 2 + [[100, 102, 104]])
    other = make_record(samples=[[200, 201, 202]] * 2 + [[200, 204, 208]])
    found = median_ratio(base, other)
    assert found is not None
    assert found.value == pytest.approx(201.0 / 101.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert median_ratio(base, make_record(samples=[])) is None
    few = median_ratio(base, make_record(samples=[[200, 201, 202]]))
    assert few is not None
    assert (few.low, few.reason) == (None, "1 invocation < 3")


def row(position: int, op_type: str, time_ns: float, *source_ops: str, name: str = "") -> OpRow:
    return OpRow(
        position=position, op_type=op_type, name=name or f"{op_type}{position}", time_ns=time_ns, source_ops=source_ops
    )


def profile(*rows: OpRow, gap_ns: float = 0.0) -> Profile:
    return Profile(source="a test", inferences=1, total_ns=sum(one.time_ns for one in rows) + gap_ns, rows=rows)


def names(found: OpDifferences) -> list[tuple[str, list[int], list[int]]]:
    return [(pair.name, [r.position for r in pair.base], [r.position for r in pair.other]) for pair in found.pairs]


def test_ops_are_paired_by_the_ops_of_the_model_and_fused_ones_grouped() -> None:
    base = profile(row(0, "Conv", 10, "CONV_2D a", "RELU b"), row(1, "Add", 5, "ADD c"), row(2, "Pad", 1, "PAD d"))
    other = profile(
        row(0, "CONV", 8, "CONV_2D a"),
        row(1, "RELU", 4, "RELU b"),
        row(2, "ADD", 9, "ADD c"),
        row(3, "Mul", 2, "MUL e"),
    )
    found = op_differences(base, other)
    assert names(found) == [("c", [1], [2]), ("a + b", [0], [0, 1])]
    assert [pair.change_ns for pair in found.pairs] == [4, 2]
    assert [one.name for one in found.only_base] == ["Pad2"]
    assert [one.name for one in found.only_other] == ["Mul3"]


def test_names_of_two_formats_are_one_op_where_the_type_is_the_same_too() -> None:
    kinds = {"PAD": "Pad", "Pad": "Pad", "Constant Pad": "Pad"}
    base = profile(row(0, "Constant Pad", 10, "PAD x"))
    other = profile(row(0, "Transpose", 3, "Transpose:x"), row(1, "Pad", 7, "Pad:x"))
    found = op_differences(base, other, lambda name: kinds.get(name, name))
    assert names(found) == [("x", [0], [1])]
    assert [one.op_type for one in found.only_other] == ["Transpose"]


def test_without_source_ops_type_and_order_decide_where_the_counts_agree() -> None:
    def same(position: int, op_type: str, time_ns: float) -> OpRow:
        return row(position, op_type, time_ns, name=op_type)

    base = profile(same(0, "Conv", 10), same(1, "Add", 1), same(2, "Conv", 20), same(3, "Add", 3))
    other = profile(same(0, "Conv", 11), same(1, "Conv", 25), same(2, "Add", 1), same(3, "Add", 1), same(4, "Add", 1))
    found = op_differences(base, other)
    assert names(found) == [("Conv", [2], [1]), ("Conv", [0], [0])]
    assert {pair.how for pair in found.pairs} == {"type and order"}
    assert [one.position for one in found.only_base] == [3, 1]
    assert [one.op_type for one in found.only_other] == ["Add"] * 3


def test_a_name_of_its_own_is_an_identity_and_a_shared_one_is_none() -> None:
    base = profile(row(0, "Conv", 1, name="a"), row(1, "Conv", 2, name="b"), row(2, "Conv", 3, name="same"))
    other = profile(row(0, "Conv", 9, name="b"), row(1, "Conv", 4, name="same"), row(2, "Conv", 5, name="same"))
    found = op_differences(base, other)
    assert names(found) == [("b", [1], [0]), ("a", [0], [1]), ("same", [2], [2])]
    assert [pair.how for pair in found.pairs] == ["type and name", "type and order", "type and order"]


rows = st.lists(
    st.tuples(
        st.sampled_from(["Conv", "Add", "Pad"]),
        st.floats(min_value=0, max_value=1e6),
        st.lists(st.sampled_from(["CONV_2D a", "ADD b", "PAD c", "Conv:a", "d"]), max_size=2),
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(rows, rows, st.floats(min_value=-1e5, max_value=1e5))
def test_every_row_is_told_once_and_the_changes_add_up(left: Any, right: Any, gap: float) -> None:
    def made(drawn: Sequence[Any], gap_ns: float) -> Profile:
        return profile(*(row(i, kind, ns, *sources) for i, (kind, ns, sources) in enumerate(drawn)), gap_ns=gap_ns)

    base, other = made(left, 100.0), made(right, gap)
    found = op_differences(base, other)
    for side, alone, whole in (("base", found.only_base, base), ("other", found.only_other, other)):
        told = [one.position for pair in found.pairs for one in getattr(pair, side)] + [one.position for one in alone]
        assert sorted(told) == list(range(len(whole.rows)))
    explained = sum(pair.change_ns for pair in found.pairs) + found.gap_ns
    explained += sum(one.time_ns for one in found.only_other) - sum(one.time_ns for one in found.only_base)
    assert explained == pytest.approx(found.total_ns, abs=1e-3)
    sizes = [abs(pair.change_ns) for pair in found.pairs]
    assert sizes == sorted(sizes, reverse=True)
