"""Looks at the weights: a kernel that is zero in regular rows and columns is a dilated one, written out.

Such a convolution multiplies by the zeros too: a 9 x 9 kernel with 9 taps costs nine times a 3 x 3 one with dilation 4.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models.lint import Lattice
from bench.models.ops import Op, OpTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_KERNEL = 3  # 1 0 1, the smallest in which a tap can be left out
# op type -> the input with the weights, and where height and width are in their shape
_KERNELS = {"CONV_2D": (1, 1), "DEPTHWISE_CONV_2D": (1, 1), "Conv": (1, 2)}


def lattices(path: Path, table: OpTable) -> dict[int, Lattice]:
    """Op index -> kernel, for the convolutions whose kernels are dilated ones written out.

    Weights that lie in another file, or in a type that NumPy lacks, are passed over. Raises ModelFileError.
    """
    wanted = {op.index: key for op in table.ops if (key := _weights(table, op))}
    if not wanted:
        return {}
    read = _tflite_reader(path) if table.format == "tflite" else _onnx_reader(path)
    found = {}
    for index, key in wanted.items():
        axis = _KERNELS[table.ops[index].type][1]
        used = read(key)
        lattice = None if used is None else _lattice(used, axis)
        if lattice is not None:
            found[index] = lattice
    return found


def _weights(table: OpTable, op: Op) -> str:
    """The stored tensor of a kernel large enough to hide a dilation, behind a DEQUANTIZE where there is one; or ""."""
    if op.type not in _KERNELS:
        return ""
    place, axis = _KERNELS[op.type]
    weights = table.input(op, place)
    if weights is None or weights.shape is None or len(weights.shape) != 4 or weights.dynamic:
        return ""
    if max(weights.shape[axis : axis + 2]) < _LEAST_KERNEL:
        return ""
    if weights.stored:
        return weights.key
    makers = (each for each in table.ops if weights.key in each.outputs)
    maker = next(makers, None) if weights.fixed else None
    source = table.input(maker, 0) if maker is not None and maker.type == "DEQUANTIZE" else None
    return source.key if source is not None and source.stored else ""


Reader = Callable[[str], "NDArray[np.bool_] | None"]


def _tflite_reader(path: Path) -> Reader:
    from bench.models.read_tflite import TFLiteFile

    file = TFLiteFile(path)

    def read(key: str) -> NDArray[np.bool_] | None:
        values: Any = file.constant(int(key))
        if values is None:
            return None
        quantization = file.tensor(int(key)).Quantization()
        zero = 0
        if quantization is not None and quantization.ZeroPointLength() == 1:
            zero = int(quantization.ZeroPoint(0))
        result: NDArray[np.bool_] = values != zero
        return result

    return read


def _onnx_reader(path: Path) -> Reader:
    from onnx import TensorProto, numpy_helper

    from bench.models import read_onnx

    tensors = {tensor.name: tensor for tensor in read_onnx.load(path).graph.initializer}

    def read(key: str) -> NDArray[np.bool_] | None:
        tensor = tensors.get(key)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        result: NDArray[np.bool_] = numpy_helper.to_array(tensor) != 0
        return result

    return read


def _lattice(used: NDArray[np.bool_], axis: int) -> Lattice | None:
    """The kernel if its rows and columns that are not all zero stand at equal distances, of at least 2 along one axis.

    used: where the weights are not zero; axis: that of the height, the width follows.
    """
    import numpy as np

    others = tuple(each for each in range(used.ndim) if each not in (axis, axis + 1))
    rows = _step(np.asarray(used.any(axis=(*others, axis + 1))))
    columns = _step(np.asarray(used.any(axis=(*others, axis))))
    if rows is None or columns is None or max(rows[0], columns[0]) < 2:
        return None
    size = (int(used.shape[axis]), int(used.shape[axis + 1]))
    return Lattice(size=size, dilation=(rows[0], columns[0]), taps=(rows[1], columns[1]))


def _step(used: NDArray[np.bool_]) -> tuple[int, int] | None:
    """(distance, count) of the taps along one axis; None where the kernel does not begin and end with one.

    One tap alone, as in a kernel of height 1, has distance 1: it says nothing of a dilation.
    """
    places = [int(place) for place in used.nonzero()[0]]
    if not places or places[0] != 0 or places[-1] != len(used) - 1:
        return None
    distances = {after - before for before, after in itertools.pairwise(places)}
    if len(distances) > 1:
        return None
    return (distances.pop() if distances else 1), len(places)
