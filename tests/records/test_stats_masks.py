"""Masks from outputs, and their overlap: exact counts by hand, properties, and outputs that are no masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.records.stats.agreement import Array
from bench.records.stats.masks import NoMask, foreground, overlap, pixels, shaped
from bench.records.types import MaskPixels, TensorSpec

# Sixteen pixels: 4 are foreground in truth, 6 are found, 3 of them rightly.
TRUTH = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], bool)
FOUND = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], bool)
MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def array(values: Any, dtype: str = "float32", scale: float = 0.0, zero_point: int = 0, name: str = "y") -> Array:
    data = np.asarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    return Array(TensorSpec(name=name, dtype=dtype, shape=data.shape), data.tobytes(), scale, zero_point)


def test_the_measures_of_a_case_counted_by_hand() -> None:
    found = pixels(TRUTH, FOUND)
    assert found == MaskPixels(true_positives=3, false_negatives=1, false_positives=3, true_negatives=9)
    assert found.foreground_iou == 3 / 7
    assert found.background_iou == 9 / 13
    assert found.mean_iou == pytest.approx((3 / 7 + 9 / 13) / 2)
    assert found.pixel_accuracy == 12 / 16


def test_all_pictures_count_together_not_their_shares() -> None:
    empty = np.zeros((4, 4), bool)
    found = pixels(TRUTH, FOUND) + pixels(TRUTH, empty)
    assert found == MaskPixels(true_positives=3, false_negatives=5, false_positives=3, true_negatives=21)
    assert found.foreground_iou == 3 / 11
    assert found.background_iou == 21 / 29


def test_what_is_nowhere_has_no_iou() -> None:
    empty, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    nothing = pixels(empty, empty)
    assert (nothing.foreground_iou, nothing.background_iou, nothing.mean_iou) == (None, 1.0, None)
    assert nothing.pixel_accuracy == 1.0
    assert pixels(full, full).mean_iou is None
    assert MaskPixels().pixel_accuracy is None
    missed = pixels(full, empty)
    assert (missed.foreground_iou, missed.mean_iou, missed.pixel_accuracy) == (0.0, 0.0, 0.0)


@given(MASKS, st.data())
def test_counts_add_up_and_a_mask_is_its_own_match(truth: Any, data: Any) -> None:
    found = data.draw(hnp.arrays(bool, truth.shape))
    counted, turned = pixels(truth, found), pixels(found, truth)
    assert counted.total == truth.size
    assert counted.true_positives + counted.false_negatives == truth.sum()
    assert counted.true_positives + counted.false_positives == found.sum()
    assert counted.foreground_iou == turned.foreground_iou
    inverse = pixels(~truth, ~found)
    assert (inverse.foreground_iou, inverse.mean_iou) == (counted.background_iou, counted.mean_iou)
    assert pixels(truth, truth).pixel_accuracy == 1.0
    if truth.any():
        assert pixels(truth, truth).foreground_iou == 1.0
    if counted.mean_iou is not None:
        assert 0.0 <= counted.mean_iou <= 1.0


def test_masks_of_other_shapes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="masks of"):
        pixels(TRUTH, FOUND[:2])


@pytest.mark.parametrize("shape", [(1, 16), (16,), (1, 4, 4), (1, 4, 4, 1), (1, 1, 4, 4), (4, 4)])
def test_probabilities_of_any_layout(shape: tuple[int, ...]) -> None:
    values = np.where(TRUTH, 0.51, 0.5).reshape(shape)
    found = shaped(foreground([array(values)]), (4, 4))
    assert (found == TRUTH).all()


@pytest.mark.parametrize("last", [True, False])
def test_two_channels_are_background_and_foreground(last: bool) -> None:
    logits = np.stack([np.full((4, 4), -3.0), np.where(TRUTH, -2.9, -3.1)], axis=-1)[None]
    found = foreground([array(logits if last else logits.transpose(0, 3, 1, 2))])
    assert (found == TRUTH).all()
    tied = foreground([array(np.zeros((1, 4, 4, 2)))])
    assert not tied.any()


def test_flat_two_channels() -> None:
    flat = np.stack([np.zeros(16), TRUTH.ravel() - 0.5], axis=-1)[None]
    assert (shaped(foreground([array(flat)]), (4, 4)) == TRUTH).all()


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_class_maps(dtype: str) -> None:
    assert (foreground([array(TRUTH[None] * 1, dtype)]) == TRUTH).all()
    people = np.where(TRUTH, 15, np.where(FOUND, 7, 0))[None]
    assert (foreground([array(people, dtype)]) == TRUTH).all()
    assert not foreground([array(np.full((1, 4, 4), 7), dtype)]).any()
    assert (foreground([array(TRUTH[None], "bool")]) == TRUTH).all()


def test_the_person_among_21_classes() -> None:
    logits = np.zeros((1, 4, 4, 21))
    logits[0, :, :, 15] = np.where(TRUTH, 2, -1)
    logits[0, :, :, 7] = 1
    assert (foreground([array(logits)]) == TRUTH).all()


def test_quantized_probabilities_mean_what_their_scale_says() -> None:
    stored = np.where(TRUTH, 1, 0)[None]
    assert (foreground([array(stored, "int8", 1 / 256, -128)]) == TRUTH).all()  # 129/256 and 128/256
    assert not foreground([array(stored, "int8", 1 / 512, -128)]).any()
    logits = np.stack([np.zeros((4, 4)), np.where(TRUTH, 1, -1)], axis=-1)[None]
    assert (foreground([array(logits, "int8")]) == TRUTH).all()  # which is larger needs no scale


@pytest.mark.parametrize(
    ("values", "dtype", "said"),
    [
        (np.full((1, 4, 4, 1), 7.5), "float32", "no probabilities"),
        (np.full((1, 4, 4, 1), -0.5), "float32", "no probabilities"),
        (np.full((1, 4, 4, 3), 0.5), "float32", "4 x 4 x 3 is no mask"),
        (np.full((2, 4, 4, 1), 0.5), "float32", "2 x 4 x 4 x 1 is no mask"),
        (np.full((1, 4, 4, 1), np.nan), "float32", "NaN"),
        (np.full((1, 4, 4, 2), np.inf), "float32", "NaN or infinity"),
        (np.full((1, 4, 4, 1), 5), "int8", "does not tell"),
        (np.full((1, 0), 0.5), "float32", "empty"),
    ],
)
def test_what_is_no_mask_says_why(values: Any, dtype: str, said: str) -> None:
    with pytest.raises(NoMask, match=said):
        foreground([array(values, dtype)])


def test_a_type_nobody_knows_is_no_mask() -> None:
    with pytest.raises(NoMask, match="no_such_type"):
        foreground([Array(TensorSpec(name="y", dtype="no_such_type", shape=(1, 2)), b"\0" * 4)])


def test_exactly_one_output_must_be_the_mask() -> None:
    mask, edges = array(TRUTH[None] * 1.0, name="mask"), array(np.full((1, 4, 4, 3), 9.0), name="edges")
    assert (foreground([edges, mask]) == TRUTH).all()
    with pytest.raises(NoMask, match="2 of its 3 outputs"):
        foreground([mask, edges, mask])
    with pytest.raises(NoMask, match="output edges"):
        foreground([edges])
    with pytest.raises(NoMask, match="no outputs"):
        foreground([])


def test_a_flat_output_is_a_mask_only_in_a_size_that_fits_the_picture() -> None:
    flat = np.zeros(50, bool)
    assert shaped(flat, (5, 10)).shape == (5, 10)
    assert shaped(flat, (10, 20)).shape == (5, 10)
    for size in ((32, 32), (10, 10), (5, 11), (11, 20), (10, 21)):
        with pytest.raises(NoMask, match="50 values"):
            shaped(flat, size)
    with pytest.raises(NoMask):
        shaped(np.zeros(100, bool), (32, 32))  # a classifier


def test_overlap_of_two_outputs_or_why_there_is_none() -> None:
    truth, found = array(TRUTH.ravel()[None] * 1.0), array(FOUND[None, :, :, None] * 1.0)
    assert overlap([truth], [found]) == (3 / 7, "")
    nothing = array(np.zeros((1, 16)))
    assert overlap([nothing], [nothing]) == (None, "neither mask has any foreground")
    iou, reason = overlap([truth], [array(np.zeros((1, 9)))])
    assert iou is None
    assert "16 and 9" in reason
    iou, reason = overlap([truth], [array(np.full((1, 16), 4.0))])
    assert iou is None
    assert "no probabilities" in reason
