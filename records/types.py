"""The record: what one case gave in one run. Frozen types; the words are those of docs/architecture.md.

Times are integers in nanoseconds (`_ns`), sizes integers in bytes (`_bytes`), instants ISO 8601 in UTC.
What is not known is never 0 or empty: it is None beside a `reason`, or a Reading that is unavailable.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from bench.base.findings import Finding

SCHEMA_VERSION = 1

PlacementKind = Literal["full", "partial", "none", "unknown"]
Phase = Literal["before", "during", "after"]


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of all parts of a record: immutable, keyword-only, written whole."""


class TensorSpec(Part, frozen=True, kw_only=True):
    """An input or output of a graph. shape: -1 stands for a dynamic dimension."""

    name: str
    dtype: str  # numpy's name: float32, int8, uint8, int64, ...
    shape: tuple[int, ...]

    @property
    def dynamic(self) -> bool:
        return any(size < 0 for size in self.shape)


class GraphFacts(Part, frozen=True, kw_only=True):
    """What a model file says without being run. histogram: op type (upper case for TFLite) -> count."""

    format: Literal["tflite", "onnx", "ir"]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    op_count: int
    histogram: dict[str, int]
    constant_elements: int  # weights, as stored
    size_bytes: int


class Artifact(Part, frozen=True, kw_only=True):
    """One model file. source: `zoo` or `file`; name: its file name (no folder: records travel)."""

    name: str
    sha256: str
    source: Literal["zoo", "file"]
    graph: GraphFacts


class Case(Part, frozen=True, kw_only=True):
    """What is measured. Its key leaves out hashes and versions, so that a model's commits form one series.

    model: a zoo id, or the file name of a user's model; shapes: input name -> shape, where the user fixed them.
    """

    device: str
    backend: str
    accelerator: str
    model: str
    variant: str
    era: str
    format: str
    threads: int
    options: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}

    @property
    def key(self) -> str:
        """Hex sha256 of the case's canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def label(self) -> str:
        """One line for people: `prisma_256 fp32 · litert cpu · 1 thread · kernels=builtin`."""
        parts = [f"{self.model} {self.variant}", f"{self.backend} {self.accelerator}"]
        parts.append(f"{self.threads} thread{'s' if self.threads != 1 else ''}")
        parts += [f"{key}={value}" for key, value in sorted(self.options.items())]
        return " · ".join(parts)


class Reading(Part, frozen=True, kw_only=True):
    """One condition at one moment, or the reason why it could not be read (`unavailable`).

    name: dotted (`cpu0.governor`, `load.1min`, `steal`, `pressure.cpu.some_avg10`); unit: `Hz`, `C`, `%`, `` ...
    """

    name: str
    value: float | int | str | None = None
    unit: str = ""
    unavailable: str = ""


class Conditions(Part, frozen=True, kw_only=True):
    """The readings of one moment. pinned: what was fixed for the run; what was not is `unpinned`."""

    phase: Phase
    at: str
    readings: tuple[Reading, ...]

    def get(self, name: str) -> Reading | None:
        return next((reading for reading in self.readings if reading.name == name), None)


class DeviceIdentity(Part, frozen=True, kw_only=True):
    """Which device it was. facts: name -> value; unavailable: name -> reason; fingerprint: of stable facts only."""

    name: str
    kind: str
    fingerprint: str
    facts: dict[str, str | int | float | bool | tuple[str, ...]]
    unavailable: dict[str, str] = {}

    @property
    def title(self) -> str:
        """What a person calls it: the CPU or phone model with its cores."""
        model = str(self.facts.get("cpu_model", self.facts.get("model", self.kind)))
        cores = self.facts.get("logical_cores")
        return f"{model}, {cores} cores" if cores else model


class Warmup(Part, frozen=True, kw_only=True):
    """Warm-up until steady: window_medians_ns in order; steady: the last two were within 2 %."""

    inferences: int
    duration_ns: int
    window_medians_ns: tuple[int, ...]
    steady: bool


class Turn(Part, frozen=True, kw_only=True):
    """A short unbroken series of inferences. start_ns: since the invocation's start."""

    start_ns: int
    samples_ns: tuple[int, ...]


class Memory(Part, frozen=True, kw_only=True):
    """Peak resident memory of the measuring process (VmHWM), and before the model was loaded; None with a reason."""

    peak_bytes: int | None = None
    before_load_bytes: int | None = None
    reason: str = ""


class Invocation(Part, frozen=True, kw_only=True):
    """One start of the runtime's process: load, first inference, warm-up, turns.

    spawn_ns: from starting the process until its runtime was imported; load_ns: model file to ready to run.
    input_copy_ns, output_read_ns: medians of copying inputs in and reading outputs out, timed apart; None where the
    runtime's call includes them (then `sync` says so).
    """

    started: str
    spawn_ns: int
    load_ns: int
    first_inference_ns: int
    warmup: Warmup
    turns: tuple[Turn, ...]
    memory: Memory
    input_copy_ns: int | None = None
    output_read_ns: int | None = None
    during: Conditions | None = None

    @property
    def samples_ns(self) -> list[int]:
        return [sample for turn in self.turns for sample in turn.samples_ns]


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


class Agreement(Part, frozen=True, kw_only=True):
    """The case's output on a seeded input against the reference's.

    max_abs_diff and output_range (reference maximum - minimum) in the output's units; mask_iou: intersection over
    union at 0.5, None where the output is no mask; tolerance: the rule that was applied, in words.
    ok is None when nothing was compared: then `reason` says why.
    """

    reference: str
    ok: bool | None
    max_abs_diff: float | None = None
    output_range: float | None = None
    reference_std: float | None = None
    mask_iou: float | None = None
    tolerance: str = ""
    reason: str = ""


class CaseError(Part, frozen=True, kw_only=True):
    """Why a case has no number. phase: what it was doing; signal: `SIGSEGV`, where one killed it."""

    kind: str
    message: str
    todo: str = ""
    phase: str = ""
    exit_code: int | None = None
    signal: str = ""
    stderr_tail: str = ""


class Tool(Part, frozen=True, kw_only=True):
    """What did the measuring: the runtime and its version, our agent and its hash, the Python that ran it.

    sync: how the adapter makes sure that a sample ends when the result is ready.
    settings: what the runtime itself reports (precision hint, streams, kernels, ...).
    """

    runtime: str
    version: str
    agent_sha256: str
    python: str
    sync: str
    settings: dict[str, str] = {}


class RunRef(Part, frozen=True, kw_only=True):
    """The run that a record belongs to."""

    id: str
    started: str
    command: tuple[str, ...]
    bench_version: str


class Record(Part, frozen=True, kw_only=True):
    """What one case gave in one run: the truth that everything else is derived from."""

    schema: int
    run: RunRef
    case: Case
    case_key: str
    device: DeviceIdentity
    artifact: Artifact | None
    tool: Tool | None
    placement: Placement
    agreement: Agreement | None
    invocations: tuple[Invocation, ...]
    profile: Profile | None
    profile_reason: str
    conditions: tuple[Conditions, ...]
    findings: tuple[Finding, ...]
    transcript: tuple[str, ...]
    error: CaseError | None

    @property
    def measured(self) -> bool:
        return self.error is None and any(invocation.turns for invocation in self.invocations)
