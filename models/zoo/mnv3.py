"""Two networks on the minimalistic MobileNetV3-Small (ReLU and 3 x 3 only, no squeeze-excite).

The unet decodes with transposed convolutions and concatenation, the other with transition blocks, bilinear resizes and
sums.
"""

from __future__ import annotations

import functools

from bench.models.builder import NetworkBuilder
from bench.models.convolutions import BIAS
from bench.models.network import Network, Uniform, Value
from bench.models.zoo.blocks import AFTER_RELU, BRANCH_END, Style
from bench.models.zoo.entry import ZooEntry

# (expansion, stride, channels) of blocks 1 to 10
_BLOCKS = (
    (72, 2, 24), (88, 1, 24), (96, 2, 40), (240, 1, 40), (240, 1, 40), (120, 1, 48), (144, 1, 48), (288, 2, 96),
    (576, 1, 96), (576, 1, 96),
)  # fmt: skip
_SKIPS = (8, 3, 1)  # blocks whose expansion the decoder takes, deepest first
_STEM = 16
_LAST = 576

_UNET = Style(activation="relu", bias=BIAS)
_UNET_SIZE = 224
_UNET_DECODER = (256, 128, 64, 32, 16)
_UNET_HEAD_GAIN = 1.5

_ENCODER = Style(activation="relu", edges="end")
_TRANSITION = Style(activation="relu", bias=BIAS)
_TRANSITION_SIZE = 256
_LOGITS_BIAS = Uniform(std=0.05, centre=(-0.3, 0.3))  # about half a mask is foreground


def _encoder(net: NetworkBuilder, x: Value, style: Style, width: float) -> tuple[Value, list[Value]]:
    """The last block's output; the expansions of the blocks in _SKIPS, then the stem. width: of the projections."""
    with net.scope("stem"):
        stem = style.stem(net, x, _STEM, edges="same")
    with net.scope("block_0"):
        x = style.conv(net, style.depthwise(net, stem, stride=2), int(_STEM * width), active=False)
    wides: dict[int, Value] = {}
    for number, (expansion, stride, channels) in enumerate(_BLOCKS, 1):
        with net.scope(f"block_{number}"):
            x, wides[number] = style.inverted_residual(net, x, expansion, int(channels * width), stride=stride)
    return x, [*(wides[number] for number in _SKIPS), stem]


def build_unet(name: str, width: float) -> Network:
    """224 x 224 RGB in [0, 1] -> 50,176 foreground probabilities."""
    net = NetworkBuilder(name)
    x, skips = _encoder(net, net.input("input_1", (1, _UNET_SIZE, _UNET_SIZE, 3)), _UNET, width)
    with net.scope("last"):
        x = _UNET.conv(net, x, _LAST, gain=1.0)
    for step, filters in enumerate(_UNET_DECODER, 1):
        with net.scope(f"decoder_{step}"):
            x = net.transposed_conv(x, int(filters * width), 3, stride=2, gain=AFTER_RELU)
            x = net.batch_norm(x, activation="relu")
            if step <= len(skips):
                x = net.concat(x, skips[step - 1])
    with net.scope("head"):
        x = net.sigmoid(net.transposed_conv(x, 1, 1, gain=_UNET_HEAD_GAIN))
    return net.finish(net.reshape(x, (1, _UNET_SIZE * _UNET_SIZE), name="reshape_1/Reshape"))


def _transition(net: NetworkBuilder, x: Value, channels: int) -> Value:
    """relu(two separable convolutions + one 1 x 1), all with normalization."""
    style = _TRANSITION
    y = style.conv(net, style.depthwise(net, x), channels)
    y = style.conv(net, style.depthwise(net, y), channels, active=False, gain=BRANCH_END)
    return net.add(y, style.conv(net, x, channels, active=False, gain=1.0), activation="relu")


def build_transition() -> Network:
    """256 x 256 RGB in [-1, 1] -> background and foreground as 256 x 256 x 2 logits."""
    net = NetworkBuilder("mnv3_transition_256")
    x, skips = _encoder(net, net.input("input_1", (1, _TRANSITION_SIZE, _TRANSITION_SIZE, 3)), _ENCODER, 1.0)
    with net.scope("last"):
        x = _ENCODER.conv(net, x, _LAST, active=False, gain=1.0)
    for step, skip in enumerate(skips[:-1], 1):
        with net.scope(f"decoder_{step}"):
            x = _transition(net, x, skip.shape[-1])
            x = net.add(net.resize(x, skip.size, "half_pixel"), skip)
    with net.scope("decoder_4"):
        x = _transition(net, x, _STEM)
        for _ in range(2):
            x = net.resize(x, (2 * x.shape[1], 2 * x.shape[2]), "half_pixel")
    return net.finish(net.conv(x, 2, 1, gain=AFTER_RELU, bias=_LOGITS_BIAS, name="Identity"))


def _unet_entry(digits: str, width: float, params: int, params_train: int, mmac: float) -> ZooEntry:
    name = f"mnv3_unet_wm{digits}_{_UNET_SIZE}"
    return ZooEntry(
        id=name,
        aliases=(f"mnv3_unet_wm{digits}", "mnv3_unet", "mobilenetv3_unet", "unet"),
        summary=f"MobileNetV3-unet, portrait segmentation: width {width}, {_UNET_SIZE} x {_UNET_SIZE}",
        input_shape=(1, _UNET_SIZE, _UNET_SIZE, 3),
        output_shape=(1, _UNET_SIZE * _UNET_SIZE),
        params=params,
        params_train=params_train,
        mmac=mmac,
        train=functools.partial(build_unet, name, width),
        scaling="unit",
    )


UNETS = (
    _unet_entry("10", 1.0, 2_552_241, 2_578_449, 550.0),
    _unet_entry("05", 0.5, 1_192_213, 1_216_293, 221.8),
)
TRANSITION = ZooEntry(
    id="mnv3_transition_256",
    aliases=("mnv3_transition", "transition", "mnv3_seg"),
    summary="MobileNetV3 with transition blocks, portrait segmentation: resizes and sums, 256 x 256",
    input_shape=(1, _TRANSITION_SIZE, _TRANSITION_SIZE, 3),
    output_shape=(1, _TRANSITION_SIZE, _TRANSITION_SIZE, 2),
    params=940_122,
    params_train=969_970,
    mmac=147.5,
    train=build_transition,
    scaling="signed",
)
