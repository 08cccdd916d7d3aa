"""What `bench run` and `bench show` print. Every function takes records and a stream, and prints to nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bench.records.stats import LatencySummary
from bench.records.types import Record
from bench.reports import accuracy_text, energy_text, sustained_text, throughput_text, view, words
from bench.reports import format as fmt
from bench.reports.terminal_findings import print_findings
from bench.reports.terminal_grid import Column, Line, Row, console, grid, natural_width, show, show_wrapped, width_of
from bench.reports.terminal_show import show_list, show_record

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_run", "show_list", "show_record"]

TOP_OPS = 8


def print_run(
    records: Sequence[Record],
    *,
    report: Path | None,
    repeat: str,
    stream: IO[str],
    folder: Path | None = None,
    top: int = TOP_OPS,
) -> None:
    """Print what a run gave: the numbers, where the time goes, the findings, and where it all lies.

    report: the HTML file; folder: where the records are; repeat: the command that does it again; top: op rows a case.
    """
    out = console(stream)
    _print_numbers(out, records)
    sustained_text.print_lines(out, records)
    for record in records:
        if record.measured:
            _print_profile(out, record, top, view.several_devices(records))
    print_findings(out, records)
    _print_paths(out, report, folder, repeat)


def _print_numbers(out: Console, records: Sequence[Record]) -> None:
    """The devices, and one table of all cases."""
    from rich.text import Text

    for name, title in dict.fromkeys((record.case.device, record.device.title) for record in records):
        show(out, Text(words.plain(f"{name}: {title}"), "bold"))
    columns, rows = _wide(records)
    if natural_width(columns, rows) > out.width:
        columns, rows = _stacked(records, out.width)
    show(out, grid(columns, rows, out.width, between=True))
    out.print()


def _case_lines(record: Record, device: bool) -> list[Line]:
    """device: there are several, so it is named."""
    model = view.model_text(record.case)
    first = words.plain(f"{record.case.device} · {model}") if device else model
    return [Line(first, "bold"), Line(view.how_text(record.case))]


def _agreement_style(record: Record) -> str:
    return "bold red" if record.agreement is not None and record.agreement.ok is False else ""


def _placement_style(record: Record) -> str:
    return "" if record.placement.kind == "full" else "yellow"


def _failed_lines(record: Record) -> list[Line]:
    mark = view.replayed_text(record)
    lines = [Line(f"failed{f' ({mark})' if mark else ''}: {view.error_text(record)}", "red")]
    if record.error is not None and record.error.todo:
        lines += [Line(text.strip()) for text in record.error.todo.splitlines()]  # commands stand in lines of their own
    return lines


def _median_lines(record: Record, summary: LatencySummary) -> list[Line]:
    marks = [Line(mark, "yellow") for mark in view.marks(record)]
    lines = [Line(view.median_text(summary), "bold"), *marks]
    return [*lines, Line(view.interval_text(summary)), Line(view.samples_text(summary))]


def _accuracy_lines(record: Record, label: str = "") -> list[Line]:
    first, *rest = accuracy_text.lines(record)
    style = {accuracy_text.UNTRAINED: "yellow"}
    return [Line(f"{label}{first}"), *(Line(text, style.get(text, "")) for text in rest)]


def _throughput_lines(record: Record) -> list[Line]:
    first, *rest = throughput_text.lines(record)
    return [Line(first, "bold"), *map(Line, rest)]


def _energy_lines(record: Record) -> list[Line]:
    first, *rest = energy_text.lines(record)
    return [Line(f"energy {first}"), *(Line(f"       {text}") for text in rest)]


def _wide(records: Sequence[Record]) -> tuple[list[Column], list[Row]]:
    """One row a case, one column a number."""
    device = view.several_devices(records)
    accuracy, throughput = accuracy_text.asked(records), throughput_text.asked(records)
    energy = energy_text.asked(records)
    columns = [
        Column("case", 30),
        Column("placement", 24),
        Column("median [95 %]", 20, right=True),
        *([Column(throughput_text.HEAD, 18, right=True)] if throughput else []),
        *([Column(energy_text.HEAD, 18, right=True)] if energy else []),
        Column("p90", 14, right=True),
        Column("load", 10, right=True),
        Column("first", 10, right=True),
        Column("memory", 12, right=True),
        Column("output", 16),
        *([Column("accuracy", 18)] if accuracy else []),
    ]
    rows = []
    for record in records:
        case = _case_lines(record, device)
        summary = view.numbers(record)
        if summary is None:
            rows.append(Row([case], span=_failed_lines(record)))
            continue
        cells = [
            case,
            [Line(view.placement_text(record.placement), _placement_style(record))],
            _median_lines(record, summary),
            *([_throughput_lines(record)] if throughput else []),
            *([list(map(Line, energy_text.lines(record)))] if energy else []),
            [Line(view.percentile_text(summary, summary.p90))],
            [Line(fmt.short_duration(summary.load_ns))],
            [Line(fmt.short_duration(summary.first_inference_ns))],
            [Line(view.peak_text(record, summary))],
            [Line(view.agreement_text(record), _agreement_style(record)), *map(Line, accuracy_text.fp32_lines(record))],
            *([_accuracy_lines(record)] if accuracy else []),
        ]
        rows.append(Row(cells))
    return columns, rows


def _stacked(records: Sequence[Record], width: int) -> tuple[list[Column], list[Row]]:
    """For narrow terminals: the numbers of a case stand above one another, none is cut."""
    device = view.several_devices(records)
    right = [Column("median [95 %]", 20, right=True), Column("", max(20, min(28, width - 46)))]
    rows = []
    for record in records:
        case = _case_lines(record, device)
        summary = view.numbers(record)
        if summary is None:
            rows.append(Row([case], span=_failed_lines(record)))
            continue
        case += [
            Line(f"placed {view.placement_text(record.placement)}", _placement_style(record)),
            Line(f"output {view.agreement_text(record)}", _agreement_style(record), whole=view.compared(record)),
            *map(Line, accuracy_text.fp32_lines(record)),
            *(_accuracy_lines(record, "accuracy ") if record.accuracy else []),
        ]
        more = [
            Line(f"p90    {view.percentile_text(summary, summary.p90)}"),
            Line(f"load   {fmt.short_duration(summary.load_ns)}"),
            Line(f"first  {fmt.short_duration(summary.first_inference_ns)}"),
            Line(f"memory {view.peak_text(record, summary)}"),
            *([Line(throughput_text.one_line(record), "bold")] if throughput_text.asked([record]) else []),
            *(_energy_lines(record) if energy_text.asked([record]) else []),
        ]
        rows.append(Row([case, _median_lines(record, summary), more]))
    measured = [Row([[], *row.cells[1:]]) for row in rows if not row.span]
    taken = natural_width([Column(""), *right], measured)
    return [Column("case", max(16, width - taken)), *right], rows


def _print_profile(out: Console, record: Record, top: int, device: bool) -> None:
    title = view.case_text(record.case, device)
    if record.profile is None:
        reason = words.plain(record.profile_reason) or "no reason was given"
        show_wrapped(out, f"No profile of {title}: {reason}", "  ", "")
        if record.op_names:
            show_wrapped(out, f"  What ran: {view.op_names_text(record, top)}", "    ", "dim")
        out.print()
        return
    profile = record.profile
    show_wrapped(out, f"Where the time goes: {title}", "  ", "bold")
    columns, rows = _op_table(record, top, out.width)
    show(out, grid(columns, rows))
    source = f"{profile.source}, mean of {fmt.counted(profile.inferences, 'inference')}"
    show_wrapped(out, words.plain(source), "  ", "dim")
    show_wrapped(out, view.slowdown_text(profile), "  ", "dim")
    wide = view.wide_gap(profile)
    for note, style in ((f"warning: {wide}" if wide else "", "yellow"), *((note, "dim") for note in profile.notes)):
        if note:
            show_wrapped(out, words.plain(note), "  ", style)
    out.print()


def _op_table(record: Record, top: int, width: int) -> tuple[list[Column], list[Row]]:
    profile = record.profile
    assert profile is not None
    best = view.top_ops(profile, top)
    scale = fmt.scale(profile.total_ns)

    def row(kind: str, name: str, ns: float, calls: str, style: str = "", rule: bool = False) -> Row:
        cells = [kind, name, scale.text(ns), fmt.percent(view.share(ns, profile)), calls]
        return Row([[Line(cell, style)] for cell in cells], rule=rule)

    kinds = [words.plain(op.op_type) for op in best.rows]
    # XNNPACK's op types have up to 36 signs; names may be cut further than these.
    kind_cap = max(24, min(38, width - 58))
    kind_width = min(kind_cap, max(map(width_of, kinds), default=0))
    name_width = max(12, min(60, width - kind_width - 34))
    rows = [
        row(words.shorten(kind, kind_cap), words.shorten_op(name, name_width), op.time_ns, f"{op.calls:g}")
        for kind, name, op in zip(kinds, (words.plain(op.name) for op in best.rows), best.rows, strict=True)
    ]
    if best.other_count:
        rows.append(row("other", fmt.counted(best.other_count, "op"), best.other_ns, ""))
    rows.append(row("gap", "not in any op row", profile.gap_ns, "", "yellow" if view.wide_gap(profile) else "dim"))
    rows.append(row("total", "", profile.total_ns, "", "bold", rule=True))
    heads = [Column("op type"), Column("name"), Column("time", right=True), Column("share", right=True)]
    return [*heads, Column("calls", right=True)], rows


def _print_paths(out: Console, report: Path | None, folder: Path | None, repeat: str) -> None:
    """Paths and the command are never wrapped: they are there to be copied."""
    from rich.text import Text

    for name, value in (("Records:", folder), ("Report: ", report), ("Repeat: ", repeat)):
        if value:
            show(out, Text(words.plain(f"{name} {value}")))
