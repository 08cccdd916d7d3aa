"""The driver of TFLite's own tools on a device: `benchmark_model`, and LiteRT 2's `benchmark_litert_model`.

They print no samples: an invocation is the sampling unit, and its summary what it gives. A run counts when the log is
whole, not when the exit code is 0; where the graph ran is counted, not believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec import structs

from bench.backends import tool_run, tools
from bench.backends.client import InvocationFailed
from bench.backends.job import MEASURING, Job, Measured, Profiled, Program, Watch
from bench.backends.tflite import flags, log, outcome
from bench.backends.tflite.files import Files, place
from bench.backends.tflite.help import capabilities
from bench.backends.tflite.log_types import ToolLog
from bench.backends.tflite.placement import placement
from bench.backends.tflite.profile_records import records_profile
from bench.backends.tool_run import Ran
from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.protocol import Device
from bench.devices.replay import ReplayDevice
from bench.records.store import now
from bench.records.types import CaseError, Profile, Tool

HELP_LIMIT_S = 20.0
PROFILE_S = 1.5
PROFILING = "profiling"
TOOL_WARMUP_S = 0.5  # the tool's own default; it warms up for a time, not until it is steady
_TARGETS: dict[str, Literal["android", "linux", "host"]] = {"android": "android", "local": "host"}
# Whose operators the table shows inside of a delegate: only XNNPACK's are known to do so on the CPU.
_INSIDE = {"cpu": "XNNPACK"}
_SYNC = {
    "benchmark_model": "blocking Interpreter::Invoke; outputs are in CPU memory when it returns",
    "benchmark_litert_model": "the tool waits for the accelerator after each run",
}


def program(device: Device, backend: str, named: Mapping[str, str], cache: Path) -> Program:
    """Find the tool for the device's ABI, push it, and read its flags once per binary.

    Raises UsageError where there is none or it is another tool, NotMeasuredError, StorageError.
    """
    if isinstance(device, ReplayDevice):
        return _recorded(device, backend, cache)
    file = tools.find(backend, device.abis(), named.get(backend), cache, target=_TARGETS.get(device.kind, "linux"))
    path = device.push(file.path)

    def read_help() -> str:
        ran = tool_run.run(device, [path, "--help"], HELP_LIMIT_S)
        return ran.stdout + ran.stderr

    found = capabilities(file.sha256, read_help, cache)
    is_litert = found.family == "litert"
    if is_litert != (backend == "benchmark_litert_model"):
        other = "benchmark_litert_model" if is_litert else "benchmark_model"
        todo = f"Use --backend {other}, or name another file: --tool {backend}=PATH."
        raise UsageError(f"{file.path} is no {backend}", f"Its flags are those of {other}.", todo)
    return Program(path, file.sha256, file.path.name, found, file.findings)


def _recorded(device: ReplayDevice, backend: str, cache: Path) -> Program:
    """The tool of a recording, whose file need not be here. Raises UsageError, NotMeasuredError, StorageError."""
    for tool in device.programs():
        # Kept by its text: a recording that was written by hand has no binary whose hash would tell its flags.
        found = capabilities(hashlib.sha256(tool.help.encode()).hexdigest(), partial(str, tool.help), cache)
        if (found.family == "litert") == (backend == "benchmark_litert_model"):
            return Program(tool.path, tool.sha256, tool.name, found)
    raise UsageError(
        f"the recording {device.name} has no {backend}",
        "No tool of that kind was pushed and asked for its flags there.",
        "Record a run with it: bench run --record DIR",
    )


def measure(job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
    """One invocation of the tool. Raises InvocationFailed, and UsageError for flags that this build does not have."""
    started = now()
    inputs = _inputs(job)
    files = Files(job, outputs=watch.outputs is not None and inputs is not None)
    arguments = [*_case(job), *(inputs or []), *flags.of_time(seconds, min(warmup_s, TOOL_WARMUP_S))]
    ran, found = _run(job, [*arguments, *files.flags], watch, MEASURING)
    no_outputs = "" if inputs is not None else "the tool cannot be given a file for an input of such a name"
    if watch.outputs is not None and not no_outputs:
        outputs, no_outputs = files.outputs()
        if outputs:
            watch.outputs(outputs)
    return Measured(
        invocation=outcome.invocation(found, started),
        tool=_tool(job, found),
        placement=placement(
            found,
            job.case.accelerator,
            runtime_info=files.runtime_info(),
            graph_ops=job.graph.op_count,
        ),
        transcript=ran.transcript,
        findings=tool_run.run_findings(ran, found.unknown, found.unknown_lines),
        no_outputs=no_outputs,
    )


def profile(job: Job, typical_ns: float | None, watch: Watch) -> Profiled:
    """Op rows from an invocation of its own, as the tool's table has them. Raises InvocationFailed, UsageError."""
    arguments = [*_case(job), *(_inputs(job) or []), *flags.of_time(PROFILE_S, TOOL_WARMUP_S)]
    ran, found = _run(job, [*arguments, *flags.of_profile(job.case)], watch, PROFILING)
    table, timed = found.run_profile, found.timed
    if table is None or not table.rows or timed is None or timed.mean_ns is None:
        message = "the tool printed no table of ops"
        raise InvocationFailed(CaseError(kind="no profile", message=message, phase=PROFILING))
    source = f"{job.case.backend}'s table of ops"
    if not table.timed:
        names = tuple(f"{row.node_type} {row.name}".strip() for row in table.rows)
        return Profiled(None, ran.transcript, f"{source} has no times: all are 0 or nan", names)
    pieces = records_profile(table, source, delegate=_INSIDE.get(job.case.accelerator, ""))
    if not pieces.rows:
        return Profiled(None, ran.transcript, "; ".join(pieces.notes))
    whole = Profile(
        source=pieces.source,
        inferences=pieces.inferences or timed.count,
        total_ns=timed.mean_ns,
        rows=pieces.rows,
        slowdown=outcome.summary(found).centre_ns / typical_ns if typical_ns else None,
        notes=pieces.notes,
    )
    return Profiled(whole, ran.transcript)


def _run(job: Job, arguments: list[str], watch: Watch, phase: str) -> tuple[Ran, ToolLog]:
    """Raises InvocationFailed, UsageError."""
    assert job.program.help is not None
    job.program.help.check(arguments)
    watch.stage("loading")
    stages = iter(("warming up", phase))

    def tell(line: str) -> None:
        if "Running benchmark for" in line:
            watch.stage(next(stages, phase))

    ran = tool_run.run(job.device, [*flags.prefix(job.case), job.program.path, *arguments], job.limit_s, tell)
    watch.stage("reading its answer")
    found = log.parse(ran.stdout, ran.stderr, tables=True if phase == PROFILING else None)
    try:
        outcome.must_be_whole(ran, found, phase, job.limit_s)
    except InvocationFailed as failed:
        raise InvocationFailed(failed.error, ran.transcript) from None
    return ran, found


def _case(job: Job) -> list[str]:
    """Raises NotMeasuredError where the build lacks the accelerator."""
    assert job.program.help is not None
    case = job.case
    flag = flags.lacking(case, job.program.help)
    if flag:
        raise NotMeasuredError(
            f"cannot measure on {case.accelerator}",
            f"{job.program.name} ({job.program.sha256[:12]}) was built without it: it has no flag --{flag}",
            f"Give a build that has it: --tool {case.backend}=PATH, or bench tools fetch {case.backend}.",
        )
    return flags.of_case(job.case, job.model, place(job), job.scratch, job.program.help)


def _inputs(job: Job) -> list[str] | None:
    """The seeded inputs, the same in every invocation; None where the tool cannot be given them."""
    assert job.program.help is not None
    if "input_layer_value_files" not in job.program.help:
        return []
    fixed = [structs.replace(spec, shape=job.case.shapes.get(spec.name, spec.shape)) for spec in job.graph.inputs]
    return flags.of_inputs([(spec, spec.shape, job.input_file(spec)) for spec in fixed])


def _tool(job: Job, found: ToolLog) -> Tool:
    return Tool(
        runtime=job.case.backend,
        version=found.version or "(it does not tell its version)",
        agent_sha256="",
        python="",
        sync=_SYNC[job.case.backend],
        settings=found.parameters,
        binary=job.program.name,
        binary_sha256=job.program.sha256,
    )
