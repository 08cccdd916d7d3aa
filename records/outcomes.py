"""The parts of a record that say what came out: samples, memory, placement, op profile, agreement, error."""

from __future__ import annotations

from typing import Literal

from bench.records.parts import Conditions, Part

PlacementKind = Literal["full", "partial", "none", "unknown"]


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
    fp32_mask_iou: of a zoo's variant other than fp32: the overlap of its mask with that of the fp32 model on the same
    seeded input; None with fp32_reason where it is not known; both empty where there is no such pair.
    """

    reference: str
    ok: bool | None
    max_abs_diff: float | None = None
    output_range: float | None = None
    reference_std: float | None = None
    mask_iou: float | None = None
    tolerance: str = ""
    reason: str = ""
    fp32_mask_iou: float | None = None
    fp32_reason: str = ""


class MaskPixels(Part, frozen=True, kw_only=True):
    """How many pixels of masks agree: foreground is what is looked for, true is what the given masks say.

    With n_ij the pixels of class i that were taken for j, and t_i all of class i, the IoU of a class is
    n_ii / (t_i + sum_j n_ji - n_ii), mean IoU the mean of both classes, and pixel accuracy sum_i n_ii / sum_i t_i
    (Long, Shelhamer, Darrell: Fully convolutional networks for semantic segmentation, CVPR 2015, section 5). None where
    the denominator is 0: nothing of a class is there, and nothing was taken for it.
    """

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0
    true_negatives: int = 0

    def __add__(self, other: MaskPixels) -> MaskPixels:
        return MaskPixels(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    @property
    def total(self) -> int:
        return self.true_positives + self.false_negatives + self.false_positives + self.true_negatives

    @property
    def foreground_iou(self) -> float | None:
        return _share(self.true_positives, self.true_positives + self.false_negatives + self.false_positives)

    @property
    def background_iou(self) -> float | None:
        return _share(self.true_negatives, self.true_negatives + self.false_negatives + self.false_positives)

    @property
    def mean_iou(self) -> float | None:
        foreground, background = self.foreground_iou, self.background_iou
        return None if foreground is None or background is None else (foreground + background) / 2

    @property
    def pixel_accuracy(self) -> float | None:
        return _share(self.true_positives + self.true_negatives, self.total)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


class Accuracy(Part, frozen=True, kw_only=True):
    """The case's masks against given ones, over all pictures together, in pixels of the model's output.

    data: the folder's name; data_sha256: of its pictures and masks, so that only what saw the same is compared;
    pictures: how many were counted; unusable: what could not be used, `NAME: why`; scaling: how pixels became input
    values. pixels is None where accuracy is unknown: then `reason` says why.
    untrained: the weights are random, so that the numbers say nothing of the network.
    """

    data: str
    data_sha256: str
    pictures: int = 0
    pixels: MaskPixels | None = None
    unusable: tuple[str, ...] = ()
    scaling: str = ""
    untrained: bool = False
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
