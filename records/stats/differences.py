"""How far two cases' latencies lie apart, and which of their ops differ. Two runs apart are no regression test."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.records.outcomes import OpRow, Profile
from bench.records.stats.latency import LEVEL, invocation_medians, latency_summary
from bench.records.stats.student import t_quantile
from bench.records.types import Record

_FEWEST = 3  # invocations on each side, as for the interval of one median


@dataclass(frozen=True)
class Ratio:
    """Other median over base median; low, high: its 95 % interval, None with a reason."""

    value: float
    low: float | None
    high: float | None
    reason: str = ""


def ratio_interval(
    base_ns: Sequence[float], other_ns: Sequence[float], level: float = LEVEL
) -> tuple[float, float] | str:
    """The interval of the ratio of two sides' typical invocation medians (other over base), or why there is none.

    Welch's t-interval of the difference of mean logarithms, with the degrees of freedom of Welch and Satterthwaite
    (Welch 1947). It holds for two independent sets of invocations, and knows nothing of drift between two runs.
    """
    few = min(len(base_ns), len(other_ns))
    if few < _FEWEST:
        return f"{few} invocation{'s' if few != 1 else ''} < {_FEWEST}"
    if min(*base_ns, *other_ns) <= 0:
        return "an invocation's median is 0 ns"
    sides = [[math.log(value) for value in side] for side in (base_ns, other_ns)]
    parts = [statistics.variance(side) / len(side) for side in sides]
    if not sum(parts) > 0:
        return "all invocations gave the same: too coarse a clock to tell the spread"
    freedom = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True))
    centre = statistics.fmean(sides[1]) - statistics.fmean(sides[0])
    half = t_quantile(0.5 + level / 2, freedom) * math.sqrt(sum(parts))
    return math.exp(centre - half), math.exp(centre + half)


def median_ratio(base: Record, other: Record) -> Ratio | None:
    """How many times the base's median latency the other's is; None where one of them has none."""
    sides = latency_summary(base), latency_summary(other)
    if sides[0] is None or sides[1] is None or not (base.measured and other.measured) or not sides[0].median_ns > 0:
        return None
    value = sides[1].median_ns / sides[0].median_ns
    found = ratio_interval(invocation_medians(base.invocations), invocation_medians(other.invocations))
    if isinstance(found, str):
        return Ratio(value, None, None, found)
    # The point is the ratio of the medians that are printed; the interval is widened to hold it, as theirs are.
    return Ratio(value, min(found[0], value), max(found[1], value))


@dataclass(frozen=True)
class OpPair:
    """Ops of two profiles that do the same work: one row each, or several where a runtime fused what the other did not.

    name: what they have in common; how: `source ops`, `type and name`, or
    `type and order`. Times in ns per inference.
    """

    name: str
    base: tuple[OpRow, ...]
    other: tuple[OpRow, ...]
    how: str

    @property
    def base_ns(self) -> float:
        return sum(row.time_ns for row in self.base)

    @property
    def other_ns(self) -> float:
        return sum(row.time_ns for row in self.other)

    @property
    def change_ns(self) -> float:
        return self.other_ns - self.base_ns


@dataclass(frozen=True)
class OpDifferences:
    """pairs: largest change first; only_base, only_other: rows that have no counterpart, dearest first.

    The changes of the pairs, what only one side has, and the change of the gap add up to that of the totals.
    """

    pairs: tuple[OpPair, ...]
    only_base: tuple[OpRow, ...]
    only_other: tuple[OpRow, ...]
    total_ns: float
    gap_ns: float


def op_differences(base: Profile, other: Profile, kind: Callable[[str], str] = str) -> OpDifferences:
    """Aligns the rows of two profiles by the ops of the model that they stand for, else by name, else by order.

    kind: gives op types that mean the same one name (two runtimes call them differently). By type and order only
    where both sides have the same number of a type left: of 12 and 13 convolutions nobody knows which is the new one.
    """
    pairs, lefts, rights = _by_source(base.rows, other.rows, kind)
    more, lefts, rights = _by_order(lefts, rights, kind)
    return OpDifferences(
        pairs=tuple(sorted([*pairs, *more], key=lambda pair: (-abs(pair.change_ns), pair.name))),
        only_base=_dearest(lefts),
        only_other=_dearest(rights),
        total_ns=other.total_ns - base.total_ns,
        gap_ns=other.gap_ns - base.gap_ns,
    )


def _dearest(rows: Iterable[OpRow]) -> tuple[OpRow, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.time_ns, row.position)))


# `CONV_2D conv_1` (a TFLite graph's) and `Conv:conv_1` (ONNX Runtime's): the op's type, and its name.
_TYPED = re.compile(r"([A-Za-z][A-Za-z0-9_]*)[ :](?=.)")


def _name(source_op: str) -> str:
    return _TYPED.sub("", source_op, count=1) if _TYPED.match(source_op) else source_op


def _kind(row: OpRow, kind: Callable[[str], str]) -> str:
    """The type of what a row stands for: its source op's where that is told, since kernels have names of their own."""
    typed = _TYPED.match(row.source_ops[0]) if row.source_ops else None
    return kind(typed[1] if typed else row.op_type)


def _by_source(
    base: Sequence[OpRow], other: Sequence[OpRow], kind: Callable[[str], str]
) -> tuple[list[OpPair], list[OpRow], list[OpRow]]:
    """Groups of rows that share a source op, however many on either side; and the rows that share none.

    A row that tells no source op stands for its own name, where that is the only one of its kind on each side.
    """
    sides = (base, other)
    rows = [(side, row) for side, part in enumerate(sides) for row in part]
    leader = list(range(len(rows)))

    def lead(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    named = [Counter(row.name for row in side) for side in sides]
    first: dict[tuple[str, ...], int] = {}
    for index, (_, row) in enumerate(rows):
        # With its type: `PAD x` and `Transpose:x` are two ops, `PAD x` and `Pad:x` one of two formats.
        identities: list[tuple[str, ...]] = []
        for source in row.source_ops:
            typed = _TYPED.match(source)
            identities.append((kind(typed[1]) if typed else "", _name(source)))
        if not row.source_ops and all(count[row.name] == 1 for count in named):
            identities.append(("row", row.op_type, row.name))  # a name that is its own on both sides
        for identity in identities:
            leader[lead(index)] = lead(first.setdefault(identity, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(rows)):
        groups.setdefault(lead(index), []).append(index)
    pairs: list[OpPair] = []
    alone: tuple[list[OpRow], list[OpRow]] = ([], [])
    for members in groups.values():
        left, right = (tuple(rows[i][1] for i in members if rows[i][0] == side) for side in (0, 1))
        if left and right:
            how = "source ops" if left[0].source_ops else "type and name"
            pairs.append(OpPair(_common(left, right), left, right, how))
        else:
            alone[0].extend(left)
            alone[1].extend(right)
    return pairs, *alone


def _common(left: Sequence[OpRow], right: Sequence[OpRow]) -> str:
    """The source ops of the side that fused more, in its order."""
    side = min((left, right), key=len)
    return " + ".join(dict.fromkeys(_name(source) for row in side for source in row.source_ops)) or side[0].name


def _by_order(
    base: Sequence[OpRow], other: Sequence[OpRow], kind: Callable[[str], str]
) -> tuple[list[OpPair], list[OpRow], list[OpRow]]:
    """Pairs the n-th of a type with the n-th, of types that are left equally often."""
    kinds: tuple[dict[str, list[OpRow]], dict[str, list[OpRow]]] = ({}, {})
    for side, rows in zip(kinds, (base, other), strict=True):
        for row in sorted(rows, key=lambda row: row.position):
            side.setdefault(_kind(row, kind), []).append(row)
    pairs: list[OpPair] = []
    for name in [name for name in kinds[0] if len(kinds[0][name]) == len(kinds[1].get(name, []))]:
        for left, right in zip(kinds[0].pop(name), kinds[1].pop(name), strict=True):
            pairs.append(OpPair(left.name or name, (left,), (right,), "type and order"))
    lefts, rights = ([row for rows in side.values() for row in rows] for side in kinds)
    return pairs, lefts, rights
