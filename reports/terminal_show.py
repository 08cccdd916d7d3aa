"""What `bench show` prints: the list of runs, and one record in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bench.records.index import Row as IndexRow
from bench.records.types import Record
from bench.reports import accuracy_text, energy_text, invocation_text, sustained_text, throughput_text, view, words
from bench.reports import format as fmt
from bench.reports.conditions import condition_table, unknown_conditions
from bench.reports.terminal_grid import Column, Line, Row, console, grid, natural_width, show, show_wrapped

if TYPE_CHECKING:
    from rich.console import Console

Pair = tuple[str, str]


def _cells(texts: Iterable[str], style: str = "") -> list[list[Line]]:
    return [[Line(text, style)] for text in texts]


def _names(values: Iterable[str], limit: int = 3) -> str:
    """The first few distinct names, and how many more there are."""
    distinct = list(dict.fromkeys(values))
    more = f" and {len(distinct) - limit} more" if len(distinct) > limit else ""
    return ", ".join(distinct[:limit]) + more


def moment(iso: str) -> str:
    """`2026-03-01T09:30:00Z` as `2026-03-01 09:30`: to the minute, still UTC."""
    return iso[:16].replace("T", " ") if len(iso) >= 16 and iso[10] == "T" else iso


def show_list(rows: Sequence[IndexRow], *, stream: IO[str]) -> None:
    """Print a table of runs, from the index's rows of their records."""
    from rich.text import Text

    out = console(stream)
    runs: dict[str, list[IndexRow]] = {}
    for each in rows:
        runs.setdefault(each.run_id, []).append(each)
    lines = []
    for run_id, cases in runs.items():
        lost = sum(1 for one in cases if one.error or one.median_ns is None)
        measured = f"{len(cases) - lost} measured"
        row = _cells([run_id, moment(cases[0].started), _names(one.device for one in cases)])
        row[-1] += [Line("replayed", "yellow")] if any(one.replayed for one in cases) else []
        row.append([Line(measured), Line(f"{lost} failed", "red")] if lost else [Line(measured)])
        models = _names(words.plain(one.model) for one in cases)
        row.append([Line(models), Line(_names(one.backend for one in cases), "dim")])
        lines.append(Row(row))
    if not lines:
        show(out, Text("No runs."))
        return
    heads = [Column("run"), Column("when (UTC)"), Column("device", 14), Column("cases")]
    taken = natural_width(heads, [Row(row.cells[:-1]) for row in lines])
    show(out, grid([*heads, Column("models, backends", max(16, out.width - taken - 2))], lines))


def show_record(record: Record, *, stream: IO[str], file: Path | None = None) -> None:
    """Print one record in full. file: where it was read from."""
    from rich.text import Text

    out = console(stream)
    show_wrapped(out, view.case_text(record.case, device=True), style="bold")
    replayed = ("replayed from", view.replayed_from(record))
    _section(out, "Result", [replayed, *_result(record), ("file", str(file) if file else "")])
    _section(out, "Where it ran", _where(record))
    _print_invocations(out, record)
    _print_conditions(out, record)
    _section(out, "Device", _device(record))
    _section(out, "What was measured, with what", _provenance(record))
    if record.error is not None and record.error.stderr_tail:
        show(out, Text("End of the error output", "bold"))
        show(out, Text(words.plain_lines(record.error.stderr_tail)))
    for number, lines in enumerate(record.transcript, 1):
        show(out, Text(f"Transcript {number}", "bold"))
        show(out, Text(words.plain_lines(lines)))


def _section(out: Console, title: str, pairs: Iterable[Pair]) -> None:
    """A titled list of names and values; a pair without a value is left out."""
    from rich.text import Text

    kept = [pair for pair in pairs if pair[1]]
    if not kept:
        return
    widest = min(28, max(len(name) for name, _ in kept))
    show(out, Text(f"\n{title}", "bold"))
    columns = [Column("", widest), Column("", max(20, out.width - widest - 2))]
    show(
        out, grid(columns, [Row([[Line(name, "dim")], [Line(value, whole=" " not in value)]]) for name, value in kept])
    )


def _result(record: Record) -> list[Pair]:
    summary = view.numbers(record)
    if summary is None:
        error = record.error
        pairs = [("failed", view.error_text(record))]
        if error is not None:
            code = "" if error.exit_code is None else str(error.exit_code)
            pairs += [("kind", error.kind), ("during", error.phase), ("signal", error.signal), ("exit code", code)]
            pairs += [("message", error.message), ("what to do", error.todo)]
        return pairs
    return [
        ("median", f"{view.median_text(summary)} {view.interval_text(summary)} {view.unsteady_text(record)}".strip()),
        ("samples", view.samples_text(summary)),
        ("range", view.range_text(summary)),
        (
            "p90, p95, p99",
            ", ".join(view.percentile_text(summary, one) for one in (summary.p90, summary.p95, summary.p99)),
        ),
        ("load", fmt.short_duration(summary.load_ns)),
        ("first inference", fmt.short_duration(summary.first_inference_ns)),
        ("input copy", view.apart_text(summary.input_copy_ns)),
        ("output read", view.apart_text(summary.output_read_ns)),
        ("peak memory", view.peak_text(record, summary)),
        *throughput_text.details(record),
        *energy_text.details(record),
        *accuracy_text.details(record),
        *sustained_text.lines(record),
    ]


def _where(record: Record) -> list[Pair]:
    agreement = record.agreement
    pairs = [("placement", view.placement_text(record.placement)), ("evidence", record.placement.evidence)]
    pairs.append(("output", view.agreement_text(record)))
    if agreement is not None:
        iou = "" if agreement.mask_iou is None else f"{agreement.mask_iou:.4f}"
        pairs += [("reference", agreement.reference), ("rule", agreement.tolerance), ("mask IoU", iou)]
        pairs.append(("against fp32", accuracy_text.fp32_text(record)))
    if record.profile is None:
        return [*pairs, ("no profile", record.profile_reason or "no reason was given")]
    profile = record.profile
    gap = f"{fmt.counted(len(profile.rows), 'op row')}, gap {fmt.percent(profile.gap_share)}"
    return [*pairs, ("profile", f"{profile.source}: {gap}; {view.slowdown_text(profile)}")]


def _device(record: Record) -> list[Pair]:
    device = record.device
    pairs = [("name", device.name), ("kind", device.kind), ("fingerprint", device.fingerprint)]
    for name, value in device.facts.items():
        pairs.append((name, ", ".join(value) if isinstance(value, tuple) else str(value)))
    return pairs + [(name, f"unavailable: {reason}") for name, reason in device.unavailable.items()]


def _provenance(record: Record) -> list[Pair]:
    pairs = [("case key", record.case_key), ("run", f"{record.run.id}, {moment(record.run.started)} UTC")]
    pairs += [("command", " ".join(record.run.command)), ("bench", record.run.bench_version)]
    if record.artifact is not None:
        artifact = record.artifact
        graph = artifact.graph
        pairs += [("artifact", f"{artifact.name} ({artifact.source})"), ("artifact sha256", artifact.sha256)]
        pairs.append(("graph", f"{graph.format}, {fmt.counted(graph.op_count, 'op')}, {fmt.size(graph.size_bytes)}"))
    if record.tool is not None:
        tool = record.tool
        pairs += [("runtime", f"{tool.runtime} {tool.version}"), ("python", tool.python), ("sync", tool.sync)]
        pairs += [("agent sha256", tool.agent_sha256), ("binary", tool.binary), ("binary sha256", tool.binary_sha256)]
        pairs += [(f"setting {name}", value) for name, value in sorted(tool.settings.items())]
    return pairs


def _print_invocations(out: Console, record: Record) -> None:
    from rich.text import Text

    rows = []
    for number, one in enumerate(record.invocations, 1):
        numbers = [fmt.short_duration(one.load_ns), fmt.short_duration(one.first_inference_ns)]
        numbers += [
            invocation_text.warmup_text(one),
            invocation_text.centre_text(one),
            *invocation_text.counts_text(one),
        ]
        rows.append(Row(_cells([str(number), *numbers], "yellow" if one.steady is False else "")))
    if not rows:
        return
    show(out, Text("\nInvocations", "bold"))
    heads = ["", "load", "first", "warm-up", "median", "samples", "turns"]
    show(out, grid([Column(head, right=True) for head in heads], rows))


def _print_conditions(out: Console, record: Record) -> None:
    from rich.text import Text

    table, unknown = condition_table(record), unknown_conditions(record)
    if not table and not unknown:
        return
    show(out, Text("\nConditions", "bold"))
    cap = max(12, (out.width - 30) // 3)
    columns = [Column("", 24), *(Column(head, cap) for head in ("before", "during", "after"))]
    if table:
        show(out, grid(columns, [Row(_cells([row.name, row.before, row.during, row.after])) for row in table]))
    for reason, names in unknown:
        show_wrapped(out, f"unavailable: {names}: {reason}", "  ", "dim")
