"""The zoo's files in the real runtimes: they agree with each other and with what the kernels are meant to compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.models import catalog

Built = Callable[..., Path]
Run = Callable[[str, Path, Any], Any]
Picture = Callable[..., Any]
Written = Callable[[Any], dict[str, Path]]

IDS = [entry.id for entry in catalog.entries()]
REAL = [model for model in IDS if not model.startswith("paradox")]
OTHERS = [("tflite", "litert"), ("tflite", "openvino"), ("onnx", "onnxruntime"), ("onnx", "openvino")]


@pytest.mark.parametrize("model", IDS)
def test_runtimes_agree_with_the_reference_kernels(model: str, built: Built, run: Run, picture: Picture) -> None:
    entry = catalog.resolve(model)
    x = picture(entry.input_shape)
    reference = run("reference", built(model, "tflite"), x)
    assert reference.shape == entry.output_shape
    assert reference.std() > 0.05
    for kind, runtime in OTHERS:
        output = run(runtime, built(model, kind), x)
        assert output.shape == reference.shape
        limit = 1e-4 * np.ptp(reference)
        np.testing.assert_allclose(output, reference, rtol=0, atol=limit, err_msg=f"{kind} {runtime}")


def mask(output: Any) -> Any:
    """True for foreground: a probability above one half, or the larger of two logits."""
    return output[..., 1] > output[..., 0] if output.ndim == 4 else output > 0.5


@pytest.mark.parametrize("model", REAL)
def test_default_seed_is_alive_and_not_saturated(model: str, built: Built, run: Run, picture: Picture) -> None:
    path, shape = built(model), catalog.resolve(model).input_shape
    output = run("litert", path, picture(shape))
    assert output.std() > 0.05
    assert 0.05 < mask(output).mean() < 0.95
    if output.ndim == 2:
        assert ((output < 0.01) | (output > 0.99)).mean() < 0.03
    else:
        assert output.std(axis=(0, 1, 2)).min() > 0.05
        assert np.abs(output).max() < 20
    # it answers to its input, not only to its biases
    other = run("litert", path, picture(shape, 10))
    assert np.abs(output - other).max() > 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_other_seeds_of_prisma_are_alive(seed: int, built: Built, run: Run, picture: Picture) -> None:
    """The default seed is held to more than the others, which may lean to one side."""
    output = run("litert", built("prisma", seed=seed), picture(catalog.resolve("prisma").input_shape, seed))
    assert output.std() > 0.05
    assert ((output < 0.01) | (output > 0.99)).mean() < 0.25
    assert 0.05 < mask(output).mean() < 0.95


@pytest.mark.parametrize("name", ["deconv", "bilinear", "mnv3_unet_wm05", "portrait", "transition", "deeplab"])
def test_folding_changes_no_output(name: str, written: Written, run: Run, picture: Picture) -> None:
    """The graph that is trained, with every normalization in it, computes what the deployed one does."""
    entry = catalog.resolve(name)
    x = picture(entry.input_shape)
    trained = run("litert", written(entry.train())["tflite"], x)
    np.testing.assert_allclose(
        run("litert", written(entry.build())["tflite"], x), trained, rtol=0, atol=1e-4 * np.ptp(trained)
    )


def test_dense_deeplab_computes_what_the_dilated_one_does(built: Built, run: Run, picture: Picture) -> None:
    x = picture(catalog.resolve("deeplab").input_shape)
    dilated, dense = (run("onnxruntime", built(model, "onnx"), x) for model in ("deeplab", "deeplab_dense"))
    np.testing.assert_allclose(dense, dilated, rtol=0, atol=1e-4 * np.ptp(dilated))


def test_slim_is_its_raw_logits_after_a_softmax(built: Built, run: Run, picture: Picture) -> None:
    x = picture(catalog.resolve("slim").input_shape)
    probability, logits = (run("litert", built(model), x) for model in ("slim", "slim_raw"))
    expected = 1 / (1 + np.exp(logits[..., 0] - logits[..., 1]))
    np.testing.assert_allclose(probability, expected.reshape(1, -1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", ["paradox_1", "paradox_3", "paradox_7"])
@pytest.mark.parametrize(("kind", "runtime"), [("tflite", "litert"), ("onnx", "onnxruntime")])
def test_identity_passes_channel_0(
    model: str, kind: str, runtime: str, built: Built, run: Run, picture: Picture
) -> None:
    x = picture(catalog.resolve(model).input_shape)
    output = run(runtime, built(model, kind), x)
    np.testing.assert_array_equal(output[..., 0], x[..., 0])
    assert not output[..., 1:].any()


@pytest.mark.parametrize("model", ["paradox_2", "paradox_4", "paradox_5", "paradox_6"])
@pytest.mark.parametrize(("kind", "runtime"), OTHERS)
def test_packing_is_exact(model: str, kind: str, runtime: str, built: Built, run: Run) -> None:
    """Sixteen pixels of a row become a float whose 256-fold is their bits, leftmost pixel first."""
    shape = catalog.resolve(model).input_shape
    channels = {"paradox_5": 3}.get(model, shape[-1])
    bits = np.frombuffer(np.random.default_rng(3).bytes(256 * 256), dtype=np.uint8).reshape(256, 256) & 1
    bits[0], bits[1] = 0, 1
    x = np.zeros((1, 256, 256, channels), dtype=np.float32)
    x[0, :, :, 0] = bits
    packed = run(runtime, built(model, kind), x.reshape(shape)).reshape(256, 16)
    patterns = (packed * 256).astype(np.uint16)
    np.testing.assert_array_equal(patterns, packed * 256)
    unpacked = np.unpackbits(patterns.astype(">u2").view(np.uint8), axis=1)
    np.testing.assert_array_equal(unpacked, bits)
    assert packed.max() == 255.99609375
