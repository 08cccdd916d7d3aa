"""Slim-net: portrait segmentation by thin bottleneck blocks with a PReLU before every convolution. No BN."""

from __future__ import annotations

import functools
import math
from typing import Literal

from bench.models.builder import NetworkBuilder
from bench.models.convolutions import BIAS
from bench.models.network import Network, Shape, Value
from bench.models.zoo.entry import ZooEntry

_SIZE = 512
_GAIN = math.sqrt(2 / (1 + 0.25**2))  # He et al. 2015, equation 15: for a PReLU of slope 0.25
_BRANCH_END = 0.5
_HEAD_GAIN = 1.0

# The middle of a block: two separable halves, one 5 x 5, or a dilated 3 x 3 of that dilation
_Kind = Literal["A", "B"] | int
# (channels inside, channels, kind, stride) of the encoder's blocks; a stride of 2 brings a max pool beside it
_ENCODER: tuple[tuple[int, int, _Kind, int], ...] = (
    (16, 64, "A", 2), (16, 64, "A", 1), (16, 64, "A", 1),
    (32, 128, "A", 2), (16, 128, "A", 1), (16, 128, "A", 1), (16, 128, "A", 1), (16, 128, "A", 1),
    (16, 128, "A", 2), (8, 128, "A", 1),
    (8, 128, 2, 1), (8, 128, "B", 1), (8, 128, 4, 1), (8, 128, "A", 1), (8, 128, 8, 1), (8, 128, "A", 1),
    (8, 128, 2, 1), (8, 128, "B", 1), (8, 128, 4, 1), (8, 128, "A", 1), (8, 128, 8, 1),
    (4, 128, 1, 1),
)  # fmt: skip
# (channels before the upsampling, channels, channels inside) of the decoder's blocks
_DECODER = ((8, 128, 8), (8, 64, 4), (4, 32, 4))


def _middle(net: NetworkBuilder, y: Value, channels: int, kind: _Kind) -> Value:
    inside = y.shape[-1]
    if kind == "A":
        y = net.prelu(net.separable(y, inside, 3))
        return net.depthwise(y, 3, bias=BIAS)
    if kind == "B":
        return net.separable(y, inside, 5)
    return net.conv(y, channels, 3, dilation=kind, gain=_GAIN)


def _down(net: NetworkBuilder, x: Value, channels: int, inside: int, kind: _Kind, stride: int) -> tuple[Value, Value]:
    """One block of the encoder: its output, and what the decoder may take: the pool's output or the first PReLU's."""
    shortcut = tap = net.prelu(x)
    y = net.prelu(net.conv(shortcut, inside, stride, stride=stride, gain=_GAIN))
    y = net.conv(net.prelu(_middle(net, y, channels, kind)), channels, 1, gain=_BRANCH_END)
    if stride == 2:
        shortcut = tap = net.max_pool(shortcut, 2, stride=2)
        if shortcut.shape[-1] != channels:
            shortcut = net.conv(shortcut, channels, 1, gain=_GAIN)
    return net.add(shortcut, y), tap


def _up(net: NetworkBuilder, x: Value, pooled: Value, beside: Value | None, sizes: tuple[int, int, int]) -> Value:
    """One block of the decoder: to twice the size, with what the encoder had there. sizes: a row of _DECODER."""
    before, channels, inside = sizes
    x = net.prelu(x)
    y = net.prelu(net.conv(x, before, 1, gain=_GAIN))
    y = net.prelu(net.transposed_conv(y, 8, 3, stride=2, gain=_GAIN))
    y = net.conv(y, channels, 1, gain=_BRANCH_END)
    large = net.add(net.conv(x, channels, 1, gain=_GAIN), pooled)
    large = net.resize(large, y.size, "align_corners")
    z = net.prelu(net.add(large, y))
    if beside is not None:
        z = net.concat(z, beside)
    b = net.prelu(net.conv(z, inside, 1, gain=_GAIN))
    b = net.conv(net.prelu(net.conv(b, inside, 3, gain=_GAIN)), channels, 1, gain=_BRANCH_END)
    if beside is not None:
        z = net.conv(z, channels, 1, gain=_GAIN)
    return net.add(z, b)


def build(name: str, *, raw: bool) -> Network:
    """512 x 512 RGB in [0, 1] -> 262,144 foreground probabilities, or (raw) 512 x 512 x 2 logits."""
    net = NetworkBuilder(name)
    x = net.input("ip", (1, _SIZE, _SIZE, 3))
    with net.scope("stem"):
        x = net.prelu(net.conv(x, 8, 2, stride=2, padding="valid", gain=2.0))
        x = net.conv(x, 32, 2, stride=2, padding="valid", gain=_GAIN)
    taps: dict[int, Value] = {}
    for number, (inside, channels, kind, stride) in enumerate(_ENCODER, 1):
        with net.scope(f"encoder_{number}"):
            x, taps[number] = _down(net, x, channels, inside, kind, stride)
    for number, (pooled, beside) in enumerate(((9, 5), (4, 2), (1, None)), 1):
        with net.scope(f"decoder_{number}"):
            x = _up(net, x, taps[pooled], taps[beside] if beside else None, _DECODER[number - 1])
    with net.scope("head"):
        x = net.prelu(net.transposed_conv(net.prelu(x), 8, 2, stride=2, gain=_GAIN))
    logits = net.transposed_conv(x, 2, 2, stride=2, gain=_HEAD_GAIN, name="conv2d_transpose_4/BiasAdd")
    if raw:
        return net.finish(logits)
    foreground = net.slice(net.softmax(logits), (0, 0, 0, 1), (1, _SIZE, _SIZE, 2))
    return net.finish(net.reshape(foreground, (1, _SIZE * _SIZE), name="reshape/Reshape"))


def _entry(name: str, text: str, output_shape: Shape, raw: bool, *aliases: str) -> ZooEntry:
    return ZooEntry(
        id=name,
        aliases=aliases,
        summary=f"Slim-net, portrait segmentation: {text}, {_SIZE} x {_SIZE}",
        input_shape=(1, _SIZE, _SIZE, 3),
        output_shape=output_shape,
        params=347_570,
        params_train=347_570,
        mmac=296.5,
        train=functools.partial(build, name, raw=raw),
        scaling="unit",
    )


ENTRIES = (
    _entry("slim_net_512", "thin blocks with PReLU", (1, _SIZE * _SIZE), False, "slim", "slim_net", "slimnet"),
    _entry(
        "slim_net_512_raw", "up to the logits", (1, _SIZE, _SIZE, 2), True, "slim_raw", "slim_net_raw", "slimnet_raw"
    ),
)
