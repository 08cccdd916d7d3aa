"""Seven tiny models around one 3 x 3 convolution: what does a GPU pay for input and output, not for arithmetic?

Their kernels are exact: the 3 x 3 convolution passes channel 0 through; the packing convolution turns sixteen 0/1
pixels of a row into one float whose 256-fold is their bit pattern (leftmost pixel: bit 15).
"""

from __future__ import annotations

from bench.models.builder import NetworkBuilder
from bench.models.network import BinaryPlaces, CentreTap, Network, Shape, Value, Zeros
from bench.models.zoo.entry import ZooEntry

_SIZE = 256
_PACK = 16
_PACKED = (1, _SIZE, _SIZE // _PACK)


def _image(channels: int) -> Shape:
    return (1, _SIZE, _SIZE, channels)


def _identity(net: NetworkBuilder, x: Value, filters: int, name: str = "") -> Value:
    return net.conv(x, filters, 3, fill=CentreTap(), bias=Zeros(), name=name)


def _pack(net: NetworkBuilder, x: Value, name: str = "") -> Value:
    return net.conv(x, 1, (1, _PACK), stride=(1, _PACK), fill=BinaryPlaces(), bias=Zeros(), name=name)


def _first_three(net: NetworkBuilder, x: Value) -> Value:
    return net.slice(x, (0, 0, 0, 0), _image(3))


def paradox_1() -> Network:
    net = NetworkBuilder("paradox_1")
    x = net.input("input_1", _image(1))
    return net.finish(_identity(net, x, 1, name="conv2d_1/BiasAdd"))


def paradox_2() -> Network:
    net = NetworkBuilder("paradox_2")
    x = _identity(net, net.input("input_2", _image(1)), 1)
    return net.finish(_pack(net, x, name="conv2d_3/BiasAdd"))


def paradox_3() -> Network:
    net = NetworkBuilder("paradox_3")
    x = net.input("input_1", _image(4))
    return net.finish(_identity(net, x, 4, name="conv2d_1/BiasAdd"))


def paradox_4() -> Network:
    net = NetworkBuilder("paradox_4")
    x = _identity(net, net.input("input_4", _image(4)), 1)
    return net.finish(net.reshape(_pack(net, x), _PACKED, name="reshape_1/Reshape"))


def paradox_5() -> Network:
    net = NetworkBuilder("paradox_5")
    x = net.reshape(net.input("input_1", (1, _SIZE * _SIZE * 3)), _image(3))
    return net.finish(net.reshape(_pack(net, _identity(net, x, 1)), _PACKED, name="reshape_2/Reshape"))


def paradox_6() -> Network:
    net = NetworkBuilder("paradox_6")
    x = _first_three(net, net.input("input_1", _image(4)))
    return net.finish(net.reshape(_pack(net, _identity(net, x, 1)), _PACKED, name="reshape_1/Reshape"))


def paradox_7() -> Network:
    net = NetworkBuilder("paradox_7")
    x = _identity(net, _first_three(net, net.input("input_1", _image(4))), 1)
    return net.finish(net.pad(x, (0, 0, 0, 0), (0, 0, 0, 3), name="lambda_2/Pad"))


_TABLE = (
    (paradox_1, _image(1), _image(1), 10, 0.59, "1 channel in and out"),
    (paradox_2, _image(1), (1, _SIZE, _SIZE // _PACK, 1), 27, 0.66, "1 channel in, output packed 16 to 1"),
    (paradox_3, _image(4), _image(4), 148, 9.44, "4 channels in and out"),
    (paradox_4, _image(4), _PACKED, 54, 2.42, "4 channels in, output packed and reshaped"),
    (paradox_5, (1, _SIZE * _SIZE * 3), _PACKED, 45, 1.84, "flat input, output packed and reshaped"),
    (paradox_6, _image(4), _PACKED, 45, 1.84, "4 channels in, 3 used, output packed and reshaped"),
    (paradox_7, _image(4), _image(4), 28, 1.77, "4 channels in, 3 used, output padded to 4 channels"),
)

ENTRIES = tuple(
    ZooEntry(
        id=build.__name__,
        aliases=("paradox",),
        summary=f"GPU input/output probe {number}: {text}",
        input_shape=input_shape,
        output_shape=output_shape,
        params=params,
        params_train=params,
        mmac=mmac,
        train=build,
    )
    for number, (build, input_shape, output_shape, params, mmac, text) in enumerate(_TABLE, 1)
)
