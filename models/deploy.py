"""From the graph that is trained to the one that is deployed: batch normalization goes into the weights before it."""

from __future__ import annotations

import dataclasses
from collections import Counter

from bench.models import layers as la
from bench.models import network as n


def deployed(network: n.Network) -> n.Network:
    """The network with every normalization folded whose `folds` is set; it computes the same function.

    Raises ValueError where the normalization's input is no convolution, or one with an activation or another reader.
    """
    readers = Counter(value.name for layer in network.layers for value in layer.inputs)
    readers.update(value.name for value in network.outputs)
    moved: dict[str, n.Value] = {}
    layers: dict[str, n.Layer] = {}
    for layer in network.layers:
        inputs = tuple(moved.get(value.name, value) for value in layer.inputs)
        if isinstance(layer, la.BatchNorm) and layer.folds:
            before = layers.get(inputs[0].name)
            if not isinstance(before, la.Convolution) or before.activation or readers[before.name] > 1:
                raise ValueError(f"{layer.name} cannot be folded into {inputs[0].name}")
            layers[before.name] = _folded(before, layer)
            moved[layer.name] = before.output
        else:
            layers[layer.name] = dataclasses.replace(layer, inputs=inputs)
    outputs = tuple(moved.get(value.name, value) for value in network.outputs)
    return dataclasses.replace(network, outputs=outputs, layers=tuple(layers.values()))


def _folded(conv: la.Convolution, after: la.BatchNorm) -> la.Convolution:
    """The convolution with the normalization's factor in its kernel, its offset in its bias, and its activation."""
    axis = 3 if isinstance(conv, la.DepthwiseConv) else 0
    kernel = n.ScaledKernel(kernel=conv.kernel, norm=after.norm, axis=axis)
    bias = n.ShiftedBias(bias=conv.bias, norm=after.norm)
    return dataclasses.replace(
        conv,
        kernel=dataclasses.replace(conv.kernel, fill=kernel),
        bias=n.Parameter(name=f"{conv.name}/bias", shape=after.norm.beta.shape, fill=bias),
        activation=after.activation,
    )
