"""The driver of TensorRT's own tool, `trtexec`, which lives on the device beside its TensorRT.

The engine is built apart and kept (`tensorrt.engine`); an invocation is one run of it, whose samples are the GPU's time
of each inference as trtexec exports it. A run counts when its last word is PASSED, not when the exit code is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.backends import tool_run
from bench.backends.batch import batch_of, must_hold
from bench.backends.client import InvocationFailed
from bench.backends.job import MEASURING, Job, Measured, Profiled, Program, Watch
from bench.backends.tensorrt import engine, flags, layers, locate, notes, outcome, outputs, profile_file, times
from bench.backends.tensorrt.log import parse
from bench.backends.tensorrt.log_types import COMPUTE, Layer, TrtLog
from bench.backends.tool_run import Ran
from bench.base.errors import NotMeasuredError
from bench.devices.protocol import Device
from bench.records.store import now
from bench.records.types import CaseError, Placement, Profile, Tool

PROFILING: Final = "profiling"
PROFILE_S: Final = 1.0
WARMUP_S: Final = 0.2  # the tool's own default; it warms up for a time, not until it is steady


def program(device: Device, backend: str, named: Mapping[str, str], cache: Path) -> Program:
    """Find trtexec on the device and ask it for its flags. Raises UsageError where there is none, NotMeasuredError."""
    found = locate.find(device, named.get(backend))
    return Program(found.path, found.sha256, "trtexec", locate.ask(device, found.path))


def measure(job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
    """One invocation. Raises InvocationFailed, and NotMeasuredError for what this version cannot do."""
    assert job.program.help is not None
    started = now()
    files = outputs.Files(job, wanted=watch.outputs is not None)
    arguments = [*flags.of_time(seconds, max(warmup_s, WARMUP_S)), f"--exportTimes={files.path('times')}", *files.flags]
    built, ran, found = _run(job, arguments, watch, MEASURING)
    outcome.option_ignored(found, MEASURING, ran.transcript)
    placement = _placement(job, built)
    outcome.refuse_no_dla(placement, MEASURING, built.transcript or ran.transcript)
    sampled = _times(files, found, ran)
    no_outputs = ""
    if watch.outputs is not None:
        made, no_outputs = files.outputs()
        must_hold([each.spec for each in made], batch_of(job.case.options), MEASURING)
        if made:
            watch.outputs(made)
    invocation = outcome.invocation(found, sampled, started, job.case.options)
    for turn in invocation.turns:
        watch.turn(turn.samples_ns)
    facts = built.facts
    told = notes.findings(job.case.options, job.graph.histogram, facts.version or found.version, facts.lacking)
    return Measured(
        invocation=invocation,
        tool=_tool(job, built, found),
        placement=placement,
        transcript="\n".join(part for part in (built.transcript, ran.transcript) if part),
        findings=(*told, *outcome.findings(ran, found, sampled)),
        no_outputs=no_outputs,
    )


def profile(job: Job, typical_ns: float | None, watch: Watch) -> Profiled:
    """Layer times from an invocation of its own. Raises InvocationFailed, NotMeasuredError."""
    assert job.program.help is not None
    known = job.program.help
    files = outputs.Files(job, wanted=False)
    asked = [*flags.of_time(PROFILE_S, WARMUP_S), *flags.of_profile(known), f"--exportProfile={files.path('profile')}"]
    if "exportLayerInfo" in known:
        asked.append(f"--exportLayerInfo={files.path('layers')}")
    built, ran, found = _run(job, asked, watch, PROFILING)
    text = files.pull("profile")
    try:
        inferences, timed = profile_file.parse("" if text is None else text.decode("utf-8", "replace"))
    except profile_file.ProfileFileError as error:
        raise _failure("no profile", str(error), PROFILING, ran) from None
    info = layers.parse_info((files.pull("layers") or b"").decode("utf-8", "replace"))
    rows, told = layers.rows(inferences, timed, info, _layers(built))
    compute = found.metrics[COMPUTE]
    total_ns = (compute.median_ms if compute.mean_ms is None else compute.mean_ms) * times.NS_PER_MS
    apart = "separateProfileRun" in known
    layers_ns = sum(row.time_ns for row in rows)
    slowed = layers_ns if apart else compute.median_ms * times.NS_PER_MS
    note = "the total is of the same process without the profiler; its layers were timed in a second run behind that"
    return Profiled(
        Profile(
            source="trtexec's layer times (--exportProfile)",
            inferences=inferences,
            total_ns=total_ns,
            rows=rows,
            slowdown=slowed / typical_ns if typical_ns else None,
            notes=(*([note] if apart else []), *told),
        ),
        "\n".join(part for part in (built.transcript, ran.transcript) if part),
    )


def _run(job: Job, asked: list[str], watch: Watch, phase: str) -> tuple[engine.Engine, Ran, TrtLog]:
    """The engine, and a whole run of it. One that its TensorRT does not read is built anew, once.

    Raises InvocationFailed, NotMeasuredError.
    """
    assert job.program.help is not None
    fixed = [*flags.of_run(job.case, job.graph.inputs, job.program.help), *_inputs(job)]
    built = engine.ready(job, watch)
    while True:
        watch.stage("loading")
        argv = [job.program.path, f"--loadEngine={built.path}", *fixed, *asked]
        ran = tool_run.run(job.device, argv, job.limit_s, _teller(watch, phase))
        watch.stage("reading its answer")
        found = parse(ran.stdout + ran.stderr)
        if not outcome.unreadable(found) or built.transcript:
            break
        engine.forget(built)
        built = engine.ready(job, watch)
    outcome.must_be_whole(ran, found, phase, job.limit_s, numbers=True)
    return built, ran, found


def _teller(watch: Watch, phase: str) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if line.endswith("Starting inference"):
            watch.stage(phase)

    return tell


def _times(files: outputs.Files, found: TrtLog, ran: Ran) -> times.Times:
    data = files.pull("times")
    try:
        if data is None:
            raise times.TimesError("trtexec wrote no file of --exportTimes")
        sampled = times.parse(data, found.warmup_ms, found.queries)
        times.must_agree(sampled, found.metrics[COMPUTE].median_ms)
        return sampled
    except times.TimesError as error:
        raise _failure("incomplete", str(error), MEASURING, ran) from None


def _failure(kind: str, message: str, phase: str, ran: Ran) -> InvocationFailed:
    return InvocationFailed(CaseError(kind=kind, message=message, phase=phase), ran.transcript)


def _inputs(job: Job) -> list[str]:
    """The seeded inputs, the same in every invocation; where trtexec cannot be given them it takes random ones."""
    assert job.program.help is not None
    known = job.program.help
    load = known.flags.get("loadInputs")
    quoted = load is not None and "quote" in load.meaning
    try:
        files = {spec.name: job.input_file(engine.input_shape(job, spec)) for spec in job.graph.inputs}
    except NotMeasuredError:
        return []
    return flags.of_inputs(files, known, quoted) or []


def _layers(built: engine.Engine) -> list[Layer]:
    return [Layer(name=each.name, on_dla=each.on_dla, kind=each.kind) for each in built.facts.layers]


def _placement(job: Job, built: engine.Engine) -> Placement:
    facts = built.facts
    return outcome.placement(
        [each.on_dla for each in facts.layers], facts.placed, job.case.options.get("dla", ""), facts.gpu
    )


def _tool(job: Job, built: engine.Engine, found: TrtLog) -> Tool:
    facts, options = built.facts, job.case.options
    settings: dict[str, Any] = {
        "precision": facts.precision,
        "build flags": " ".join(facts.flags),
        "engine": "built for this case" if built.transcript else "kept from an earlier build",
        "engine build": "" if facts.build_s is None else f"{facts.build_s:g} s",
        "engine sha256": facts.sha256,
        "GPU": found.gpu or facts.gpu,
        "streams": options.get("streams", "1"),
    }
    return Tool(
        runtime="TensorRT",
        version=found.version or facts.version or "(it does not tell its version)",
        agent_sha256="",
        python="",
        sync=outcome.SYNC,
        settings={name: str(value) for name, value in settings.items() if value},
        binary=job.program.name,
        binary_sha256=job.program.sha256,
    )
