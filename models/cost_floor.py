"""The least work that any runtime must do for one inference of a graph: what a time can be held against.

A lower bound, so what is not known counts as nothing: unknown ops, dynamic shapes. Ops that the outputs do not depend
on, and those that work on constants alone, count as nothing too, since runtimes drop or fold them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.base.errors import ModelFileError
from bench.base.paths import write_atomic
from bench.models.model_file import sha256_of
from bench.models.sources import READERS, fingerprint

if TYPE_CHECKING:
    from bench.models.ops import Op, OpTable, Tensor

_SOURCES = (*READERS, "dag.py", "ops*.py", "cost*.py")
# F(4x4, 3x3) needs 36 multiplications where the sum needs 144 (Lavin, Gray: Fast Algorithms for Convolutional Neural
# Networks, CVPR 2016); larger kernels gain more, there or by Fourier transforms. Never more than their own size.
_SAVED_3X3, _SAVED_LARGER = 4, 9
_HALVED = ("float32", "float64")
# Types of ops that a runtime does without work: as another view of the same numbers, or before the first inference.
FREE = frozenset({
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SHAPE", "DEQUANTIZE", "DENSIFY", "PACK", "UNPACK", "SPLIT", "IDENTITY",
    "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Shape", "Identity", "Cast", "Constant", "Dropout",
})  # fmt: skip


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """macs: multiply-accumulates as they are counted; multiplications: the fewest that give the same result.

    moved_bytes: weights, inputs and outputs, each once; float32 weights as float16, which runtimes may make of them.
    ops: that are not in FREE. All are at least this much.
    """

    macs: int
    multiplications: int
    moved_bytes: int
    ops: int


def of_file(path: Path, cache: Path) -> Floor | None:
    """Of a .tflite or .onnx file, kept in the cache by its content; None for one whose ops cannot be listed."""
    kept = cache / "graphs" / f"floor-{fingerprint(_SOURCES)[:8]}-{sha256_of(path)}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Floor)
    except (OSError, msgspec.DecodeError):
        pass
    from bench.models import ops

    try:
        found = floor(ops.load(path))
    except ModelFileError:
        return None
    write_atomic(kept, msgspec.json.encode(found))
    return found


def floor(table: OpTable) -> Floor:
    """The least work for one inference of that graph."""
    from bench.models.cost import op_cost

    live = _live(table)
    needed = {tensor.key: tensor for op in live for tensor in table.given(op) if tensor.stored}
    ends = {key: table.tensors[key] for key in (*table.inputs, *table.outputs)}
    macs = [(op, op_cost(table, op).macs or 0) for op in live]
    return Floor(
        macs=sum(each for _, each in macs),
        multiplications=sum(each // _saved(table, op) for op, each in macs),
        moved_bytes=_bytes(needed.values()) + _bytes(ends.values(), halved=False),
        ops=sum(op.type not in FREE for op in live),
    )


def _live(table: OpTable) -> list[Op]:
    """The ops that the outputs depend on and that depend on the inputs, in execution order."""
    wanted = set(table.outputs)
    live = []
    for op in reversed(table.ops):
        made = [tensor for tensor in table.made(op) if tensor.key in wanted]
        if made and not all(tensor.fixed for tensor in made):
            live.append(op)
            wanted.update(key for key in op.inputs if key)
    return live[::-1]


def _bytes(tensors: Iterable[Tensor], halved: bool = True) -> int:
    return sum((each.size_bytes or 0) // (2 if halved and each.dtype in _HALVED else 1) for each in tensors)


def _saved(table: OpTable, op: Op) -> int:
    """By what factor an algorithm may need fewer multiplications than MACs."""
    weights = table.input(op, 3 if op.type == "QLinearConv" else 1)
    shape = weights.shape if weights is not None and weights.shape is not None and not weights.dynamic else ()
    kernel = shape[1:-1] if table.format == "tflite" else shape[2:]
    if "conv" not in op.type.lower() or len(shape) < 4:
        return 1
    return min(max(math.prod(kernel), 1), _SAVED_3X3 if max(kernel) <= 3 else _SAVED_LARGER)
