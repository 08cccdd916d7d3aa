"""What the blocks say: the verdict's word, after every block. Pure.

    regressed     e against `at most the tolerance slower` reaches K / alpha, for the first of K cases compared together
    within limit  e against `at least the limit slower` reaches 1 / alpha
    faster        within limit, and e against `at least as slow as 1 / (1 + tolerance)` reaches 1 / alpha

Where the first two come at one look the estimate decides: regressed from the geometric middle of tolerance and limit.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from bench.records.stats import evalue
from bench.records.stats.ebh import e_bh
from bench.records.stats.percentile import quantile
from bench.records.verdicts import Block, Rule, Spread

PRESETS: dict[str, tuple[float, float]] = {"default": (0.01, 0.05), "strict": (0.0, 0.03)}
FEWEST_BLOCKS = 4  # also of a rerun: an earlier run alone must not decide it
QUARTER_FROM = 4  # samples; with fewer, a lower quartile is hardly more than the smallest

Decided = Literal["regressed", "within limit", "faster"]


def turn_value(samples_ns: Sequence[float]) -> float:
    """s: the lower quartile of a turn, its quietest view; the median below four samples."""
    return quantile(sorted(samples_ns), 0.25 if len(samples_ns) >= QUARTER_FROM else 0.5)


def log_ratio(base_ns: Sequence[float], head_ns: Sequence[float]) -> float:
    """d of a block: the median over its pairs of turns of log(s(head) / s(base))."""
    return statistics.median(math.log(head / base) for base, head in zip(base_ns, head_ns, strict=True))


def share(log: float) -> float:
    """head / base - 1."""
    return math.expm1(log)


@dataclass(frozen=True)
class Look:
    """What is known after a block. word: None: not decided. change, low, high, smallest: shares (0.05: 5 % slower)."""

    word: Decided | None
    change: float | None
    low: float | None
    high: float | None
    interval_reason: str
    smallest: float | None
    e_regressed: float
    e_within: float
    e_faster: float


def look(d: Sequence[float], rule: Rule, earlier: Sequence[Sequence[float]] = (), cases: int = 1) -> Look:
    """d: the blocks so far; earlier: those of earlier runs of the same comparison; cases: compared together.

    `regressed` must reach cases / alpha: e-BH then lets it stand, whatever the other cases give.
    """
    runs = [run for run in (*earlier, d) if run]
    if not runs:
        return Look(None, None, None, None, "no blocks", None, 1.0, 1.0, 1.0)
    lower, upper = math.log1p(rule.tolerance), math.log1p(rule.limit)
    slower, within, faster = evalue.above(runs, lower), evalue.below(runs, upper), evalue.below(runs, -lower)
    centre = evalue.estimate(runs)
    word: Decided | None = None
    if len(d) >= FEWEST_BLOCKS:
        bad, good = slower >= cases / rule.alpha, within >= 1.0 / rule.alpha
        if bad and (not good or centre >= (lower + upper) / 2.0):
            word = "regressed"
        elif good:
            word = "faster" if faster >= 1.0 / rule.alpha else "within limit"
    bounds = evalue.interval(runs, rule.alpha)
    smallest = evalue.smallest_seen(runs, lower, rule.alpha / cases)
    return Look(
        word=word,
        change=share(centre),
        low=share(bounds[0]) if bounds else None,
        high=share(bounds[1]) if bounds else None,
        interval_reason="" if bounds else _no_interval(runs),
        smallest=None if smallest is None else share(smallest),
        e_regressed=slower,
        e_within=within,
        e_faster=faster,
    )


def _no_interval(runs: Sequence[Sequence[float]]) -> str:
    if sum(map(len, runs)) < 5:
        return "five blocks are needed"
    return "these blocks bound nothing: they lie too far apart, or the runs disagree"


def stands(e_regressed: Sequence[float], alpha: float) -> list[bool]:
    """For the cases of one gate: which regressions stand (e-BH)."""
    return e_bh(e_regressed, alpha)


def with_floor(rule: Rule, base_ns: float | None) -> Rule:
    """The rule for a base of this latency: where floor_ms is more than the tolerance, it is the tolerance, and the
    limit keeps its distance. Decided before the first block, from the look at the base.
    """
    if not rule.floor_ms or not base_ns:
        return rule
    tolerance = max(rule.tolerance, rule.floor_ms * 1e6 / base_ns)
    return msgspec.structs.replace(rule, tolerance=tolerance, limit=rule.limit + (tolerance - rule.tolerance))


def halves(blocks: Sequence[Block]) -> Spread | None:
    """The spread of one arm against itself: its even against its odd turns, for each block and arm."""
    found = [
        log_ratio(turns[0::2][: len(turns) // 2], turns[1::2])
        for block in blocks
        for turns in (block.base_ns, block.head_ns)
        if len(turns) >= 2
    ]
    if len(blocks) < FEWEST_BLOCKS:
        return None
    return Spread(share=statistics.pstdev(found, 0.0), of="halves", blocks=len(blocks))


def equal_spread(log_ratios: Sequence[float]) -> Spread | None:
    """The spread of the blocks of equal arms (their true mean is 0)."""
    if len(log_ratios) < 2:
        return None
    return Spread(share=statistics.pstdev(log_ratios, 0.0), of="self-test", blocks=len(log_ratios))
