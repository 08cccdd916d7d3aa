"""Where the level of a series of runs changed: the energy statistic, a permutation test, binary segmentation.

Runs, not inferences, are what is permuted: one number a run. A test by permutation asks nothing of the shape of the
noise, so that a series with spikes gives no more false alarms than one without. It asks that runs without a change
could stand in any order; slow drift is a change of level, and is found as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST = 3  # runs on either side of a change: one or two are a spike
# With three runs after the change, 12 is the fewest of which so rare an order can be told from chance:
# the last three, or the first three, of 12 are 2 of 220 choices.
FEWEST = 12
ALPHA = 0.01
PERMUTATIONS = 399
LONGEST = 500  # the statistic looks at all pairs


def change_points(values: Sequence[float], *, alpha: float = ALPHA, seed: int = 0) -> tuple[int, ...]:
    """The indices at which a new level begins, in order; of more than LONGEST values, the latest are looked at.

    Latencies of any unit, all above 0: their logarithms are compared, so a unit or a factor changes nothing. Each
    split is tested at `alpha`: so often is a change found in a series without one. Fewer than FEWEST values tell
    nothing, and give none. Raises ValueError.
    """
    import numpy as np

    if any(not (value > 0 and math.isfinite(value)) for value in values):
        raise ValueError("latencies must be above 0")
    if len(values) < FEWEST:
        return ()
    first = max(0, len(values) - LONGEST)
    logs = np.log(np.asarray(values[first:], dtype=float))
    dice = np.random.default_rng(seed)
    found: list[int] = []
    parts = [(0, len(logs))]
    while parts:
        begin, end = parts.pop()
        split = _split(logs[begin:end], alpha, dice)
        if split is not None:
            found.append(begin + split)
            parts += [(begin, begin + split), (begin + split, end)]
    return tuple(sorted(first + index for index in found))


def _split(logs: NDArray[np.float64], alpha: float, dice: np.random.Generator) -> int | None:
    """The place that parts the values best; None where a random order parts them as well too often."""
    if len(logs) < 2 * LEAST:
        return None
    seen = energy(logs)[LEAST - 1 : len(logs) - LEAST]
    best = float(seen.max())
    if not best > 0:
        return None
    as_good = 0
    for _ in range(PERMUTATIONS):
        random = energy(dice.permutation(logs))[LEAST - 1 : len(logs) - LEAST]
        # Equal ones count: rounding must not tell two orders of the same values apart.
        as_good += bool(random.max() >= best * (1 - 1e-9))
        if (as_good + 1) / (PERMUTATIONS + 1) > alpha:  # it can get no rarer: noise costs a few permutations only
            return None
    return LEAST + int(seen.argmax())


def energy(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The energy statistic of each split into the first m and the other k values, for m = 1 ... n - 1.

        E(m) = m k / (m + k)  ( 2 mean |x - y|  -  mean |x - x'|  -  mean |y - y'| ),   x among the first, y the others

    (Szekely and Rizzo 2013, Energy statistics; for change points: Matteson and James 2014.) All splits at once, from
    sums over the lower triangle of the n x n distances.
    """
    import numpy as np

    count = len(values)
    distances = np.abs(values[:, None] - values[None, :])
    lower = np.einsum("ij,ij->i", distances, np.tri(count, k=-1))
    within_first = 2 * np.cumsum(lower)[:-1]
    sums = np.cumsum(distances.sum(axis=1))
    between = sums[:-1] - within_first
    within_others = sums[-1] - within_first - 2 * between
    m = np.arange(1, count)
    k = count - m
    statistic: NDArray[np.float64] = (
        m * k / count * (2 * between / (m * k) - within_first / m**2 - within_others / k**2)
    )
    return statistic
