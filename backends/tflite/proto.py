"""The tool's binary files: op profile and runtime details, by the classes that come with LiteRT's wheel.

`--op_profiling_output_mode=proto` keeps whole sums in microseconds where the text rounds to a microsecond per call;
`--export_model_runtime_info` tells which node was replaced by which delegate's. Both need `ai_edge_litert` and are
imported when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.backends.tflite.profile_types import INSIDE, OpTable, TableRow
from bench.backends.tflite.proto_wire import ResultFile, WireError, parse_result, read_result
from bench.base.errors import NotMeasuredError

__all__ = [
    "Kernel",
    "NodePlace",
    "ResultFile",
    "RuntimeInfo",
    "WireError",
    "parse_profile",
    "parse_result",
    "parse_runtime_info",
    "read_profile",
    "read_result",
    "read_runtime_info",
]

US_PER_MS = 1000
_NOT_ONE = "It is cut off, or another file: let the tool write it again."


@dataclass(frozen=True, kw_only=True)
class NodePlace:
    """One node of the file. delegate: who took it, empty for none; kernel: the id of the delegate's node."""

    subgraph: int
    node: int
    op_name: str
    delegate: str = ""
    kernel: int | None = None


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One node that a delegate put in the place of others; executed: it stands in the execution plan."""

    subgraph: int
    node: int
    delegate: str
    replaced: tuple[int, ...]
    executed: bool


@dataclass(frozen=True, kw_only=True)
class RuntimeInfo:
    """The exact partition map: nodes of the file in order, and the delegates' kernels."""

    model: str = ""
    nodes: tuple[NodePlace, ...] = ()
    kernels: tuple[Kernel, ...] = ()


def read_runtime_info(path: Path) -> RuntimeInfo:
    """The file of `--export_model_runtime_info`. Raises NotMeasuredError when it cannot be read or is none."""
    return parse_runtime_info(_read(path), str(path))


def parse_runtime_info(data: bytes, source: str = "the runtime info") -> RuntimeInfo:
    """`ModelRuntimeDetails` -> which delegate took which node. Raises NotMeasuredError.

    A node that a delegate put there may itself be taken by the next delegate: the last one counts.
    """
    details = _message("model_runtime_info_pb2", "ModelRuntimeDetails", data, source)
    nodes: list[NodePlace] = []
    kernels: list[Kernel] = []
    for subgraph in details.subgraphs:
        takers = _takers(subgraph.nodes)
        plan = set(subgraph.execution_plan)
        for node in subgraph.nodes:
            if node.HasField("delegate_node_details"):
                replaced = tuple(node.delegate_node_details.tflite_node_ids_replaced)
                name = node.delegate_node_details.delegate_name
                kernels.append(
                    Kernel(
                        subgraph=subgraph.subgraph_id,
                        node=node.id,
                        delegate=name,
                        replaced=replaced,
                        executed=node.id in plan,
                    )
                )
                continue
            last = _taken_by(node.id, takers)
            nodes.append(
                NodePlace(
                    subgraph=subgraph.subgraph_id,
                    node=node.id,
                    op_name=node.name,
                    delegate="" if last is None else last.delegate_node_details.delegate_name,
                    kernel=None if last is None else last.id,
                )
            )
    if not nodes:
        raise NotMeasuredError(f"{source} holds no node", "", _NOT_ONE)
    return RuntimeInfo(model=details.model_name, nodes=tuple(nodes), kernels=tuple(kernels))


def _takers(nodes: Any) -> dict[int, Any]:
    """Node id -> the delegate's node that stands in its place; the last delegate's where several took it in turn."""
    by_id = {node.id: node for node in nodes}
    found = {
        node.id: by_id[node.delegated_to_node_id]
        for node in nodes
        if node.HasField("delegated_to_node_id") and node.delegated_to_node_id in by_id
    }
    kernels = [node for node in nodes if node.HasField("delegate_node_details")]
    for kernel in kernels:
        found.update(dict.fromkeys(kernel.delegate_node_details.tflite_node_ids_replaced, kernel))
    return found


def _taken_by(node: int, takers: dict[int, Any]) -> Any:
    """The delegate's node that runs this one, None where it runs by itself."""
    last = None
    for _ in takers:
        if node not in takers:
            break
        last = takers[node]
        node = last.id
    return last


def read_profile(path: Path) -> tuple[OpTable | None, OpTable | None]:
    """The file of `--op_profiling_output_file` in the mode `proto`. Raises NotMeasuredError."""
    return parse_profile(_read(path), str(path))


def parse_profile(data: bytes, source: str = "the op profile") -> tuple[OpTable | None, OpTable | None]:
    """`BenchmarkProfilingData` -> tables of initialisation and timed runs; None for what is not there.

    avg_ms is the sum over all calls by their number, which the file's own average truncates to microseconds.
    Raises NotMeasuredError when the bytes are none, or hold no row at all.
    """
    found = _message("profiling_info_pb2", "BenchmarkProfilingData", data, source)
    init = _table(found.init_profile) if found.HasField("init_profile") else None
    run = _table(found.runtime_profile) if found.HasField("runtime_profile") else None
    if not any(table is not None and table.rows for table in (init, run)):
        raise NotMeasuredError(f"{source} holds no op", "", _NOT_ONE)
    return init, run


def _table(profile: Any) -> OpTable:
    runs = _runs(profile)
    rows: list[TableRow] = []
    for subgraph in profile.subgraph_profiles:
        rows += [_row(op, subgraph.subgraph_index, False, runs) for op in subgraph.per_op_profiles]
    for delegate in profile.delegate_profiles:
        rows += [_row(op, 0, True, runs) for op in delegate.per_op_profiles]
    placed = tuple(replace(row, position=position) for position, row in enumerate(rows))
    problem = "" if placed else "the op table holds no row"
    return OpTable(rows=placed, runs=runs, nodes_observed=len(placed), problem=problem)


def _row(op: Any, subgraph: int, inside: bool, runs: int | None) -> TableRow:
    stat = op.inference_microseconds
    return TableRow(
        node_type=op.node_type,
        name=op.name,
        position=0,
        first_ms=stat.first / US_PER_MS if stat.count else None,
        avg_ms=stat.sum / stat.count / US_PER_MS if stat.count else None,
        mem_kb=op.mem_kb.avg,
        times_called=op.times_called,
        calls=stat.count / runs if runs else None,
        subgraph=subgraph,
        delegate_internal=inside or op.name.startswith(INSIDE),
    )


def _runs(profile: Any) -> int | None:
    """Inferences that were profiled: calls in all by calls per inference, of a row where that is whole."""
    for subgraph in profile.subgraph_profiles:
        for op in subgraph.per_op_profiles:
            calls, per_run = op.inference_microseconds.count, op.times_called
            if per_run and calls % per_run == 0:
                return int(calls // per_run)
    return None


def _message(module: str, name: str, data: bytes, source: str) -> Any:
    import importlib

    try:
        found = getattr(importlib.import_module(f"ai_edge_litert.{module}"), name)()
    except ImportError as error:
        raise NotMeasuredError(
            f"{source} cannot be read", f"LiteRT's {module} is missing: {error}", "pip install 'ai-edge-litert>=2.3'"
        ) from None
    from google.protobuf.message import DecodeError

    try:
        found.ParseFromString(data)
    except DecodeError as error:
        raise NotMeasuredError(f"{source} cannot be read", str(error), _NOT_ONE) from None
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotMeasuredError(f"{path} cannot be read", str(error)) from None
