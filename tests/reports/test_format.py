from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.stats import Percentile
from bench.reports import format as fmt


@pytest.mark.parametrize(
    ("ns", "interval", "text"),
    [
        (38_412_345, (38_112_345, 38_712_345), "38.4 ms"),
        (38_412_345, (38_382_345, 38_442_345), "38.41 ms"),
        (38_412_345, (35_000_000, 41_000_000), "38 ms"),
        (38_412_345, (8_000_000, 80_000_000), "38 ms"),
        (1_234_567, (234_567, 9_234_567), "1.2 ms"),
        (38_412_345, (38_412_345, 38_412_345), "38.412 ms"),
        (38_412_345, None, "38.41 ms"),
        (384_123_456, (380_123_456, 388_123_456), "384 ms"),
        (2_500_000_000, None, "2.500 s"),
        (812, None, "812.0 ns"),
        (812, (802, 822), "812 ns"),
        (999_960, None, "1.000 ms"),
        (0, None, "0.0 ns"),
        (None, None, "—"),
    ],
)
def test_only_the_digits_that_are_known(ns: float | None, interval: tuple[float, float] | None, text: str) -> None:
    assert fmt.duration(ns, interval) == text


def test_an_interval_has_the_unit_and_the_digits_of_its_estimate() -> None:
    assert fmt.interval(38_112_345, 38_712_345, 38_412_345) == "[38.1, 38.7]"
    assert fmt.interval(None, None, 1e6, "1 invocation < 3") == "— (1 invocation < 3)"


def test_an_interval_across_a_unit_stays_in_the_estimates_unit() -> None:
    assert fmt.interval(900_000, 1_300_000, 1_100_000) == "[0.9, 1.3]"


@given(st.floats(min_value=1, max_value=1e12), st.floats(min_value=1e-4, max_value=0.9))
def test_printing_hides_nothing_that_the_interval_knows(ns: float, relative: float) -> None:
    half = ns * relative
    scale = fmt.scale(ns, (ns - half, ns + half))
    step = scale.factor / 10**scale.decimals
    five_digits = step <= ns * 1.0001e-3 and scale.decimals <= 4
    assert step <= half * 1.0001 or step <= ns / 10 * 1.0001 or five_digits
    # and nothing is printed that the interval does not know, beyond the two digits that always stand
    assert step * 10 > half * 0.9999 or scale.decimals == 0 or step * 10 > ns / 100
    assert math.isclose(float(scale.number(ns)) * scale.factor, ns, abs_tol=step * 0.50001)


@given(st.floats(min_value=0.5, max_value=1e14))
def test_a_time_reads_back_as_itself(ns: float) -> None:
    number, unit = fmt.duration(ns).split()
    factor = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}[unit]
    assert math.isclose(float(number) * factor, ns, rel_tol=1e-3, abs_tol=0.06)
    assert float(number) < 1000 or unit == "s"


def test_sizes_are_decimal() -> None:
    assert fmt.size(81_300_000) == "81.3 MB"
    assert fmt.size(999_960) == "1.00 MB"
    assert fmt.size(512) == "512 B"
    assert fmt.size(4_100) == "4.10 kB"
    assert fmt.size(None) == "—"


def test_a_refused_percentile_says_why() -> None:
    assert fmt.percentile(Percentile(0.9, None, "n=37 < 44")) == "— (n=37 < 44)"
    assert fmt.percentile(Percentile(0.9, 41_234_567.0)) == "41.23 ms"


def test_percent_and_counts() -> None:
    assert fmt.percent(0.1234) == "12.3 %"
    assert fmt.percent(-0.00001) == "0.0 %"
    assert fmt.percent(None) == "—"
    assert fmt.count(1234567) == "1,234,567"
    assert fmt.counted(1, "case") == "1 case"
    assert fmt.counted(0, "case") == "0 cases"
