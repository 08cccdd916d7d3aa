"""Student's t against scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.records.stats.student import beta_cdf, t_cdf, t_quantile

special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")

degrees = st.floats(0.5, 2000.0) | st.integers(1, 2000)


@given(st.floats(-1e6, 1e6) | st.floats(-5, 5), degrees)
@example(9.2e-07, 275.0)  # a small t beside a large df is lost where 1 - x is computed
def test_cdf_is_that_of_scipy(t: float, df: float) -> None:
    assert t_cdf(t, df) == pytest.approx(float(stats.t.cdf(t, df)), rel=0, abs=1e-9)


@given(st.floats(0.001, 0.999), degrees)
def test_quantile_is_that_of_scipy(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(float(stats.t.ppf(p, df)), rel=1e-9, abs=1e-9)


@given(st.floats(0.001, 0.999), degrees)
def test_quantile_undoes_cdf_and_is_symmetric(p: float, df: float) -> None:
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=0, abs=1e-9)
    assert t_quantile(1 - p, df) == pytest.approx(-t_quantile(p, df), rel=1e-9, abs=1e-9)


@given(st.floats(0.1, 500.0), st.floats(0.1, 500.0), st.floats(0.0, 1.0))
def test_incomplete_beta_is_that_of_scipy(a: float, b: float, x: float) -> None:
    assert beta_cdf(a, b, x) == pytest.approx(float(special.betainc(a, b, x)), rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("df", "expected"), [(1, 12.706205), (2, 4.302653), (4, 2.776445), (9, 2.262157), (120, 1.979930)]
)
def test_the_table_of_every_textbook(df: int, expected: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(expected, abs=5e-7)


def test_ends() -> None:
    assert (t_cdf(0.0, 3), t_cdf(math.inf, 3), t_cdf(-math.inf, 3)) == (0.5, 1.0, 0.0)
    assert t_quantile(0.5, 3) == pytest.approx(0.0, abs=1e-12)
    for p in (0.0, 1.0, -0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="p must lie"):
            t_quantile(p, 3)
    for df in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match="degrees of freedom"):
            t_cdf(1.0, df)
