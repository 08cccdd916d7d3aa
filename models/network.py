"""What a network is made of: values, parameters with the rule for their numbers, layers; and sizes along an axis.

The kinds of layer are in models/layers.py. Shapes are NHWC with the batch first. Parameters are kept in TFLite's
layouts: convolutions and transposed convolutions output x height x width x input, depthwise ones
1 x height x width x channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = Literal["same", "valid"]
Activation = Literal["", "relu", "relu6"]
Flavour = Literal["legacy", "align_corners", "half_pixel"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Base of the immutable parts of a network."""


@dataclass(frozen=True, kw_only=True)
class Uniform(Part):
    """Seeded random numbers, uniform around the centre (one for all, or one each) with this standard deviation."""

    std: float
    centre: float | tuple[float, ...] = 0.0


@dataclass(frozen=True, kw_only=True)
class Zeros(Part):
    """All zero."""


@dataclass(frozen=True, kw_only=True)
class CentreTap(Part):
    """Passes input channel 0 to output channel 0 unchanged: 1 at the kernel's centre, 0 elsewhere."""


@dataclass(frozen=True, kw_only=True)
class BinaryPlaces(Part):
    """The places of a fixed-point binary number from left to right: 2^7, 2^6, ..., for as long as the kernel is."""


@dataclass(frozen=True, kw_only=True)
class Spread(Part):
    """A dilated kernel written out: the kernel's taps with dilation - 1 zeros between neighbours."""

    kernel: Parameter
    dilation: int


@dataclass(frozen=True, kw_only=True)
class ScaledKernel(Part):
    """A kernel times the factor of the normalization after it; axis: the kernel's axis of output channels."""

    kernel: Parameter
    norm: Norm
    axis: int


@dataclass(frozen=True, kw_only=True)
class ShiftedBias(Part):
    """The bias that a normalization leaves when its factor went into the kernel."""

    bias: Parameter | None
    norm: Norm


Fill = Uniform | Zeros | CentreTap | BinaryPlaces | Spread | ScaledKernel | ShiftedBias


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
class Norm(Part):
    """What batch normalization has learnt, a vector per channel each.

    y = factor * x + offset with factor = gamma / sqrt(variance + epsilon), offset = beta - mean * factor
    (Ioffe and Szegedy 2015, algorithm 1, with the moving averages in place of the batch's).
    """

    gamma: Parameter
    beta: Parameter
    mean: Parameter
    variance: Parameter
    epsilon: float

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.gamma, self.beta, self.mean, self.variance)


@dataclass(frozen=True, kw_only=True)
class Value(Part):
    """What flows between layers, float32."""

    name: str
    shape: Shape

    @property
    def size(self) -> Pair:
        """(height, width)."""
        return self.shape[1], self.shape[2]


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

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference; 0 for what is no convolution."""
        return 0


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

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, of convolutions only."""
        return sum(layer.macs for layer in self.layers)


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """(before, after) of TensorFlow's `same` padding along one axis: the odd pixel goes after."""
    reach = (kernel - 1) * dilation + 1
    total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def conv_size(size: int, kernel: int, stride: int, padding: Padding, dilation: int = 1) -> int:
    """Output size of a convolution or a pool along one axis."""
    if padding == "same":
        return math.ceil(size / stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def transposed_size(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Output size of a transposed convolution along one axis."""
    return size * stride if padding == "same" else size * stride + max(kernel - stride, 0)
