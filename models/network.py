"""The layer vocabulary that architectures are written in, once; the emitters turn it into files.

Shapes are NHWC with the batch first. Parameters are kept in TFLite's layouts: convolutions and transposed
convolutions output x height x width x input, depthwise ones 1 x height x width x channels.
A new kind of layer is one class here, one method in models/builder.py and one function in each emitter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = Literal["same", "valid"]
Activation = Literal["", "relu"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Base of the immutable parts of a network."""


@dataclass(frozen=True, kw_only=True)
class Uniform(Part):
    """Seeded random numbers, uniform around 0 with this standard deviation."""

    std: float


@dataclass(frozen=True, kw_only=True)
class Zeros(Part):
    """All zero."""


@dataclass(frozen=True, kw_only=True)
class CentreTap(Part):
    """Passes input channel 0 to output channel 0 unchanged: 1 at the kernel's centre, 0 elsewhere."""


@dataclass(frozen=True, kw_only=True)
class BinaryPlaces(Part):
    """The places of a fixed-point binary number from left to right: 2^7, 2^6, ..., for as long as the kernel is."""


Fill = Uniform | Zeros | CentreTap | BinaryPlaces


@dataclass(frozen=True, kw_only=True)
class Parameter(Part):
    """A weight tensor, float32: its values follow from the fill, the name and the seed (models/weights.py)."""

    name: str
    shape: Shape
    fill: Fill

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Value(Part):
    """What flows between layers, float32."""

    name: str
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Layer(Part):
    """Base of all layers; the layer's name is the name of its output."""

    inputs: tuple[Value, ...]
    output: Value

    @property
    def name(self) -> str:
        return self.output.name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, kw_only=True)
class Convolution(Layer):
    """What the three kinds of convolution share. stride, dilation: (height, width)."""

    kernel: Parameter
    bias: Parameter | None
    stride: Pair = (1, 1)
    padding: Padding = "same"
    dilation: Pair = (1, 1)
    activation: Activation = ""

    @property
    def kernel_size(self) -> Pair:
        return self.kernel.shape[1], self.kernel.shape[2]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.kernel,) if self.bias is None else (self.kernel, self.bias)


@dataclass(frozen=True, kw_only=True)
class Conv(Convolution):
    """2-D convolution."""


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv(Convolution):
    """2-D convolution of every channel by itself (depth multiplier 1)."""


@dataclass(frozen=True, kw_only=True)
class TransposedConv(Convolution):
    """2-D transposed convolution (no dilation)."""


@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """Sum of two values of equal shape."""

    activation: Activation = ""


@dataclass(frozen=True, kw_only=True)
class Relu(Layer):
    """max(x, 0)."""


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True, kw_only=True)
class Reshape(Layer):
    """The same numbers in another shape, in NHWC order."""


@dataclass(frozen=True, kw_only=True)
class Slice(Layer):
    """A box of the input: begin inclusive, end exclusive, per axis."""

    begin: Shape
    end: Shape


@dataclass(frozen=True, kw_only=True)
class Pad(Layer):
    """Zeros around the input, per axis."""

    before: Shape
    after: Shape


@dataclass(frozen=True, kw_only=True)
class Network(Part):
    """An architecture: layers in an order in which they can run."""

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(parameter for layer in self.layers for parameter in layer.parameters)

    @property
    def parameter_count(self) -> int:
        """Elements of all parameters, as Keras counts them."""
        return sum(parameter.elements for parameter in self.parameters)


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """(before, after) of TensorFlow's `same` padding along one axis: the odd pixel goes after."""
    reach = (kernel - 1) * dilation + 1
    total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def conv_size(size: int, kernel: int, stride: int, padding: Padding, dilation: int = 1) -> int:
    """Output size of a convolution along one axis."""
    if padding == "same":
        return math.ceil(size / stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def transposed_size(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Output size of a transposed convolution along one axis."""
    return size * stride if padding == "same" else size * stride + max(kernel - stride, 0)
