"""Seeded inputs: sizes, ranges, and bytes that never change."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.base.errors import NotMeasuredError
from bench.models.inputs import input_file, seeded_input
from bench.models.scaling import SCALINGS, limits
from bench.records.types import TensorSpec

SIZES = {"float16": 2, "float32": 4, "float64": 8, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "bool": 1}
SIZES |= {"int32": 4, "int64": 8, "uint32": 4, "uint64": 8}


def spec(dtype: str, shape: tuple[int, ...] = (), name: str = "x") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def array(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    data = seeded_input(spec(dtype, shape), shape, seed)
    return np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<")).reshape(shape)


@pytest.mark.parametrize(
    ("dtype", "shape", "digest"),
    [
        ("float32", (1, 256, 256, 3), "654f39c4ed3043b3"),
        ("float32", (1, 256, 256, 4), "a8dce93838047f4e"),
        ("float32", (1, 256, 256, 1), "7a742c554db49507"),
        ("float32", (1, 196608), "0388f3747396389a"),
        ("int8", (1, 64, 64, 3), "0bb209196994f4fb"),
        ("int64", (1, 128), "17db3987328f96ee"),
    ],
)
def test_bytes_never_change(dtype: str, shape: tuple[int, ...], digest: str) -> None:
    """The same on every machine and with every version of every library: records made at different times compare."""
    assert hashlib.sha256(seeded_input(spec(dtype, shape), shape, 0)).hexdigest()[:16] == digest


@example(dtype="float16", shape=(1, 0, 0, 3), seed=0)
@given(
    dtype=st.sampled_from(sorted(SIZES)),
    shape=st.lists(st.integers(0, 9), max_size=5).map(tuple),
    seed=st.integers(0, 2**40),
)
def test_any_type_and_shape(dtype: str, shape: tuple[int, ...], seed: int) -> None:
    data = seeded_input(spec(dtype, shape), shape, seed)
    assert len(data) == math.prod(shape) * SIZES[dtype]
    assert data == seeded_input(spec(dtype, shape, name="other"), shape, seed)
    values = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"))
    if dtype.startswith("float"):
        assert ((values >= 0) & (values <= 1)).all()
    elif dtype in ("int32", "int64", "uint32", "uint64"):
        assert ((values >= 0) & (values <= 9)).all()
    elif dtype == "bool":
        assert set(data) <= {0, 1}


def test_scaled_inputs_are_the_same_picture_in_other_numbers() -> None:
    shape = (1, 32, 32, 3)
    plain = array("float32", shape)
    signed = np.frombuffer(seeded_input(spec("float32", shape), shape, 0, scaling="signed"), "<f4").reshape(shape)
    np.testing.assert_allclose(signed, plain * 2 - 1, atol=1e-6)
    assert seeded_input(spec("float32", shape), shape, 0, scaling="unit") == plain.tobytes()
    first = (1, 3, 32, 32)
    turned = np.frombuffer(seeded_input(spec("float32", first), first, 0, scaling="portrait"), "<f4").reshape(first)
    before = array("float32", first).transpose(0, 2, 3, 1)
    means = np.float32([103.94, 116.78, 123.68])
    np.testing.assert_allclose(turned.transpose(0, 2, 3, 1), (before[..., ::-1] * 255 - means) * 0.017, atol=1e-5)
    row = (1, 100)
    assert seeded_input(spec("float32", row), row, 0, scaling="raw") == seeded_input(spec("float32", row), row, 0)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize("scaling", [None, *SCALINGS])
def test_a_quantized_input_stands_for_the_float_one(dtype: str, scaling: Any) -> None:
    shape = (1, 16, 16, 4)
    low, high = limits(scaling or "unit")
    info = np.iinfo(dtype)
    scale = (high - low) / (int(info.max) - int(info.min))
    zero_point = round(int(info.min) - low / scale)
    data = seeded_input(spec(dtype, shape), shape, 0, scaling=scaling, quantized=(scale, zero_point))
    plain = np.frombuffer(seeded_input(spec("float32", shape), shape, 0, scaling=scaling), "<f4")
    levels = np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).astype(np.float64)
    np.testing.assert_allclose((levels - zero_point) * scale, plain, atol=scale)


def test_scaled_inputs_have_files_of_their_own(tmp_path: Path) -> None:
    shape = (1, 8, 8, 3)
    int8 = spec("int8", shape)
    paths = [
        input_file(int8, shape, 0, tmp_path),
        input_file(int8, shape, 0, tmp_path, scaling="signed", quantized=(2 / 255, -1)),
        input_file(int8, shape, 0, tmp_path, scaling="signed", quantized=(1 / 255, -128)),
        input_file(int8, shape, 0, tmp_path, scaling="portrait", quantized=(2 / 255, -1)),
    ]
    assert len(set(paths)) == len({path.read_bytes() for path in paths}) == 4


def test_picture_is_smooth_and_has_contrast() -> None:
    picture = array("float32", (1, 256, 256, 3))
    assert picture.std() > 0.1
    assert np.abs(np.diff(picture, axis=1)).mean() < 0.1 * (picture.max() - picture.min())
    middle, corner = picture[0, 80:110, 110:146].mean(), picture[0, :40, :40].mean()
    assert middle - corner > 0.1  # somebody stands in front of the background


def test_fourth_channel_is_a_mask() -> None:
    mask = array("float32", (1, 224, 224, 4))[..., 3]
    assert (mask.min(), mask.max()) == (0.0, 1.0)
    assert 0.1 < mask.mean() < 0.7


def test_channels_first_is_the_same_picture() -> None:
    first = array("float32", (2, 3, 32, 40))
    assert first.std() > 0.1
    assert not np.array_equal(first[0], first[1])
    assert np.abs(np.diff(first, axis=3)).mean() < 0.2


@pytest.mark.parametrize("shape", [(1, 256, 256, 1), (1, 1, 28, 28)])
def test_one_channel_is_black_and_white(shape: tuple[int, ...]) -> None:
    pixels = array("float32", shape)
    assert set(np.unique(pixels)) == {0.0, 1.0}
    assert 0.4 < pixels.mean() < 0.6


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantized_pictures_are_the_float_ones(dtype: str) -> None:
    shape, lowest = (1, 64, 64, 3), int(np.iinfo(dtype).min)
    stored = array(dtype, shape).astype(np.float64)
    assert np.allclose((stored - lowest) / 255, array("float32", shape), atol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_small_integers_cover_their_range(dtype: str) -> None:
    values, info = array(dtype, (1, 64 * 64 * 3)), np.iinfo(dtype)
    span = int(info.max) - int(info.min)
    assert int(values.max()) - int(values.min()) > 0.99 * span
    assert abs(values.astype(float).mean() - (int(info.max) + int(info.min)) / 2) < 0.02 * span


def test_indices_use_all_ten() -> None:
    assert set(np.unique(array("int64", (1, 500)))) == set(range(10))


def test_seeds_differ() -> None:
    for shape in ((1, 32, 32, 3), (1, 32, 32, 1), (1, 50)):
        assert not np.array_equal(array("float32", shape, 0), array("float32", shape, 1))


@pytest.mark.parametrize(
    ("dtype", "shape"), [("string", (1,)), ("complex64", (1,)), ("float32", (1, -1)), ("int4", (2,))]
)
def test_what_cannot_be_made(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(NotMeasuredError) as caught:
        seeded_input(spec(dtype), shape, 0)
    assert caught.value.found
    assert caught.value.todo
    with pytest.raises(NotMeasuredError):
        input_file(spec(dtype), shape, 0, tmp_path)


def test_file_is_kept_and_mended(tmp_path: Path) -> None:
    shape = (1, 8, 8, 3)
    path = input_file(spec("float32", name="a"), shape, 7, tmp_path)
    data = path.read_bytes()
    assert data == seeded_input(spec("float32"), shape, 7)
    assert input_file(spec("float32", name="b"), shape, 7, tmp_path) == path
    path.write_bytes(data[:10])
    assert input_file(spec("float32"), shape, 7, tmp_path).read_bytes() == data
    others = {input_file(spec("float32"), shape, 8, tmp_path), input_file(spec("float16"), shape, 7, tmp_path)}
    assert path not in others
    assert input_file(spec("float32"), (), 0, tmp_path).stat().st_size == 4
