"""DeepLabV3+ on a MobileNetV2 of half depth multiplier: output stride 8 by dilation, image pooling, no decoder.

The dense variant computes the same function: its dilated kernels are written out with zeros between their taps, which
is how converters without dilation wrote them, and what costs more time.
"""

from __future__ import annotations

import functools

from bench.models.builder import NetworkBuilder
from bench.models.network import Network, Uniform, Value
from bench.models.zoo.blocks import Style
from bench.models.zoo.entry import ZooEntry

_SIZE = 513
_ENCODER = Style(activation="relu6", branch_first=True)
_HEAD = Style(activation="relu")
# (channels, stride, dilation) of blocks 1 to 16; the expansion is six times the block's input
_BLOCKS = (
    (12, 2, 1), (12, 1, 1), (16, 2, 1), (16, 1, 1), (16, 1, 1), (32, 1, 1), (32, 1, 2), (32, 1, 2), (32, 1, 2),
    (48, 1, 2), (48, 1, 2), (48, 1, 2), (80, 1, 2), (80, 1, 4), (80, 1, 4), (160, 1, 4),
)  # fmt: skip
_EXPANSION = 6
_HEAD_FILTERS = 256
# What is the same in all pixels (the pooled branch, a bias) must not drown what differs, or the mask is of one class.
_POOLED_GAIN = 0.2
_LOGITS_GAIN = 3.0
_LOGITS_BIAS = Uniform(std=0.05, centre=(-0.85, 0.85))


def _encoder(net: NetworkBuilder, x: Value, *, dense: bool) -> Value:
    with net.scope("stem"):
        x = _ENCODER.stem(net, x, 16)
    with net.scope("block_0"):
        x = _ENCODER.conv(net, _ENCODER.depthwise(net, x), 8, active=False)
    for number, (channels, stride, dilation) in enumerate(_BLOCKS, 1):
        with net.scope(f"block_{number}"):
            x, _ = _ENCODER.inverted_residual(
                net, x, _EXPANSION * x.shape[-1], channels, stride=stride, dilation=dilation, dense=dense
            )
    return x


def build(name: str, *, dense: bool) -> Network:
    """513 x 513 RGB in [-1, 1] -> background and foreground as 513 x 513 x 2 logits."""
    net = NetworkBuilder(name)
    x = _encoder(net, net.input("MobilenetV2/MobilenetV2/input", (1, _SIZE, _SIZE, 3)), dense=dense)
    small = x.size
    with net.scope("pooling"):
        pooled = net.average_pool(x, small, padding="valid")
        pooled = net.resize(_HEAD.conv(net, pooled, _HEAD_FILTERS, gain=_POOLED_GAIN), small, "align_corners")
    with net.scope("head"):
        x = net.concat(pooled, _HEAD.conv(net, x, _HEAD_FILTERS, gain=1.0))
        x = net.conv(
            _HEAD.conv(net, x, _HEAD_FILTERS), 2, 1, gain=_LOGITS_GAIN, bias=_LOGITS_BIAS, name="logits/semantic"
        )
        # to the size that it has already: the original graph does that, too
        x = net.resize(x, small, "align_corners")
    return net.finish(net.resize(x, _SIZE, "align_corners", name="ResizeBilinear_2"))


def _entry(name: str, text: str, params: int, params_train: int, mmac: float, *aliases: str) -> ZooEntry:
    return ZooEntry(
        id=name,
        aliases=aliases,
        summary=f"DeepLabV3+ on MobileNetV2 0.5, segmentation: {text}, {_SIZE} x {_SIZE}",
        input_shape=(1, _SIZE, _SIZE, 3),
        output_shape=(1, _SIZE, _SIZE, 2),
        params=params,
        params_train=params_train,
        mmac=mmac,
        train=functools.partial(build, name, dense=name.endswith("dense")),
        scaling="signed",
    )


ENTRIES = (
    _entry(
        "deeplab_dm05_513", "dilated kernels", 683_474, 709_442, 2798.1, "deeplab", "deeplab_dm05", "deeplab_dilated"
    ),
    _entry(
        "deeplab_dm05_513_dense", "dilated kernels written out with zeros", 813_266, 839_234, 3346.5, "deeplab_dense"
    ),
)
