"""How layers with weights become ONNX nodes, and the function that all kinds of layer are registered with."""

from __future__ import annotations

from functools import singledispatch

from bench.models import layers as la
from bench.models import network as n
from bench.models.onnx_writer import Layout, OnnxWriter


@singledispatch
def emit_layer(layer: n.Layer, writer: OnnxWriter) -> None:
    """Writes the layer's nodes. Raises NotImplementedError for a kind of layer that has none."""
    raise NotImplementedError(f"no ONNX for {type(layer).__name__}")


def result(layer: n.Layer, writer: OnnxWriter, layout: Layout, activation: n.Activation = "") -> str:
    """The name to give the op's result: the layer's, or one before it where activate() will add a node."""
    return f"{layer.name}/linear" if activation else writer.have(layer.output, layout)


def activate(layer: n.Layer, writer: OnnxWriter, layout: Layout, linear: str, activation: n.Activation) -> None:
    """Writes the activation that TFLite would have fused."""
    if activation == "relu":
        writer.node("Relu", [linear], writer.have(layer.output, layout))
    elif activation == "relu6":
        bounds = [writer.scalar(0.0), writer.scalar(6.0)]
        writer.node("Clip", [linear, *bounds], writer.have(layer.output, layout))


def pads(size: n.Pair, window: n.Pair, stride: n.Pair, padding: n.Padding, dilation: n.Pair = (1, 1)) -> list[int]:
    """ONNX' [top, left, bottom, right] for TensorFlow's paddings of an input of these (height, width)."""
    if padding == "valid":
        return [0, 0, 0, 0]
    steps = zip(size, window, stride, dilation, strict=True)
    (top, bottom), (left, right) = (n.same_padding(*step) for step in steps)
    return [top, left, bottom, right]


def _transposed_pads(layer: la.TransposedConv) -> list[int]:
    """What `same` cuts off the full result: kernel - stride, the odd pixel at the end."""
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    cut = [max(kernel - stride, 0) for kernel, stride in zip(layer.kernel_size, layer.stride, strict=True)]
    return [cut[0] // 2, cut[1] // 2, cut[0] - cut[0] // 2, cut[1] - cut[1] // 2]


def _convolve(
    layer: la.Convolution, writer: OnnxWriter, op: str, axes: tuple[int, ...], padding: list[int], group: int
) -> None:
    inputs = [writer.get(layer.inputs[0], "nchw"), writer.parameter(layer.kernel, axes)]
    if layer.bias is not None:
        inputs.append(writer.parameter(layer.bias))
    name = result(layer, writer, "nchw", layer.activation)
    writer.node(
        op,
        inputs,
        name,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        pads=padding,
        group=group,
    )
    activate(layer, writer, "nchw", name, layer.activation)


def _conv_pads(layer: la.Convolution) -> list[int]:
    return pads(layer.inputs[0].size, layer.kernel_size, layer.stride, layer.padding, layer.dilation)


@emit_layer.register
def _(layer: la.Conv, writer: OnnxWriter) -> None:
    _convolve(layer, writer, "Conv", (0, 3, 1, 2), _conv_pads(layer), 1)


@emit_layer.register
def _(layer: la.DepthwiseConv, writer: OnnxWriter) -> None:
    _convolve(layer, writer, "Conv", (3, 0, 1, 2), _conv_pads(layer), layer.inputs[0].shape[-1])


@emit_layer.register
def _(layer: la.TransposedConv, writer: OnnxWriter) -> None:
    _convolve(layer, writer, "ConvTranspose", (3, 0, 1, 2), _transposed_pads(layer), 1)


@emit_layer.register
def _(layer: la.BatchNorm, writer: OnnxWriter) -> None:
    inputs = [writer.get(layer.inputs[0], "nchw"), *map(writer.parameter, layer.parameters)]
    name = result(layer, writer, "nchw", layer.activation)
    writer.node("BatchNormalization", inputs, name, epsilon=layer.norm.epsilon)
    activate(layer, writer, "nchw", name, layer.activation)


@emit_layer.register
def _(layer: la.PRelu, writer: OnnxWriter) -> None:
    inputs = [writer.get(layer.inputs[0], "nchw"), writer.parameter(layer.slope, (2, 0, 1))]
    writer.node("PRelu", inputs, writer.have(layer.output, "nchw"))
