"""Agreement of outputs: exact values by hand, the edges of the tolerance, and what can never agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.records.stats.agreement import Array, compare, difference, mask_iou
from bench.records.types import TensorSpec

RAMP = [0.0, 0.25, 0.5, 0.75, 1.0]


def array(values: Any, name: str = "output", dtype: str = "float32") -> Array:
    data = np.asarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    return Array(TensorSpec(name=name, dtype=dtype, shape=data.shape), data.tobytes())


def test_equal_outputs_agree() -> None:
    found = compare("ONNX Runtime", [array(RAMP)], [array(RAMP)], "fp32")
    assert (found.ok, found.max_abs_diff, found.output_range, found.reason) == (True, 0.0, 1.0, "")
    assert found.reference == "ONNX Runtime"
    assert found.reference_std == pytest.approx(float(np.std(RAMP)))
    assert found.mask_iou == 1.0
    assert "0.0001" in found.tolerance


@pytest.mark.parametrize(("precision", "limit"), [("fp32", 1e-4), ("fp16", 1e-2), ("int8", 5e-2), ("dynamic", 1e-4)])
def test_the_edge_of_the_tolerance(precision: str, limit: float) -> None:
    # A range of 1024 and powers of two: the shares are exact, so that the edge itself can be tried. No mask.
    wanted = [-512.0, 0.0, 512.0]

    def judged(gap: float) -> bool | None:
        reference = [array(wanted, dtype="float64")]
        return compare("x", reference, [array([-512.0, gap, 512.0], dtype="float64")], precision).ok

    assert judged(limit * 1024)
    assert judged(-limit * 1024)
    assert judged(math.nextafter(limit * 1024, math.inf)) is False


def test_a_difference_is_told_in_the_output_s_own_measure() -> None:
    found = compare("x", [array([0.0, 200.0])], [array([0.0, 190.0])], "fp32")
    assert (found.ok, found.max_abs_diff, found.output_range) == (False, 10.0, 200.0)
    assert "0.05 of the output's range" in found.reason


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_never_agree_and_leave_no_number(value: float) -> None:
    broken = [*RAMP[:-1], value]
    for reference, output in ((RAMP, broken), (broken, RAMP), (broken, broken)):
        found = compare("x", [array(reference)], [array(output)], "fp32")
        assert found.ok is False
        assert "NaN or infinity" in found.reason
        assert (found.max_abs_diff, found.mask_iou, found.output_range, found.reference_std) == (None, None, None, None)


def test_nan_in_one_of_several_outputs_is_told() -> None:
    reference = [array(RAMP, "a"), array([7.0, 7.0], "b")]
    outputs = [array([*RAMP[:-1], math.nan], "a"), array([8.0, 7.0], "b")]
    for order in (1, -1):
        found = compare("x", reference[::order], outputs[::order], "fp32")
        assert (found.ok, found.max_abs_diff) == (False, None)
        assert "NaN" in found.reason


def test_values_whose_range_overflows_leave_no_infinity() -> None:
    huge = [-1.7e308, 1.7e308]
    found = compare("x", [array(huge, dtype="float64")], [array(huge, dtype="float64")], "fp32")
    assert found.ok is False
    assert all(value is None or math.isfinite(value) for value in (found.output_range, found.reference_std))


@pytest.mark.parametrize("output", [[3.0, 3.0], [3.0, 4.0]])
def test_a_constant_reference_never_agrees(output: list[float]) -> None:
    found = compare("x", [array([3.0, 3.0])], [array(output)], "fp32")
    assert found.ok is False
    assert "constant" in found.reason


@pytest.mark.parametrize(("output", "ok"), [([3.0, 3.0], True), ([3.0, 4.0], False)])
def test_a_constant_output_beside_others_must_be_met(output: list[float], ok: bool) -> None:
    found = compare("x", [array(RAMP, "a"), array([3.0, 3.0], "b")], [array(RAMP, "a"), array(output, "b")], "fp32")
    assert found.ok is ok


@pytest.mark.parametrize(("output", "ok"), [(3.0, True), (3.0002, True), (3.001, False)])
def test_a_single_value_is_compared_with_its_own_size(output: float, ok: bool) -> None:
    assert compare("x", [array([3.0])], [array([output])], "fp32").ok is ok


def test_mask_iou_by_hand() -> None:
    wanted = np.array([0.9, 0.8, 0.7, 0.1, 0.0])  # above 0.5: 0, 1, 2
    found = np.array([0.1, 0.6, 0.9, 0.51, 0.5])  # above 0.5: 1, 2, 3; 0.5 itself is not
    assert mask_iou(wanted, found) == 2 / 4
    assert mask_iou(wanted, wanted) == 1.0
    assert mask_iou(wanted, 1 - wanted) == 0.0
    assert mask_iou(wanted, np.zeros(5)) == 0.0


@pytest.mark.parametrize("values", [[0.9, -0.1], [0.9, 1.1], [0.1, 0.2], [0.8, 0.9], [0.9], []])
def test_what_is_no_mask_has_no_iou(values: list[float]) -> None:
    assert mask_iou(np.array(values), np.array(values)) is None


masks = hnp.arrays(np.float64, 16, elements=st.floats(0, 1))


@given(masks, masks)
def test_iou_is_a_share_and_symmetric(one: Any, other: Any) -> None:
    there, back = mask_iou(one, other), mask_iou(other, one)
    assert there is None or 0.0 <= there <= 1.0
    if there is not None and back is not None:
        assert there == back
    if there is not None:
        assert mask_iou(one, one) == 1.0
        assert (there == 1.0) == bool(((one > 0.5) == (other > 0.5)).all())


@given(hnp.arrays(np.float32, 8, elements=st.floats(-(2.0**99), 2.0**99, width=32)), st.integers(0, 7))
def test_difference_is_symmetric_and_zero_only_of_equals(values: Any, place: int) -> None:
    changed = values.copy()
    changed[place] += np.float32(1.0)
    there, back = difference(array(values), array(changed)), difference(array(changed), array(values))
    assert there.max_abs_diff == back.max_abs_diff
    assert (there.max_abs_diff == 0) == bool((values == changed).all())
    assert difference(array(values), array(values)).relative == 0.0


def test_int8_masks_are_judged_by_their_overlap() -> None:
    wanted = [0.9] * 20 + [0.1] * 20
    near = [0.6] * 19 + [0.4] + [0.1] * 20  # 19 of 20: IoU 0.95
    far = [0.6] * 18 + [0.4] * 2 + [0.1] * 20
    assert compare("x", [array(wanted)], [array(near)], "int8").ok
    found = compare("x", [array(wanted)], [array(far)], "int8")
    assert (found.ok, found.mask_iou, found.reason) == (False, 0.9, "mask IoU 0.900")
    assert compare("x", [array(wanted)], [array(near)], "fp32").ok is False


def test_shapes_may_differ_but_sizes_may_not() -> None:
    flat = np.linspace(0, 1, 16)
    assert compare("x", [array(flat.reshape(1, 16))], [array(flat.reshape(1, 4, 4, 1))], "fp32").ok
    found = compare("x", [array(flat)], [array(flat[:15])], "fp32")
    assert found.ok is False
    assert "sizes differ" in found.reason
    assert "16" in found.reason
    assert found.max_abs_diff is None
    cut = Array(TensorSpec(name="output", dtype="float32", shape=(16,)), b"\0" * 7)
    assert "sizes differ" in compare("x", [cut], [cut], "fp32").reason


def test_counts_of_outputs_must_match() -> None:
    found = compare("x", [array(RAMP), array(RAMP)], [array(RAMP)], "fp32")
    assert (found.ok, found.reason) == (False, "the reference has 2 outputs, this one 1")
    nothing = compare("x", [], [], "fp32")
    assert (nothing.ok, nothing.reason) == (None, "the model has no outputs")


def test_a_type_that_cannot_be_compared_is_told() -> None:
    spec = TensorSpec(name="output", dtype="no_such_type", shape=(2,))
    found = compare("x", [Array(spec, b"\0" * 4)], [Array(spec, b"\0" * 4)], "fp32")
    assert found.ok is None
    assert "no_such_type" in found.reason


def test_outputs_are_paired_by_name_else_by_order() -> None:
    up, down = RAMP, RAMP[::-1]
    reference = [array(up, "a"), array(down, "b")]
    assert compare("x", reference, [array(down, "b"), array(up, "a")], "fp32").ok
    assert compare("x", reference, [array(up, "p"), array(down, "q")], "fp32").ok
    assert compare("x", reference, [array(down, "p"), array(up, "q")], "fp32").ok is False
    # Names that are not one to one say nothing.
    twice = [array(up, "a"), array(down, "a")]
    assert compare("x", twice, [array(up, "a"), array(down, "b")], "fp32").ok
    assert compare("x", reference, twice, "fp32").ok


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "float16", "float32", "float64", "bool"])
def test_types_of_outputs(dtype: str) -> None:
    found = difference(array([0, 1, 1], dtype=dtype), array([0, 0, 1], dtype=dtype))
    assert (found.max_abs_diff, found.output_range) == (1.0, 1.0)


def test_unsigned_values_do_not_wrap() -> None:
    assert difference(array([0, 255], dtype="uint8"), array([255, 0], dtype="uint8")).max_abs_diff == 255.0


def test_quantized_outputs_are_compared_as_the_values_they_stand_for() -> None:
    spec = TensorSpec(name="output", dtype="uint8", shape=(4,))
    stored = np.array([0, 255, 128, 10], dtype=np.uint8)
    quantized = Array(spec, stored.tobytes(), scale=0.5, zero_point=128)
    assert quantized.values().tolist() == [-64.0, 63.5, 0.0, -59.0]
    same = array((stored.astype(np.float32) - 128) * 0.5)
    assert difference(quantized, same).max_abs_diff == 0.0
    bare = Array(spec, stored.tobytes())
    assert difference(quantized, bare).max_abs_diff == 0.0
    assert difference(quantized, bare).output_range == 127.5


def test_the_worst_output_speaks_for_all() -> None:
    reference = [array([0.0, 1000.0], "a"), array([0.0, 2.0], "b")]
    outputs = [array([0.0, 1001.0], "a"), array([0.0, 2.5], "b")]
    found = compare("x", reference, outputs, "fp32")
    assert (found.ok, found.max_abs_diff, found.output_range) == (False, 0.5, 2.0)
