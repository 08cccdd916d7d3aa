"""OpenVINO's performance counters: what a request tells after an inference, and op rows from two readings of it."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

from .adapter import Json

# HETERO puts the number of a node's subgraph before its name.
SUBGRAPH = re.compile(r"^subgraph\d+: ")


def source_ops(compiled: Any) -> Dict[str, List[str]]:
    """Name in the compiled graph -> names in the model that were fused into it."""
    found: Dict[str, List[str]] = {}
    for op in compiled.get_runtime_model().get_ordered_ops():
        info = op.get_rt_info()
        if "originalLayersNames" in info:
            names = str(info["originalLayersNames"].astype(str)).split(",")
            found[op.get_friendly_name()] = [name for name in names if name]
    return found


def primitives(compiled: Any) -> Dict[str, int]:
    """Kernel -> how many ops of the compiled graph it computes; of the CPU device's graphs, which name them."""
    found: Dict[str, int] = {}
    for op in compiled.get_runtime_model().get_ordered_ops():
        info = op.get_rt_info()
        kernel = str(info["primitiveType"].astype(str)) if "primitiveType" in info else ""
        # What stores constants, inputs and outputs has no kernel.
        if kernel and not kernel.startswith(("unknown", "undef")):
            found[kernel] = found.get(kernel, 0) + 1
    return found


def counters(request: Any) -> Dict[Tuple[int, str], Json]:
    """(position, name) -> {type, where, mean_ns} of the ops that have run."""
    found: Dict[Tuple[int, str], Json] = {}
    for position, info in enumerate(request.get_profiling_info()):
        if str(info.status).rsplit(".", 1)[-1] == "NOT_RUN":  # fused into another op, or folded
            continue
        seconds = info.real_time.days * 86_400 + info.real_time.seconds
        mean_ns = seconds * 1_000_000_000 + info.real_time.microseconds * 1000
        name = SUBGRAPH.sub("", info.node_name)
        found[(position, name)] = {"type": info.node_type, "where": info.exec_type, "mean_ns": mean_ns}
    return found


def counter_rows(
    before: Dict[Tuple[int, str], Json],
    runs_before: int,
    after: Dict[Tuple[int, str], Json],
    runs_after: int,
    sources: Dict[str, List[str]],
) -> List[Json]:
    """Op rows of the runs between two readings of the CPU device's counters; times are sums over those runs.

    A counter is the mean over all runs since the model was compiled, the cold first one among them (openvino,
    src/plugins/intel_cpu/src/perf_count.h: total duration / number of runs), in whole microseconds: so the sum of the
    runs in between is the difference of mean times runs.
    """
    rows: List[Json] = []
    for key in sorted(after):
        counter = after[key]
        earlier_ns = before[key]["mean_ns"] * runs_before if key in before else 0
        rows.append(
            {
                "position": key[0],
                "op_type": counter["type"],
                "name": key[1],
                # Rounding can make an op that takes no time look as if it took less than none.
                "time_ns": max(counter["mean_ns"] * runs_after - earlier_ns, 0),
                "calls": runs_after - runs_before,
                "source_ops": sources.get(key[1], []),
                "where": counter["where"],
            }
        )
    return rows
