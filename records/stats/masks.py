"""What a segmentation network's output says of each pixel: foreground or not; and how far two such masks overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.records.stats.agreement import MASK_THRESHOLD, Array
from bench.records.types import MaskPixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOC_CLASSES, VOC_PERSON = 21, 15  # Pascal VOC 2012: background and 20 classes, the 15th a person
ONLY_CLASS = 1
_CLASS_MAPS = ("int32", "int64", "uint32", "uint64")
_PARTS = (1, 2, 4, 8, 16)  # a mask may be smaller than the picture
_BEYOND = 0.01  # of [0, 1]: what float16 and quantization steps may add to a probability


class NoMask(Exception):
    """An output that cannot be read as a mask; the text says why."""


def foreground(outputs: Sequence[Array]) -> NDArray[np.bool_]:
    """True where the network sees the foreground: height x width, or flat where its output is flat. Batch: 1.

    One channel: a probability above 0.5. Two channels, first or last: the second is the larger one. 21 channels, first
    or last: Pascal VOC's, the person's is the largest. Integers of 32 or 64 bits: a map of classes, where 15 (Pascal
    VOC's person) is foreground if any class is above 1, else 1. bool: as it is.
    Of several outputs exactly one must be readable so. Raises NoMask.
    """
    found, reasons = [], []
    for output in outputs:
        try:
            found.append(_foreground(output))
        except NoMask as reason:
            reasons.append(f"output {output.spec.name}: {reason}")
    if len(found) == 1:
        return found[0]
    if found:
        raise NoMask(f"{len(found)} of its {len(outputs)} outputs could be the mask")
    raise NoMask("; ".join(reasons) or "the model has no outputs")


def shaped(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A flat mask as height x width: those of the input (size), or an even part of them. Raises NoMask.

    Any square will not do: the 100 classes of a classifier are no mask of 10 x 10.
    """
    if mask.ndim == 2:
        return mask
    for part in _PARTS:
        height, width = size[0] // part, size[1] // part
        if height * part == size[0] and width * part == size[1] and height * width == mask.size:
            return mask.reshape(height, width)
    raise NoMask(f"its {mask.size:,} values are no mask of a picture of {size[0]} x {size[1]}")


def pixels(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> MaskPixels:
    """Both in the same shape."""
    if truth.shape != found.shape:
        raise ValueError(f"masks of {truth.shape} and {found.shape}")
    both, either = int((truth & found).sum()), int((truth | found).sum())
    return MaskPixels(
        true_positives=both,
        false_negatives=int(truth.sum()) - both,
        false_positives=int(found.sum()) - both,
        true_negatives=truth.size - either,
    )


def overlap(reference: Sequence[Array], outputs: Sequence[Array]) -> tuple[float | None, str]:
    """(IoU of the foreground, ""), or (None, why there is none). Compared by position, whatever the shapes are."""
    try:
        wanted, found = foreground(reference).ravel(), foreground(outputs).ravel()
    except NoMask as reason:
        return None, str(reason)
    if wanted.size != found.size:
        return None, f"masks of {wanted.size:,} and {found.size:,} pixels"
    iou = pixels(wanted, found).foreground_iou
    return iou, "" if iou is not None else "neither mask has any foreground"


def _foreground(output: Array) -> NDArray[np.bool_]:
    import numpy as np

    name = output.spec.dtype
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise NoMask(f"its type {name} is not known") from None
    shape = output.spec.shape[1:] if len(output.spec.shape) > 1 and output.spec.shape[0] == 1 else output.spec.shape
    planes = _planes(np.frombuffer(output.data, dtype=dtype.newbyteorder("<")).reshape(shape))
    if dtype.kind == "f" and not np.isfinite(planes).all():
        raise NoMask("it holds NaN or infinity")
    if not planes.size:
        raise NoMask("it is empty")
    mask: NDArray[np.bool_]
    if len(planes) == 2:  # a scale above 0 does not change which is larger
        mask = planes[1] > planes[0]
    elif len(planes) == VOC_CLASSES:
        mask = planes.argmax(axis=0) == VOC_PERSON
    elif name == "bool":
        mask = planes[0]
    elif name in _CLASS_MAPS:
        mask = planes[0] == (VOC_PERSON if planes.max() > ONLY_CLASS else ONLY_CLASS)
    else:
        mask = _probable(planes[0], output)
    return mask


def _planes(values: NDArray[Any]) -> NDArray[Any]:
    """Channels first: (1, 2 or 21) x what is left. Raises NoMask."""
    import numpy as np

    if values.ndim == 3 and values.shape[-1] in (1, 2, VOC_CLASSES):
        return np.moveaxis(values, -1, 0)
    if values.ndim == 3 and values.shape[0] in (1, 2, VOC_CLASSES):
        return values
    if values.ndim == 2 and values.shape[-1] in (1, 2):  # flat, with channels
        return values.T
    if values.ndim in (1, 2):
        return values[None]
    sizes = " x ".join(map(str, values.shape))
    raise NoMask(f"{sizes} is no mask: one, two or {VOC_CLASSES} channels were expected, and a batch of 1")


def _probable(plane: NDArray[Any], output: Array) -> NDArray[np.bool_]:
    import numpy as np

    if plane.dtype.kind in "iu" and not output.quantized:
        raise NoMask(f"the runtime does not tell what its {plane.dtype.name} numbers stand for")
    # Not in double precision: half a million pixels are read for each picture.
    values = (plane.astype(np.float32) - output.zero_point) * output.scale if output.quantized else plane
    low, high = float(values.min()), float(values.max())
    if low < -_BEYOND or high > 1 + _BEYOND:
        raise NoMask(f"values from {low:.3g} to {high:.3g} are no probabilities")
    mask: NDArray[np.bool_] = values > MASK_THRESHOLD
    return mask
