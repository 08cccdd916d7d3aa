"""One run of `benchmark_model` or `benchmark_litert_model`, TensorFlow 1.12 to LiteRT 2, read from what it printed.

The reader follows the tools' grammar and never their version: keys are looked for, lines that nobody knows are counted,
and a log is complete only when the last line of all that was asked for is there and its numbers agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bench.backends.tflite.log_draft import Draft
from bench.backends.tflite.log_events import apply
from bench.backends.tflite.log_lines import lines
from bench.backends.tflite.log_litert2 import ROUNDING_NS, Results
from bench.backends.tflite.log_runs import split_runs
from bench.backends.tflite.log_stats import Stats
from bench.backends.tflite.log_types import Timings, ToolLog, ToolMemory
from bench.backends.tflite.profile_text import TableReader

__all__ = ["Stats", "ToolLog", "parse", "split_runs"]

KEPT_UNKNOWN = 10
# Parameters that send the op tables elsewhere than to stdout.
_TABLE_FILES = ("Op profiling output file.", "Op profiling output file", "CSV File to export profiling data to")
_TABLE_MODE = "Op profiling output mode."
_PROFILING = "Enable op profiling"


@dataclass
class _Reading:
    """The readers that take a line in turn, and what none of them knew."""

    draft: Draft = field(default_factory=Draft)
    tables: TableReader = field(default_factory=TableReader)
    results: Results = field(default_factory=Results)
    unknown: int = 0
    unknown_lines: list[str] = field(default_factory=list)

    def read(self, text: str) -> None:
        draft, tables, results = self.draft, self.tables, self.results
        before = dict(draft.memory)
        for line in lines(text):
            if draft.memory != before:
                before = dict(draft.memory)
            if tables.feed(line.raw, line.text) or results.feed(line.text) or apply(draft, line):
                continue
            if tables.inside:
                tables.skip()
                continue
            self.unknown += 1
            if len(self.unknown_lines) < KEPT_UNKNOWN:
                self.unknown_lines.append(line.text)
        tables.finish()
        if not text.endswith(("\n", "\r")):
            draft.memory = before  # the last line may be cut in the middle of its number


def parse(stdout: str, stderr: str = "", *, tables: bool | None = None) -> ToolLog:
    """What one run of the tool said. Pass the streams as they came, with their last newline. Raises nothing.

    Which stream holds what depends on the system; both are read by the same rules. A paste of several runs is told
    apart with `split_runs` first. tables: whether op tables were asked for on stdout; None: as the log itself tells,
    which LiteRT 2's tool does not.
    """
    reading = _Reading()
    reading.read(stdout)
    if stderr:
        reading.read(stderr)
    return _judged(_collected(reading), reading, tables)


def _collected(reading: _Reading) -> ToolLog:
    draft, results = reading.draft, reading.results
    timings = draft.summaries[-1] if draft.summaries else results.timings() if results.values else None
    warmup, timed = _phases(draft, timings, results)
    return ToolLog(
        form="litert2" if results.seen else "classic",
        started=draft.started > 0,
        loaded=draft.loaded > 0,
        runtime_lines=draft.runtime_lines,
        version=draft.version,
        parameters=draft.parameters,
        phases=tuple(draft.phases),
        warmup=warmup,
        timed=timed,
        timings=timings,
        memory=ToolMemory(**draft.memory) if draft.memory or not results.seen else results.memory(),
        created=tuple(draft.created),
        verdicts=tuple(draft.verdicts),
        replaced=tuple(draft.replaced),
        gpu_kernels=draft.gpu_kernels,
        gpu_api=draft.gpu_api,
        gpu_split=draft.gpu_split,
        fully_accelerated=results.fully_accelerated,
        failures=tuple(draft.failures),
        failed=draft.fatal,
        unconsumed=tuple(draft.unconsumed),
        unsupported=tuple(draft.unsupported),
        init_profile=reading.tables.init,
        run_profile=reading.tables.run,
        unknown=reading.unknown,
        unknown_lines=tuple(reading.unknown_lines),
    )


def _phases(draft: Draft, timings: Timings | None, results: Results) -> tuple[Stats | None, Stats | None]:
    """Statistics of warm-up and timed phase: the first line and the last one.

    A single line belongs to the phase whose average the summary repeats, and without a summary to the warm-up: a run
    that was cut off has done that first.
    """
    found = [phase.stats for phase in draft.phases if phase.stats is not None]
    if not found:
        return results.stats("Warmup"), results.stats("Inference")
    if len(found) > 1:
        return found[0], found[-1]
    only = found[0]
    timed = timings is not None and _repeats(only, timings)
    return (None, only) if timed and len(draft.phases) < 2 else (only, None)


def _repeats(stats: Stats, timings: Timings) -> bool:
    """Whether the summary gives these statistics' average."""
    if timings.rounded:
        mean, told = stats.mean_ns, timings.inference_avg_ns
        return mean is not None and told is not None and abs(mean - told) <= ROUNDING_NS * 1.001
    return stats.mean_text == timings.inference_text


def _judged(log: ToolLog, reading: _Reading, tables: bool | None) -> ToolLog:
    asked = _asked(log) if tables is None else tables
    reason = _incomplete(log, reading) or _tables_missing(log, asked)
    return replace(log, complete=not reason, incomplete=reason)


def _incomplete(log: ToolLog, reading: _Reading) -> str:
    """Why the log is not that of one whole run; empty when it is."""
    draft, results = reading.draft, reading.results
    if log.failed:
        return f"the tool gave up: {log.failures[-1]}"
    counted = [phase for phase in draft.phases if phase.stats is not None]
    if draft.started > 1 or len(counted) > 2 or len({(s.inference_text, s.init_ns) for s in draft.summaries}) > 1:
        return "the text holds more than one run"
    if log.timings is None:
        return "the summary is missing: the run was cut off, or its output was"
    if log.timed is None:
        return "the statistics of the timed runs are missing"
    if log.timed.count == 0 or log.timed.mean_ns is None:
        return "the tool timed no inference"
    if results.seen and not results.ended:
        return "the block of results is cut off"
    if not _repeats(log.timed, log.timings):
        return "the summary's average is not that of the timed runs: a line is cut, or of another run"
    return ""


def _asked(log: ToolLog) -> bool:
    """Op tables were asked for, and not in a file."""
    mode = log.parameters.get(_TABLE_MODE, "stdout")
    elsewhere = mode == "proto" or any(log.parameters.get(name) for name in _TABLE_FILES)
    return log.parameters.get(_PROFILING) == "1" and not elsewhere


def _tables_missing(log: ToolLog, asked: bool) -> str:
    for table in (log.init_profile, log.run_profile):
        if table is not None and table.problem:
            return table.problem
    if log.run_profile is None and asked:
        return "op profiling was asked for, and the op table is missing"
    if log.init_profile is not None and log.run_profile is None:
        return "the op table of the initialisation is there, that of the timed runs is missing"
    return ""
