"""Writing a network down: one method per layer; works out shapes and names. Those with weights: models/convolutions.py.

Every method takes and gives Values; the arguments mean what they mean in Keras. What cannot be raises ValueError.
"""

from __future__ import annotations

import math

from bench.models.collector import pair
from bench.models.convolutions import Convolutions
from bench.models.layers import (
    Add,
    AveragePool,
    Concat,
    Crop,
    MaxPool,
    Mul,
    Pad,
    Relu,
    Reshape,
    Resize,
    Sigmoid,
    Slice,
    Softmax,
)
from bench.models.network import Activation, Flavour, Padding, Pair, Shape, Value, conv_size


class NetworkBuilder(Convolutions):
    """Collects layers in order, and makes the network of them with finish()."""

    def _like(self, x: Value, kind: str, name: str) -> Value:
        return Value(name=self._named(kind, name), shape=x.shape)

    def add(self, x: Value, y: Value, *, activation: Activation = "", name: str = "") -> Value:
        _check_equal("add", x, y)
        return self._put(Add(inputs=(x, y), output=self._like(x, "add", name), activation=activation))

    def mul(self, x: Value, y: Value, *, name: str = "") -> Value:
        _check_equal("multiply", x, y)
        return self._put(Mul(inputs=(x, y), output=self._like(x, "mul", name)))

    def concat(self, *values: Value, name: str = "") -> Value:
        """The values' channels one after the other."""
        if len({value.shape[:-1] for value in values}) != 1:
            raise ValueError(f"cannot join shapes {', '.join(str(value.shape) for value in values)}")
        shape = (*values[0].shape[:-1], sum(value.shape[-1] for value in values))
        return self._put(Concat(inputs=values, output=Value(name=self._named("concat", name), shape=shape)))

    def relu(self, x: Value, *, name: str = "") -> Value:
        return self._put(Relu(inputs=(x,), output=self._like(x, "relu", name)))

    def sigmoid(self, x: Value, *, name: str = "") -> Value:
        return self._put(Sigmoid(inputs=(x,), output=self._like(x, "sigmoid", name)))

    def softmax(self, x: Value, *, name: str = "") -> Value:
        """Over the channels."""
        return self._put(Softmax(inputs=(x,), output=self._like(x, "softmax", name)))

    def max_pool(self, x: Value, window: int | Pair, *, stride: int | Pair = 1, padding: Padding = "same") -> Value:
        return self._pool(MaxPool, "max_pool", x, pair(window), pair(stride), padding)

    def average_pool(self, x: Value, window: int | Pair, *, stride: int | Pair = 1, padding: Padding = "same") -> Value:
        return self._pool(AveragePool, "average_pool", x, pair(window), pair(stride), padding)

    def _pool(
        self, kind: type[MaxPool | AveragePool], name: str, x: Value, window: Pair, stride: Pair, padding: Padding
    ) -> Value:
        batch, *sizes, channels = x.shape
        steps = zip(sizes, window, stride, strict=True)
        shape = (batch, *(conv_size(size, taps, step, padding) for size, taps, step in steps), channels)
        output = Value(name=self._named(name, ""), shape=shape)
        return self._put(kind(inputs=(x,), output=output, window=window, stride=stride, padding=padding))

    def resize(self, x: Value, size: int | Pair, flavour: Flavour = "legacy", *, name: str = "") -> Value:
        """Bilinear, to size pixels (high, wide). Legacy is what old converters wrote, half_pixel today's default."""
        output = Value(name=self._named("resize", name), shape=(x.shape[0], *pair(size), x.shape[-1]))
        return self._put(Resize(inputs=(x,), output=output, flavour=flavour))

    def reshape(self, x: Value, shape: Shape, *, name: str = "") -> Value:
        """The same numbers in another shape; one size may be -1, for the rest."""
        rest = math.prod(x.shape) // abs(math.prod(shape)) if math.prod(shape) else 0
        full = tuple(rest if size == -1 else size for size in shape)
        if math.prod(full) != math.prod(x.shape):
            raise ValueError(f"cannot reshape {x.shape} to {shape}")
        output = Value(name=self._named("reshape", name), shape=full)
        return self._put(Reshape(inputs=(x,), output=output, written=shape))

    def slice(self, x: Value, begin: Shape, end: Shape, *, name: str = "") -> Value:
        shape = tuple(stop - start for start, stop in zip(begin, end, strict=True))
        output = Value(name=self._named("slice", name), shape=shape)
        return self._put(Slice(inputs=(x,), output=output, begin=begin, end=end))

    def crop(self, x: Value, border: int, *, name: str = "") -> Value:
        """Takes border pixels off each of the four sides."""
        batch, height, width, channels = x.shape
        shape = (batch, height - 2 * border, width - 2 * border, channels)
        return self._put(Crop(inputs=(x,), output=Value(name=self._named("crop", name), shape=shape), border=border))

    def pad(self, x: Value, before: Shape, after: Shape, *, name: str = "") -> Value:
        shape = tuple(size + low + high for size, low, high in zip(x.shape, before, after, strict=True))
        output = Value(name=self._named("pad", name), shape=shape)
        return self._put(Pad(inputs=(x,), output=output, before=before, after=after))


def _check_equal(verb: str, x: Value, y: Value) -> None:
    if x.shape != y.shape:
        raise ValueError(f"cannot {verb} shapes {x.shape} and {y.shape}")
