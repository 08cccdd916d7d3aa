"""Evidence that may be looked at after every block: e-values of a t-test whose spread is not known.

d: one number per block, the log of head / base. Under the null hypothesis an e-value is at most 1 on average, so that
1 / alpha is reached with a probability of at most alpha, however often one looks (Ville's inequality). The prior is the
right-Haar one on sigma and N(0, g) on the effect in units of sigma, which makes the Bayes factor of t an e-value
(Wang and Ramdas, Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance, 2023).

`runs`: the blocks of each run of one comparison. Runs are independent, so their e-values multiply.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence

from bench.records.stats.student import t_cdf

G = 1.0  # the prior variance of mean / sigma: an effect of about one block's spread is looked for
FARTHEST = 20.0  # a log ratio beyond anything: e^20
MOST = 1e300  # an e-value beyond it is kept as this: JSON has no infinity
STEPS = 80  # of a bisection

Runs = Sequence[Sequence[float]]


def _factor(t: float, n: int, g: float = G) -> float:
    """BF = r^(-1/2) [(1 + t^2/nu) / (1 + t^2/(nu r))]^((nu+1)/2), r = 1 + n g, nu = n - 1; for t = inf its limit."""
    nu, r = n - 1, 1.0 + n * g
    ratio = r if math.isinf(t * t) else (1.0 + t * t / nu) / (1.0 + t * t / (nu * r))
    return min(math.exp(min(-0.5 * math.log(r) + (nu + 1) / 2 * math.log(ratio), 700.0)), MOST)


def _share_above(t: float, n: int, g: float = G) -> float:
    """P(effect > 0 | data), by the t distribution of nu + 1 degrees: the last factor of the one-sided e-value."""
    nu, r = n - 1, 1.0 + n * g
    if math.isinf(t * t):
        return t_cdf(math.copysign(math.sqrt(n * g * (nu + 1)), t), nu + 1)
    scale = math.sqrt(n * g / r) * math.sqrt((nu + 1) / nu) / math.sqrt(1.0 + t * t / (nu * r))
    return t_cdf(t * scale, nu + 1)


def one_sided_at(t: float, n: int) -> float:
    """The e-value of a t statistic over n >= 2 blocks against `the mean is at most mu0`."""
    return 2.0 * _factor(t, n) * _share_above(t, n)


def t_statistic(d: Sequence[float], mu0: float) -> float:
    """sqrt(n) (mean - mu0) / sd; 0 / 0 is 0, and a difference without any spread is infinite."""
    # Of values that are all the same, the mean may be another one by rounding: then there is no spread to speak of.
    mean, sd = statistics.fmean(d), statistics.stdev(d)
    gap = mean - mu0
    if sd <= 1e-15 * max(abs(mean), abs(mu0)):
        return 0.0 if abs(gap) <= 1e-15 * max(abs(mean), abs(mu0)) else math.copysign(math.inf, gap)
    return math.sqrt(len(d)) * gap / sd


def one_sided(d: Sequence[float], mu0: float) -> float:
    """e against `the mean of d is at most mu0`: large where d lies above it. 1 below two blocks: nothing is known."""
    return 1.0 if len(d) < 2 else one_sided_at(t_statistic(d, mu0), len(d))


def two_sided(d: Sequence[float], mu0: float) -> float:
    """e against `the mean of d is mu0`. 1 below two blocks."""
    return 1.0 if len(d) < 2 else _factor(t_statistic(d, mu0), len(d))


def _product(values: Iterable[float]) -> float:
    total = 1.0
    for value in values:
        total = min(total * value, MOST)
    return total


def above(runs: Runs, mu0: float) -> float:
    """e against `head / base is at most exp(mu0)`, over all runs."""
    return _product(one_sided(d, mu0) for d in runs)


def below(runs: Runs, mu0: float) -> float:
    """e against `head / base is at least exp(mu0)`, over all runs: `above` of the mirrored values."""
    return _product(one_sided([-value for value in d], -mu0) for d in runs)


def estimate(runs: Runs) -> float:
    """The mean log ratio over all blocks. Raises ValueError where there is none."""
    values = [value for d in runs for value in d]
    if not values:
        raise ValueError("no blocks")
    return statistics.fmean(values)


def interval(runs: Runs, alpha: float) -> tuple[float, float] | None:
    """The mu0 that the two-sided e-values do not reject, by bisection; a confidence sequence of level 1 - alpha.

    None where it is unbounded (a single run of four blocks cannot reject anything at 0.05), or empty (runs disagree).
    """

    def kept(mu0: float) -> bool:
        return _product(two_sided(d, mu0) for d in runs) < 1.0 / alpha

    centres = [estimate(runs), *(statistics.fmean(d) for d in runs if d)]
    inside = [mu0 for mu0 in centres if kept(mu0)]
    if not inside or kept(-FARTHEST) or kept(FARTHEST):
        return None
    return _edge(kept, min(inside), -FARTHEST), _edge(kept, max(inside), FARTHEST)


def _edge(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where `kept` changes between the two."""
    for _ in range(STEPS):
        middle = (inside + outside) / 2.0
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2.0


def smallest_seen(runs: Runs, mu0: float, alpha: float) -> float | None:
    """The mean log ratio from which these blocks, with the spread that they have, would be called above mu0.

    Every run is moved to that mean, keeping its spread; about half of such changes are seen with so many blocks. None
    where no change, however large, could be: below four blocks at alpha 0.05.
    """
    shapes = [[value - statistics.fmean(d) for value in d] for d in runs if len(d) >= 2]
    if _product(one_sided_at(math.inf, len(d)) for d in shapes) < 1.0 / alpha:
        return None

    def missed(mean: float) -> bool:
        return above([[value + mean for value in d] for d in shapes], mu0) < 1.0 / alpha

    return _edge(missed, mu0, mu0 + FARTHEST) if missed(mu0) and not missed(mu0 + FARTHEST) else None
