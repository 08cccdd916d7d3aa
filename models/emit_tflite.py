"""A network as a TFLite file in the form that the converter of 2019 (TF 1.14/1.15, TOCO) wrote. No TensorFlow.

What that form means: ops at the version that their options need, which is nearly always 1; TRANSPOSE_CONV takes
[output shape, weights, x] and its bias is an ADD of its own; every DEPTHWISE_CONV_2D has a bias, zero where the network
has none; a convolution over one channel with equal strides is a DEPTHWISE_CONV_2D; batch normalization that was not
folded is a MUL and an ADD; equal constants of 64 bytes or more are stored once.
Where this form is kinder to today's tools than the old converter was: builtinCode is set beside deprecatedBuiltinCode,
buffers are aligned to 16 bytes, and there is a signature (`serving_default`, with the tensors' names).
"""

from __future__ import annotations

from bench.models import layers as la
from bench.models import network as n
from bench.models.emit_tflite_convs import add_options, emit_layer, plain, window_options
from bench.models.tflite_writer import TFLiteWriter


def emit(network: n.Network, *, seed: int = 0, description: str = "") -> bytes:
    """The file's bytes; the same for the same arguments."""
    writer = TFLiteWriter(seed)
    for value in network.inputs:
        writer.tensor(value)
    for layer in network.layers:
        emit_layer(layer, writer)
    return writer.finish(network, description)


@emit_layer.register
def _(layer: la.Add, writer: TFLiteWriter) -> None:
    plain(layer, writer, "ADD", options=add_options(writer, layer.activation))


@emit_layer.register
def _(layer: la.Mul, writer: TFLiteWriter) -> None:
    plain(layer, writer, "MUL", options=writer.schema.MulOptionsT())


@emit_layer.register
def _(layer: la.Concat, writer: TFLiteWriter) -> None:
    options = writer.schema.ConcatenationOptionsT()
    options.axis = len(layer.output.shape) - 1
    plain(layer, writer, "CONCATENATION", options=options)


@emit_layer.register
def _(layer: la.Relu, writer: TFLiteWriter) -> None:
    plain(layer, writer, "RELU")


@emit_layer.register
def _(layer: la.Sigmoid, writer: TFLiteWriter) -> None:
    plain(layer, writer, "LOGISTIC")


@emit_layer.register
def _(layer: la.Softmax, writer: TFLiteWriter) -> None:
    options = writer.schema.SoftmaxOptionsT()
    options.beta = 1.0
    plain(layer, writer, "SOFTMAX", options=options)


def _pool(layer: la.Pool, writer: TFLiteWriter, op: str) -> None:
    options = window_options(writer, layer, writer.schema.Pool2DOptionsT())
    options.filterHeight, options.filterWidth = layer.window
    plain(layer, writer, op, options=options)


@emit_layer.register
def _(layer: la.MaxPool, writer: TFLiteWriter) -> None:
    _pool(layer, writer, "MAX_POOL_2D")


@emit_layer.register
def _(layer: la.AveragePool, writer: TFLiteWriter) -> None:
    _pool(layer, writer, "AVERAGE_POOL_2D")


@emit_layer.register
def _(layer: la.Resize, writer: TFLiteWriter) -> None:
    options = writer.schema.ResizeBilinearOptionsT()
    options.alignCorners = layer.flavour == "align_corners"
    options.halfPixelCenters = layer.flavour == "half_pixel"
    size = writer.numbers(f"{layer.name}/size", layer.output.size)
    plain(layer, writer, "RESIZE_BILINEAR", size, options=options, version=3 if layer.flavour == "half_pixel" else 1)


@emit_layer.register
def _(layer: la.Reshape, writer: TFLiteWriter) -> None:
    options = writer.schema.ReshapeOptionsT()
    options.newShape = list(layer.written)
    shape = writer.numbers(f"{layer.name}/shape", layer.written)
    plain(layer, writer, "RESHAPE", shape, options=options)


def _box(layer: n.Layer, writer: TFLiteWriter, begin: n.Shape, end: n.Shape) -> list[int]:
    boxes = (("begin", begin), ("end", end), ("strides", (1,) * len(begin)))
    return [writer.numbers(f"{layer.name}/{key}", numbers) for key, numbers in boxes]


@emit_layer.register
def _(layer: la.Slice, writer: TFLiteWriter) -> None:
    constants = _box(layer, writer, layer.begin, layer.end)
    plain(layer, writer, "STRIDED_SLICE", *constants, options=writer.schema.StridedSliceOptionsT())


@emit_layer.register
def _(layer: la.Crop, writer: TFLiteWriter) -> None:
    constants = _box(layer, writer, (0, layer.border, layer.border, 0), (0, -layer.border, -layer.border, 0))
    options = writer.schema.StridedSliceOptionsT()
    # bits 0 and 3: batch and channels from their beginning to their end, whatever is written
    options.beginMask = options.endMask = 0b1001
    plain(layer, writer, "STRIDED_SLICE", *constants, options=options)


@emit_layer.register
def _(layer: la.Pad, writer: TFLiteWriter) -> None:
    paddings = list(zip(layer.before, layer.after, strict=True))
    constant = writer.numbers(f"{layer.name}/paddings", paddings)
    plain(layer, writer, "PAD", constant, options=writer.schema.PadOptionsT())
