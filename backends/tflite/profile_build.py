"""Blocks of an op table -> the table, and whether it is whole by the tool's own counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.backends.tflite.log_stats import Stats
from bench.backends.tflite.profile_rows import Cells
from bench.backends.tflite.profile_types import INSIDE, OpTable, SummaryRow, TableRow


@dataclass
class Block:
    """The sections of one subgraph, or of the inside of the delegates."""

    subgraph: int = 0
    internal: bool = False
    rows: list[TableRow] = field(default_factory=list)
    top: list[TableRow] = field(default_factory=list)
    summary: list[SummaryRow] = field(default_factory=list)
    timings: Stats | None = None
    executed: int | None = None
    observed: int | None = None


def table_row(cells: Cells, position: int, block: Block) -> TableRow:
    start, first, avg = cells.left if len(cells.left) == 3 else (None, *cells.left)
    return TableRow(
        node_type=cells.node_type,
        name=cells.name,
        position=position,
        start_ms=start,
        first_ms=first,
        avg_ms=avg,
        percent=cells.percent,
        cdf_percent=cells.cdf,
        mem_kb=cells.mem_kb,
        times_called=cells.calls,
        subgraph=block.subgraph,
        delegate_internal=block.internal or cells.name.startswith(INSIDE),
    )


def summary_row(cells: Cells, block: Block) -> SummaryRow | None:
    count, avg = cells.left
    if count is None or not count.is_integer():
        return None
    return SummaryRow(
        node_type=cells.node_type,
        count=int(count),
        avg_ms=avg,
        percent=cells.percent,
        cdf_percent=cells.cdf,
        mem_kb=cells.mem_kb,
        times_called=cells.calls,
        subgraph=block.subgraph,
        delegate_internal=block.internal,
    )


def build(blocks: Sequence[Block], primary: bool, base: OpTable) -> OpTable:
    """The table with its rows numbered through; `problem` and `notes` say what does not add up.

    primary: the table names its first subgraph, which the tool does only where another one follows.
    base: what is known of the table beside its blocks.
    """
    rows = [row for block in blocks for row in block.rows]
    first = blocks[0].timings if blocks else None
    notes = [note for block in blocks for note in _notes(block)]
    return replace(
        base,
        rows=tuple(
            row if row.position == position else replace(row, position=position) for position, row in enumerate(rows)
        ),
        top=tuple(row for block in blocks for row in block.top),
        summary=tuple(row for block in blocks for row in block.summary),
        runs=first.count if first else None,
        total_ns=first.mean_ns if first else None,
        nodes_executed=_sum([block.executed for block in blocks]),
        nodes_observed=_sum([block.observed for block in blocks]),
        notes=(*base.notes, *notes),
        problem=_problem(blocks, primary),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _problem(blocks: Sequence[Block], primary: bool) -> str:
    if not any(block.rows or block.summary for block in blocks):
        return "the op table announces itself but holds no row"
    if any(block.observed is None for block in blocks):
        return "the op table is cut off: its last line (`N nodes observed`) is missing"
    for block in blocks:
        if block.observed != len(block.rows):
            return f"the op table has {len(block.rows)} rows in Run Order, and its last line counts {block.observed}"
    if primary and sum(not block.internal for block in blocks) < 2:
        return "the op table is cut off: the table of the second subgraph is missing"
    return ""


def _notes(block: Block) -> list[str]:
    """What the sections say differently of the same rows."""
    notes = []
    if block.executed is not None and block.observed is not None and block.executed != block.observed:
        notes.append(f"the op table counts {block.executed} nodes executed and {block.observed} observed")
    by_type = Counter(row.node_type for row in block.rows)
    counted = {row.node_type: row.count for row in block.summary}
    if block.rows and counted and counted != dict(by_type):
        notes.append("Summary by node type counts other nodes than Run Order lists")
    ordered = {(row.node_type, row.name, row.avg_ms) for row in block.rows} if block.top else set()
    strange = [row.name for row in block.top if ordered and (row.node_type, row.name, row.avg_ms) not in ordered]
    if strange:
        notes.append(f"Top by Computation Time holds {len(strange)} rows that Run Order lacks, {strange[0]} for one")
    return notes
