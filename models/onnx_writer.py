"""Collects the nodes and initializers of one ONNX graph, and turns values between layouts where that is needed.

Format: https://onnx.ai/onnx/repo-docs/IR.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from bench.models import network as n
from bench.models.weights import values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OPSET = 13
_IR_VERSION = 8

Layout = Literal["nhwc", "nchw"]
AXES: dict[Layout, tuple[int, ...]] = {"nhwc": (0, 2, 3, 1), "nchw": (0, 3, 1, 2)}  # to get to that layout


class OnnxWriter:
    """Nodes and initializers so far; a value's NHWC name is its own, its NCHW name ends in `/nchw`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._layouts: dict[str, list[Layout]] = {}
        self._scalars: dict[float, str] = {}

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
        self.node("Transpose", [source], target, perm=list(AXES[layout]))
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

    def scalar(self, number: float) -> str:
        """A constant of float32 without dimensions; made on first use."""
        import numpy as np

        if number not in self._scalars:
            self._scalars[number] = self.constant(f"scalar/{number}", np.array(number, dtype=np.float32))
        return self._scalars[number]

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


def in_order(axes: Sequence[int], layout: Layout) -> list[int]:
    """Numbers per NHWC axis, in the order of that layout."""
    return list(axes) if layout == "nhwc" else [axes[axis] for axis in AXES["nchw"]]
