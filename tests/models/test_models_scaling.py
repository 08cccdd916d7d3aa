"""From pixels to inputs: values worked out by hand, for every scaling, type and layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.models import catalog, scaling
from bench.models.scaling import NoPicture, choose, input_array
from bench.records.types import TensorSpec

# Two pixels: red and blue differ, so that RGB and BGR can be told apart.
PICTURE = np.array([[[255, 128, 0], [0, 51, 102]]], np.uint8)


def spec(dtype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name="x", dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("how", "first", "second"),
    [
        ("unit", [1, 128 / 255, 0], [0, 0.2, 0.4]),
        ("signed", [1, 128 / 127.5 - 1, -1], [-1, -0.6, -0.2]),
        ("raw", [255, 128, 0], [0, 51, 102]),
        (
            "portrait",
            [(0 - 103.94) * 0.017, (128 - 116.78) * 0.017, (255 - 123.68) * 0.017],
            [(102 - 103.94) * 0.017, (51 - 116.78) * 0.017, (0 - 123.68) * 0.017],
        ),
    ],
)
def test_floats(how: str, first: list[float], second: list[float]) -> None:
    last = input_array(PICTURE, spec("float32", 1, 1, 2, 3), how, 0.0, 0)
    assert (last.dtype, last.shape) == (np.float32, (1, 1, 2, 3))
    np.testing.assert_allclose(last, [[[first, second]]], rtol=1e-6)
    ahead = input_array(PICTURE, spec("float32", 1, 3, 1, 2), how, 0.0, 0)
    assert (ahead == last.transpose(0, 3, 1, 2)).all()
    assert ahead.flags.c_contiguous
    with_mask = input_array(PICTURE, spec("float32", 1, 1, 2, 4), how, 0.0, 0)
    assert (with_mask[..., :3] == last).all()
    assert (with_mask[..., 3] == 0).all()
    half = input_array(PICTURE, spec("float16", 1, 1, 2, 3), how, 0.0, 0)
    assert half.dtype == np.float16


def test_one_channel_is_the_luminance() -> None:
    grey = input_array(PICTURE, spec("float32", 1, 1, 2, 1), "raw", 0.0, 0)
    wanted = [[[[0.299 * 255 + 0.587 * 128]], [[0.587 * 51 + 0.114 * 102]]]]
    np.testing.assert_allclose(grey.reshape(-1), np.ravel(wanted), rtol=1e-6)
    flipped = input_array(PICTURE, spec("float32", 1, 1, 2, 1), "portrait", 0.0, 0)
    assert flipped.shape == (1, 1, 2, 1)


def test_integers_without_a_meaning_take_the_pixels_over_their_range() -> None:
    assert (input_array(PICTURE, spec("uint8", 1, 1, 2, 3), "stretched", 0.0, 0)[0] == PICTURE).all()
    signed = input_array(PICTURE, spec("int8", 1, 1, 2, 3), "stretched", 0.0, 0)
    assert (signed[0] == PICTURE.astype(int) - 128).all()
    wide = input_array(PICTURE, spec("uint16", 1, 1, 2, 3), "stretched", 0.0, 0)
    assert (wide[0] == PICTURE.astype(int) * 257).all()
    assert (input_array(PICTURE, spec("uint8", 1, 1, 2, 3), "raw", 0.0, 0)[0] == PICTURE).all()


def test_quantized_inputs_are_filled_by_their_scale() -> None:
    unit = input_array(PICTURE, spec("int8", 1, 1, 2, 3), "unit", 1 / 255, -128)
    assert (unit[0] == PICTURE.astype(int) - 128).all()
    narrow = input_array(PICTURE, spec("int8", 1, 1, 2, 3), "unit", 0.5 / 255, -128)
    assert narrow[0, 0, 0].tolist() == [127, 127, -128]  # beyond the range: its end
    four = input_array(PICTURE, spec("int8", 1, 1, 2, 4), "portrait", 0.0183, -13)
    assert four[0, 0, 0].tolist() == [
        round(v / 0.0183) - 13 for v in (-103.94 * 0.017, 11.22 * 0.017, 131.32 * 0.017, 0)
    ]


@pytest.mark.parametrize(
    ("dtype", "asked", "scale", "zero_point", "how"),
    [
        ("float32", None, 0.0, 0, "unit"),
        ("float32", "signed", 0.0, 0, "signed"),
        ("uint8", None, 0.0, 0, "stretched"),
        ("int8", None, 0.0, 0, "stretched"),
        ("int8", None, 1 / 255, -128, "unit"),
        ("uint8", None, 0.97 / 255, 0, "unit"),
        ("uint8", None, 1 / 128, 128, "signed"),
        ("uint8", None, 1.0, 0, "raw"),
        ("int8", None, 0.0183, -13, "stretched"),
        ("int8", "portrait", 0.0183, -13, "portrait"),
        ("int8", "portrait", 0.0, 0, "stretched"),
        ("uint8", "raw", 0.0, 0, "raw"),
    ],
)
def test_the_scaling_that_an_input_gets(dtype: str, asked: Any, scale: float, zero_point: int, how: str) -> None:
    assert choose(spec(dtype, 1, 8, 8, 3), asked, scale, zero_point) == how
    assert how in scaling.MEANING


@pytest.mark.parametrize("dtype", ["int64", "bool", "int32"])
def test_types_that_take_no_pixels(dtype: str) -> None:
    with pytest.raises(NoPicture, match=dtype):
        choose(spec(dtype, 1, 8, 8, 3), None, 0.0, 0)


@pytest.mark.parametrize("shape", [(1, 196608), (2, 8, 8, 3), (1, 8, 8, 5), (8, 8, 3), (1, 8, 3, 8)])
def test_shapes_that_take_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(NoPicture, match="x"):
        scaling.layout(spec("float32", *shape))


def test_a_picture_of_another_size_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="a picture of"):
        input_array(PICTURE, spec("float32", 1, 2, 1, 3), "unit", 0.0, 0)


@given(st.integers(0, 255), st.floats(1e-3, 2.0), st.integers(-128, 127))
def test_a_quantized_value_is_the_nearest_one(pixel: int, scale: float, zero_point: int) -> None:
    picture = np.full((1, 1, 3), pixel, np.uint8)
    stored = int(input_array(picture, spec("int8", 1, 1, 1, 3), "unit", scale, zero_point)[0, 0, 0, 0])
    error = abs((stored - zero_point) * scale - pixel / 255)
    for other in {max(stored - 1, -128), min(stored + 1, 127)}:
        assert error <= abs((other - zero_point) * scale - pixel / 255) + 1e-9


def test_every_segmentation_model_of_the_zoo_says_how_it_takes_pictures() -> None:
    for entry in catalog.entries():
        assert (entry.scaling is None) == entry.id.startswith("paradox"), entry.id
        if entry.scaling is not None:
            place = scaling.layout(spec("float32", *entry.input_shape))
            assert (place.channels == 4) == (entry.scaling == "portrait")
