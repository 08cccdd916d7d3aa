"""Many cases at once: which of many e-values stand, with a bounded share of false ones among them."""

from __future__ import annotations

from collections.abc import Sequence


def e_bh(e_values: Sequence[float], alpha: float) -> list[bool]:
    """The e-BH procedure: for each e-value, whether its null hypothesis is rejected.

    With e_(k) the k-th largest of K, those up to the last k with e_(k) >= K / (k alpha). The expected share of false
    rejections is at most alpha, whatever the dependence between them (Wang and Ramdas, False discovery rate control
    with e-values, 2022). For one case: e >= 1 / alpha.
    """
    ordered = sorted(e_values, reverse=True)
    count = len(ordered)
    ranks = [k for k, value in enumerate(ordered, 1) if value >= count / (k * alpha)]
    if not ranks:
        return [False] * count
    least = ordered[ranks[-1] - 1]
    return [value >= least for value in e_values]
