"""Bit packing: exact for every pattern, and by the zoo's own kernels in the real runtimes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.models import catalog
from bench.models.packing import pack, unpack

PATTERNS = np.arange(2**16)
BITS = (PATTERNS[:, None] >> np.arange(15, -1, -1)) & 1


def test_all_patterns_pack_and_unpack_exactly() -> None:
    values = pack(BITS.astype(np.uint8))
    assert values.dtype == np.float32
    assert (values[:, 0].astype(np.float64) * 256 == PATTERNS).all()
    assert values.max() == np.float32(255.99609375)
    pixels = unpack(values)
    assert pixels.dtype == np.uint8
    assert (pixels == BITS).all()


def test_the_leftmost_pixel_weighs_most() -> None:
    weights = [pack(np.eye(16, dtype=np.uint8)[index])[0] for index in range(16)]
    assert weights == [2.0**place for place in range(7, -9, -1)]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 5), st.just(48)), elements=st.integers(0, 1)))
def test_a_picture_comes_back(pixels: Any) -> None:
    packed = pack(pixels)
    assert packed.shape == (*pixels.shape[:2], 3)
    assert (unpack(packed) == pixels).all()
    assert (unpack(np.asfortranarray(packed)) == pixels).all()
    assert (pack(np.asfortranarray(pixels)) == packed).all()


@given(st.floats(width=32))
def test_only_packed_values_are_unpacked(value: float) -> None:
    packed = np.array([value], np.float32)
    exact = np.float64(packed[0]) * 256
    if 0 <= exact < 2**16 and exact == int(exact):
        assert pack(unpack(packed)) == packed
    else:
        with pytest.raises(ValueError, match="no sixteen pixels"):
            unpack(packed)


@pytest.mark.parametrize("pixels", [np.zeros((4, 15), np.uint8), np.full((4, 16), 2, np.uint8)])
def test_other_pixels_are_refused(pixels: Any) -> None:
    with pytest.raises(ValueError, match="pixels of 0 and 1"):
        pack(pixels)


@pytest.mark.parametrize("model", ["paradox_2", "paradox_4", "paradox_5", "paradox_6"])
@pytest.mark.parametrize(
    ("kind", "runtime"),
    [
        ("tflite", "reference"), ("tflite", "litert"), ("tflite", "openvino"), ("onnx", "onnxruntime"),
        ("onnx", "openvino"),
    ],
)  # fmt: skip
def test_the_zoo_s_packed_outputs_unpack_to_the_input_s_bits(
    model: str, kind: str, runtime: str, built: Callable[..., Path], run: Callable[..., Any]
) -> None:
    """Seeded bits in the channel that is passed through; the other channels hold values that must not get into them."""
    shape = catalog.resolve(model).input_shape
    source = np.random.default_rng(7)
    bits = source.integers(0, 2, (256, 256), dtype=np.uint8)
    channels = shape[-1] if len(shape) == 4 else 3
    x = source.random((1, 256, 256, channels), dtype=np.float32)
    x[0, :, :, 0] = bits
    output = run(runtime, built(model, kind), x.reshape(shape))
    assert (unpack(output.reshape(256, 16)) == bits).all()
