"""The layer vocabulary: every layer means the same in every format, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from bench.models import deploy, emit_onnx, emit_tflite, weights
from bench.models.builder import NetworkBuilder
from bench.models.layers import BatchNorm, Convolution
from bench.models.network import Activation, Flavour, Layer, Network, Padding, Uniform, Value

Run = Callable[[str, Path, Any], Any]
Picture = Callable[..., Any]
Written = Callable[[Network], dict[str, Path]]


@pytest.fixture
def agree(written: Written, run: Run, picture: Picture) -> Callable[[Network], Any]:
    """agree(network): its output by LiteRT's plain kernels, after the others gave the same."""

    def check(network: Network) -> Any:
        files, x = written(network), picture(network.inputs[0].shape)
        reference = run("reference", files["tflite"], x)
        assert reference.shape == network.outputs[0].shape
        assert reference.std() > 1e-3
        for kind, runtime in (("tflite", "litert"), ("onnx", "onnxruntime"), ("onnx", "openvino")):
            output = run(runtime, files[kind], x)
            np.testing.assert_allclose(output, reference, rtol=0, atol=1e-5, err_msg=f"{kind} {runtime}")
        return reference

    return check


Agree = Callable[[Network], Any]


def small_network(kernel: int, stride: int, padding: Padding, size: int) -> Network:
    """The plain layers, with the corners that the zoo does not use."""
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
def test_small_network(kernel: int, stride: int, padding: Padding, size: int, agree: Agree) -> None:
    agree(small_network(kernel, stride, padding, size))


def one(make: Callable[[NetworkBuilder, Value], Value], shape: tuple[int, ...] = (1, 13, 10, 4)) -> Network:
    """One layer (or a few) between a conv that gives negative numbers, too, and the output."""
    net = NetworkBuilder("one")
    x = net.conv(net.input("x", shape), shape[-1], 3, gain=4.0, bias=Uniform(std=1.0))
    return net.finish(make(net, x))


LAYERS: dict[str, Callable[[NetworkBuilder, Value], Value]] = {
    "relu6": lambda net, x: net.conv(x, 5, 3, activation="relu6", gain=8.0, bias=Uniform(std=0.1, centre=3.0)),
    "dilated": lambda net, x: net.conv(x, 5, 3, dilation=2),
    "dilated valid": lambda net, x: net.depthwise(x, 3, dilation=3, padding="valid"),
    "dilated depthwise": lambda net, x: net.depthwise(x, 3, dilation=4, bias=Uniform(std=0.5)),
    "dense": lambda net, x: net.depthwise(x, 3, dilation=2, dense=True),
    "strided depthwise": lambda net, x: net.depthwise(x, 3, stride=2),
    "no bias": lambda net, x: net.conv(x, 5, 1, bias=None),
    "transposed without bias": lambda net, x: net.crop(
        net.transposed_conv(x, 3, 4, stride=2, padding="valid", bias=None), 1
    ),
    "prelu": lambda net, x: net.prelu(x),
    "softmax": lambda net, x: net.softmax(x),
    "mul": lambda net, x: net.mul(x, net.sigmoid(x)),
    "concat": lambda net, x: net.concat(x, net.relu(x), net.conv(x, 2, 1)),
    "max pool": lambda net, x: net.max_pool(x, 2, stride=2),
    "max pool valid": lambda net, x: net.max_pool(x, (3, 2), padding="valid"),
    "average pool": lambda net, x: net.average_pool(x, 3, stride=2),
    "global pool": lambda net, x: net.conv(net.average_pool(x, x.size, padding="valid"), 7, 1),
    "normalization": lambda net, x: net.batch_norm(x, activation="relu", folds=False),
    "flatten": lambda net, x: net.reshape(x, (1, -1)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layer(layer: str, agree: Agree) -> None:
    agree(one(LAYERS[layer]))


FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
SIZES = [((5, 4), (10, 8)), ((7, 5), (13, 17)), ((1, 1), (6, 3)), ((9, 6), (4, 3)), ((6, 5), (6, 5)), ((3, 3), (1, 1))]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_resize(before: tuple[int, int], after: tuple[int, int], flavour: Flavour, agree: Agree) -> None:
    agree(one(lambda net, x: net.resize(x, after, flavour), (1, *before, 4)))


def resized(line: Any, count: int, flavour: Flavour) -> Any:
    """One line of numbers, stretched by the flavour's formula."""
    place = np.arange(count)
    ratio = len(line) / count
    where = {
        "legacy": place * ratio,
        "align_corners": place * (len(line) - 1) / (count - 1),
        "half_pixel": np.clip((place + 0.5) * ratio - 0.5, 0, None),
    }[flavour]
    low = np.floor(where).astype(int)
    high = np.minimum(low + 1, len(line) - 1)
    return line[low] + (line[high] - line[low]) * (where - low)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("kind", "runtime"), [("tflite", "litert"), ("onnx", "onnxruntime"), ("onnx", "openvino")])
def test_resize_is_its_flavours_formula(flavour: Flavour, kind: str, runtime: str, written: Written, run: Run) -> None:
    net = NetworkBuilder("line")
    network = net.finish(net.resize(net.input("x", (1, 1, 6, 1)), (1, 15), flavour))
    line = np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0], dtype=np.float32)
    output = run(runtime, written(network)[kind], line.reshape(1, 1, 6, 1))
    np.testing.assert_allclose(output.ravel(), resized(line, 15, flavour), rtol=0, atol=1e-5)


# batch normalization


def normalized(activation: Activation = "relu6") -> Network:
    """Every kind of convolution, with and without bias, before a normalization that folds; one stays."""
    net = NetworkBuilder("normalized")
    x = net.input("x", (1, 8, 8, 3))
    x = net.batch_norm(net.conv(x, 6, 3, bias=None, gain=3.0), activation=activation)
    x = net.batch_norm(net.depthwise(x, 3, dilation=2, dense=True))
    x = net.batch_norm(net.depthwise(x, 3, bias=Uniform(std=0.5)), activation="relu")
    x = net.batch_norm(net.transposed_conv(x, 4, 3, stride=2), activation="relu")
    x = net.batch_norm(net.transposed_conv(x, 4, 2, stride=2, bias=None))
    x = net.batch_norm(net.conv(x, 4, 1), activation="relu", folds=False)
    return net.finish(net.conv(x, 2, 1))


def test_folding_computes_the_same(agree: Agree) -> None:
    trained = normalized()
    network = deploy.deployed(trained)
    assert sum(isinstance(layer, BatchNorm) for layer in network.layers) == 1
    assert len(network.layers) == len(trained.layers) - 5
    np.testing.assert_allclose(agree(network), agree(trained), rtol=0, atol=1e-5)


def test_folding_is_the_formula() -> None:
    trained = normalized()
    before, after = trained.layers[4], deploy.deployed(trained).layers[2]
    norm = trained.layers[5]
    assert isinstance(before, Convolution)
    assert isinstance(after, Convolution)
    assert isinstance(norm, BatchNorm)
    gamma, beta, mean, variance = (weights.values(each, 3).astype(np.float64) for each in norm.parameters)
    assert before.bias
    assert after.bias
    factor = gamma / np.sqrt(variance + 1e-3)
    kernel, bias = weights.values(before.kernel, 3), weights.values(before.bias, 3)
    np.testing.assert_allclose(weights.values(after.kernel, 3), kernel * factor, rtol=1e-6)
    np.testing.assert_allclose(weights.values(after.bias, 3), (bias - mean) * factor + beta, rtol=0, atol=1e-6)


def test_no_normalization_is_neutral() -> None:
    """Converters would delete a factor of 1 and an offset of 0."""
    for layer in normalized().layers:
        if isinstance(layer, BatchNorm):
            factor, offset = weights.factor_and_offset(layer.norm, 0)
            assert np.abs(factor - 1).min() > 1e-6
            assert np.abs(offset).min() > 1e-6
            assert weights.values(layer.norm.variance, 0).min() > 0.5


def test_what_cannot_be_folded_is_refused() -> None:
    net = NetworkBuilder("read_twice")
    x = net.conv(net.input("x", (1, 4, 4, 1)), 2, 1)
    with pytest.raises(ValueError, match="cannot be folded"):
        deploy.deployed(net.finish(net.add(net.batch_norm(x), x)))
    net = NetworkBuilder("active")
    x = net.conv(net.input("x", (1, 4, 4, 1)), 2, 1, activation="relu")
    with pytest.raises(ValueError, match="cannot be folded"):
        deploy.deployed(net.finish(net.batch_norm(x)))
    net = NetworkBuilder("no_convolution")
    with pytest.raises(ValueError, match="cannot be folded"):
        deploy.deployed(net.finish(net.batch_norm(net.relu(net.input("x", (1, 4, 4, 1))))))


# what is refused


def test_a_name_taken_twice_is_refused() -> None:
    net = NetworkBuilder("twice")
    x = net.input("x", (1, 4, 4, 1))
    with pytest.raises(ValueError, match="taken twice"):
        net.finish(net.relu(net.relu(x, name="y"), name="y"))


def test_shapes_that_do_not_fit_are_refused() -> None:
    net = NetworkBuilder("shapes")
    x, y = net.input("x", (1, 4, 4, 1)), net.input("y", (1, 4, 4, 2))
    with pytest.raises(ValueError, match="cannot add"):
        net.add(x, y)
    with pytest.raises(ValueError, match="cannot multiply"):
        net.mul(x, y)
    with pytest.raises(ValueError, match="cannot join"):
        net.concat(x, net.reshape(y, (1, 2, 8, 2)))
    for shape in ((1, 15), (-1, -1), (3, -1), (0, -1)):
        with pytest.raises(ValueError, match="cannot reshape"):
            net.reshape(x, shape)


def test_a_layer_that_an_emitter_does_not_know_is_refused() -> None:
    value = Value(name="x", shape=(1, 2))
    layer = Layer(inputs=(value,), output=Value(name="y", shape=(1, 2)))
    network = Network(name="unknown", inputs=(value,), outputs=(layer.output,), layers=(layer,))
    for emit in (emit_tflite.emit, emit_onnx.emit):
        with pytest.raises(NotImplementedError):
            emit(network)
