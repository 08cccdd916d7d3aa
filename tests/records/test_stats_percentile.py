"""Quantiles against numpy's, and percentiles that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.stats.percentile import percentile, quantile, samples_needed


@pytest.mark.parametrize(("share", "needed"), [(0.90, 44), (0.95, 90), (0.99, 459), (0.5, 7)])
def test_samples_needed(share: float, needed: int) -> None:
    assert samples_needed(share) == needed
    assert 1 - share**needed >= 0.99 > 1 - share ** (needed - 1)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ValueError, match="share must lie"):
        samples_needed(share)


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=60), st.floats(0.0, 1.0))
def test_quantile_is_that_of_numpy(values: list[int], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found == pytest.approx(float(np.quantile(np.array(ordered, dtype=np.float64), share)), rel=1e-12)
    assert ordered[0] <= found <= ordered[-1] * (1 + 1e-12)


def test_quantile_by_hand() -> None:
    assert quantile([5], 0.99) == 5
    assert [quantile([10, 20, 40], share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == [10, 15, 20, 30, 40]
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_a_percentile_is_refused_with_its_reason() -> None:
    few = percentile(range(43), 0.90, 5)
    assert (few.value_ns, few.reason) == (None, "n=43 < 44")
    lonely = percentile(range(1000), 0.90, 1)
    assert (lonely.value_ns, lonely.reason) == (None, "1 invocation < 3")
    assert percentile(range(1000), 0.90, 2).reason == "2 invocations < 3"
    given_ = percentile(range(44), 0.90, 3)
    assert (given_.value_ns, given_.reason, given_.share) == (pytest.approx(38.7), "", 0.90)
    assert percentile([], 0.99, 0).value_ns is None
