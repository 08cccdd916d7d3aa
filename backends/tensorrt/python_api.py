"""The driver of TensorRT's Python API in the agent: the engine is built in a process of its own, before it is measured.

So no measured process holds the builder's memory, and a build may take longer than an invocation. The engine lies in
the case's folder on the device, where the agent looks for it (`agent/adapter_tensorrt.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.backends import python_runtime
from bench.backends.client import AgentClient
from bench.backends.job import Job, Measured, Profiled, Program, Watch
from bench.backends.tensorrt import engine, layers, notes
from bench.devices.protocol import Device
from bench.records.types import OpRow, Profile

RTX: Final = "tensorrt_rtx"
_MARK: Final = "tensorrt-engine-built-in"


def program(device: Device, backend: str, tools: Mapping[str, str], cache: Path) -> Program:
    return python_runtime.program(device, backend, tools, cache)


def measure(job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
    """One invocation of the built engine. Raises InvocationFailed."""
    said = _ready(job, watch)
    measured = python_runtime.measure(job, seconds, warmup_s, watch)
    tool = measured.tool
    version = f"for RTX {tool.version}" if tool.runtime == RTX else tool.version
    lacking = tool.settings.get("not in this version", "")
    told = notes.findings(job.case.options, job.graph.histogram, version, [lacking] if lacking else [])
    transcript = "\n".join(part for part in (said, measured.transcript) if part)
    return replace(measured, transcript=transcript, findings=(*measured.findings, *told))


def profile(job: Job, typical_ns: float | None, watch: Watch) -> Profiled:
    """Layer times from an invocation of its own. Raises InvocationFailed."""
    said = _ready(job, watch)
    found = python_runtime.profile(job, typical_ns, watch)
    transcript = "\n".join(part for part in (said, found.transcript) if part)
    named = None if found.profile is None else with_source_ops(found.profile)
    return Profiled(named, transcript, found.reason, found.op_names)


def _ready(job: Job, watch: Watch) -> str:
    """Have the engine built, once for a case; what the builder said. Raises InvocationFailed."""
    mark = job.folder / _MARK
    if not job.scratch or _read(mark) == job.scratch:
        return ""
    watch.stage(engine.BUILDING)
    limit_s = max(job.limit_s, engine.BUILD_LIMIT_S)
    with AgentClient(job.device, job.program.path, limit_s, job.case.accelerator) as agent:
        python_runtime.load(agent, job, profiling=False)
        agent.ask("quit", "leaving")
        said = agent.stderr()
    mark.write_text(job.scratch)
    return said


def _read(mark: Path) -> str:
    try:
        return mark.read_text()
    except OSError:
        return ""


def with_source_ops(found: Profile) -> Profile:
    """Rows that the engine inspector told nothing of get nodes of the model, and a type, from their names. Pure."""
    rows = tuple(_named(row) for row in found.rows)
    groups = sum(len(row.source_ops) > 1 for row in rows)
    told: list[str] = []
    if groups:
        told.append(f"{groups} rows are several nodes of the model in one: TensorRT fused them")
    return msgspec.structs.replace(found, rows=rows, notes=(*found.notes, *told))


def _named(row: OpRow) -> OpRow:
    changes: dict[str, Any] = {"op_type": layers.op_type(row.name, row.op_type)}
    if not row.source_ops:
        changes["source_ops"] = layers.fused(row.name)
    return msgspec.structs.replace(row, **changes)
