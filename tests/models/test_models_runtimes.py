"""The zoo's files in the real runtimes: they agree with each other and with what the kernels are meant to compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from bench.models import catalog, emit_onnx, emit_tflite, inputs
from bench.models.builder import NetworkBuilder
from bench.models.network import Network, Uniform
from bench.records.types import TensorSpec

Built = Callable[..., Path]
IDS = [entry.id for entry in catalog.entries()]


def with_litert(path: Path, x: Any, resolver: OpResolverType = OpResolverType.BUILTIN_REF) -> Any:
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def with_xnnpack(path: Path, x: Any) -> Any:
    return with_litert(path, x, OpResolverType.AUTO)


def with_onnxruntime(path: Path, x: Any) -> Any:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def with_openvino(path: Path, x: Any) -> Any:
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(x)[0])


OTHERS: list[tuple[str, Callable[[Path, Any], Any]]] = [
    ("tflite", with_xnnpack),
    ("tflite", with_openvino),
    ("onnx", with_onnxruntime),
    ("onnx", with_openvino),
]


def picture(model: str, seed: int = 0) -> Any:
    shape = catalog.resolve(model).input_shape
    spec = TensorSpec(name="x", dtype="float32", shape=shape)
    return np.frombuffer(inputs.seeded_input(spec, shape, seed), dtype="<f4").reshape(shape)


@pytest.mark.parametrize("model", IDS)
def test_runtimes_agree_with_the_reference_kernels(model: str, built: Built) -> None:
    x = picture(model)
    reference = with_litert(built(model, "tflite"), x)
    assert reference.shape == catalog.resolve(model).output_shape
    assert reference.std() > 0.05
    for kind, run in OTHERS:
        output = run(built(model, kind), x)
        assert output.shape == reference.shape
        np.testing.assert_allclose(output, reference, rtol=0, atol=1e-4, err_msg=f"{kind} {run.__name__}")


@pytest.mark.parametrize(("seed", "saturated"), [(0, 0.01), (1, 0.25), (2, 0.25)])
def test_prisma_is_alive_and_not_saturated(seed: int, saturated: float, built: Built) -> None:
    """The default seed is held to more than the others, which may lean to one side."""
    path = built("prisma", seed=seed)
    output = with_xnnpack(path, picture("prisma", seed))
    assert output.std() > 0.05
    assert ((output < 0.01) | (output > 0.99)).mean() < saturated
    assert 0.05 < (output > 0.5).mean() < 0.95
    # it answers to its input, not only to its biases
    assert np.abs(output - with_xnnpack(path, picture("prisma", seed + 10))).max() > 0.1


@pytest.mark.parametrize("model", ["paradox_1", "paradox_3", "paradox_7"])
@pytest.mark.parametrize(("kind", "run"), [("tflite", with_xnnpack), ("onnx", with_onnxruntime)])
def test_identity_passes_channel_0(model: str, kind: str, run: Callable[[Path, Any], Any], built: Built) -> None:
    x = picture(model)
    output = run(built(model, kind), x)
    np.testing.assert_array_equal(output[..., 0], x[..., 0])
    assert not output[..., 1:].any()


@pytest.mark.parametrize("model", ["paradox_2", "paradox_4", "paradox_5", "paradox_6"])
@pytest.mark.parametrize(("kind", "run"), OTHERS)
def test_packing_is_exact(model: str, kind: str, run: Callable[[Path, Any], Any], built: Built) -> None:
    """Sixteen pixels of a row become a float whose 256-fold is their bits, leftmost pixel first."""
    shape = catalog.resolve(model).input_shape
    channels = {"paradox_5": 3}.get(model, shape[-1])
    bits = np.frombuffer(np.random.default_rng(3).bytes(256 * 256), dtype=np.uint8).reshape(256, 256) & 1
    bits[0], bits[1] = 0, 1
    x = np.zeros((1, 256, 256, channels), dtype=np.float32)
    x[0, :, :, 0] = bits
    packed = run(built(model, kind), x.reshape(shape)).reshape(256, 16)
    patterns = (packed * 256).astype(np.uint16)
    np.testing.assert_array_equal(patterns, packed * 256)
    unpacked = np.unpackbits(patterns.astype(">u2").view(np.uint8), axis=1)
    np.testing.assert_array_equal(unpacked, bits)
    assert packed.max() == 255.99609375


def small_network(kernel: int, stride: int, padding: Any, size: int) -> Network:
    """Every layer of the vocabulary, with the corners that the zoo does not use."""
    net = NetworkBuilder("small")
    x = net.input("x", (1, size, size + 1, 3))
    y = net.conv(x, 6, kernel, stride=stride, padding=padding, activation="relu")
    z = net.depthwise(y, 3)
    y = net.add(z, y, activation="relu")
    y = net.slice(y, (0, 1, 0, 1), (1, *y.shape[1:3], 5))
    y = net.pad(y, (0, 2, 1, 0), (0, 0, 3, 1))
    y = net.transposed_conv(y, 2, kernel, stride=stride, padding=padding)
    y = net.sigmoid(net.relu(y))
    y = net.conv(y, 1, 3, fill=Uniform(std=0.3))
    y = net.conv(y, 4, 3, padding="same")
    return net.finish(net.reshape(y, (y.shape[1] * y.shape[2], 4)))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (2, 2), (3, 1), (3, 2), (4, 2), (5, 3)])
@pytest.mark.parametrize("size", [9, 12])
def test_vocabulary_means_the_same_in_every_format(
    kernel: int, stride: int, padding: str, size: int, tmp_path: Path
) -> None:
    network = small_network(kernel, stride, padding, size)
    tflite, onnx = tmp_path / "small.tflite", tmp_path / "small.onnx"
    tflite.write_bytes(emit_tflite.emit(network))
    onnx.write_bytes(emit_onnx.emit(network))
    shape = network.inputs[0].shape
    data = inputs.seeded_input(TensorSpec(name="x", dtype="float32", shape=shape), shape, 0)
    x = np.frombuffer(data, dtype="<f4").reshape(shape)
    reference = with_litert(tflite, x)
    assert reference.shape == network.outputs[0].shape
    np.testing.assert_allclose(with_xnnpack(tflite, x), reference, rtol=0, atol=1e-5)
    np.testing.assert_allclose(with_onnxruntime(onnx, x), reference, rtol=0, atol=1e-5)
