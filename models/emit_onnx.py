"""A network as an ONNX file, opset 13, with the same weights as the TFLite file.

Input and output are NHWC, with Transpose nodes inside, so that every runtime takes the same input array and gives the
same output array. Each value is kept in the layout that its maker works in, and turned only where the next one needs
the other.
"""

from __future__ import annotations

from bench.models import layers as la
from bench.models import network as n
from bench.models.emit_onnx_convs import activate, emit_layer, pads, result
from bench.models.onnx_writer import OnnxWriter, in_order


def emit(network: n.Network, *, seed: int = 0, description: str = "") -> bytes:
    """The file's bytes; the same for the same arguments."""
    writer = OnnxWriter(seed)
    for value in network.inputs:
        writer.have(value, "nhwc")
    for layer in network.layers:
        emit_layer(layer, writer)
    return writer.finish(network, description)


def _elementwise(layer: n.Layer, writer: OnnxWriter, op: str, activation: n.Activation = "") -> None:
    layout = writer.native(layer.inputs[0])
    inputs = [writer.get(value, layout) for value in layer.inputs]
    name = result(layer, writer, layout, activation)
    writer.node(op, inputs, name)
    activate(layer, writer, layout, name, activation)


@emit_layer.register
def _(layer: la.Add, writer: OnnxWriter) -> None:
    _elementwise(layer, writer, "Add", layer.activation)


@emit_layer.register
def _(layer: la.Mul, writer: OnnxWriter) -> None:
    _elementwise(layer, writer, "Mul")


@emit_layer.register
def _(layer: la.Relu, writer: OnnxWriter) -> None:
    _elementwise(layer, writer, "Relu")


@emit_layer.register
def _(layer: la.Sigmoid, writer: OnnxWriter) -> None:
    _elementwise(layer, writer, "Sigmoid")


def _over_channels(layer: n.Layer, writer: OnnxWriter, op: str) -> None:
    layout = writer.native(layer.inputs[0])
    inputs = [writer.get(value, layout) for value in layer.inputs]
    axis = 1 if layout == "nchw" else len(layer.output.shape) - 1
    writer.node(op, inputs, writer.have(layer.output, layout), axis=axis)


@emit_layer.register
def _(layer: la.Concat, writer: OnnxWriter) -> None:
    _over_channels(layer, writer, "Concat")


@emit_layer.register
def _(layer: la.Softmax, writer: OnnxWriter) -> None:
    _over_channels(layer, writer, "Softmax")


def _pool(layer: la.Pool, writer: OnnxWriter, op: str) -> None:
    writer.node(
        op,
        [writer.get(layer.inputs[0], "nchw")],
        writer.have(layer.output, "nchw"),
        kernel_shape=list(layer.window),
        strides=list(layer.stride),
        pads=pads(layer.inputs[0].size, layer.window, layer.stride, layer.padding),
    )


@emit_layer.register
def _(layer: la.MaxPool, writer: OnnxWriter) -> None:
    _pool(layer, writer, "MaxPool")


@emit_layer.register
def _(layer: la.AveragePool, writer: OnnxWriter) -> None:
    _pool(layer, writer, "AveragePool")


@emit_layer.register
def _(layer: la.Resize, writer: OnnxWriter) -> None:
    flavour = "asymmetric" if layer.flavour == "legacy" else layer.flavour
    sizes = writer.numbers(f"{layer.name}/sizes", in_order(layer.output.shape, "nchw"))
    inputs = [writer.get(layer.inputs[0], "nchw"), "", "", sizes]
    output = writer.have(layer.output, "nchw")
    writer.node("Resize", inputs, output, mode="linear", coordinate_transformation_mode=flavour)


@emit_layer.register
def _(layer: la.Reshape, writer: OnnxWriter) -> None:
    shape = writer.numbers(f"{layer.name}/shape", layer.output.shape)
    source = writer.get(layer.inputs[0], "nhwc")
    writer.node("Reshape", [source, shape], writer.have(layer.output, "nhwc"))


def _slice(layer: n.Layer, writer: OnnxWriter, begin: n.Shape, end: n.Shape) -> None:
    layout = writer.native(layer.inputs[0])
    constants = [
        writer.numbers(f"{layer.name}/{key}", in_order(numbers, layout))
        for key, numbers in (("begin", begin), ("end", end))
    ]
    inputs = [writer.get(layer.inputs[0], layout), *constants]
    writer.node("Slice", inputs, writer.have(layer.output, layout))


@emit_layer.register
def _(layer: la.Slice, writer: OnnxWriter) -> None:
    _slice(layer, writer, layer.begin, layer.end)


@emit_layer.register
def _(layer: la.Crop, writer: OnnxWriter) -> None:
    batch, height, width, channels = layer.inputs[0].shape
    border = layer.border
    _slice(layer, writer, (0, border, border, 0), (batch, height - border, width - border, channels))


@emit_layer.register
def _(layer: la.Pad, writer: OnnxWriter) -> None:
    layout = writer.native(layer.inputs[0])
    zeros = [*in_order(layer.before, layout), *in_order(layer.after, layout)]
    constant = writer.numbers(f"{layer.name}/pads", zeros)
    writer.node("Pad", [writer.get(layer.inputs[0], layout), constant], writer.have(layer.output, layout))
