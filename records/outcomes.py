"""The parts of a record that say what came out: samples, memory, placement, op profile, error."""

from __future__ import annotations

from typing import Literal

from bench.records.parts import Conditions, Part

PlacementKind = Literal["full", "partial", "none", "unknown"]


class Warmup(Part, frozen=True, kw_only=True):
    """Warm-up until steady: window_medians_ns in order; steady: the last two were within 2 %.

    A native tool warms up for a time: no windows, and steady is None, since it does not tell.
    """

    inferences: int
    duration_ns: int
    window_medians_ns: tuple[int, ...] = ()
    steady: bool | None = None


class Turn(Part, frozen=True, kw_only=True):
    """A short unbroken series of inferences. start_ns: since the invocation's start."""

    start_ns: int
    samples_ns: tuple[int, ...]


class Summary(Part, frozen=True, kw_only=True):
    """What a native tool tells of its timed inferences instead of samples; None: it does not tell that."""

    count: int
    mean_ns: float
    median_ns: float | None = None
    minimum_ns: float | None = None
    maximum_ns: float | None = None
    std_ns: float | None = None
    p5_ns: float | None = None
    p95_ns: float | None = None

    @property
    def centre_ns(self) -> float:
        """Its median, else its mean."""
        return self.mean_ns if self.median_ns is None else self.median_ns


class Memory(Part, frozen=True, kw_only=True):
    """Peak resident memory of the measuring process (VmHWM), and before the model was loaded; None with a reason.

    growth_bytes: what load and inferences added to the process, where a native tool tells only that.
    """

    peak_bytes: int | None = None
    before_load_bytes: int | None = None
    reason: str = ""
    growth_bytes: int | None = None


class Throughput(Part, frozen=True, kw_only=True):
    """Inferences that overlapped, counted over a time of their own. One inference is `batch` items.

    streams: how many were under way at once; how: who kept them so, and how the end of each was known.
    """

    inferences: int
    duration_ns: int
    streams: int = 1
    batch: int = 1
    how: str = ""

    @property
    def items_per_s(self) -> float:
        return self.inferences * self.batch / (self.duration_ns / 1e9)


class Invocation(Part, frozen=True, kw_only=True):
    """One start of the runtime's process: load, first inference, warm-up, turns; or a summary instead of turns.

    spawn_ns: from starting the process until its runtime was imported; load_ns: model file to ready to run. They, the
    first inference and the warm-up are None where a native tool does not tell them.
    input_copy_ns, output_read_ns: medians of copying inputs in and reading outputs out, timed apart; None where the
    runtime's call includes them (then `sync` says so). throughput: None: nobody measured it.
    """

    started: str
    spawn_ns: int | None
    load_ns: int | None
    first_inference_ns: int | None
    warmup: Warmup | None
    turns: tuple[Turn, ...]
    memory: Memory
    input_copy_ns: int | None = None
    output_read_ns: int | None = None
    during: Conditions | None = None
    summary: Summary | None = None
    throughput: Throughput | None = None

    @property
    def steady(self) -> bool | None:
        """Whether warm-up ended steady; None: not told."""
        return None if self.warmup is None else self.warmup.steady

    @property
    def samples_ns(self) -> list[int]:
        return [sample for turn in self.turns for sample in turn.samples_ns]

    @property
    def timed_ns(self) -> float:
        """How long its timed inferences took together."""
        return sum(self.samples_ns) or (self.summary.count * self.summary.mean_ns if self.summary else 0.0)


class Placement(Part, frozen=True, kw_only=True):
    """Where the graph really ran. delegate: who took nodes (XNNPACK, CPUExecutionProvider, CPU, ...).

    nodes of total in partitions; evidence: how it was read; reason: why it is unknown.
    """

    kind: PlacementKind
    delegate: str = ""
    nodes: int | None = None
    total: int | None = None
    partitions: int | None = None
    evidence: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        if self.kind == "partial" and self.nodes is not None and self.total is not None:
            text = f"partial {self.nodes}/{self.total}"
            if self.partitions is not None:
                text += f" in {self.partitions} partition{'s' if self.partitions != 1 else ''}"
        else:
            text = str(self.kind)
        return f"{text} ({self.delegate})" if self.delegate and self.kind != "unknown" else text


class OpRow(Part, frozen=True, kw_only=True):
    """One op of the runtime's graph. time_ns and calls: per inference (mean over the profiled inferences).

    source_ops: names in the model file that this op stands for; empty where the runtime does not tell.
    """

    position: int
    op_type: str
    name: str
    time_ns: float
    calls: float = 1.0
    source_ops: tuple[str, ...] = ()
    where: str = ""


class Profile(Part, frozen=True, kw_only=True):
    """Op rows of one case, from an invocation of its own. total_ns: mean wall time of a profiled inference.

    slowdown: that invocation's median over the unprofiled median (1.05: 5 % slower); None when that is missing.
    """

    source: str
    inferences: int
    total_ns: float
    rows: tuple[OpRow, ...]
    slowdown: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def rows_ns(self) -> float:
        return sum(row.time_ns for row in self.rows)

    @property
    def gap_ns(self) -> float:
        """The part of the total that no row explains: total_ns - sum of rows. May be negative."""
        return self.total_ns - self.rows_ns

    @property
    def gap_share(self) -> float:
        return self.gap_ns / self.total_ns if self.total_ns else 0.0


class CaseError(Part, frozen=True, kw_only=True):
    """Why a case has no number. phase: what it was doing; signal: `SIGSEGV`, where one killed it."""

    kind: str
    message: str
    todo: str = ""
    phase: str = ""
    exit_code: int | None = None
    signal: str = ""
    stderr_tail: str = ""
