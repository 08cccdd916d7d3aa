"""The layer vocabulary that architectures are written in, once; the emitters turn it into files.

A new kind of layer is one class here, one method in models/builder.py (in models/convolutions.py where it has weights)
and one function in each emitter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.models.network import Activation, Flavour, Layer, Norm, Padding, Pair, Parameter, Shape


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

    @property
    def macs(self) -> int:
        """Every tap is used once per output pixel."""
        return self.kernel.elements * math.prod(self.output.size)


@dataclass(frozen=True, kw_only=True)
class Conv(Convolution):
    """2-D convolution."""


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv(Convolution):
    """2-D convolution of every channel by itself (depth multiplier 1)."""


@dataclass(frozen=True, kw_only=True)
class TransposedConv(Convolution):
    """2-D transposed convolution (no dilation)."""

    @property
    def macs(self) -> int:
        """Every tap is used once per input pixel."""
        return self.kernel.elements * math.prod(self.inputs[0].size)


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Layer):
    """Batch normalization per channel. folds: whether deployment folds it into the convolution before it."""

    norm: Norm
    activation: Activation = ""
    folds: bool = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.norm.parameters


@dataclass(frozen=True, kw_only=True)
class PRelu(Layer):
    """max(x, 0) + slope * min(x, 0). slope: 1 x 1 x channels."""

    slope: Parameter

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.slope,)


@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """Sum of two values of equal shape."""

    activation: Activation = ""


@dataclass(frozen=True, kw_only=True)
class Mul(Layer):
    """Product of two values of equal shape, element by element."""


@dataclass(frozen=True, kw_only=True)
class Concat(Layer):
    """The inputs' channels one after the other."""


@dataclass(frozen=True, kw_only=True)
class Relu(Layer):
    """max(x, 0)."""


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True, kw_only=True)
class Softmax(Layer):
    """exp(x) / sum(exp(x)) over the channels."""


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """What the two pools share. window, stride: (height, width)."""

    window: Pair
    stride: Pair
    padding: Padding


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """The largest value in each window."""


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """The mean over each window; padding does not count."""


@dataclass(frozen=True, kw_only=True)
class Resize(Layer):
    """Bilinear. Where an output pixel at p reads its input: legacy p * in / out,

    align_corners p * (in - 1) / (out - 1), half_pixel (p + 0.5) * in / out - 0.5.
    """

    flavour: Flavour


@dataclass(frozen=True, kw_only=True)
class Reshape(Layer):
    """The same numbers in another shape, in NHWC order. written: the shape as files have it, perhaps with a -1."""

    written: Shape


@dataclass(frozen=True, kw_only=True)
class Slice(Layer):
    """A box of the input: begin inclusive, end exclusive, per axis."""

    begin: Shape
    end: Shape


@dataclass(frozen=True, kw_only=True)
class Crop(Layer):
    """The input without so many pixels on each of its four sides."""

    border: int


@dataclass(frozen=True, kw_only=True)
class Pad(Layer):
    """Zeros around the input, per axis."""

    before: Shape
    after: Shape
