"""Graphs in a terminal of 80 columns: op tables, histograms, what they cost. Plain text, one line per list item."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bench.models.artifacts import Made
from bench.models.compare import shape_text
from bench.models.cost import GraphCost, OpCost, by_type
from bench.models.edgetpu_log import Compilation
from bench.models.edgetpu_parts import edgetpu_parts
from bench.models.ops import Op, OpTable, Tensor
from bench.records.types import GraphFacts
from bench.reports import format as fmt

WIDTH = 80
_GAP = "  "
UNKNOWN = "?"


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """A table. right: which columns hold numbers."""
    table = [list(heads), *map(list, rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ]
        return _GAP.join(cells).rstrip()

    return [line(row) for row in table]


def wrapped(text: str, indent: str = "") -> list[str]:
    """The text in lines of at most 80 signs, but for words that are longer; lines after the first are indented."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def mmac(macs: int | None) -> str:
    """Millions; `?` for unknown; `<0.01` for what would look like nothing."""
    if macs is None:
        return UNKNOWN
    if macs == 0:
        return "0"
    millions = macs / 1e6
    if millions < 0.01:
        return "<0.01"
    return f"{millions:.2f}" if millions < 100 else f"{millions:.1f}"


def size(size_bytes: int | None) -> str:
    return UNKNOWN if size_bytes is None else fmt.size(size_bytes)


def _share(part: int | None, whole: int | None) -> str:
    if part is None or not whole:
        return UNKNOWN if part is None or whole is None else ""
    return f"{part / whole * 100:.1f}"


def batchless(shape: tuple[int, ...] | None) -> str:
    """The shape without a batch of 1."""
    return shape_text(shape[1:] if shape is not None and len(shape) > 1 and shape[0] == 1 else shape)


def short_shape(tensor: Tensor) -> str:
    return batchless(tensor.shape)


def tensor_text(tensor: Tensor) -> str:
    return f"{tensor.name}: {tensor.dtype} {shape_text(tensor.shape)}"


def made_by(facts: Made | None) -> list[str]:
    """The tools that made a file of the zoo; nothing for a file of the user's."""
    return wrapped(f"made by {facts.maker}", "  ") if facts else []


def edgetpu(graph: GraphFacts, facts: Made | None) -> list[str]:
    """The parts of a file that was compiled for the Edge TPU, and what the compiler said of it; else nothing."""
    parts = edgetpu_parts(graph)
    if parts is None:
        return []
    log = facts.compilation if facts else None
    said = _compilation(log) if log else []
    return [line for text in (f"compiled for the Edge TPU: {parts.text}", *said) for line in wrapped(text, "  ")]


def _compilation(log: Compilation) -> list[str]:
    def count(number: int | None) -> str:
        return UNKNOWN if number is None else str(number)

    lines = [
        f"before: {count(log.op_count)} ops, {count(log.on_edgetpu)} of them compiled into {count(log.subgraphs)} "
        f"subgraphs, {count(log.on_cpu)} left to the CPU",
        f"parameters: {size(log.on_chip_used_bytes)} cached on the chip ({size(log.on_chip_left_bytes)} left), "
        f"{size(log.off_chip_bytes)} streamed to it",
        *(f"left to the CPU: {row.count} {row.type} ({row.status})" for row in log.operators if not row.mapped),
    ]
    missing = [name for name in log.missing if name != "version"]
    return [*lines, f"the compiler's log does not tell all of: {', '.join(missing)}"] if missing else lines


def totals(table: OpTable, costs: GraphCost) -> list[str]:
    """The graph in numbers."""
    lines = [f"{fmt.counted(len(table.ops), 'op')}, {mmac(costs.macs)} MMAC"]
    if costs.macs is None:
        lines.append(f"MACs unknown: {costs.unknown}")
    lines.append(f"constants {size(costs.weight_bytes)}; activations read and written {size(costs.moved_bytes)}")
    peak = costs.peak
    if peak.size_bytes is None:
        lines.append(f"least memory for activations unknown: {peak.unknown}")
    elif peak.op is not None:
        op = table.ops[peak.op]
        lines.append(f"activations need at least {size(peak.size_bytes)} at once (at op {op.index}, {op.type})")
    return [line for text in lines for line in wrapped(text, "  ")]


def histogram(table: OpTable, costs: GraphCost) -> list[str]:
    """Op types with their share of the MACs and of the bytes moved."""
    rows = [
        [
            row.type, str(row.count), mmac(row.macs), _share(row.macs, costs.macs),
            size(row.weight_bytes), size(row.moved_bytes), _share(row.moved_bytes, costs.moved_bytes),
        ]
        for row in by_type(table, costs)
    ]  # fmt: skip
    heads = ("op type", "ops", "MMAC", "%", "weights", "moved", "%")
    return columns(heads, rows, (False, True, True, True, True, True, True))


def _how(op: Op) -> str:
    """`3x3/2 relu`: kernel, stride, dilation, fused activation."""
    kernel, stride, dilation = (op.options.get(name) for name in ("kernel", "stride", "dilation"))
    text = "x".join(map(str, kernel)) if kernel else ""
    if stride and any(each != 1 for each in stride):
        text += "/" + (str(stride[0]) if len(set(stride)) == 1 else "x".join(map(str, stride)))
    if dilation and any(each != 1 for each in dilation):
        text += f" d{max(dilation)}"
    activation = op.options.get("activation", "none")
    return f"{text} {activation}".strip() if activation != "none" else text


def op_rows(table: OpTable, costs: GraphCost, shown: Sequence[int]) -> list[str]:
    """The op table, those ops only. Shapes are written without a batch of 1."""
    rows = []
    for index in shown:
        op, each = table.ops[index], costs.ops[index]
        made = table.made(op)
        cut = op.type if len(op.type) <= 17 else f"{op.type[:16]}…"
        rows.append([
            str(index), cut, short_shape(made[0]) if made else "", _how(op), mmac(each.macs),
            _share(each.macs, costs.macs) if each.macs else "", size(each.weight_bytes), size(each.moved_bytes),
        ])  # fmt: skip
    heads = ("#", "op", "output", "kernel", "MMAC", "%", "weights", "moved")
    return columns(heads, rows, (True, False, False, False, True, True, True, True))


def costliest(costs: GraphCost, count: int) -> list[int]:
    """Indices of the ops with most MACs, then with most bytes moved (unknown ones first), in execution order."""

    def rank(index: int) -> tuple[float, float]:
        each = costs.ops[index]
        macs = float("inf") if each.macs is None else each.macs
        return macs, float("inf") if each.moved_bytes is None else each.moved_bytes

    return sorted(sorted(range(len(costs.ops)), key=rank, reverse=True)[:count])


def one_op(table: OpTable, op: Op, each: OpCost) -> list[str]:
    """All that the table knows of an op."""
    lines = [f"op {op.index}: {op.type} version {op.version}", f"name    {op.name}"]
    for side, tensors in (("input", table.given(op)), ("output", table.made(op))):
        lines += [f"{side:<7} {tensor_text(tensor)}{' (constant)' * tensor.fixed}" for tensor in tensors]
    lines += [f"{name} = {value}" for name, value in op.options.items()]
    lines.append(f"{mmac(each.macs)} MMAC" + (f": {each.unknown}" if each.unknown else ""))
    read, written = size(each.read_bytes), size(each.written_bytes)
    return [*lines, f"weights {size(each.weight_bytes)}, activations read {read}, written {written}"]
