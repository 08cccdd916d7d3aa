"""Student's t distribution, without scipy (whose import costs more than a whole `bench show`)."""

from __future__ import annotations

import functools
import math

_TINY = 1e-300


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by the modified Lentz method."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 + term * d
            c = 1.0 + term / c
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value


def beta_cdf(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a > 0, b > 0 (DLMF 8.17)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(a, b, x) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(b, a, 1.0 - x) / b


def t_cdf(t: float, df: float) -> float:
    """P(T <= t) for Student's t with `df` degrees of freedom: 1 - I_{df/(df+t^2)}(df/2, 1/2) / 2 for t >= 0."""
    if not df > 0:
        raise ValueError(f"degrees of freedom must be positive: {df}")
    if math.isinf(t):
        return 1.0 if t > 0 else 0.0
    square = t * t
    if square < df:  # the same by DLMF 8.17.4, without losing a small t beside df
        half = 0.5 * beta_cdf(0.5, df / 2.0, square / (df + square))
        return 0.5 + half if t >= 0 else 0.5 - half
    tail = 0.5 * beta_cdf(df / 2.0, 0.5, df / (df + square))
    return 1.0 - tail if t >= 0 else tail


@functools.lru_cache(maxsize=4096)  # an index of thousands of records asks for the same few
def t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p, 0 < p < 1, by bisection on t_cdf."""
    if not 0.0 < p < 1.0:
        raise ValueError(f"p must lie between 0 and 1: {p}")
    if p < 0.5:
        return -t_quantile(1.0 - p, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < p and high < 1e12:
        high *= 2.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if t_cdf(middle, df) < p:
            low = middle
        else:
            high = middle
        if high - low <= 1e-13 * max(high, 1.0):
            break
    return (low + high) / 2.0
