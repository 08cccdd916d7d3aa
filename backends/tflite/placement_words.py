"""What the tool's words say of a delegate, strongest evidence first; used by `placement`."""

from __future__ import annotations

from dataclasses import dataclass

from bench.backends.tflite.log_types import Replaced, ToolLog, Verdict
from bench.backends.tflite.profile_kernels import kernel_owner
from bench.records.types import Placement, PlacementKind

XNNPACK = "XNNPACK"
CPU = "CPU"


@dataclass(frozen=True)
class Accelerator:
    """owner: whom the kernels' names stand for; words: the delegate's name in the tool's sentences.

    flags: that ask for it; parameters: the lines in which the tool repeats them; absent: how the lines begin that say
    there is no such delegate here.
    """

    owner: str
    words: tuple[str, ...]
    flags: tuple[str, ...]
    parameters: tuple[str, ...]
    absent: tuple[str, ...] = ()


ACCELERATORS = {
    "gpu": Accelerator("GPU", ("GPU",), ("--use_gpu",), ("Use gpu",), ("GPU acceleration is unsupported",)),
    "nnapi": Accelerator(
        "NNAPI", ("NNAPI",), ("--use_nnapi",), ("Use NNAPI", "Use nnapi"), ("NNAPI acceleration is unsupported",)
    ),
    "hexagon": Accelerator(
        "Hexagon",
        ("Hexagon",),
        ("--use_hexagon",),
        ("Use Hexagon",),
        ("Failed to fetch Hexagon NN version", "Could not create Hexagon delegate"),
    ),
    "coreml": Accelerator("Core ML", ("COREML", "CoreML"), ("--use_coreml",), ("Use CoreML",)),
    "edgetpu": Accelerator("Edge TPU", ("EXTERNAL",), ("--external_delegate_path",), ("External delegate path",)),
    "npu": Accelerator("NPU", ("EXTERNAL", "NPU"), ("--use_npu", "--external_delegate_path"), ("Use npu",)),
}


def none(log: ToolLog, evidence: str, reason: str) -> Placement:
    return Placement(kind="none", delegate=XNNPACK if XNNPACK in log.created else CPU, evidence=evidence, reason=reason)


def refused(log: ToolLog, wanted: Accelerator) -> Placement | None:
    ignored = [flag for flag in log.unconsumed if flag.partition("=")[0] in wanted.flags]
    if ignored:
        return none(
            log, f"Unconsumed cmdline flags: {ignored[0]}", "the tool was built without it and ignored the flag"
        )
    for failure in log.failures:
        if any(failure.startswith(f"Failed to apply {word} delegate") for word in wanted.words):
            return none(log, failure, "the delegate could not be applied")
        if failure.startswith(wanted.absent) and wanted.absent:
            return none(log, failure, "there is no such delegate on the device, or its libraries do not fit")
    if log.failed:
        return Placement(kind="unknown", evidence=log.failures[-1], reason="the run failed")
    off = [name for name in wanted.parameters if log.parameters.get(name) == "0"]
    on = [name for name in wanted.parameters if log.parameters.get(name) not in (None, "0", "")]
    if off and not on:
        return none(log, f"{off[0]}: [0]", "the tool was not asked to use it")
    return None


def no_kernels(log: ToolLog, wanted: Accelerator) -> Placement | None:
    if wanted.owner != "GPU":
        return None
    instead = "XNNPACK took the graph" if XNNPACK in log.created else "the CPU ran the graph"
    if log.gpu_kernels == 0:
        return none(log, "Created 0 GPU delegate kernels.", instead)
    if log.gpu_split is not None and log.gpu_split.gpu == 0:
        return none(log, "No operations will run on the GPU", instead)
    return None


def from_replaced(log: ToolLog, owner: str, graph_ops: int | None) -> Placement | None:
    """Nodes by the lines `Replacing N out of M`; M counts the kernels of earlier delegates, so the largest M holds."""
    mine = [line for line in log.replaced if kernel_owner(line.delegate) == owner]
    if not mine:
        return None
    totals: dict[int, int] = {}
    for line in log.replaced:
        if line.total is not None:
            key = line.subgraph or 0
            totals[key] = max(totals.get(key, 0), line.total)
    nodes = sum(line.nodes for line in mine)
    told = {line.subgraph or 0 for line in mine} <= set(totals)
    total = sum(totals.values()) if told else graph_ops
    if total is not None and graph_ops is not None:
        total = max(total, graph_ops)
    return _counted(owner, nodes, total, mine, _kernels(log, owner))


def _kernels(log: ToolLog, owner: str) -> int | None:
    """How many pieces the delegate runs, where that is surely told of it alone."""
    if owner == "GPU" and log.gpu_kernels is not None:
        return log.gpu_kernels
    alone = len(log.created) == 1 and len(log.verdicts) == 1
    return log.verdicts[0].kernels if alone else None


def _counted(owner: str, nodes: int, total: int | None, lines: list[Replaced], kernels: int | None) -> Placement:
    partitions = kernels or sum(line.partitions or 0 for line in lines) or None
    said = f"Replacing {nodes} out of {total or '?'} node(s) with {lines[0].delegate}"
    if nodes == 0:
        return Placement(kind="none", delegate=CPU, nodes=0, total=total, evidence=said)
    if total is None:
        reason = "the tool does not say how many nodes the graph has"
        return Placement(
            kind="unknown", delegate=owner, nodes=nodes, partitions=partitions, evidence=said, reason=reason
        )
    kind: PlacementKind = "full" if nodes >= total else "partial"
    return Placement(
        kind=kind,
        delegate=owner,
        nodes=nodes,
        total=total,
        partitions=partitions,
        evidence=said,
    )


def from_gpu_words(log: ToolLog, wanted: Accelerator, graph_ops: int | None) -> Placement | None:
    """The GPU delegate counts its kernels and, where ops are missing, the ops on either side."""
    if wanted.owner != "GPU" or not log.gpu_kernels:
        return None
    said = f"Created {log.gpu_kernels} GPU delegate kernels."
    if log.gpu_split is not None:
        nodes, total = log.gpu_split.gpu, log.gpu_split.gpu + log.gpu_split.cpu
        total = max(total, graph_ops or 0)
        said = f"{said} {nodes} operations on the GPU, {log.gpu_split.cpu} on the CPU"
        return Placement(
            kind="partial", delegate="GPU", nodes=nodes, total=total, partitions=log.gpu_kernels, evidence=said
        )
    found = verdict(log, wanted)
    if found is None or found.kind == "none":
        return None
    said = f"{said} {quoted(found)}"
    share = graph_ops if found.kind == "full" else None
    return Placement(
        kind=found.kind, delegate="GPU", nodes=share, total=graph_ops, partitions=log.gpu_kernels, evidence=said
    )


def verdict(log: ToolLog, wanted: Accelerator) -> Verdict | None:
    return next((item for item in reversed(log.verdicts) if item.delegate in wanted.words), None)


def quoted(verdict: Verdict) -> str:
    extent = {"full": "completely executed", "partial": "partially executed", "none": "not executed"}[verdict.kind]
    kernels = f" with {verdict.kernels} kernels" if verdict.kernels is not None else ""
    return f"The tool says of {verdict.delegate}: {extent}{kernels}"


def from_sentence(log: ToolLog, wanted: Accelerator, graph_ops: int | None) -> Placement | None:
    found = verdict(log, wanted)
    if found is None:
        return None
    said = quoted(found)
    if found.kind == "none":
        return none(log, said, "the delegate took no node")
    doubt = _doubt(log, found)
    if doubt:
        return Placement(kind="unknown", delegate=wanted.owner, total=graph_ops, evidence=said, reason=doubt)
    full = found.kind == "full"
    return Placement(
        kind=found.kind,
        delegate=wanted.owner,
        nodes=graph_ops if full else None,
        total=graph_ops,
        partitions=1 if full else found.kernels,
        evidence=said,
    )


def _doubt(log: ToolLog, verdict: Verdict) -> str:
    """Why the sentence may speak of XNNPACK's kernels; empty when it cannot."""
    if not verdict.explicit:
        return ""  # that tool is older than delegates that nobody asked for
    if XNNPACK in log.created:
        return f"the tool counts any delegate's kernels, and XNNPACK was there beside {verdict.delegate}"
    if xnnpack_excluded(log):
        return ""
    return (
        f"the tool counts any delegate's kernels, and the log lacks the runtime's own lines: XNNPACK may have been "
        f"there beside {verdict.delegate}"
    )


def xnnpack_excluded(log: ToolLog) -> bool:
    """XNNPACK was surely not there: it was switched off, or the runtime's lines are there and do not name it."""
    if XNNPACK in log.created:
        return False
    return log.runtime_lines or (log.parameters.get("Use xnnpack") == "0" and not log.verbose)
