"""An op table -> op rows of a record, with what was merged or lost on the way said in notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.backends.tflite.profile_kernels import kernel_owner
from bench.backends.tflite.profile_types import OpTable, TableRow
from bench.records.types import OpRow

NS_PER_MS = 1_000_000
CPU = "CPU"
DELEGATE = "delegate"


@dataclass(frozen=True, kw_only=True)
class ProfilePieces:
    """Of a record's Profile, what a table tells. rows is empty where the table has no times; then notes say so.

    inferences: that were profiled; total_ns: sum over the ops of one inference as the tool itself counts it, which is
    not the inference's wall time.
    """

    source: str
    rows: tuple[OpRow, ...]
    notes: tuple[str, ...]
    inferences: int | None = None
    total_ns: float | None = None


def records_profile(run_table: OpTable, source: str, *, delegate: str = "") -> ProfilePieces:
    """Op rows of one inference: time_ns = average of a call x calls per inference.

    source: how the table came, for the record. delegate: who runs the rows inside of a delegate (the table does not
    tell); empty: they stand as `delegate`. source_ops are named `OP_TYPE tensor` where the row is a node of the file.
    A table that is not whole, or has no times, gives no rows: its notes say why.
    """
    empty = ProfilePieces(
        source=source, rows=(), notes=run_table.notes, inferences=run_table.runs, total_ns=run_table.total_ns
    )
    if not run_table.whole:
        return replace(empty, notes=(run_table.problem, *run_table.notes))
    if not run_table.timed:
        names = ", ".join(row.node_type for row in run_table.rows[:3])
        lost = f"the tool names {len(run_table.rows)} ops ({names}, ...) and counts no time for any: no queue profiling"
        return replace(empty, notes=(lost, *run_table.notes), total_ns=None)
    kept, notes = _kept(run_table.rows)
    uncounted = all(row.calls is None and not row.times_called for row in kept)
    if uncounted:
        notes.append("this tool does not count calls: one call per op and inference is assumed")
    rows = [_op_row(row, delegate or DELEGATE, uncounted, run_table.total_ns) for row in kept]
    lost_rows = [row.name for row, found in zip(kept, rows, strict=True) if found is None]
    if lost_rows:
        notes.append(f"{len(lost_rows)} rows have no time and are left out, {lost_rows[0]} for one")
    return replace(
        empty,
        rows=tuple(row for row in rows if row is not None),
        notes=(*notes, *_losses(kept), *run_table.notes),
    )


def _kept(rows: Sequence[TableRow]) -> tuple[list[TableRow], list[str]]:
    """Rows whose times do not stand in another row already."""
    notes = []
    kept = [row for row in rows if row.subgraph == 0]
    if len(kept) < len(rows):
        notes.append(
            f"{len(rows) - len(kept)} rows of other subgraphs are left out: their time stands in the op that calls them"
        )
    kernels = any(row.is_kernel for row in kept)
    inner = [row for row in kept if row.delegate_internal]
    if kernels and inner:
        kept = [row for row in kept if not row.delegate_internal]
        notes.append(f"{len(inner)} rows inside of a delegate are left out: their time stands in the delegate's row")
    return kept, notes


def _op_row(row: TableRow, delegate: str, uncounted: bool, total_ns: float | None) -> OpRow | None:
    calls: float | None = 1.0 if uncounted else row.calls if row.calls is not None else row.times_called
    if row.avg_ms is None or calls is None:
        return None
    time_ns = row.avg_ms * calls * NS_PER_MS
    if not calls and row.avg_ms:  # called in few of the inferences: the whole number of calls was cut to 0
        if row.percent is None or not total_ns:
            return None
        time_ns = row.percent / 100 * total_ns
        calls = time_ns / (row.avg_ms * NS_PER_MS)
    is_node = not row.is_kernel and not row.delegate_internal
    where = CPU if is_node else kernel_owner(row.node_type) if row.is_kernel else delegate
    return OpRow(
        position=row.position,
        op_type=row.node_type,
        name=", ".join(row.tensors) or row.name,
        time_ns=time_ns,
        calls=calls,
        source_ops=tuple(f"{row.node_type} {tensor}" for tensor in row.tensors[:1]) if is_node else (),
        where=where,
    )


def _losses(rows: Sequence[TableRow]) -> list[str]:
    """What the tool's table cannot tell of these rows."""
    notes = []
    merged = [row for row in rows if row.delegate_internal and (row.calls or row.times_called or 0) > 1]
    if merged:
        most = max(row.times_called or 0 for row in merged)
        notes.append(
            f"{len(merged)} rows are several ops each: the tool merges rows of different partitions of a delegate that "
            f"have the same index (up to {most} calls)"
        )
    kernels = [row for row in rows if row.is_kernel]
    if kernels:
        owners = ", ".join(sorted({kernel_owner(row.node_type) for row in kernels}))
        several = "rows are whole partitions" if len(kernels) > 1 else "row is a whole partition"
        notes.append(f"{len(kernels)} {several} of {owners}, named by what leaves it: the ops inside have no times")
    if any(row.delegate_internal for row in rows):
        notes.append("rows inside of a delegate are its own operators, not the file's ops")
    return notes
