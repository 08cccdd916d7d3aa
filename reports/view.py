"""What a record says, in words: the pieces that the terminal, the HTML file and the JSON have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.base.findings import Finding, Severity
from bench.records.parts import DEFAULT_ERA
from bench.records.stats import LatencySummary, Percentile, latency_summary
from bench.records.types import Case, Memory, OpRow, Placement, Profile, Record
from bench.reports import format as fmt
from bench.reports.invocation_text import memory_text
from bench.reports.words import plain

GAP_LIMIT = 0.10
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


def model_text(case: Case) -> str:
    """`prisma_256 fp32`, with what sets it apart: another era than the default, shapes that the user fixed."""
    parts = [case.model, case.variant]
    if case.era not in ("", DEFAULT_ERA):
        parts.append(f"era={case.era}")
    parts += [f"{name}={'x'.join(map(str, shape))}" for name, shape in sorted(case.shapes.items())]
    return plain(" ".join(part for part in parts if part))


def how_text(case: Case) -> str:
    """`litert cpu · 1 thread · kernels=builtin`."""
    parts = [f"{case.backend} {case.accelerator}", fmt.counted(case.threads, "thread")]
    parts += [f"{name}={value}" for name, value in sorted(case.options.items())]
    return plain(" · ".join(parts))


def case_text(case: Case, device: bool = False) -> str:
    """The case in one line; with its device where several stand side by side."""
    line = f"{model_text(case)} · {how_text(case)}"
    return f"{plain(case.device)} · {line}" if device else line


def several_devices(records: Iterable[Record]) -> bool:
    return len({record.case.device for record in records}) > 1


def median_text(summary: LatencySummary) -> str:
    return fmt.duration(summary.median_ns, known_interval(summary))


def interval_text(summary: LatencySummary) -> str:
    return fmt.interval(summary.low_ns, summary.high_ns, summary.median_ns, summary.interval_reason)


def percentile_text(summary: LatencySummary, value: Percentile) -> str:
    """A percentile with no more digits than the median has; `— (n=37 < 44)` where it is refused."""
    if value.value_ns is None:
        return fmt.percentile(value)
    return fmt.duration(value.value_ns, known_interval(summary))


def known_interval(summary: LatencySummary) -> tuple[float, float] | None:
    if summary.low_ns is None or summary.high_ns is None:
        return None
    return summary.low_ns, summary.high_ns


def samples_text(summary: LatencySummary) -> str:
    """`250 in 5 inv.`: how many samples, in how many invocations; and where a tool told none, what it told."""
    text = f"{fmt.count(summary.n)} in {summary.invocations} inv."
    return text if summary.of == "samples" else f"{text}, {told_text(summary)}"


def told_text(summary: LatencySummary) -> str:
    """`the tool's medians`; empty where there are samples."""
    return "" if summary.of == "samples" else f"the tool's {summary.of}"


def range_text(summary: LatencySummary) -> str:
    """`37.1 ms to 52.9 ms`, as far as it was told."""
    known = known_interval(summary)
    return f"{fmt.duration(summary.minimum_ns, known)} to {fmt.duration(summary.maximum_ns, known)}"


def apart_text(ns: float | None) -> str:
    """A time that is not in the latency: `13.4 µs (timed apart)`."""
    return f"{fmt.NONE} not timed apart" if ns is None else f"{fmt.short_duration(ns)} (timed apart)"


def unsteady(record: Record) -> list[int]:
    """The invocations (from 1) whose warm-up did not become steady."""
    return [number for number, one in enumerate(record.invocations, 1) if one.steady is False]


def marks(record: Record) -> list[str]:
    """What must stand beside the number: `replayed`, `not steady (2 of 5)`."""
    return [mark for mark in (replayed_text(record), unsteady_text(record)) if mark]


def replayed_text(record: Record) -> str:
    """`replayed`, where a recording answered in the device's place; else empty."""
    return "replayed" if record.replayed else ""


def replayed_from(record: Record) -> str:
    """`android oneplus3, recorded 2026-03-01T09:30:00+00:00`; empty where it was measured."""
    return plain(str(record.device.facts.get("replayed_from", "a recording"))) if record.replayed else ""


def unsteady_text(record: Record) -> str:
    """`not steady (2 of 5)`, or empty."""
    numbers = unsteady(record)
    return f"not steady ({len(numbers)} of {len(record.invocations)})" if numbers else ""


def placement_text(placement: Placement) -> str:
    reason = f": {placement.reason}" if placement.kind == "unknown" and placement.reason else ""
    return plain(placement.text + reason)


def compared(record: Record) -> bool:
    return record.agreement is not None and record.agreement.ok is not None


def agreement_text(record: Record) -> str:
    """`ok 2e-06`, `DIFFERS 0.03`, `ok IoU 0.97`, `— reason`.

    The number is what the rule looks at: the largest difference in the output's units, or the masks' overlap.
    """
    agreement = record.agreement
    if agreement is None:
        return f"{fmt.NONE} not compared"
    if agreement.ok is None:
        return plain(f"{fmt.NONE} {agreement.reason or 'not compared'}")
    word = "ok" if agreement.ok else "DIFFERS"
    if agreement.max_abs_diff is None or agreement.tolerance.startswith("mask IoU"):
        return f"{word} IoU {agreement.mask_iou:.3f}" if agreement.mask_iou is not None else word
    return f"{word} {fmt.small(agreement.max_abs_diff)}"


def peak_text(record: Record, summary: LatencySummary) -> str:
    """`81.3 MB`, `+39.0 MB (growth)`, or `— reason`."""
    if summary.peak_bytes is not None or summary.growth_bytes is not None:
        return memory_text(Memory(peak_bytes=summary.peak_bytes, growth_bytes=summary.growth_bytes))
    reasons = {one.memory.reason for one in record.invocations if one.memory.reason}
    return plain(f"{fmt.NONE} {'; '.join(sorted(reasons)) or 'not read'}")


def error_text(record: Record) -> str:
    """The first line of why a record has no number; never empty."""
    if record.error is None:
        return "no sample was taken"
    message = next((line.strip() for line in record.error.message.splitlines() if line.strip()), record.error.kind)
    signal = record.error.signal
    return (
        plain(f"{signal}: {message}" if signal and signal not in message else message) or "failed, and gave no reason"
    )


def numbers(record: Record) -> LatencySummary | None:
    """The latency summary of a measured record; None for one that failed, even if it left samples behind."""
    return latency_summary(record) if record.measured else None


@dataclass(frozen=True)
class TopOps:
    """The op rows that cost most, the rest of them summed, and the gap. Times in ns per inference."""

    rows: tuple[OpRow, ...]
    other_count: int
    other_ns: float


def top_ops(profile: Profile, limit: int) -> TopOps:
    """The `limit` dearest rows, dearest first, and what the others cost together."""
    ordered = sorted(profile.rows, key=lambda row: (-row.time_ns, row.position))
    rest = ordered[limit:]
    return TopOps(tuple(ordered[:limit]), len(rest), sum(row.time_ns for row in rest))


def share(part_ns: float, profile: Profile) -> float | None:
    return part_ns / profile.total_ns if profile.total_ns > 0 else None


def wide_gap(profile: Profile) -> str:
    """A sentence where more than 10 % of the inference stands in no op row (or is counted twice); else empty."""
    part = profile.gap_share
    if abs(part) <= GAP_LIMIT:
        return ""
    if part < 0:
        return f"The op rows add up to {fmt.percent(-part)} more than the inference took: some time is counted twice."
    return f"{fmt.percent(part)} of the inference stands in no op row: read the shares with that in mind."


def slowdown_text(profile: Profile) -> str:
    """How much profiling itself cost."""
    if profile.slowdown is None:
        return "how much slower the profiled run was is not known"
    return f"profiled run {profile.slowdown:.2f}x of the unprofiled one"


@dataclass(frozen=True)
class Told:
    """Findings of one kind, and what each says with the cases that it was found in. finding: the first of them."""

    finding: Finding
    found: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(case for _, cases in self.found for case in cases))


def told(records: Sequence[Record]) -> list[Told]:
    """All kinds of findings once, the grave ones first; numbers that differ by case stand side by side."""
    device = several_devices(records)
    first: dict[tuple[str, str], Finding] = {}
    found: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    for record in records:
        for finding in record.findings:
            kind = (finding.severity, finding.code)
            first.setdefault(kind, finding)
            found.setdefault(kind, {}).setdefault(finding.what, {})[case_text(record.case, device)] = None
    together = [
        Told(finding, tuple((what, tuple(cases)) for what, cases in found[kind].items()))
        for kind, finding in first.items()
    ]
    return sorted(together, key=lambda one: _SEVERITIES.index(one.finding.severity))


def op_names_text(record: Record, limit: int) -> str:
    """What ran, where a tool named the ops and timed none."""
    more = len(record.op_names) - limit
    return plain("; ".join(record.op_names[:limit]) + (f"; and {more} more" if more > 0 else ""))


def failed(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if not record.measured]
