"""The parts of a record that say whether the answers are right: agreement with a reference, accuracy on pictures."""

from __future__ import annotations

from bench.records.parts import Part


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
