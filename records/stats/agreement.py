"""Whether two outputs of the same input agree: the largest difference, and for masks the overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.records.types import Agreement, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MASK_THRESHOLD = 0.5
# Largest difference allowed, as a share of the reference output's range, by the precision that was computed in.
# int8: for outputs that are no masks; a quantized output has at most 256 steps, and rounding alone moves it by some.
TOLERANCES = {"fp32": 1e-4, "fp16": 1e-2, "int8": 5e-2}
INT8_MASK_IOU = 0.95
ALIVE_STD = 0.05


@dataclass(frozen=True)
class Array:
    """One output: its raw little-endian bytes and what they are. scale: 0 when it is not quantized."""

    spec: TensorSpec
    data: bytes
    scale: float = 0.0
    zero_point: int = 0

    @property
    def quantized(self) -> bool:
        return self.scale != 0.0

    def values(self) -> NDArray[np.float64]:
        """Real values: (stored - zero_point) * scale for a quantized output."""
        import numpy as np

        stored = np.frombuffer(self.data, dtype=np.dtype(self.spec.dtype)).astype(np.float64)
        return (stored - self.zero_point) * self.scale if self.quantized else stored


@dataclass(frozen=True)
class Difference:
    """Of one output pair. max_abs_diff, output_range, reference_std in the output's units; mask_iou: None: no mask.

    output_range: largest less smallest of the reference; of a single value, its size. constant: many equal values.
    finite: False where a value or a measure of it is NaN or infinite; then the numbers say nothing.
    """

    max_abs_diff: float
    output_range: float
    reference_std: float
    mask_iou: float | None
    finite: bool
    constant: bool = False

    @property
    def relative(self) -> float:
        """max_abs_diff over output_range; infinite where a constant reference is missed."""
        if self.output_range:
            return self.max_abs_diff / self.output_range
        return 0.0 if self.max_abs_diff == 0 else float("inf")


def mask_iou(reference: Any, output: Any) -> float | None:
    """Intersection over union of the pixels above 0.5; None where the reference is no mask of values in [0, 1].

    A reference with nothing (or everything) above 0.5 has no shape to compare: None as well.
    """
    if reference.size < 2 or reference.min() < 0 or reference.max() > 1:
        return None
    wanted, found = reference > MASK_THRESHOLD, output > MASK_THRESHOLD
    if not wanted.any() or wanted.all():
        return None
    union = int((wanted | found).sum())
    return int((wanted & found).sum()) / union


def difference(reference: Array, output: Array) -> Difference:
    """Compare by position, whatever the shapes are called: [1, 65536] and [1, 256, 256, 1] are the same numbers.

    Raises ValueError when the sizes differ.
    """
    import numpy as np

    if reference.quantized and not output.quantized and output.spec.dtype == reference.spec.dtype:
        # A runtime that gives the stored numbers without saying what they mean: they mean the same.
        output = Array(output.spec, output.data, reference.scale, reference.zero_point)
    wanted, found = reference.values(), output.values()
    if wanted.size != found.size:
        raise ValueError(f"{reference.spec.shape} against {output.spec.shape}")
    if not wanted.size:
        return Difference(max_abs_diff=0.0, output_range=0.0, reference_std=0.0, mask_iou=None, finite=True)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is told as not finite
        gap, std = np.abs(wanted - found).max(), wanted.std()
        reach = wanted.max() - wanted.min() if wanted.size > 1 else np.abs(wanted).max()
    if not np.isfinite([gap, reach, std]).all():
        return Difference(float("inf"), output_range=0.0, reference_std=0.0, mask_iou=None, finite=False)
    constant = wanted.size > 1 and not reach
    return Difference(float(gap), float(reach), float(std), mask_iou(wanted, found), finite=True, constant=constant)


def compare(name: str, reference: Sequence[Array], outputs: Sequence[Array], precision: str) -> Agreement:
    """The worst of all outputs. name: what the reference is; precision: fp32, fp16 or int8 (others count as fp32).

    A quantized reference makes it int8. A constant reference says nothing, so it never agrees. Pairs by name where the
    names match, else by order.
    """
    if len(reference) != len(outputs):
        reason = f"the reference has {len(reference)} outputs, this one {len(outputs)}"
        return Agreement(reference=name, ok=False, reason=reason)
    try:
        found = [difference(*pair) for pair in _pairs(reference, outputs)]
    except ValueError as error:
        return Agreement(reference=name, ok=False, reason=f"output sizes differ: {error}")
    except TypeError as error:  # numpy knows no such type
        return Agreement(reference=name, ok=None, reason=f"outputs of this type cannot be compared: {error}")
    if not found:
        return Agreement(reference=name, ok=None, reason="the model has no outputs")
    if any(array.quantized for array in reference):
        precision = "int8"
    worst = max(found, key=lambda each: each.relative)
    ious = [each.mask_iou for each in found if each.mask_iou is not None]
    ok, tolerance, reason = _judge(found, worst, ious, precision)
    finite = all(each.finite for each in found)
    return Agreement(
        reference=name,
        ok=ok,
        max_abs_diff=worst.max_abs_diff if finite else None,
        output_range=worst.output_range if finite else None,
        reference_std=min(each.reference_std for each in found) if finite else None,
        mask_iou=min(ious) if ious else None,
        tolerance=tolerance,
        reason=reason,
    )


def _pairs(reference: Sequence[Array], outputs: Sequence[Array]) -> list[tuple[Array, Array]]:
    by_name = {array.spec.name: array for array in outputs}
    if len(by_name) == len(outputs) and by_name.keys() == {array.spec.name for array in reference}:
        return [(array, by_name[array.spec.name]) for array in reference]
    return list(zip(reference, outputs, strict=True))


def _judge(
    found: Sequence[Difference], worst: Difference, ious: Sequence[float], precision: str
) -> tuple[bool, str, str]:
    """(ok, the rule in words, why not)."""
    if precision == "int8" and ious:
        rule = f"mask IoU at least {INT8_MASK_IOU}"
        ok, reason = min(ious) >= INT8_MASK_IOU, f"mask IoU {min(ious):.3f}"
    else:
        limit = TOLERANCES.get(precision, TOLERANCES["fp32"])
        rule = f"largest difference at most {limit:g} of the output's range"
        ok, reason = worst.relative <= limit, f"largest difference {worst.relative:.2g} of the output's range"
    if not all(each.finite for each in found):
        return False, rule, "an output holds NaN or infinity"
    if all(each.constant for each in found):
        return False, rule, "the reference output is constant, so that nothing can be compared"
    return ok, rule, "" if ok else reason
