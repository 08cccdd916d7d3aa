"""What `bench compare` says of records side by side: what differs besides, the medians, the ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.records.comparison import WORK, Axis, Group, Pair, Unlike, axis_value
from bench.records.outcomes import OpRow
from bench.records.stats.differences import OpDifferences, Ratio
from bench.records.types import Record
from bench.reports import compare_numbers, view, words
from bench.reports import format as fmt
from bench.reports.blocks import Block, Heading, Note, Table

TWO_RUNS = (
    "Two runs minutes apart are no regression test: a machine drifts by more than most changes, and the interval knows "
    "only how invocations of one run differ. To judge a change use bench gate, which measures both sides in turns."
)
OPS_SHOWN = 10
_NAMED = 6  # ops without a counterpart; --json has all
_WIDTH = 44


def blocks(groups: Sequence[Group], alone: Sequence[Record], axes: Sequence[Axis]) -> list[Block]:
    """The whole comparison. alone: records that nothing stands beside."""
    pairs = [pair for group in groups for pair in group.pairs]
    found: list[Block] = [*_differs(pairs, axes), *_medians(groups, axes)]
    for number in compare_numbers.NUMBERS:
        found += _numbers(groups, axes, number)
    for pair in pairs:
        found += _ops(pair, axes)
    if alone:
        found.append(Heading("Without a counterpart"))
        found += [Note(f"{_label(record)}: {side_text(record, axes)}") for record in alone]
    return found


def side_text(record: Record, axes: Sequence[Axis]) -> str:
    """What sets a record apart in its group: `onnxruntime`, `4 threads`, a run's id."""
    parts = [f"{axis_value(record, axis)} threads" if axis == "threads" else axis_value(record, axis) for axis in axes]
    return words.plain(" · ".join(parts) + (" (replayed)" if record.replayed else ""))


def _label(record: Record) -> str:
    return view.case_text(record.case, device=True)


def _differs(pairs: Sequence[Pair], axes: Sequence[Axis]) -> list[Block]:
    """What differs besides the axis, by name: once for all pairs that share it."""
    found: dict[Unlike, list[Pair]] = {}
    for pair in pairs:
        for one in pair.unlike:
            found.setdefault(one, []).append(pair)
    if not pairs:
        return []
    axis = any(one.void and one.topic == "device" for one in found)
    hint = "--by device" if axis else ""
    return differing({one: _which(those, pairs, axes) for one, those in found.items()}, hint)


def differing(where: Mapping[Unlike, str], hint: str) -> list[Block]:
    """What differs, the void-making first. where: between which sides; hint: the options that let it differ."""
    if not where:
        return [Heading("What differs besides"), Note("Nothing that the records tell.")]
    void = [one for one in where if one.void]
    rows = []
    for one in sorted(where, key=lambda one: not one.void):
        base, other = (words.shorten(text, _WIDTH) for text in (one.base, one.other))
        what = f"{one.what}\nnot comparable" if one.void else one.what
        rows.append((one.topic, what, base, other, where[one]))
    notes: list[Block] = [Heading("What differs besides"), Table("What differs", _HEADS, tuple(rows))]
    if void:
        unlike = ", ".join(dict.fromkeys(one.what for one in void if not one.unknown))
        unknown = ", ".join(dict.fromkeys(one.what for one in void if one.unknown))
        parts = [f"where another {unlike} stands behind them"] if unlike else []
        parts += [f"where only one side tells its {unknown}"] if unknown else []
        more = f" If that is what you want to compare: {hint}." if hint else ""
        notes.append(Note(f"Times are not comparable {', or '.join(parts)}.{more}", "warning"))
    return notes


_HEADS = ("", "what", "base", "other", "where")


def _which(found: Sequence[Pair], pairs: Sequence[Pair], axes: Sequence[Axis]) -> str:
    if len(found) == len(pairs):
        return "everywhere" if len(pairs) > 1 else ""
    if len({case_text(pair.base, axes) for pair in pairs}) == 1:  # one case: its sides tell them apart
        return ", ".join(side_text(pair.other, axes) for pair in found)
    if len(found) == 1:
        return f"{case_text(found[0].base, axes)}: {side_text(found[0].other, axes)}"
    return f"{len(found)} of {len(pairs)} pairs"


def _medians(groups: Sequence[Group], axes: Sequence[Axis]) -> list[Block]:
    if not groups:
        return []
    rows: list[tuple[str, ...]] = []
    for group in groups:
        base, *others = group.records
        rows += [(case_text(base, axes),), (side_text(base, axes), median_text(base), _placement(base), "base")]
        for other, pair in zip(others, group.pairs, strict=True):
            rows.append((side_text(other, axes), median_text(other), _placement(other), change_text(pair)))
    heads = (" · ".join(axes), ">median [95 %]", "placement", ">against the base")
    return [Heading("Medians"), Table("Medians", heads, tuple(rows)), Note(TWO_RUNS, "dim")]


def _numbers(groups: Sequence[Group], axes: Sequence[Axis], one: compare_numbers.Number) -> list[Block]:
    """Of the groups in which two sides or more have it."""
    rows: list[tuple[str, ...]] = []
    for group in groups:
        base, *others = group.records
        if sum(one.asked([record]) for record in group.records) < 2:
            continue
        rows += [(case_text(base, axes),), (side_text(base, axes), "\n".join(one.lines(base)), "base")]
        for other, pair in zip(others, group.pairs, strict=True):
            change = pair.verdict or ratio_text(one.ratio(base, other))
            rows.append((side_text(other, axes), "\n".join(one.lines(other)), change))
    heads = (" · ".join(axes), f">{one.head}", ">against the base")
    return [Heading(one.title), Table(one.title.partition(":")[0], heads, tuple(rows))] if rows else []


def case_text(record: Record, axes: Sequence[Axis]) -> str:
    """The case without what differs in its group."""
    case = record.case
    parts = [] if "device" in axes else [case.device]
    parts.append(case.model if "variant" in axes else view.model_text(case))
    parts += [name for axis, name in (("backend", case.backend), ("accelerator", case.accelerator)) if axis not in axes]
    if "threads" not in axes:
        parts.append(fmt.counted(case.threads, "thread"))
    brought = {"backend", "accelerator"} & set(axes)
    parts += [f"{name}={value}" for name, value in sorted(case.options.items()) if not brought or name in WORK]
    return words.plain(" · ".join(parts))


def median_text(record: Record) -> str:
    """Median, interval, samples, and what is odd of them, a line each."""
    summary = view.numbers(record)
    if summary is None:
        return "not measured"
    unsteady = view.unsteady_text(record)
    lines = [view.median_text(summary), view.interval_text(summary), view.samples_text(summary), unsteady]
    return "\n".join(line for line in lines if line)


def _placement(record: Record) -> str:
    return view.placement_text(record.placement)


def change_text(pair: Pair) -> str:
    """`+5.2 %` with its interval below; `not comparable` with what differs; `not measured` with why."""
    if pair.verdict == "not measured":
        failed = pair.base if not pair.base.measured else pair.other
        return f"not measured\n{words.shorten(view.error_text(failed), _WIDTH)}"
    if pair.verdict:
        return unlike_text(pair.verdict, pair.unlike)
    return ratio_text(pair.ratio)


def unlike_text(verdict: str, unlike: Sequence[Unlike]) -> str:
    """The verdict, and below it what makes the comparison void."""
    void = (f"{one.what} not known" if one.unknown else f"another {one.what}" for one in unlike if one.void)
    return "\n".join([verdict, *dict.fromkeys(void)])


def ratio_text(ratio: Ratio | None) -> str:
    """`+5.2 %` and `[+1.1 %, +9.4 %]` on two lines; beyond twice as much or half, `2.31x`."""
    if ratio is None:
        return fmt.NONE
    interval = f"{fmt.NONE} ({ratio.reason})"
    if ratio.low is not None and ratio.high is not None:
        interval = f"[{_change(ratio.low, ratio.value)}, {_change(ratio.high, ratio.value)}]"
    return f"{_change(ratio.value, ratio.value)}\n{interval}"


def _change(value: float, of: float) -> str:
    return signed_percent(value - 1) if 0.5 <= of <= 2 else f"{value:.3g}x"


def signed_percent(share: float, decimals: int = 1) -> str:
    """`+5.2 %`, `-0.3 %`, `0.0 %`."""
    text = fmt.percent(share, decimals)
    return f"+{text}" if float(f"{share * 100:.{decimals}f}") > 0 else text


def _ops(pair: Pair, axes: Sequence[Axis]) -> list[Block]:
    if pair.verdict:
        return []
    title = f"{case_text(pair.base, axes)}: {side_text(pair.base, axes)} and {side_text(pair.other, axes)}"
    if pair.ops is None:
        sides = [(side_text(one, axes), one.profile_reason) for one in (pair.base, pair.other) if one.profile is None]
        return [
            Note(f"No ops to compare for {title}: {'; '.join(f'no profile of {a} ({b})' for a, b in sides)}", "dim")
        ]
    heads = ("op", "type", ">base", ">other", ">difference")
    note = "One profiled invocation on each side: no interval says which of these differences would come again."
    table = Table("Ops, the largest difference first", heads, tuple(_op_rows(pair.ops)))
    return [Heading(f"Ops: {title}"), table, *_unaligned(pair.ops), Note(note, "dim")]


def _op_rows(ops: OpDifferences) -> list[tuple[str, ...]]:
    rows = []
    for one in ops.pairs[:OPS_SHOWN]:
        types = [dict.fromkeys(row.op_type for row in side) for side in (one.base, one.other)]
        kind = " / ".join(dict.fromkeys(words.shorten(words.plain(" + ".join(each)), _WIDTH) for each in types))
        name = words.shorten_op(words.plain(one.name), _WIDTH)
        rows.append(_op_row(name, kind, one.base_ns, one.other_ns, one.change_ns))
    if rest := ops.pairs[OPS_SHOWN:]:
        sums = [sum(getattr(one, name) for one in rest) for name in ("base_ns", "other_ns", "change_ns")]
        rows.append(_op_row(f"other {fmt.counted(len(rest), 'pair')}", "", *sums))
    if ops.only_base or ops.only_other:
        left, right = (sum(row.time_ns for row in side) for side in (ops.only_base, ops.only_other))
        rows.append(_op_row("without a counterpart", "", left, right, right - left))
    rows.append(("gap", "in no op row", "", "", signed_duration(ops.gap_ns)))
    rows.append(("total", "", "", "", signed_duration(ops.total_ns)))
    return rows


def _op_row(name: str, kind: str, base_ns: float, other_ns: float, change_ns: float) -> tuple[str, ...]:
    return name, kind, fmt.short_duration(base_ns), fmt.short_duration(other_ns), signed_duration(change_ns)


def signed_duration(ns: float) -> str:
    return f"+{fmt.short_duration(ns)}" if ns > 0 else fmt.short_duration(ns)


def _unaligned(ops: OpDifferences) -> list[Block]:
    return [Note(f"Only in the {side}: {_names(rows)}") for side, rows in _sides(ops) if rows]


def _sides(ops: OpDifferences) -> tuple[tuple[str, Sequence[OpRow]], ...]:
    return ("base", ops.only_base), ("other", ops.only_other)


def _names(rows: Sequence[OpRow]) -> str:
    shown = [f"{words.shorten_op(row.name, _WIDTH)} ({row.op_type}, {fmt.short_duration(row.time_ns)})" for row in rows]
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return words.plain(", ".join(shown[:_NAMED]) + more)
