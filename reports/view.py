"""What a record says, in words: the pieces that the terminal, the HTML file and the JSON have in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.base.findings import Finding, Severity
from bench.records.parts import DEFAULT_ERA
from bench.records.stats import LatencySummary, Percentile, latency_summary
from bench.records.types import Case, Invocation, OpRow, Placement, Profile, Record
from bench.reports import format as fmt

GAP_LIMIT = 0.10
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


def plain(text: str) -> str:
    """One printable line. Names come from files: control signs (an escape sequence, say) show as `\\x1b`."""
    if text.isprintable():
        return text
    shown = (sign if sign.isprintable() else " " if sign in "\n\t" else _escaped(sign) for sign in text)
    return "".join(shown)


def plain_lines(text: str) -> str:
    """Like `plain`, with the line breaks kept."""
    return "\n".join(plain(line) for line in text.splitlines())


def _escaped(sign: str) -> str:
    if unicodedata.category(sign) == "Zs":
        return " "
    return ascii(sign)[1:-1]


def shorten(text: str, width: int, head: float = 0.5) -> str:
    """A name cut in its middle: both ends tell more than either alone. head: the share that its beginning gets."""
    if len(text) <= width:
        return text
    kept = int((width - 1) * head)
    tail = width - 1 - kept
    return f"{text[:kept]}…{text[-tail:] if tail > 0 else ''}"


def shorten_op(text: str, width: int) -> str:
    """An op's name is a path: its end tells it from its neighbours."""
    return shorten(text, width, head=0.25)


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
    """`250 in 5 inv.`: how many samples, in how many invocations."""
    return f"{fmt.count(summary.n)} in {summary.invocations} inv."


def apart_text(ns: float | None) -> str:
    """A time that is not in the latency: `13.4 µs (timed apart)`."""
    return f"{fmt.NONE} not timed apart" if ns is None else f"{fmt.short_duration(ns)} (timed apart)"


def unsteady(record: Record) -> list[int]:
    """The invocations (from 1) whose warm-up did not become steady."""
    return [number for number, one in enumerate(record.invocations, 1) if not one.warmup.steady]


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
    """`81.3 MB`, or `— reason`."""
    if summary.peak_bytes is not None:
        return fmt.size(summary.peak_bytes)
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


def failed(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if not record.measured]


def sample_times(invocation: Invocation) -> list[tuple[int, int]]:
    """(when it began since the invocation's start, latency) of each sample, in ns."""
    points = []
    for turn in invocation.turns:
        at = turn.start_ns
        for sample in turn.samples_ns:
            points.append((at, sample))
            at += sample
    return points
