"""What several families are made of: convolutions with batch normalization, and inverted residual blocks.

Gains (models/convolutions.py) follow He et al. 2015: after a ReLU half of the variance is gone, so a weight is sqrt(2)
larger there. A residual branch ends small, so that sums in a row do not grow without bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.models.builder import NetworkBuilder
from bench.models.network import Activation, Fill, Padding, Value

AFTER_RELU = math.sqrt(2)
BRANCH_END = 0.7

# Where zeros stand around a 3 x 3 kernel: `same`; an explicit row below and column to the right where the stride is 2
# (Keras' MobileNets); an explicit pixel on all four sides (PyTorch).
Edges = Literal["same", "end", "around"]


def padded(net: NetworkBuilder, x: Value, stride: int, edges: Edges) -> tuple[Value, Padding]:
    """x with the zeros that a 3 x 3 kernel needs, and the padding that the convolution is left with."""
    if edges == "around":
        return net.pad(x, (0, 1, 1, 0), (0, 1, 1, 0)), "valid"
    if edges == "end" and stride == 2:
        return net.pad(x, (0, 0, 0, 0), (0, 1, 1, 0)), "valid"
    return x, "same"


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a family writes its convolutions, each followed by batch normalization.

    bias: of the convolutions in the trained graph; pointwise: padding of the 1 x 1 ones, which changes nothing but the
    file; branch_first: the order in which a residual sum takes its two terms.
    """

    activation: Activation
    edges: Edges = "same"
    bias: Fill | None = None
    pointwise: Padding = "same"
    branch_first: bool = False

    def stem(self, net: NetworkBuilder, x: Value, filters: int, edges: Edges | None = None) -> Value:
        """3 x 3, stride 2, for the picture."""
        x, padding = padded(net, x, 2, edges or self.edges)
        x = net.conv(x, filters, 3, stride=2, padding=padding, bias=self.bias, gain=2.0)
        return net.batch_norm(x, activation=self.activation)

    def conv(
        self, net: NetworkBuilder, x: Value, filters: int, *, active: bool = True, gain: float = AFTER_RELU
    ) -> Value:
        """1 x 1."""
        x = net.conv(x, filters, 1, padding=self.pointwise, bias=self.bias, gain=gain)
        return net.batch_norm(x, activation=self.activation if active else "")

    def depthwise(
        self, net: NetworkBuilder, x: Value, *, stride: int = 1, dilation: int = 1, dense: bool = False
    ) -> Value:
        """3 x 3."""
        x, padding = padded(net, x, stride, self.edges)
        x = net.depthwise(x, 3, stride=stride, padding=padding, dilation=dilation, dense=dense, bias=self.bias)
        return net.batch_norm(x, activation=self.activation)

    def inverted_residual(
        self,
        net: NetworkBuilder,
        x: Value,
        expansion: int,
        channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        dense: bool = False,
    ) -> tuple[Value, Value]:
        """1 x 1 to `expansion` channels, depthwise 3 x 3, 1 x 1 to `channels`; plus x where the shapes allow it.

        Returns the block's output and the output of its expansion, which decoders use.
        """
        wide = self.conv(net, x, expansion, gain=1.0)
        y = self.depthwise(net, wide, stride=stride, dilation=dilation, dense=dense)
        residual = stride == 1 and x.shape[-1] == channels
        y = self.conv(net, y, channels, active=False, gain=BRANCH_END if residual else AFTER_RELU)
        if residual:
            y = net.add(y, x) if self.branch_first else net.add(x, y)
        return y, wide
