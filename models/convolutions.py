"""The builder's layers with weights: their shapes, and the scale of their random numbers.

The scaling keeps activations alive through a deep network that was never trained: a weight's standard deviation is
gain / sqrt(fan in), where the fan in of a transposed convolution counts the inputs that reach one output pixel.
Batch normalization gets numbers near what training leaves it with, none of them neutral: folding it must show.
"""

from __future__ import annotations

import math

from bench.models.collector import Collector, pair
from bench.models.layers import BatchNorm, Conv, DepthwiseConv, PRelu, TransposedConv
from bench.models.network import (
    Activation,
    Fill,
    Norm,
    Padding,
    Pair,
    Parameter,
    Spread,
    Uniform,
    Value,
    conv_size,
    transposed_size,
)

BIAS = Uniform(std=0.05)
_EPSILON = 1e-3  # Keras' default
_GAMMA = Uniform(centre=1.0, std=0.15)
_BETA = Uniform(std=0.1)
_MEAN = Uniform(std=0.1)
_VARIANCE = Uniform(centre=1.0, std=0.2)
_SLOPE = Uniform(centre=0.25, std=0.08)


def _bias(name: str, filters: int, fill: Fill | None) -> Parameter | None:
    return None if fill is None else Parameter(name=f"{name}/bias", shape=(filters,), fill=fill)


class Convolutions(Collector):
    """Every method takes and gives Values; the arguments mean what they mean in Keras. bias: its fill, or None."""

    def conv(
        self,
        x: Value,
        filters: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: Padding = "same",
        dilation: int = 1,
        activation: Activation = "",
        gain: float = 1.0,
        fill: Fill | None = None,
        bias: Fill | None = BIAS,
        name: str = "",
    ) -> Value:
        """2-D convolution; fill overrides the random kernel."""
        name = self._named("conv", name)
        (high, wide), strides = pair(kernel), pair(stride)
        batch, height, width, channels = x.shape
        fill = fill or Uniform(std=gain / math.sqrt(high * wide * channels))
        sizes = zip((height, width), (high, wide), strides, strict=True)
        spatial = [conv_size(size, taps, step, padding, dilation) for size, taps, step in sizes]
        return self._put(
            Conv(
                inputs=(x,),
                output=Value(name=name, shape=(batch, *spatial, filters)),
                kernel=Parameter(name=f"{name}/kernel", shape=(filters, high, wide, channels), fill=fill),
                bias=_bias(name, filters, bias),
                stride=strides,
                padding=padding,
                dilation=(dilation, dilation),
                activation=activation,
            )
        )

    def depthwise(
        self,
        x: Value,
        kernel: int,
        *,
        stride: int = 1,
        padding: Padding = "same",
        dilation: int = 1,
        dense: bool = False,
        gain: float = math.sqrt(2),
        bias: Fill | None = None,
        name: str = "",
    ) -> Value:
        """Depthwise convolution. dense: the dilated kernel is written out, with zeros between its taps."""
        name = self._named("depthwise", name)
        batch, *sizes, channels = x.shape
        taps = Uniform(std=gain / kernel)
        weights = Parameter(name=f"{name}/kernel", shape=(1, kernel, kernel, channels), fill=taps)
        if dense and dilation > 1:
            reach = (kernel - 1) * dilation + 1
            spread = Spread(kernel=weights, dilation=dilation)
            weights = Parameter(name=weights.name, shape=(1, reach, reach, channels), fill=spread)
            kernel, dilation = reach, 1
        spatial = [conv_size(size, kernel, stride, padding, dilation) for size in sizes]
        return self._put(
            DepthwiseConv(
                inputs=(x,),
                output=Value(name=name, shape=(batch, *spatial, channels)),
                kernel=weights,
                bias=_bias(name, channels, bias),
                stride=(stride, stride),
                padding=padding,
                dilation=(dilation, dilation),
            )
        )

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
        bias: Fill | None = BIAS,
        name: str = "",
    ) -> Value:
        """2-D transposed convolution."""
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
                bias=_bias(name, filters, bias),
                stride=(stride, stride),
                padding=padding,
            )
        )

    def batch_norm(self, x: Value, *, activation: Activation = "", folds: bool = True, name: str = "") -> Value:
        """Batch normalization, for use after a convolution. folds: not so where deployment leaves it as it is."""
        name = self._named("batch_norm", name)

        def vector(key: str, fill: Fill) -> Parameter:
            return Parameter(name=f"{name}/{key}", shape=x.shape[-1:], fill=fill)

        norm = Norm(
            gamma=vector("gamma", _GAMMA),
            beta=vector("beta", _BETA),
            mean=vector("mean", _MEAN),
            variance=vector("variance", _VARIANCE),
            epsilon=_EPSILON,
        )
        output = Value(name=name, shape=x.shape)
        return self._put(BatchNorm(inputs=(x,), output=output, norm=norm, activation=activation, folds=folds))

    def prelu(self, x: Value, *, name: str = "") -> Value:
        """PReLU with a slope per channel, shared over height and width."""
        name = self._named("prelu", name)
        slope = Parameter(name=f"{name}/slope", shape=(1, 1, x.shape[-1]), fill=_SLOPE)
        return self._put(PRelu(inputs=(x,), output=Value(name=name, shape=x.shape), slope=slope))
