"""Mobile-unet: a MobileNetV2 encoder of half width and a decoder of 3 x 3 upsamplings, transposed or bilinear."""

from __future__ import annotations

import functools

from bench.models.builder import NetworkBuilder
from bench.models.convolutions import BIAS
from bench.models.network import Network, Uniform, Value
from bench.models.zoo.blocks import AFTER_RELU, Style
from bench.models.zoo.entry import ZooEntry

_SIZE = 128
_STYLE = Style(activation="relu6", edges="end")
# (expansion, stride, channels) of blocks 1 to 16
_BLOCKS = (
    (48, 2, 16), (96, 1, 16), (96, 2, 16), (96, 1, 16), (96, 1, 16), (96, 2, 32), (192, 1, 32), (192, 1, 32),
    (192, 1, 32), (192, 1, 48), (288, 1, 48), (288, 1, 48), (288, 2, 80), (480, 1, 80), (480, 1, 80), (480, 1, 160),
)  # fmt: skip
_SKIPS = (13, 6, 3, 1)  # blocks whose expansion the decoder takes, deepest first
_DECODER = (512, 256, 128, 64, 32)
# Of the head, by decoder: bilinear resizes leave little that differs from pixel to pixel.
_HEAD_GAIN = {False: 1.5, True: 6.0}
_HEAD_BIAS = {False: BIAS, True: Uniform(std=0.05, centre=-1.3)}  # about half a mask is foreground


def _encoder(net: NetworkBuilder, x: Value) -> tuple[Value, list[Value]]:
    """The last block's output, and the expansions of the blocks in _SKIPS."""
    with net.scope("stem"):
        x = _STYLE.stem(net, x, 16)
    with net.scope("block_0"):
        x = _STYLE.conv(net, _STYLE.depthwise(net, x), 8, active=False)
    wides: dict[int, Value] = {}
    for number, (expansion, stride, channels) in enumerate(_BLOCKS, 1):
        with net.scope(f"block_{number}"):
            x, wides[number] = _STYLE.inverted_residual(net, x, expansion, channels, stride=stride)
    return x, [wides[number] for number in _SKIPS]


def _up(net: NetworkBuilder, x: Value, filters: int, *, bilinear: bool) -> Value:
    """Twice the size. The tool that folded normalization left those after transposed convolutions alone."""
    if bilinear:
        x = net.resize(x, (2 * x.shape[1], 2 * x.shape[2]))
        x = net.conv(x, filters, 3, gain=AFTER_RELU)
    else:
        x = net.transposed_conv(x, filters, 3, stride=2, gain=AFTER_RELU)
    return net.batch_norm(x, activation="relu", folds=bilinear)


def build(name: str, *, bilinear: bool) -> Network:
    """128 x 128 RGB in [-1, 1] -> 16,384 foreground probabilities."""
    net = NetworkBuilder(name)
    x, skips = _encoder(net, net.input("input_1", (1, _SIZE, _SIZE, 3)))
    for step, filters in enumerate(_DECODER, 1):
        with net.scope(f"decoder_{step}"):
            x = _up(net, x, filters, bilinear=bilinear)
            if step <= len(skips):
                x = net.concat(x, skips[step - 1])
    with net.scope("head"):
        x = net.sigmoid(net.transposed_conv(x, 1, 1, gain=_HEAD_GAIN[bilinear], bias=_HEAD_BIAS[bilinear]))
    return net.finish(net.reshape(x, (1, -1), name="flatten_1/Reshape"))


def _entry(way: str, text: str, params: int, mmac: float) -> ZooEntry:
    name = f"{way}_munet_128"
    return ZooEntry(
        id=name,
        aliases=(f"{way}_munet", f"{way}_mobile_unet", way, "munet", "munet_128", "mobile_unet", "unet"),
        summary=f"Mobile-unet, portrait segmentation: {text} decoder, {_SIZE} x {_SIZE}",
        input_shape=(1, _SIZE, _SIZE, 3),
        output_shape=(1, _SIZE * _SIZE),
        params=params,
        params_train=3_648_561,
        mmac=mmac,
        train=functools.partial(build, name, bilinear=way == "bilinear"),
        scaling="signed",
    )


ENTRIES = (
    _entry("deconv", "transposed-convolution", 3_624_585, 526.4),
    _entry("bilinear", "bilinear-resize", 3_620_617, 2019.8),
)
