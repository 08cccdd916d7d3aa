"""What one run of trtexec said. Missing is None, never 0; times are as printed: milliseconds, or seconds where said."""

from __future__ import annotations

from dataclasses import dataclass, field

# As trtexec names them. The last one only stands in versions before 8.4.
LATENCY = "Latency"
COMPUTE = "GPU Compute Time"
ENQUEUE = "Enqueue Time"
H2D = "H2D Latency"
D2H = "D2H Latency"
END_TO_END = "End-to-End Host Latency"
METRICS = (LATENCY, COMPUTE, ENQUEUE, H2D, D2H, END_TO_END)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One line of the performance summary, in milliseconds. percentiles: (percent, milliseconds), as asked for.

    mean_ms: None in version 7 for the enqueue time.
    """

    min_ms: float
    max_ms: float
    mean_ms: float | None
    median_ms: float
    percentiles: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the engine as the builder placed it. kind: `CONVOLUTION`, ... where the version tells it."""

    name: str
    on_dla: bool
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class TrtLog:
    """One run of trtexec.

    version: `8.0.1`; command: what stands behind `#` in its banner. passed: its last word was PASSED; failed: FAILED.
    summary: the block of metrics was announced. queries: timed ones; None where version 7 prints 0, which it does
    for every engine with an explicit batch. build_s, load_s: engine made, engine read. options: of the `=== ... ===`
    blocks at its start. placed: the builder listed the layers of DLA and GPU. fallbacks: layers that it told to have
    moved from DLA to GPU. graph_refused: no CUDA graph was captured. warnings: of trtexec on its own numbers;
    library_warnings: how many TensorRT had.
    unknown: lines of no known form, `unknown_lines` the first few of them.
    """

    version: str = ""
    command: str = ""
    passed: bool = False
    failed: bool = False
    summary: bool = False
    metrics: dict[str, Metric] = field(default_factory=dict)
    throughput_qps: float | None = None
    walltime_s: float | None = None
    compute_total_s: float | None = None
    warmup_queries: int | None = None
    warmup_ms: float | None = None
    queries: int | None = None
    build_s: float | None = None
    load_s: float | None = None
    gpu: str = ""
    compute_capability: str = ""
    options: dict[str, str] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    placed: bool = False
    fallbacks: int = 0
    graph_refused: bool = False
    warnings: tuple[str, ...] = ()
    library_warnings: int = 0
    errors: tuple[str, ...] = ()
    unknown_options: tuple[str, ...] = ()
    unknown: int = 0
    unknown_lines: tuple[str, ...] = ()

    @property
    def incomplete(self) -> str:
        """Why its numbers cannot be used; empty for a whole log."""
        if self.failed:
            return "trtexec says FAILED"
        if not self.passed:
            return "there is no line PASSED"
        if self.summary and COMPUTE not in self.metrics:
            return "the performance summary is announced and not there"
        return ""

    @property
    def complete(self) -> bool:
        return not self.incomplete
