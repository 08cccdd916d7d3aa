"""Throughput: rates of invocations that did the same, their interval, and which way is better."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.stats.throughput import rates, throughput_ratio, throughput_summary
from bench.records.sustained import Sustained
from bench.records.types import Record, Throughput

Make = Callable[..., Record]
COUNTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=9)


def with_rates(record: Record, inferences: Sequence[int], streams: int = 2, batch: int = 1) -> Record:
    one = record.invocations[0]
    found = (Throughput(inferences=n, duration_ns=2 * 10**9, streams=streams, batch=batch, how="h") for n in inferences)
    return msgspec.structs.replace(
        record, invocations=tuple(msgspec.structs.replace(one, throughput=each) for each in found)
    )


@given(COUNTS, st.integers(1, 64))
def test_each_invocation_is_one_rate_and_the_interval_holds_their_median(
    make_record: Make, counts: list[int], batch: int
) -> None:
    found = throughput_summary(with_rates(make_record(), counts, batch=batch))
    assert found is not None
    assert found.items_per_s == pytest.approx(statistics.median(counts) * batch / 2)
    assert (found.streams, found.batch, found.invocations) == (2, batch, len(counts))
    assert found.inferences == sum(counts)
    if len(counts) < 3:
        assert (found.low, found.high) == (None, None)
        assert found.interval_reason.endswith("< 3")
    else:
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.items_per_s <= found.high


def test_what_was_done_otherwise_is_left_out_and_a_record_may_have_none(make_record: Make) -> None:
    two, four = with_rates(make_record(), [100, 100, 100]), with_rates(make_record(), [900], streams=4)
    mixed = msgspec.structs.replace(two, invocations=(*two.invocations, *four.invocations))
    assert [each.streams for each in rates(mixed.invocations)] == [2, 2, 2]
    found = throughput_summary(mixed)
    assert found is not None
    assert (found.items_per_s, found.invocations) == (50.0, 3)
    assert throughput_summary(make_record()) is None
    assert throughput_ratio(two, make_record()) is None


def test_a_sustained_run_has_no_interval(make_record: Make) -> None:
    record = with_rates(make_record(), [100, 101, 102])
    found = throughput_summary(msgspec.structs.replace(record, sustained=Sustained(asked_s=1, took_s=1, points=())))
    assert found is not None
    assert (found.low, found.interval_reason) == (None, "sustained")


def test_more_items_are_a_ratio_above_one(make_record: Make) -> None:
    base, other = (with_rates(make_record(), counts) for counts in ([100, 101, 102], [200, 203, 207]))
    ratio = throughput_ratio(base, other)
    assert ratio is not None
    assert ratio.value == pytest.approx(203 / 101)
    assert ratio.low is not None
    assert ratio.high is not None
    assert 1 < ratio.low <= ratio.value <= ratio.high
    back = throughput_ratio(other, base)
    assert back is not None
    assert back.value == pytest.approx(1 / ratio.value)
