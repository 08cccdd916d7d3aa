"""How layers with weights become Keras layers, and the function that all kinds of layer are registered with.

Imports TensorFlow: for the converting process only (models/keras_worker.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import singledispatch
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.models import layers as la
from bench.models import network as n
from bench.models.weights import values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

tf: Any = import_module("tensorflow")
keras: Any = import_module("keras")


class KerasWriter:
    """The tensors of one functional model, by the names of the network's values."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._tensors: dict[str, Any] = {}

    def name(self, name: str) -> str:
        """In Keras' alphabet: neither `/` nor what Python takes in no parameter's name."""
        return re.sub(r"\W", "_", name)

    def get(self, value: n.Value) -> Any:
        return self._tensors[value.name]

    def have(self, value: n.Value, tensor: Any) -> None:
        """Raises ValueError where Keras works out another shape than the network."""
        if tuple(tensor.shape) != value.shape:
            raise ValueError(f"{value.name} is {value.shape} in the network and {tuple(tensor.shape)} in Keras")
        self._tensors[value.name] = tensor

    def weighted(self, made: Any, source: n.Value, weights: Sequence[NDArray[np.float32]]) -> Any:
        """The layer's output for the source, once it has these weights."""
        output = made(self.get(source))
        made.set_weights(weights)
        return output


@singledispatch
def emit_layer(layer: n.Layer, writer: KerasWriter) -> None:
    """Calls the layer's counterparts. Raises NotImplementedError for a kind of layer that has none."""
    raise NotImplementedError(f"no Keras layer for {type(layer).__name__}")


def activated(layer: n.Layer, writer: KerasWriter, tensor: Any, kind: n.Activation) -> Any:
    """An activation as a layer of its own, for what takes none."""
    if not kind:
        return tensor
    return keras.layers.Activation(kind, name=writer.name(f"{layer.name}/{kind}"))(tensor)


def _convolve(layer: la.Convolution, writer: KerasWriter, kind: Any, axes: Sequence[int], **options: Any) -> None:
    """axes: of the network's kernel in the order of Keras'. Kernels begin as zeros: random ones would take longer."""
    made = kind(
        kernel_size=layer.kernel_size,
        strides=layer.stride,
        padding=layer.padding,
        dilation_rate=layer.dilation,
        activation=layer.activation or None,
        use_bias=layer.bias is not None,
        name=writer.name(layer.name),
        **options,
    )
    weights = [values(layer.kernel, writer.seed).transpose(axes)]
    if layer.bias is not None:
        weights.append(values(layer.bias, writer.seed))
    writer.have(layer.output, writer.weighted(made, layer.inputs[0], weights))


@emit_layer.register
def _(layer: la.Conv, writer: KerasWriter) -> None:
    options = {"filters": layer.output.shape[-1], "kernel_initializer": "zeros"}
    _convolve(layer, writer, keras.layers.Conv2D, (1, 2, 3, 0), **options)


@emit_layer.register
def _(layer: la.DepthwiseConv, writer: KerasWriter) -> None:
    _convolve(layer, writer, keras.layers.DepthwiseConv2D, (1, 2, 3, 0), depthwise_initializer="zeros")


@emit_layer.register
def _(layer: la.TransposedConv, writer: KerasWriter) -> None:
    options = {"filters": layer.output.shape[-1], "kernel_initializer": "zeros"}
    _convolve(layer, writer, keras.layers.Conv2DTranspose, (1, 2, 0, 3), **options)


@emit_layer.register
def _(layer: la.BatchNorm, writer: KerasWriter) -> None:
    made = keras.layers.BatchNormalization(epsilon=layer.norm.epsilon, name=writer.name(layer.name))
    normal = writer.weighted(made, layer.inputs[0], [values(each, writer.seed) for each in layer.parameters])
    writer.have(layer.output, activated(layer, writer, normal, layer.activation))


@emit_layer.register
def _(layer: la.PRelu, writer: KerasWriter) -> None:
    made = keras.layers.PReLU(shared_axes=[1, 2], name=writer.name(layer.name))
    writer.have(layer.output, writer.weighted(made, layer.inputs[0], [values(layer.slope, writer.seed)]))
