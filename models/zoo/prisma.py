"""Prisma-net: portrait segmentation by residual blocks of separable convolutions with additive skips. No BN."""

from __future__ import annotations

from bench.models.builder import NetworkBuilder
from bench.models.network import Network, Value
from bench.models.zoo.entry import ZooEntry

_SIZE = 256
# (channels, stride, residual blocks) on the way down and up
_ENCODER = ((8, 1, 1), (32, 2, 1), (64, 2, 1), (128, 2, 2), (128, 2, 6))
_DECODER = ((128, 3), (64, 3), (32, 3), (8, 3))


def _residual(net: NetworkBuilder, x: Value) -> Value:
    """x + separable(relu(separable(relu(x)))). The first ReLU cannot be fused: the sum reads x without it."""
    channels = x.shape[-1]
    y = net.separable(net.relu(x), channels, 3, activation="relu")
    # a small second half keeps 23 sums in a row from growing without bound
    y = net.separable(y, channels, 3, gain=0.3)
    return net.add(x, y)


def _residuals(net: NetworkBuilder, x: Value, count: int) -> Value:
    for index in range(1, count + 1):
        with net.scope(f"block_{index}"):
            x = _residual(net, x)
    return x


def build() -> Network:
    """256 x 256 RGB in [0, 1] -> 65,536 foreground probabilities."""
    net = NetworkBuilder("prisma_256")
    x = net.input("input_3", (1, _SIZE, _SIZE, 3))
    skips: list[Value] = []
    for stage, (channels, stride, blocks) in enumerate(_ENCODER, 1):
        with net.scope(f"encoder_{stage}"):
            x = net.conv(x, channels, 3, stride=stride, gain=2.0 if stage == 1 else 1.0)
            x = _residuals(net, x, blocks)
        skips.append(x)
    for stage, (channels, blocks) in enumerate(_DECODER, 1):
        with net.scope(f"decoder_{stage}"):
            x = net.transposed_conv(x, channels, 3, stride=2)
            x = net.add(x, skips[-1 - stage])
            x = _residuals(net, x, blocks)
    with net.scope("head"):
        # 1.0 would saturate the sigmoid
        x = net.sigmoid(net.transposed_conv(x, 1, 1, gain=0.25))
    return net.finish(net.reshape(x, (1, _SIZE * _SIZE), name="reshape_2/Reshape"))


ENTRIES = (
    ZooEntry(
        id="prisma_256",
        aliases=("prisma", "prisma_net"),
        summary="Prisma-net, portrait segmentation: residual separable convolutions, 256 x 256",
        input_shape=(1, _SIZE, _SIZE, 3),
        output_shape=(1, _SIZE * _SIZE),
        params=923_057,
        params_train=923_057,
        mmac=1097.5,
        train=build,
        scaling="unit",
    ),
)
