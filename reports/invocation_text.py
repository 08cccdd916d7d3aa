"""What one invocation says, in words and points."""

from __future__ import annotations

import statistics

from bench.records.types import Invocation, Memory
from bench.reports import format as fmt
from bench.reports.words import plain


def warmup_text(invocation: Invocation) -> str:
    """`40 (steady)`: inferences, and whether it ended steady; a native tool does not tell that."""
    warmup = invocation.warmup
    if warmup is None:
        return f"{fmt.NONE} not told"
    words = {True: " (steady)", False: " (not steady)", None: ""}
    return f"{fmt.count(warmup.inferences)}{words[warmup.steady]}"


def centre_text(invocation: Invocation) -> str:
    """An invocation's median, or its mean where a tool told no more than that."""
    if samples := invocation.samples_ns:
        return fmt.duration(statistics.median(samples))
    summary = invocation.summary
    if summary is None:
        return f"{fmt.NONE} no sample"
    return f"{fmt.duration(summary.centre_ns)}{' (mean)' if summary.median_ns is None else ''}"


def counts_text(invocation: Invocation) -> tuple[str, str]:
    """How many inferences were timed, and in how many turns."""
    if invocation.summary is not None and not invocation.turns:
        return fmt.count(invocation.summary.count), f"{fmt.NONE} told as a summary"
    return fmt.count(len(invocation.samples_ns)), str(len(invocation.turns))


def memory_text(memory: Memory) -> str:
    """`81.3 MB`, `+39.0 MB (growth)`, or `— reason`."""
    if memory.peak_bytes is not None:
        return fmt.size(memory.peak_bytes)
    if memory.growth_bytes is not None:
        return f"+{fmt.size(memory.growth_bytes)} (growth)"
    return plain(f"{fmt.NONE} {memory.reason}") if memory.reason else fmt.NONE


def sample_times(invocation: Invocation) -> list[tuple[int, int]]:
    """(when it began since the invocation's start, latency) of each sample, in ns."""
    points = []
    for turn in invocation.turns:
        at = turn.start_ns
        for sample in turn.samples_ns:
            points.append((at, sample))
            at += sample
    return points
