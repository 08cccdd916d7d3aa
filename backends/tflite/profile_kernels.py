"""Delegates by the names of their kernels, and what the rows of an op table tell of who ran the graph."""

from __future__ import annotations

from bench.backends.tflite.profile_types import OpTable
from bench.records.types import Placement

# Parts of kernels' names -> who runs them.
_OWNERS = (
    ("xnnpack", "XNNPACK"),
    ("gpu", "GPU"),
    ("litert_cl", "GPU"),
    ("litert_gl", "GPU"),
    ("nnapi", "NNAPI"),
    ("hexagon", "Hexagon"),
    ("coreml", "Core ML"),
    ("edgetpu", "Edge TPU"),
    ("dispatch", "NPU"),
    ("qnn", "NPU"),
)


def kernel_owner(name: str) -> str:
    """Who runs the nodes of a delegate with this name: `TfLiteGpuDelegateV2` is GPU; unknown names stay as they are."""
    folded = name.lower()
    return next((owner for part, owner in _OWNERS if part in folded), name)


def placement_of_rows(table: OpTable | None, owner: str, graph_ops: int | None) -> Placement | None:
    """Where the graph ran by the rows of Run Order: whole partitions are rows with the delegate's name.

    Such a row's number is at least that of the file's nodes, and the first one's is exactly that: so the nodes of the
    file that have no row of their own are counted. None where the rows do not tell: none are there, some are missing,
    or they are a delegate's own operators, which do not say whose.
    """
    rows = [row for row in table.rows if row.subgraph == 0] if table is not None else []
    if table is None or not rows:
        return None
    listed = table.whole or table.nodes_executed == len(table.rows)
    kernels = [row for row in rows if row.is_kernel]
    mine = [row for row in kernels if kernel_owner(row.node_type) == owner]
    nodes = [row for row in rows if row.node_id is not None and not row.is_kernel]
    inside = any(row.delegate_internal for row in rows)
    evidence = f"the op table: {len(mine)} kernels of {owner}, {len(nodes)} nodes on the CPU"
    if not mine:
        alone = listed and not inside and not kernels and bool(nodes)
        return Placement(kind="none", delegate="CPU", nodes=0, total=graph_ops, evidence=evidence) if alone else None
    others = len(kernels) > len(mine)
    if not listed:
        known = bool(nodes) or others
        return Placement(kind="partial", delegate=owner, evidence=f"{evidence}, of a table cut off") if known else None
    numbers = [row.node_id for row in kernels if row.node_id is not None]
    total = graph_ops if graph_ops is not None else min(numbers, default=None)
    counted = total is not None and not others and not inside
    return Placement(
        kind="partial" if nodes or others else "full",
        delegate=owner,
        nodes=total - len(nodes) if counted and total is not None else None,
        total=total,
        partitions=len(mine),
        evidence=evidence,
    )
