"""Writing a network down: one method per layer; works out shapes and names, and scales the random weights.

The scaling keeps activations alive through a deep network that was never trained: a weight's standard deviation is
gain / sqrt(fan in), where the fan in of a transposed convolution counts the inputs that reach one output pixel.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator

from bench.models.network import (
    Activation,
    Add,
    Conv,
    DepthwiseConv,
    Fill,
    Layer,
    Network,
    Pad,
    Padding,
    Pair,
    Parameter,
    Relu,
    Reshape,
    Shape,
    Sigmoid,
    Slice,
    TransposedConv,
    Uniform,
    Value,
    conv_size,
    transposed_size,
)

BIAS = Uniform(std=0.05)


def _pair(size: int | Pair) -> Pair:
    return (size, size) if isinstance(size, int) else size


class NetworkBuilder:
    """Collects layers in order. Every method takes and gives Values; the arguments mean what they mean in Keras."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scope: list[str] = []
        self._count: Counter[str] = Counter()
        self._inputs: list[Value] = []
        self._layers: list[Layer] = []

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names within start with `name/`."""
        self._scope.append(name)
        try:
            yield
        finally:
            self._scope.pop()

    def _named(self, kind: str, name: str) -> str:
        if name:
            return name
        full = "/".join((*self._scope, kind))
        self._count[full] += 1
        return f"{full}_{self._count[full]}"

    def _put(self, layer: Layer) -> Value:
        self._layers.append(layer)
        return layer.output

    def input(self, name: str, shape: Shape) -> Value:
        value = Value(name=name, shape=shape)
        self._inputs.append(value)
        return value

    def conv(
        self,
        x: Value,
        filters: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: Padding = "same",
        activation: Activation = "",
        gain: float = 1.0,
        fill: Fill | None = None,
        bias: Fill = BIAS,
        name: str = "",
    ) -> Value:
        """2-D convolution with bias; fill overrides the random kernel."""
        name = self._named("conv", name)
        (high, wide), strides = _pair(kernel), _pair(stride)
        batch, height, width, channels = x.shape
        fill = fill or Uniform(std=gain / math.sqrt(high * wide * channels))
        shape = (
            batch,
            conv_size(height, high, strides[0], padding),
            conv_size(width, wide, strides[1], padding),
            filters,
        )
        return self._put(
            Conv(
                inputs=(x,),
                output=Value(name=name, shape=shape),
                kernel=Parameter(name=f"{name}/kernel", shape=(filters, high, wide, channels), fill=fill),
                bias=Parameter(name=f"{name}/bias", shape=(filters,), fill=bias),
                stride=strides,
                padding=padding,
                activation=activation,
            )
        )

    def depthwise(self, x: Value, kernel: int, *, gain: float = math.sqrt(2), name: str = "") -> Value:
        """Depthwise convolution without bias, stride 1, same."""
        name = self._named("depthwise", name)
        shape = (1, kernel, kernel, x.shape[-1])
        weights = Parameter(name=f"{name}/kernel", shape=shape, fill=Uniform(std=gain / kernel))
        output = Value(name=name, shape=x.shape)
        return self._put(DepthwiseConv(inputs=(x,), output=output, kernel=weights, bias=None))

    def separable(
        self, x: Value, filters: int, kernel: int, *, activation: Activation = "", gain: float = 1.0
    ) -> Value:
        """Depthwise without bias, then pointwise with bias; gain: of the pointwise half."""
        with self.scope(self._named("separable", "").rpartition("/")[2]):
            y = self.depthwise(x, kernel)
            return self.conv(y, filters, 1, padding="valid", activation=activation, gain=gain)

    def transposed_conv(
        self,
        x: Value,
        filters: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: Padding = "same",
        gain: float = 1.0,
        name: str = "",
    ) -> Value:
        """2-D transposed convolution with bias."""
        name = self._named("transposed_conv", name)
        batch, height, width, channels = x.shape
        sizes = [transposed_size(size, kernel, stride, padding) for size in (height, width)]
        std = gain / math.sqrt(channels * kernel * kernel / (stride * stride))
        kernel_shape = (filters, kernel, kernel, channels)
        return self._put(
            TransposedConv(
                inputs=(x,),
                output=Value(name=name, shape=(batch, *sizes, filters)),
                kernel=Parameter(name=f"{name}/kernel", shape=kernel_shape, fill=Uniform(std=std)),
                bias=Parameter(name=f"{name}/bias", shape=(filters,), fill=BIAS),
                stride=(stride, stride),
                padding=padding,
            )
        )

    def add(self, x: Value, y: Value, *, activation: Activation = "", name: str = "") -> Value:
        if x.shape != y.shape:
            raise ValueError(f"cannot add shapes {x.shape} and {y.shape}")
        output = Value(name=self._named("add", name), shape=x.shape)
        return self._put(Add(inputs=(x, y), output=output, activation=activation))

    def relu(self, x: Value, *, name: str = "") -> Value:
        return self._put(Relu(inputs=(x,), output=Value(name=self._named("relu", name), shape=x.shape)))

    def sigmoid(self, x: Value, *, name: str = "") -> Value:
        return self._put(Sigmoid(inputs=(x,), output=Value(name=self._named("sigmoid", name), shape=x.shape)))

    def reshape(self, x: Value, shape: Shape, *, name: str = "") -> Value:
        if math.prod(shape) != math.prod(x.shape):
            raise ValueError(f"cannot reshape {x.shape} to {shape}")
        return self._put(Reshape(inputs=(x,), output=Value(name=self._named("reshape", name), shape=shape)))

    def slice(self, x: Value, begin: Shape, end: Shape, *, name: str = "") -> Value:
        shape = tuple(stop - start for start, stop in zip(begin, end, strict=True))
        output = Value(name=self._named("slice", name), shape=shape)
        return self._put(Slice(inputs=(x,), output=output, begin=begin, end=end))

    def pad(self, x: Value, before: Shape, after: Shape, *, name: str = "") -> Value:
        shape = tuple(size + low + high for size, low, high in zip(x.shape, before, after, strict=True))
        output = Value(name=self._named("pad", name), shape=shape)
        return self._put(Pad(inputs=(x,), output=output, before=before, after=after))

    def finish(self, *outputs: Value) -> Network:
        """The network. Raises ValueError for a name that is taken twice: names seed weights and name tensors."""
        network = Network(name=self._name, inputs=tuple(self._inputs), outputs=outputs, layers=tuple(self._layers))
        values = [*network.inputs, *(layer.output for layer in network.layers)]
        names = Counter([*(value.name for value in values), *(each.name for each in network.parameters)])
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"names taken twice in {self._name}: {', '.join(twice)}")
        return network
