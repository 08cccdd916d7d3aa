"""What a run of trtexec means: whether it counts, and its parts of the record. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.backends.batch import batch_of
from bench.backends.client import InvocationFailed
from bench.backends.tensorrt.layers import DLA
from bench.backends.tensorrt.log_types import TrtLog
from bench.backends.tensorrt.times import NS_PER_MS, Times, turns
from bench.backends.tool_run import Ran, must_have_ended, run_findings
from bench.base.findings import Finding
from bench.base.process import signal_name
from bench.records.types import CaseError, Invocation, Memory, Placement, Throughput, Warmup

TAIL_LINES = 30
COARSE = 0.005  # of the median: a clock of such steps shows in the numbers
SYNC = "CUDA events before and behind the engine's kernels; copies of inputs and outputs are timed apart, by events too"
RATE = "trtexec's own rate of queries: an execution context for each stream, %s"


def must_be_whole(ran: Ran, found: TrtLog, phase: str, limit_s: float, numbers: bool = False) -> None:
    """Raises InvocationFailed for a run that cannot be used. numbers: a performance summary must be there.

    A log with its line PASSED counts even where the program crashed on leaving; an exit code of 0 completes none.
    """
    tail = "\n".join(ran.transcript.splitlines()[-TAIL_LINES:])
    reason = found.incomplete or ("it has no performance summary" if numbers and not found.summary else "")
    if not reason:
        return
    if not found.failed:
        _must_have_ended(ran, limit_s, phase, tail)
    words = "; ".join(found.errors[:4]) or reason
    raise InvocationFailed(
        CaseError(
            kind="tool failed" if found.failed or found.errors else "incomplete",
            message=f"trtexec: {words} ({ran.end})",
            todo=_advice(found),
            phase=phase,
            exit_code=None if signal_name(ran.returncode) else ran.returncode,
            stderr_tail=tail,
        ),
        ran.transcript,
    )


def _must_have_ended(ran: Ran, limit_s: float, phase: str, tail: str) -> None:
    try:
        must_have_ended(ran, limit_s, phase, tail)
    except InvocationFailed as failed:
        raise InvocationFailed(failed.error, ran.transcript) from None


def _advice(found: TrtLog) -> str:
    text = " ".join(found.errors)
    if "parse onnx" in text or "Parsing model failed" in text:
        return "TensorRT's parser does not take this model; see its lines below, and bench models lint."
    if "out of memory" in text.lower() or "OutOfMemory" in text:
        return "The GPU's memory was too small; end what else uses it, or take a smaller batch."
    return "trtexec's own words stand in the lines below."


def unreadable(found: TrtLog) -> bool:
    """Whether it failed at reading the engine: one of another version or GPU than it was built with."""
    words = " ".join(found.errors)
    return found.failed and ("deserializ" in words or "serialization version" in words or "invalid engine" in words)


def option_ignored(found: TrtLog, phase: str, transcript: str) -> None:
    """Raises InvocationFailed where no CUDA graph was captured: it would be another case than the one named."""
    if found.graph_refused:
        message = "the engine cannot be captured as a CUDA graph; trtexec launched it without"
        todo = "Leave the option cuda_graph out."
        raise InvocationFailed(CaseError(kind="option ignored", message=message, todo=todo, phase=phase), transcript)


def invocation(found: TrtLog, times: Times, started: str, options: Mapping[str, str]) -> Invocation:
    """Of a whole log and its samples. options: the case's."""
    transfers = "no_transfers" not in options  # whether inputs and outputs were copied at all
    warmup = None
    if found.warmup_queries is not None and found.warmup_ms is not None:
        warmup = Warmup(inferences=found.warmup_queries, duration_ns=round(found.warmup_ms * NS_PER_MS))
    return Invocation(
        started=started,
        spawn_ns=None,
        load_ns=None if found.load_s is None else round(found.load_s * 1e9),
        first_inference_ns=None,
        warmup=warmup,
        turns=turns(times.samples),
        memory=Memory(reason="trtexec does not tell the memory of its process"),
        input_copy_ns=_median_ns([each.h2d_ms for each in times.samples]) if transfers else None,
        output_read_ns=_median_ns([each.d2h_ms for each in times.samples]) if transfers else None,
        throughput=throughput(found, times, options),
    )


def _median_ns(values_ms: Sequence[float]) -> int:
    return round(sorted(values_ms)[len(values_ms) // 2] * NS_PER_MS)


def throughput(found: TrtLog, times: Times, options: Mapping[str, str]) -> Throughput | None:
    """Of all streams together, by the host's clock. Version 7 prints 0 for an explicit batch."""
    count = len(times.samples)
    wall_s = count / found.throughput_qps if found.throughput_qps else found.walltime_s
    if not wall_s or not count:
        return None
    how = RATE % ("no copies" if "no_transfers" in options else "and copies that overlap with computing")
    streams, batch = int(options.get("streams") or 1), batch_of(options)
    return Throughput(inferences=count, duration_ns=round(wall_s * 1e9), streams=streams, batch=batch, how=how)


def placement(on_dla: Sequence[bool], placed: bool, dla: str, gpu: str) -> Placement:
    """on_dla: of each layer that the builder listed. dla: the core that was asked for, or empty."""
    total, taken = len(on_dla), sum(on_dla)
    where = f" ({gpu})" if gpu else ""
    if not dla:
        layers = f": {total} fused layers" if total else ""
        evidence = f"an engine for the GPU{where}{layers}; TensorRT runs no layer on the CPU"
        return Placement(kind="full", delegate="TensorRT", evidence=evidence)
    if not placed or not total:
        return Placement(kind="unknown", reason="the builder did not list which layers run on DLA")
    return Placement(
        kind="full" if taken == total else "partial" if taken else "none",
        delegate=f"{DLA} {dla}",
        nodes=taken,
        total=total,
        partitions=taken,
        evidence="the builder's list of fused layers on DLA and GPU",
        reason="" if taken else f"all {total} layers run on the GPU",
    )


def refuse_no_dla(found: Placement, phase: str, transcript: str) -> None:
    """Raises InvocationFailed where a case of DLA runs on the GPU alone."""
    if found.kind == "none":
        message = f"nothing of the graph runs on {found.delegate}: {found.reason}"
        todo = "DLA takes fp16 and int8 only: --option precision=fp16. Its refusals stand in the record's transcript."
        raise InvocationFailed(CaseError(kind="fell back", message=message, todo=todo, phase=phase), transcript)


def findings(ran: Ran, found: TrtLog, times: Times) -> list[Finding]:
    """What a person should know of a run that counts."""
    told = [
        Finding(
            code="trtexec-warning",
            severity="info",
            what=f"trtexec: {words}",
            why="It judges its own run: the spread of the GPU's time, and what the throughput is bound by.",
            remedy="Pin the clocks (--pin), or try the options spin_wait and cuda_graph."
            if "unstable" in words
            else "",
        )
        for words in found.warnings
    ]
    told += run_findings(ran, found.unknown, found.unknown_lines)
    typical = _median_ns([each.compute_ms for each in times.samples])
    if times.resolution_ns > COARSE * typical:
        told.append(
            Finding(
                code="trtexec-resolution",
                severity="info",
                what=f"the clock has steps of about {times.resolution_ns:.0f} ns, an inference takes {typical:,} ns",
                why="CUDA's events tick every 0.5 µs, and trtexec keeps instants as 32-bit floats since its start.",
                remedy="Shorter invocations keep the floats fine: raise --invocations.",
            )
        )
    return told
