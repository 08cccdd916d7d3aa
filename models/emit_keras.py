"""A network as a keras.Model with the weights of its TFLite and ONNX files: the trained graph or the deployed one.

Imports TensorFlow: for the converting process only (models/keras_worker.py). Layers are named after the
network's, in Keras' alphabet. Dropout is not part of a network: it computes nothing when a model is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.models import layers as la
from bench.models import network as n
from bench.models.emit_keras_convs import KerasWriter, activated, emit_layer, keras, tf


def emit(network: n.Network, *, seed: int = 0) -> Any:
    """The functional keras.Model, of batch 1; its count_params() are the network's."""
    writer = KerasWriter(seed)
    for value in network.inputs:
        writer.have(value, keras.Input(batch_shape=value.shape, dtype="float32", name=writer.name(value.name)))
    for layer in network.layers:
        emit_layer(layer, writer)
    ends = [[writer.get(value) for value in values] for values in (network.inputs, network.outputs)]
    inputs, outputs = (end[0] if len(end) == 1 else end for end in ends)
    return keras.Model(inputs, outputs, name=writer.name(network.name))


def _apply(layer: n.Layer, writer: KerasWriter, made: Any) -> None:
    """A Keras layer without weights."""
    inputs = [writer.get(value) for value in layer.inputs]
    writer.have(layer.output, made(inputs[0] if len(inputs) == 1 else inputs))


def _call(layer: n.Layer, writer: KerasWriter, function: Callable[[Any], Any]) -> None:
    """What Keras has no layer for: a function of TensorFlow."""
    _apply(layer, writer, keras.layers.Lambda(function, name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.Add, writer: KerasWriter) -> None:
    total = keras.layers.Add(name=writer.name(layer.name))([writer.get(value) for value in layer.inputs])
    writer.have(layer.output, activated(layer, writer, total, layer.activation))


@emit_layer.register
def _(layer: la.Mul, writer: KerasWriter) -> None:
    _apply(layer, writer, keras.layers.Multiply(name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.Concat, writer: KerasWriter) -> None:
    _apply(layer, writer, keras.layers.Concatenate(axis=-1, name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.Relu, writer: KerasWriter) -> None:
    _apply(layer, writer, keras.layers.Activation("relu", name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.Sigmoid, writer: KerasWriter) -> None:
    _apply(layer, writer, keras.layers.Activation("sigmoid", name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.Softmax, writer: KerasWriter) -> None:
    _apply(layer, writer, keras.layers.Softmax(axis=-1, name=writer.name(layer.name)))


def _pool(layer: la.Pool, writer: KerasWriter, kind: Any) -> None:
    sizes = {"pool_size": layer.window, "strides": layer.stride, "padding": layer.padding}
    _apply(layer, writer, kind(**sizes, name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.MaxPool, writer: KerasWriter) -> None:
    _pool(layer, writer, keras.layers.MaxPooling2D)


@emit_layer.register
def _(layer: la.AveragePool, writer: KerasWriter) -> None:
    _pool(layer, writer, keras.layers.AveragePooling2D)


@emit_layer.register
def _(layer: la.Resize, writer: KerasWriter) -> None:
    flavour = {"align_corners": layer.flavour == "align_corners", "half_pixel_centers": layer.flavour == "half_pixel"}
    _call(layer, writer, lambda x: tf.compat.v1.image.resize_bilinear(x, layer.output.size, **flavour))


@emit_layer.register
def _(layer: la.Reshape, writer: KerasWriter) -> None:
    if layer.output.shape[0] == layer.inputs[0].shape[0]:
        _apply(layer, writer, keras.layers.Reshape(layer.output.shape[1:], name=writer.name(layer.name)))
    else:  # Keras' own keeps the batch
        _call(layer, writer, lambda x: tf.reshape(x, layer.output.shape))


@emit_layer.register
def _(layer: la.Slice, writer: KerasWriter) -> None:
    _call(layer, writer, lambda x: tf.slice(x, layer.begin, layer.output.shape))


@emit_layer.register
def _(layer: la.Crop, writer: KerasWriter) -> None:
    _apply(layer, writer, keras.layers.Cropping2D(layer.border, name=writer.name(layer.name)))


@emit_layer.register
def _(layer: la.Pad, writer: KerasWriter) -> None:
    sides = tuple(zip(layer.before, layer.after, strict=True))
    if any(sides[0]) or any(sides[3]):
        _call(layer, writer, lambda x: tf.pad(x, sides))
    else:
        _apply(layer, writer, keras.layers.ZeroPadding2D(sides[1:3], name=writer.name(layer.name)))
