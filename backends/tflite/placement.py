"""Where the graph ran, from the tool's own words and, when it is there, from its map of the partitions.

The sentence `Explicitly applied X delegate, and the model graph will be completely executed by the delegate` is not
enough: the tool counts the nodes of any delegate for it, and XNNPACK may have taken the graph unasked. So stronger
evidence goes first: the map, an ignored flag, a failure, the delegate's count of its kernels, the lines `Replacing N
out of M node(s)`, the op table; the sentence decides only where XNNPACK was surely not there. Else it is unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.backends.tflite.log_types import ToolLog
from bench.backends.tflite.placement_words import (
    ACCELERATORS,
    CPU,
    XNNPACK,
    Accelerator,
    from_gpu_words,
    from_replaced,
    from_sentence,
    no_kernels,
    quoted,
    refused,
    verdict,
    xnnpack_excluded,
)
from bench.backends.tflite.profile_kernels import kernel_owner, placement_of_rows
from bench.backends.tflite.proto import RuntimeInfo
from bench.records.types import Placement, PlacementKind

BUILTIN = "builtin kernels"


def placement(
    log: ToolLog, accelerator: str, *, runtime_info: RuntimeInfo | None = None, graph_ops: int | None = None
) -> Placement:
    """Where the graph of this run ran, for a case on this accelerator.

    graph_ops: nodes of the file, where they are known. `cpu` counts XNNPACK as CPU: such a graph is full, and nodes,
    total and partitions are XNNPACK's share. partitions: pieces that the delegate runs where its kernels are counted,
    else the tool's own count of all pieces, the CPU's among them. An accelerator that the tool has no words for is
    unknown.
    """
    if accelerator == "cpu":
        return _cpu(log, runtime_info, graph_ops)
    wanted = ACCELERATORS.get(accelerator)
    if wanted is None:
        return Placement(kind="unknown", reason=f"nothing tells how this tool names {accelerator}")
    if runtime_info is not None:
        return _from_map(runtime_info, wanted.owner)
    checks: tuple[Callable[[], Placement | None], ...] = (
        lambda: refused(log, wanted),
        lambda: no_kernels(log, wanted),
        lambda: from_replaced(log, wanted.owner, graph_ops),
        lambda: from_gpu_words(log, wanted, graph_ops),
        lambda: placement_of_rows(log.run_profile, wanted.owner, graph_ops),
        lambda: from_sentence(log, wanted, graph_ops),
    )
    found = next((result for check in checks if (result := check()) is not None), None)
    return found or Placement(kind="unknown", reason=f"no line of the log says what {wanted.owner} took")


def _from_map(info: RuntimeInfo, owner: str) -> Placement:
    taken = [node for node in info.nodes if node.delegate and kernel_owner(node.delegate) == owner]
    kernels = {(node.subgraph, node.kernel) for node in taken}
    kind: PlacementKind = "full" if len(taken) == len(info.nodes) else "partial" if taken else "none"
    others = sorted({kernel_owner(node.delegate) for node in info.nodes if node.delegate} - {owner})
    return Placement(
        kind=kind,
        delegate=owner if taken else ", ".join(others) or CPU,
        nodes=len(taken),
        total=len(info.nodes),
        partitions=len(kernels),
        evidence=f"the runtime's own map: {len(taken)} of {len(info.nodes)} nodes in {len(kernels)} kernels of {owner}",
    )


def _cpu(log: ToolLog, info: RuntimeInfo | None, graph_ops: int | None) -> Placement:
    if info is not None:
        return _cpu_by_map(info)
    if log.failed:
        return Placement(kind="unknown", evidence=log.failures[-1], reason="the run failed")
    for name, wanted in ACCELERATORS.items():
        if not _spoken_of(log, wanted):
            continue
        other = placement(log, name, graph_ops=graph_ops)
        if other.kind == "none":
            continue
        if other.kind == "partial":
            left = None if other.nodes is None or other.total is None else other.total - other.nodes
            return Placement(kind="partial", delegate=CPU, nodes=left, total=other.total, evidence=other.evidence)
        kind: PlacementKind = "none" if other.kind == "full" else "unknown"
        return Placement(kind=kind, delegate=wanted.owner, evidence=other.evidence, reason=other.reason)
    if not (log.loaded or log.parameters or log.created or log.replaced):
        return Placement(kind="unknown", reason="the log lacks the lines in which delegates announce themselves")
    return _xnnpack_share(log, graph_ops)


def _spoken_of(log: ToolLog, wanted: Accelerator) -> bool:
    return (
        any(word in log.created for word in wanted.words)
        or verdict(log, wanted) is not None
        or any(kernel_owner(line.delegate) == wanted.owner for line in log.replaced)
        or any(log.parameters.get(name) not in (None, "0", "") for name in wanted.parameters)
    )


def _cpu_by_map(info: RuntimeInfo) -> Placement:
    owners = [kernel_owner(node.delegate) if node.delegate else "" for node in info.nodes]
    foreign = [owner for owner in owners if owner not in ("", XNNPACK)]
    total = len(owners)
    if foreign:
        kind: PlacementKind = "none" if len(foreign) == total else "partial"
        evidence = f"the runtime's own map: {len(foreign)} of {total} nodes by {', '.join(sorted(set(foreign)))}"
        return Placement(kind=kind, delegate=CPU, nodes=total - len(foreign), total=total, evidence=evidence)
    share = _from_map(info, XNNPACK)
    return _share_of(share.nodes, total, share.partitions, share.evidence)


def _share_of(nodes: int | None, total: int | None, partitions: int | None, evidence: str) -> Placement:
    """A graph on the CPU, and how much of it XNNPACK has: as the Python runtime tells it, partial where not all."""
    kind: PlacementKind = "full" if nodes == 0 or nodes == total else "partial"
    return Placement(
        kind=kind, delegate=BUILTIN if nodes == 0 else XNNPACK, nodes=nodes, total=total, partitions=partitions,
        evidence=evidence,
    )  # fmt: skip


def _xnnpack_share(log: ToolLog, graph_ops: int | None) -> Placement:
    """A run without other delegates: which part of it was XNNPACK's."""
    share = from_replaced(log, XNNPACK, graph_ops)
    if share is not None:
        return _share_of(share.nodes, share.total, share.partitions, share.evidence)
    said = next((item for item in reversed(log.verdicts) if item.delegate == XNNPACK), None)
    if said is not None:
        if said.kind == "none":
            return _share_of(0, graph_ops, 0, quoted(said))
        if said.kind == "full":
            return _share_of(graph_ops, graph_ops, 1, quoted(said))
        return Placement(
            kind="partial", delegate=XNNPACK, total=graph_ops, partitions=said.kernels, evidence=quoted(said)
        )
    rows = placement_of_rows(log.run_profile, XNNPACK, graph_ops)
    if rows is not None and rows.kind == "none":
        return _share_of(0, graph_ops, 0, rows.evidence)
    if rows is not None and rows.kind == "partial":
        return _share_of(rows.nodes, rows.total, rows.partitions, rows.evidence)
    if XNNPACK in log.created:
        evidence = "XNNPACK was created, how much it took is not said"
        return Placement(kind="full", delegate=XNNPACK, total=graph_ops, evidence=evidence)
    if xnnpack_excluded(log):
        return _share_of(0, graph_ops, 0, "no delegate was created")
    evidence = "no delegate is named; whether XNNPACK was there is not said"
    return Placement(kind="full", delegate=CPU, total=graph_ops, evidence=evidence)
