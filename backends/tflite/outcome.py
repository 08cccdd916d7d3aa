"""What a run of the tool means: whether it counts, and its parts of the record. Pure."""

from __future__ import annotations

from bench.backends.client import InvocationFailed
from bench.backends.tflite.log_stats import Stats
from bench.backends.tflite.log_types import ToolLog, ToolMemory
from bench.backends.tool_run import Ran, must_have_ended
from bench.base.process import signal_name
from bench.records.types import CaseError, Invocation, Memory, Summary, Warmup

TAIL_LINES = 30
_MB = 1 << 20  # the tool divides kibibytes by 1024


def must_be_whole(ran: Ran, found: ToolLog, phase: str, limit_s: float) -> None:
    """Raises InvocationFailed for a run that cannot be used.

    A complete log counts even where the tool crashed on leaving; an exit code of 0 does not make a log complete.
    """
    tail = "\n".join(ran.transcript.splitlines()[-TAIL_LINES:])

    def failure(kind: str, message: str, todo: str) -> InvocationFailed:
        code = None if signal_name(ran.returncode) else ran.returncode
        return InvocationFailed(
            CaseError(kind=kind, message=message, todo=todo, phase=phase, exit_code=code, stderr_tail=tail)
        )

    if found.unconsumed:
        raise failure(
            "flag ignored",
            f"the tool ignored {', '.join(found.unconsumed)}: this build does not have it",
            "It would have measured something else. Give a build that has it: --tool NAME=PATH.",
        )
    if found.complete and not found.failed:
        return
    if not found.failures:
        must_have_ended(ran, limit_s, phase, tail)
        reason = found.incomplete or "nothing was understood of what it printed"
        raise failure("incomplete", f"the tool's output is not whole: {reason} ({ran.end})", "See its lines below.")
    words = "; ".join(dict.fromkeys(found.failures))
    raise failure("tool failed", f"{words} ({ran.end})", _advice(found))


def _advice(found: ToolLog) -> str:
    if found.unsupported:
        return f"Ops that the delegate does not take: {'; '.join(found.unsupported[:3])}. See bench models lint."
    return "The tool's own words stand in the lines below."


def invocation(found: ToolLog, started: str) -> Invocation:
    """Of a whole log."""
    timings = found.timings
    return Invocation(
        started=started,
        spawn_ns=None,
        load_ns=_whole(timings.init_ns if timings else None),
        first_inference_ns=_whole(timings.first_inference_ns if timings else None),
        warmup=_warmup(found.warmup),
        turns=(),
        memory=_memory(found.memory),
        summary=summary(found),
    )


def summary(found: ToolLog) -> Summary:
    """The timed inferences of a whole log. Of a single value, or of equal ones, the tool prints only that one."""
    stats = found.timed
    assert stats is not None
    assert stats.mean_ns is not None
    same = stats.curr_ns if stats.count == 1 or stats.all_same else None
    return Summary(
        count=stats.count,
        mean_ns=stats.mean_ns,
        median_ns=stats.median_ns if stats.median_ns is not None else same,
        minimum_ns=stats.min_ns if stats.min_ns is not None else same,
        maximum_ns=stats.max_ns if stats.max_ns is not None else same,
        std_ns=stats.std_ns,
        p5_ns=stats.p5_ns,
        p95_ns=stats.p95_ns,
    )


def _warmup(stats: Stats | None) -> Warmup | None:
    if stats is None or stats.mean_ns is None:
        return None
    return Warmup(inferences=stats.count, duration_ns=round(stats.mean_ns * stats.count))


def _memory(told: ToolMemory) -> Memory:
    peak = next((mb for mb in (told.periodic_peak_mb, told.peak_overall_mb, told.max_rss_overall_mb) if mb), None)
    growth = told.delta_overall_mb
    return Memory(
        peak_bytes=None if peak is None else round(peak * _MB),
        growth_bytes=None if growth is None else round(growth * _MB),
        reason="" if peak is not None or growth is not None else "the tool did not tell it",
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
