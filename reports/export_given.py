"""What an export is made of, and what all formats have in common: names, and times by invocation."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from bench.base.errors import NotMeasuredError
from bench.records.stats import LatencySummary
from bench.records.stats.throughput import throughput_summary
from bench.records.types import Profile, Record
from bench.records.verdicts import BudgetVerdict, Verdict
from bench.reports import energy_text, view


@dataclass(frozen=True)
class Given:
    """One run: its records, the verdicts of a gate, and the verdicts on budgets of the records' cases."""

    run: str
    records: tuple[Record, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    budgets: tuple[BudgetVerdict, ...] = ()


def name(record: Record) -> str:
    """What a case is called in every format: `local · prisma_256 fp32 · litert cpu · 1 thread`."""
    replayed = view.replayed_text(record)
    return view.case_text(record.case, device=True) + (f" ({replayed})" if replayed else "")


def measured(given: Given) -> list[tuple[Record, LatencySummary]]:
    """The records that have numbers, with them. Raises NotMeasuredError where there are none."""
    found = [(record, summary) for record in given.records if (summary := view.numbers(record)) is not None]
    if not found:
        raise NotMeasuredError(
            f"run {given.run} has no times to export", _nothing(given), "Name a run with a measured case: bench show"
        )
    return found


def profiled(given: Given) -> list[tuple[Record, Profile]]:
    """The records that have an op profile, with it. Raises NotMeasuredError where there are none."""
    found = [(record, record.profile) for record in given.records if record.profile is not None]
    if not found:
        reasons = "; ".join(dict.fromkeys(each.profile_reason for each in given.records if each.profile_reason))
        todo = "Measure it with --profile, and name that run."
        raise NotMeasuredError(f"run {given.run} has no op profile to export", reasons, todo)
    return found


def _nothing(given: Given) -> str:
    if not given.records:
        return "It holds verdicts only." if given.verdicts else "It holds no record."
    return "; ".join(dict.fromkeys(view.error_text(record) for record in given.records))


def times_ns(record: Record) -> list[list[float]]:
    """The samples of each invocation in ns; of a native tool's, one value: the median or else the mean that it told."""
    found: list[list[float]] = []
    for one in record.invocations:
        if samples := one.samples_ns:
            found.append([float(sample) for sample in samples])
        elif one.summary is not None:
            found.append([one.summary.centre_ns])
    return found


def facts(record: Record, summary: LatencySummary) -> dict[str, str | int | float]:
    """What must stand beside a number, for formats that take free facts; what is not known is left out."""
    rate, rail = throughput_summary(record), energy_text.chosen(record)
    known: dict[str, str | int | float | None] = {
        "bench_version": record.run.bench_version,
        "run": record.run.id,
        "case_key": record.case_key,
        "device": record.device.title,
        "device_fingerprint": record.device.fingerprint,
        "runtime": f"{record.tool.runtime} {record.tool.version}" if record.tool else None,
        "artifact_sha256": record.artifact.sha256 if record.artifact else None,
        "placement": view.placement_text(record.placement),
        "output": view.agreement_text(record),
        "times_are": summary.of if summary.of == "samples" else f"{view.told_text(summary)} of invocations",
        "replayed_from": view.replayed_from(record),
        "interval_low_ns": summary.low_ns,
        "interval_high_ns": summary.high_ns,
        "invocations": summary.invocations,
        "items_per_s": rate.items_per_s if rate else None,
        "streams": rate.streams if rate else None,
        "batch": rate.batch if rate else None,
        "joules_per_inference": rail.joules_per_inference if rail else None,
        "net_joules_per_inference": rail.net_joules_per_inference if rail else None,
        "rail": rail.name if rail else None,
    }
    return {key: value for key, value in known.items() if value not in (None, "")}


def command_text(command: Sequence[str]) -> str:
    """What was typed, as a shell takes it: without the folder of the program."""
    program, *arguments = command or ("bench",)
    called = PurePath(program).name
    return shlex.join(["bench" if called == "__main__.py" else called, *arguments])


def started(records: Sequence[Record]) -> str:
    """When the run began, ISO 8601 in UTC."""
    return records[0].run.started if records else ""
