"""A network as an ONNX file, opset 13, with the same weights as the TFLite file.

Input and output are NHWC, with Transpose nodes inside, so that every runtime takes the same input array and gives the
same output array. Each value is kept in the layout that its maker works in, and turned only where the next one needs
the other. Format: https://onnx.ai/onnx/repo-docs/IR.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Literal

from bench.models import network as n
from bench.models.weights import values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OPSET = 13
_IR_VERSION = 8

Layout = Literal["nhwc", "nchw"]
_AXES: dict[Layout, tuple[int, ...]] = {"nhwc": (0, 2, 3, 1), "nchw": (0, 3, 1, 2)}  # to get to that layout


def emit(network: n.Network, *, seed: int = 0, description: str = "") -> bytes:
    """The file's bytes; the same for the same arguments."""
    writer = _Writer(seed)
    for value in network.inputs:
        writer.have(value, "nhwc")
    for layer in network.layers:
        _emit(layer, writer)
    return writer.finish(network, description)


class _Writer:
    """Nodes and initializers so far; a value's NHWC name is its own, its NCHW name ends in `/nchw`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._layouts: dict[str, list[Layout]] = {}

    def have(self, value: n.Value, layout: Layout) -> str:
        """Notes that a value is there in that layout; gives its name in the file."""
        self._layouts.setdefault(value.name, []).append(layout)
        return value.name if layout == "nhwc" else f"{value.name}/nchw"

    def native(self, value: n.Value) -> Layout:
        return self._layouts[value.name][0]

    def get(self, value: n.Value, layout: Layout) -> str:
        """The value's name in that layout, after a Transpose where it is not there yet."""
        if layout in self._layouts[value.name]:
            return value.name if layout == "nhwc" else f"{value.name}/nchw"
        source = self.get(value, self.native(value))
        target = self.have(value, layout)
        self.node("Transpose", [source], target, perm=list(_AXES[layout]))
        return target

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(op, list(inputs), [output], name=f"{op}:{output}", **attributes))

    def constant(self, name: str, data: NDArray[np.float32] | NDArray[np.int64]) -> str:
        import numpy as np
        from onnx import numpy_helper

        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(data), name))
        return name

    def numbers(self, name: str, numbers: Sequence[int]) -> str:
        """A constant of int64: a shape, paddings, ..."""
        import numpy as np

        return self.constant(name, np.array(numbers, dtype=np.int64))

    def parameter(self, parameter: n.Parameter, axes: tuple[int, ...] | None = None) -> str:
        data = values(parameter, self.seed)
        return self.constant(parameter.name, data if axes is None else data.transpose(axes))

    def finish(self, network: n.Network, description: str) -> bytes:
        from onnx import TensorProto, helper

        def info(value: n.Value) -> Any:
            return helper.make_tensor_value_info(value.name, TensorProto.FLOAT, value.shape)

        for value in network.outputs:
            self.get(value, "nhwc")
        graph = helper.make_graph(
            self._nodes, network.name, [*map(info, network.inputs)], [*map(info, network.outputs)], self._initializers
        )
        model = helper.make_model(
            graph,
            producer_name="bench",
            doc_string=description,
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        return bytes(model.SerializeToString(deterministic=True))


def _in_order(axes: Sequence[int], layout: Layout) -> list[int]:
    """Numbers per NHWC axis, in the order of that layout."""
    return list(axes) if layout == "nhwc" else [axes[axis] for axis in _AXES["nchw"]]


@singledispatch
def _emit(layer: n.Layer, writer: _Writer) -> None:
    raise NotImplementedError(f"no ONNX for {type(layer).__name__}")


def _result(layer: n.Layer, writer: _Writer, layout: Layout, activation: n.Activation = "") -> str:
    """The name to give the op's result: the layer's, or one before it where _activate will add a Relu."""
    return f"{layer.name}/linear" if activation else writer.have(layer.output, layout)


def _activate(layer: n.Layer, writer: _Writer, layout: Layout, linear: str, activation: n.Activation) -> None:
    if activation:
        writer.node("Relu", [linear], writer.have(layer.output, layout))


def _elementwise(layer: n.Layer, writer: _Writer, op: str, activation: n.Activation = "") -> None:
    layout = writer.native(layer.inputs[0])
    inputs = [writer.get(value, layout) for value in layer.inputs]
    name = _result(layer, writer, layout, activation)
    writer.node(op, inputs, name)
    _activate(layer, writer, layout, name, activation)


def _pads(layer: n.Convolution) -> list[int]:
    """ONNX' [top, left, bottom, right] for TensorFlow's paddings."""
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    sizes = layer.inputs[0].shape[1:3]
    steps = zip(sizes, layer.kernel_size, layer.stride, layer.dilation, strict=True)
    (top, bottom), (left, right) = (n.same_padding(*step) for step in steps)
    return [top, left, bottom, right]


def _transposed_pads(layer: n.TransposedConv) -> list[int]:
    """What `same` cuts off the full result: kernel - stride, the odd pixel at the end."""
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    cut = [max(kernel - stride, 0) for kernel, stride in zip(layer.kernel_size, layer.stride, strict=True)]
    return [cut[0] // 2, cut[1] // 2, cut[0] - cut[0] // 2, cut[1] - cut[1] // 2]


def _convolve(
    layer: n.Convolution, writer: _Writer, op: str, axes: tuple[int, ...], pads: list[int], group: int
) -> None:
    inputs = [writer.get(layer.inputs[0], "nchw"), writer.parameter(layer.kernel, axes)]
    if layer.bias is not None:
        inputs.append(writer.parameter(layer.bias))
    name = _result(layer, writer, "nchw", layer.activation)
    writer.node(
        op,
        inputs,
        name,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        pads=pads,
        group=group,
    )
    _activate(layer, writer, "nchw", name, layer.activation)


@_emit.register
def _(layer: n.Conv, writer: _Writer) -> None:
    _convolve(layer, writer, "Conv", (0, 3, 1, 2), _pads(layer), 1)


@_emit.register
def _(layer: n.DepthwiseConv, writer: _Writer) -> None:
    _convolve(layer, writer, "Conv", (3, 0, 1, 2), _pads(layer), layer.inputs[0].shape[-1])


@_emit.register
def _(layer: n.TransposedConv, writer: _Writer) -> None:
    _convolve(layer, writer, "ConvTranspose", (3, 0, 1, 2), _transposed_pads(layer), 1)


@_emit.register
def _(layer: n.Add, writer: _Writer) -> None:
    _elementwise(layer, writer, "Add", layer.activation)


@_emit.register
def _(layer: n.Relu, writer: _Writer) -> None:
    _elementwise(layer, writer, "Relu")


@_emit.register
def _(layer: n.Sigmoid, writer: _Writer) -> None:
    _elementwise(layer, writer, "Sigmoid")


@_emit.register
def _(layer: n.Reshape, writer: _Writer) -> None:
    shape = writer.numbers(f"{layer.name}/shape", layer.output.shape)
    source = writer.get(layer.inputs[0], "nhwc")
    writer.node("Reshape", [source, shape], writer.have(layer.output, "nhwc"))


@_emit.register
def _(layer: n.Slice, writer: _Writer) -> None:
    layout = writer.native(layer.inputs[0])
    constants = [
        writer.numbers(f"{layer.name}/{key}", _in_order(numbers, layout))
        for key, numbers in (("begin", layer.begin), ("end", layer.end))
    ]
    inputs = [writer.get(layer.inputs[0], layout), *constants]
    writer.node("Slice", inputs, writer.have(layer.output, layout))


@_emit.register
def _(layer: n.Pad, writer: _Writer) -> None:
    layout = writer.native(layer.inputs[0])
    pads = [*_in_order(layer.before, layout), *_in_order(layer.after, layout)]
    constant = writer.numbers(f"{layer.name}/pads", pads)
    writer.node("Pad", [writer.get(layer.inputs[0], layout), constant], writer.have(layer.output, layout))
