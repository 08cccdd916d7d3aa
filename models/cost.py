"""What the ops of a graph cost by count: multiply-accumulates, bytes of weights, bytes of activations.

Counts, not times: two ops with the same counts may differ tenfold on a device. Pure functions of an op table.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from bench.models.cost_memory import Peak, peak
from bench.models.ops import Op, OpTable, Tensor


class OpCost(msgspec.Struct, frozen=True, kw_only=True):
    """macs: multiply-accumulates, 0 for ops that are not sums of products; None: unknown, for the reason in `unknown`.

    weight_bytes: of the inputs that do not depend on the graph's inputs, as the op reads them; read_bytes,
    written_bytes: activations, each tensor once. Bytes are None where a shape is dynamic.
    """

    macs: int | None
    weight_bytes: int | None
    read_bytes: int | None
    written_bytes: int | None
    unknown: str = ""

    @property
    def moved_bytes(self) -> int | None:
        return total((self.read_bytes, self.written_bytes))


class GraphCost(msgspec.Struct, frozen=True, kw_only=True):
    """ops: one per op of the table. weight_bytes: of the stored tensors that ops use, each once.

    macs, weight_bytes and moved_bytes are None when one of their parts is unknown; unknown: why, first reason.
    """

    ops: tuple[OpCost, ...]
    macs: int | None
    weight_bytes: int | None
    moved_bytes: int | None
    peak: Peak
    unknown: str = ""


def total(parts: Iterable[int | None]) -> int | None:
    """The sum; None when a part is unknown."""
    result = 0
    for part in parts:
        if part is None:
            return None
        result += part
    return result


def cost(table: OpTable) -> GraphCost:
    """The cost of every op and of the whole graph."""
    ops = tuple(op_cost(table, op) for op in table.ops)
    stored = [tensor for tensor in table.tensors.values() if tensor.stored]
    return GraphCost(
        ops=ops,
        macs=total(each.macs for each in ops),
        weight_bytes=total(tensor.size_bytes for tensor in stored),
        moved_bytes=total(each.moved_bytes for each in ops),
        peak=peak(table),
        unknown=next((each.unknown for each in ops if each.macs is None), ""),
    )


def op_cost(table: OpTable, op: Op) -> OpCost:
    given, made = table.given(op), table.made(op)
    unknown = ""
    macs: int | None = None
    try:
        macs = _macs(table, op)
    except _UnknownError as reason:
        unknown = str(reason)
    fixed = {tensor.key: tensor for tensor in given if tensor.fixed}
    return OpCost(
        macs=macs,
        unknown=unknown,
        weight_bytes=total(tensor.size_bytes for tensor in fixed.values()),
        read_bytes=total(tensor.size_bytes for tensor in table.activations(given)),
        written_bytes=total(tensor.size_bytes for tensor in table.activations(made)),
    )


class _UnknownError(Exception):
    """Why an op's multiply-accumulates cannot be told."""


def _shape(tensor: Tensor | None, what: str) -> tuple[int, ...]:
    if tensor is None:
        raise _UnknownError(f"it has no {what}")
    if tensor.shape is None:
        raise _UnknownError(f"the file does not tell the shape of {tensor.name!r}")
    if tensor.dynamic:
        sizes = "x".join("?" if size < 0 else str(size) for size in tensor.shape)
        raise _UnknownError(f"dynamic shape: {tensor.name!r} is {sizes}")
    return tensor.shape


def _output(table: OpTable, op: Op) -> tuple[int, ...]:
    made = table.made(op)
    return _shape(made[0] if made else None, "output")


def _weighted(weights: int, axes: slice) -> Callable[[OpTable, Op], int]:
    """Every output element is a sum over those axes of the weights. weights: the place of that input."""

    def count(table: OpTable, op: Op) -> int:
        return math.prod(_output(table, op)) * math.prod(_shape(table.input(op, weights), "weights")[axes])

    return count


def _scattered(data: int, axes: slice) -> Callable[[OpTable, Op], int]:
    """Transposed convolution: every input element is multiplied by those axes of the weights and scattered.

    So the zeros that a plain convolution over a widened input would multiply are not counted.
    """

    def count(table: OpTable, op: Op) -> int:
        return math.prod(_shape(table.input(op, data), "input")) * math.prod(
            _shape(table.input(op, 1), "weights")[axes]
        )

    return count


def _product(transposed: str, data: int = 0) -> Callable[[OpTable, Op], int]:
    """Matrix product: rows x columns x inner size, the last axis of A (or the one before, where that option is set)."""

    def count(table: OpTable, op: Op) -> int:
        shape = _shape(table.input(op, data), "input")
        if not shape:
            raise _UnknownError("its input is a scalar")
        inner = shape[-2] if op.options.get(transposed) and len(shape) > 1 else shape[-1]
        return math.prod(_output(table, op)) * inner

    return count


# Weights of TFLite are output x height x width x input (depthwise: 1 x height x width x channels), of ONNX output x
# input per group x height x width. FULLY_CONNECTED: output x input.
_FORMULAS: dict[str, Callable[[OpTable, Op], int]] = {
    "CONV_2D": _weighted(1, slice(1, None)),
    "CONV_3D": _weighted(1, slice(None, -1)),
    "DEPTHWISE_CONV_2D": _weighted(1, slice(1, 3)),
    "TRANSPOSE_CONV": _scattered(2, slice(None, 3)),
    "FULLY_CONNECTED": _weighted(1, slice(-1, None)),
    "BATCH_MATMUL": _product("adj_x"),
    "Conv": _weighted(1, slice(1, None)),
    "ConvInteger": _weighted(1, slice(1, None)),
    "QLinearConv": _weighted(3, slice(1, None)),
    "ConvTranspose": _scattered(0, slice(1, None)),
    "Gemm": _product("transA"),
    "MatMul": _product(""),
    "MatMulInteger": _product(""),
    "QLinearMatMul": _product(""),
}
# They multiply and add, and we have no formula for them.
_NO_FORMULA = frozenset({
    "LSTM", "RNN", "GRU", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
    "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "CONV_3D_TRANSPOSE", "EMBEDDING_LOOKUP_SPARSE",
    "IF", "WHILE", "CALL", "CALL_ONCE", "DELEGATE", "STABLEHLO_CONVOLUTION", "STABLEHLO_DOT_GENERAL",
    "STABLEHLO_COMPOSITE", "STABLEHLO_WHILE", "RFFT2D",
    "Einsum", "DeformConv", "Attention", "DFT", "STFT", "If", "Loop", "Scan",
})  # fmt: skip


def _macs(table: OpTable, op: Op) -> int:
    formula = _FORMULAS.get(op.type)
    if formula is not None:
        return formula(table, op)
    if op.custom or op.type.startswith("BUILTIN_"):
        raise _UnknownError(f"{op.type} is not one of the format's own ops: nothing tells what it computes")
    if op.type in _NO_FORMULA:
        raise _UnknownError(f"no formula for {op.type}")
    return 0


class TypeCost(msgspec.Struct, frozen=True, kw_only=True):
    """The ops of one type together; None where one of them is unknown."""

    type: str
    count: int
    macs: int | None
    weight_bytes: int | None
    moved_bytes: int | None


def by_type(table: OpTable, costs: GraphCost) -> list[TypeCost]:
    """One row per op type: most MACs first (unknown ones before all), then the most frequent."""
    groups: dict[str, list[OpCost]] = defaultdict(list)
    for op, each in zip(table.ops, costs.ops, strict=True):
        groups[op.type].append(each)
    rows = [
        TypeCost(
            type=name,
            count=len(group),
            macs=total(each.macs for each in group),
            weight_bytes=total(each.weight_bytes for each in group),
            moved_bytes=total(each.moved_bytes for each in group),
        )
        for name, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (row.macs is not None, -(row.macs or 0), -row.count, row.type))
