"""Portrait-net: a full-width MobileNetV2 encoder with ReLU and a decoder of separable residual blocks. For video: the

fourth input channel is the previous frame's mask. PyTorch's paddings: explicit zeros on all sides, then `valid`.
"""

from __future__ import annotations

import functools

from bench.models.builder import NetworkBuilder
from bench.models.network import Network, Value
from bench.models.zoo.blocks import AFTER_RELU, BRANCH_END, Style, padded
from bench.models.zoo.entry import ZooEntry

_STYLE = Style(activation="relu", edges="around", pointwise="valid")
# (expansion factor, channels, blocks, first block's stride)
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_SKIPS = (5, 3, 2)  # stages that the decoder takes, deepest first
_DECODER = (96, 32, 24, 16, 8)
_HEAD_GAIN = 0.15  # 1.0 saturates the softmax


def _encoder(net: NetworkBuilder, x: Value) -> tuple[Value, list[Value]]:
    """The last stage's output, and those of the stages in _SKIPS."""
    with net.scope("stem"):
        x = _STYLE.stem(net, x, 32)
    ends: dict[int, Value] = {}
    for stage, (factor, channels, blocks, first) in enumerate(_STAGES, 1):
        for block in range(1, blocks + 1):
            with net.scope(f"stage_{stage}_{block}"):
                stride = first if block == 1 else 1
                x, _ = _STYLE.inverted_residual(net, x, factor * x.shape[-1], channels, stride=stride)
        ends[stage] = x
    return x, [ends[stage] for stage in _SKIPS]


def _decoder_block(net: NetworkBuilder, x: Value, channels: int) -> Value:
    """relu(two separable convolutions + one 1 x 1), all with normalization."""
    y = _STYLE.conv(net, _STYLE.depthwise(net, x), channels)
    y = _STYLE.conv(net, _STYLE.depthwise(net, y), channels, active=False, gain=BRANCH_END)
    return net.add(y, _STYLE.conv(net, x, channels, active=False, gain=1.0), activation="relu")


def build(name: str, size: int) -> Network:
    """size x size BGR, less its mean and times 0.017, and the last mask -> foreground probabilities."""
    net = NetworkBuilder(name)
    x, skips = _encoder(net, net.input("input.1", (1, size, size, 4)))
    for step, channels in enumerate(_DECODER, 1):
        with net.scope(f"decoder_{step}"):
            x = _decoder_block(net, x, channels)
            x = net.transposed_conv(x, channels, 4, stride=2, padding="valid", bias=None, gain=AFTER_RELU)
            x = net.crop(x, 1)
            if step <= len(skips):
                x = net.add(skips[step - 1], x)
    with net.scope("head"):
        x, padding = padded(net, x, 1, "around")
        x = net.softmax(net.conv(x, 2, 3, padding=padding, gain=_HEAD_GAIN))
        x = net.slice(x, (0, 0, 0, 1), (1, size, size, 2))
    return net.finish(net.reshape(x, (1, size * size), name="Identity"))


def _entry(size: int, mmac: float, *aliases: str) -> ZooEntry:
    name = f"portrait_net_{size}"
    return ZooEntry(
        id=name,
        aliases=aliases,
        summary=f"Portrait-net, portrait segmentation of video: the last mask as 4th channel, {size} x {size}",
        input_shape=(1, size, size, 4),
        output_shape=(1, size * size),
        params=2_064_050,
        params_train=2_115_050,
        mmac=mmac,
        train=functools.partial(build, name, size),
        scaling="portrait",
    )


ENTRIES = (
    _entry(224, 364.9, "portrait", "portrait_net", "portrait_224"),
    _entry(256, 476.5, "portrait_256"),
)
