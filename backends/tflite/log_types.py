"""What one run of the tool said. Missing is None, never 0; times are nanoseconds, memory the tool's own megabytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bench.backends.tflite.log_stats import Stats
from bench.backends.tflite.profile_types import OpTable

Form = Literal["classic", "litert2"]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One `Running benchmark for ...` and the statistics line behind it; the former may be filtered out of a log."""

    min_runs: int | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    stats: Stats | None = None


@dataclass(frozen=True, kw_only=True)
class Timings:
    """The summary line, or LiteRT 2's block (which rounds to 10 microseconds: `rounded`)."""

    init_ns: float | None = None
    first_inference_ns: float | None = None
    warmup_avg_ns: float | None = None
    inference_avg_ns: float | None = None
    inference_text: str = ""
    rounded: bool = False


@dataclass(frozen=True, kw_only=True)
class ToolMemory:
    """Megabytes as printed. peak: footprint of the process; delta: growth since the tool's start; rss: resident set.

    periodic_peak: by `--report_peak_memory_footprint`. A number at the very end of a text that lacks its last newline
    is left out: it may be cut.
    """

    peak_init_mb: float | None = None
    peak_overall_mb: float | None = None
    delta_init_mb: float | None = None
    delta_overall_mb: float | None = None
    max_rss_init_mb: float | None = None
    max_rss_overall_mb: float | None = None
    periodic_peak_mb: float | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The tool's own sentence on a delegate. kernels: of a partial one.

    The tool counts the nodes of *any* delegate for it, so that it may speak of GPU where XNNPACK took the graph.
    explicit: `Explicitly applied`, which it says since delegates may be applied without being asked for.
    """

    delegate: str
    kind: Literal["full", "partial", "none"]
    kernels: int | None = None
    explicit: bool = True


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """`Replacing N out of M node(s) with delegate (NAME) node, yielding P partitions`. P counts the CPU's pieces, too.

    subgraph None: `for the whole graph`, or not said.
    """

    delegate: str
    nodes: int
    total: int | None = None
    partitions: int | None = None
    subgraph: int | None = None


@dataclass(frozen=True, kw_only=True)
class GpuSplit:
    """`N operations will run on the GPU, and the remaining M operations will run on the CPU.`"""

    gpu: int
    cpu: int


@dataclass(frozen=True, kw_only=True)
class ToolLog:
    """One run of the tool.

    warmup, timed: statistics of the two phases. complete: the last line of all that was asked for is there, and what
    the log says twice agrees; else `incomplete` says why. failed: the tool gave up; `failures` are its words.
    created: delegates in the order of their creation, as the tool names them; unconsumed: flags that it ignored.
    unsupported: what the GPU cannot run, which is no failure. unknown: lines that nobody knows, `unknown_lines` the
    first few of them.
    """

    form: Form = "classic"
    started: bool = False
    loaded: bool = False
    runtime_lines: bool = False
    version: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    phases: tuple[Phase, ...] = ()
    warmup: Stats | None = None
    timed: Stats | None = None
    timings: Timings | None = None
    memory: ToolMemory = ToolMemory()
    created: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    gpu_kernels: int | None = None
    gpu_api: str = ""
    gpu_split: GpuSplit | None = None
    fully_accelerated: bool | None = None
    failures: tuple[str, ...] = ()
    failed: bool = False
    unconsumed: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    init_profile: OpTable | None = None
    run_profile: OpTable | None = None
    unknown: int = 0
    unknown_lines: tuple[str, ...] = ()
    complete: bool = False
    incomplete: str = ""

    @property
    def verbose(self) -> bool:
        """Parameters are printed even where they were not set, so that `[0]` may be a default."""
        return self.parameters.get("Log parameter values verbosely") != "0"
