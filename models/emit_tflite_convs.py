"""How layers with weights become TFLite operators, and the function that all kinds of layer are registered with."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from bench.models import layers as la
from bench.models import network as n
from bench.models.tflite_writer import TFLiteWriter
from bench.models.weights import factor_and_offset, values


@singledispatch
def emit_layer(layer: n.Layer, writer: TFLiteWriter) -> None:
    """Writes the layer's operators. Raises NotImplementedError for a kind of layer that has none."""
    raise NotImplementedError(f"no TFLite for {type(layer).__name__}")


def plain(
    layer: n.Layer, writer: TFLiteWriter, op: str, *constants: int, options: Any = None, version: int = 1
) -> None:
    """The layer as one operator that takes its inputs, then the constants."""
    inputs = [*map(writer.tensor, layer.inputs), *constants]
    writer.op(op, inputs, writer.tensor(layer.output), options, version)


def activation(writer: TFLiteWriter, kind: n.Activation) -> int:
    """The schema's number of a fused activation."""
    kinds = writer.schema.ActivationFunctionType
    return int({"": kinds.NONE, "relu": kinds.RELU, "relu6": kinds.RELU6}[kind])


def window_options(writer: TFLiteWriter, layer: la.Convolution | la.Pool, options: Any) -> Any:
    """Fills in padding and stride."""
    padding = writer.schema.Padding
    options.padding = padding.SAME if layer.padding == "same" else padding.VALID
    options.strideH, options.strideW = layer.stride
    return options


def add_options(writer: TFLiteWriter, kind: n.Activation) -> Any:
    options = writer.schema.AddOptionsT()
    options.fusedActivationFunction = activation(writer, kind)
    return options


def _bias(layer: la.Convolution, writer: TFLiteWriter) -> int:
    if layer.bias is not None:
        return writer.parameter(layer.bias)
    return writer.zeros(f"{layer.name}/bias", layer.output.shape[-1])


def _emit_2d(layer: la.Convolution, writer: TFLiteWriter, op: str, kernel: int, options: Any, version: int = 1) -> None:
    window_options(writer, layer, options)
    options.dilationHFactor, options.dilationWFactor = layer.dilation
    options.fusedActivationFunction = activation(writer, layer.activation)
    plain(layer, writer, op, kernel, _bias(layer, writer), options=options, version=version)


@emit_layer.register
def _(layer: la.Conv, writer: TFLiteWriter) -> None:
    one_channel = layer.inputs[0].shape[-1] == 1
    if one_channel and layer.stride[0] == layer.stride[1] and layer.dilation == (1, 1):
        options = writer.schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = layer.output.shape[-1]
        weights = values(layer.kernel, writer.seed).transpose(3, 1, 2, 0)
        _emit_2d(layer, writer, "DEPTHWISE_CONV_2D", writer.constant(layer.kernel.name, weights), options)
        return
    kernel = writer.parameter(layer.kernel)
    _emit_2d(layer, writer, "CONV_2D", kernel, writer.schema.Conv2DOptionsT())


@emit_layer.register
def _(layer: la.DepthwiseConv, writer: TFLiteWriter) -> None:
    options = writer.schema.DepthwiseConv2DOptionsT()
    options.depthMultiplier = 1
    version = 1 if layer.dilation == (1, 1) else 2
    _emit_2d(layer, writer, "DEPTHWISE_CONV_2D", writer.parameter(layer.kernel), options, version)


@emit_layer.register
def _(layer: la.TransposedConv, writer: TFLiteWriter) -> None:
    alone = layer.bias is None and not layer.activation
    summed = layer.output if alone else n.Value(name=f"{layer.name}/transposed", shape=layer.output.shape)
    options = window_options(writer, layer, writer.schema.TransposeConvOptionsT())
    shape = writer.numbers(f"{layer.name}/output_shape", layer.output.shape)
    inputs = [shape, writer.parameter(layer.kernel), writer.tensor(layer.inputs[0])]
    writer.op("TRANSPOSE_CONV", inputs, writer.tensor(summed), options)
    if not alone:
        addends = [writer.tensor(summed), _bias(layer, writer)]
        writer.op("ADD", addends, writer.tensor(layer.output), add_options(writer, layer.activation))


@emit_layer.register
def _(layer: la.BatchNorm, writer: TFLiteWriter) -> None:
    """What deployment has not folded: times a factor, plus an offset."""
    factor, offset = (each.astype("float32") for each in factor_and_offset(layer.norm, writer.seed))
    scaled = n.Value(name=f"{layer.name}/scaled", shape=layer.output.shape)
    inputs = [writer.tensor(layer.inputs[0]), writer.constant(f"{layer.name}/factor", factor)]
    writer.op("MUL", inputs, writer.tensor(scaled), writer.schema.MulOptionsT())
    inputs = [writer.tensor(scaled), writer.constant(f"{layer.name}/offset", offset)]
    writer.op("ADD", inputs, writer.tensor(layer.output), add_options(writer, layer.activation))


@emit_layer.register
def _(layer: la.PRelu, writer: TFLiteWriter) -> None:
    plain(layer, writer, "PRELU", writer.parameter(layer.slope))
