"""A network as a TFLite file in the form that the converter of 2019 (TF 1.14/1.15, TOCO) wrote. No TensorFlow.

What that form means: all ops at version 1; TRANSPOSE_CONV takes [output shape, weights, x] and its bias is an ADD of
its own; every DEPTHWISE_CONV_2D has a bias, zero where the network has none; a convolution over one channel with
equal strides is a DEPTHWISE_CONV_2D; equal constants of 64 bytes or more are stored once.
Where this form is kinder to today's tools than the old converter was: builtinCode is set beside deprecatedBuiltinCode,
buffers are aligned to 16 bytes, and there is a signature (`serving_default`, with the tensors' names).
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from bench.models import network as n
from bench.models.tflite_writer import TFLiteWriter
from bench.models.weights import values


def emit(network: n.Network, *, seed: int = 0, description: str = "") -> bytes:
    """The file's bytes; the same for the same arguments."""
    writer = TFLiteWriter(seed)
    for value in network.inputs:
        writer.tensor(value)
    for layer in network.layers:
        _emit(layer, writer)
    return writer.finish(network, description)


def _activation(writer: TFLiteWriter, activation: n.Activation) -> int:
    kinds = writer.schema.ActivationFunctionType
    return int(kinds.RELU if activation == "relu" else kinds.NONE)


def _convolution_options(writer: TFLiteWriter, layer: n.Convolution, options: Any) -> Any:
    padding = writer.schema.Padding
    options.padding = padding.SAME if layer.padding == "same" else padding.VALID
    options.strideH, options.strideW = layer.stride
    return options


@singledispatch
def _emit(layer: n.Layer, writer: TFLiteWriter) -> None:
    raise NotImplementedError(f"no TFLite for {type(layer).__name__}")


def _plain(layer: n.Layer, writer: TFLiteWriter, op: str, *constants: int, options: Any = None) -> None:
    inputs = [*map(writer.tensor, layer.inputs), *constants]
    writer.op(op, inputs, writer.tensor(layer.output), options)


def _bias(layer: n.Convolution, writer: TFLiteWriter) -> int:
    if layer.bias is not None:
        return writer.parameter(layer.bias)
    return writer.zeros(f"{layer.name}/bias", layer.output.shape[-1])


def _emit_2d(layer: n.Conv | n.DepthwiseConv, writer: TFLiteWriter, op: str, kernel: int, options: Any) -> None:
    _convolution_options(writer, layer, options)
    options.dilationHFactor, options.dilationWFactor = layer.dilation
    options.fusedActivationFunction = _activation(writer, layer.activation)
    _plain(layer, writer, op, kernel, _bias(layer, writer), options=options)


@_emit.register
def _(layer: n.Conv, writer: TFLiteWriter) -> None:
    one_channel = layer.inputs[0].shape[-1] == 1
    if one_channel and layer.stride[0] == layer.stride[1] and layer.dilation == (1, 1):
        options = writer.schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = layer.output.shape[-1]
        weights = values(layer.kernel, writer.seed).transpose(3, 1, 2, 0)
        _emit_2d(layer, writer, "DEPTHWISE_CONV_2D", writer.constant(layer.kernel.name, weights), options)
        return
    kernel = writer.parameter(layer.kernel)
    _emit_2d(layer, writer, "CONV_2D", kernel, writer.schema.Conv2DOptionsT())


@_emit.register
def _(layer: n.DepthwiseConv, writer: TFLiteWriter) -> None:
    options = writer.schema.DepthwiseConv2DOptionsT()
    options.depthMultiplier = 1
    _emit_2d(layer, writer, "DEPTHWISE_CONV_2D", writer.parameter(layer.kernel), options)


@_emit.register
def _(layer: n.TransposedConv, writer: TFLiteWriter) -> None:
    summed = n.Value(name=f"{layer.name}/transposed", shape=layer.output.shape)
    options = _convolution_options(writer, layer, writer.schema.TransposeConvOptionsT())
    shape = writer.numbers(f"{layer.name}/output_shape", layer.output.shape)
    inputs = [shape, writer.parameter(layer.kernel), writer.tensor(layer.inputs[0])]
    writer.op("TRANSPOSE_CONV", inputs, writer.tensor(summed), options)
    addition = writer.schema.AddOptionsT()
    addition.fusedActivationFunction = _activation(writer, layer.activation)
    writer.op("ADD", [writer.tensor(summed), _bias(layer, writer)], writer.tensor(layer.output), addition)


@_emit.register
def _(layer: n.Add, writer: TFLiteWriter) -> None:
    options = writer.schema.AddOptionsT()
    options.fusedActivationFunction = _activation(writer, layer.activation)
    _plain(layer, writer, "ADD", options=options)


@_emit.register
def _(layer: n.Relu, writer: TFLiteWriter) -> None:
    _plain(layer, writer, "RELU")


@_emit.register
def _(layer: n.Sigmoid, writer: TFLiteWriter) -> None:
    _plain(layer, writer, "LOGISTIC")


@_emit.register
def _(layer: n.Reshape, writer: TFLiteWriter) -> None:
    options = writer.schema.ReshapeOptionsT()
    options.newShape = list(layer.output.shape)
    shape = writer.numbers(f"{layer.name}/shape", layer.output.shape)
    _plain(layer, writer, "RESHAPE", shape, options=options)


@_emit.register
def _(layer: n.Slice, writer: TFLiteWriter) -> None:
    boxes = (("begin", layer.begin), ("end", layer.end), ("strides", (1,) * len(layer.begin)))
    constants = [writer.numbers(f"{layer.name}/{key}", numbers) for key, numbers in boxes]
    _plain(layer, writer, "STRIDED_SLICE", *constants, options=writer.schema.StridedSliceOptionsT())


@_emit.register
def _(layer: n.Pad, writer: TFLiteWriter) -> None:
    paddings = list(zip(layer.before, layer.after, strict=True))
    constant = writer.numbers(f"{layer.name}/paddings", paddings)
    _plain(layer, writer, "PAD", constant, options=writer.schema.PadOptionsT())
