"""Records built by hand: the good one, and one for each way in which a case can disappoint."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from bench.base.findings import Finding
from bench.records.types import (
    SCHEMA_VERSION,
    Agreement,
    Artifact,
    Case,
    CaseError,
    Conditions,
    DeviceIdentity,
    GraphFacts,
    Invocation,
    Memory,
    OpRow,
    Phase,
    Placement,
    Profile,
    Reading,
    Record,
    RunRef,
    TensorSpec,
    Tool,
    Turn,
    Warmup,
)

HOSTILE = "<script>alert('boo')</script>\"&amp;</td>\x1b[31m модель"
STEAL = Finding(
    code="cpu-steal",
    severity="warning",
    what="The hypervisor took 4.1 % of the processor's time while measuring.",
    why="Stolen time is in the samples and differs from minute to minute.",
    remedy="Measure on a machine of your own, or repeat and look at the interval.",
)
GOVERNOR = Finding(code="unpinned", severity="info", what="The clocks were not pinned.", remedy="Use --pin as root.")
OP_TYPES = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RESIZE_BILINEAR", "LOGISTIC", "CONCATENATION")
ORT_TYPES = ("Conv", "Conv", "Add", "Resize", "Sigmoid", "Concat")


def conditions(phase: Phase, clock: int) -> Conditions:
    cores = [Reading(name=f"cpu{core}.frequency", value=clock + core * 10_000_000, unit="Hz") for core in range(4)]
    governors = [Reading(name=f"cpu{core}.governor", unavailable="no cpufreq in this guest") for core in range(4)]
    load = Reading(name="load.1min", value=0.42)
    steal = Reading(name="steal", value=4.1, unit="%")
    return Conditions(phase=phase, at="2026-03-01T09:30:00Z", readings=(*cores, *governors, load, steal))


def invocation(seed: int, median_ns: int, samples: int, steady: bool = True, turn: int = 5) -> Invocation:
    source = random.Random(seed)
    centre = median_ns * (1 + source.uniform(-0.004, 0.004))
    values = [int(centre * (1 + abs(source.gauss(0, 0.012)))) for _ in range(samples)]
    if samples > 20:
        values[samples // 2] = int(centre * 1.6)
    turns, at = [], 900_000_000
    for first in range(0, samples, turn):
        part = tuple(values[first : first + turn])
        turns.append(Turn(start_ns=at, samples_ns=part))
        at += sum(part) + 2_000_000
    windows = (int(centre * 1.3), int(centre * 1.02), int(centre))
    return Invocation(
        started="2026-03-01T09:30:00Z",
        spawn_ns=310_000_000,
        load_ns=12_340_000 + seed * 10_000,
        first_inference_ns=int(centre * 1.7),
        warmup=Warmup(inferences=30, duration_ns=int(30 * centre), window_medians_ns=windows, steady=steady),
        turns=tuple(turns),
        memory=Memory(peak_bytes=81_300_000 + seed * 4096, before_load_bytes=42_000_000),
        during=conditions("during", 2_300_000_000 + seed * 1_000_000),
    )


def profile(total_ns: float, types: tuple[str, ...] = OP_TYPES, gap: float = 0.03, ops: int = 40) -> Profile:
    weights = [1.0 / (1 + position) for position in range(ops)]
    scale = total_ns * (1 - gap) / sum(weights)
    rows = tuple(
        OpRow(
            position=position,
            op_type=types[position % len(types)],
            name=f"model/decoder/stage_{position // 6}/block_{position % 6}/{types[position % len(types)].lower()}",
            time_ns=weight * scale,
        )
        for position, weight in enumerate(weights)
    )
    return Profile(source="runtime profiler", inferences=50, total_ns=total_ns, rows=rows, slowdown=1.04)


def record(**changes: Any) -> Record:
    """A good record; fields of the case (model, backend, ...) and of the record may be changed by name."""
    facts = {"model": "prisma_256", "backend": "litert", "variant": "fp32", "accelerator": "cpu", "device": "local"}
    fields = {"era": "2019", "format": "tflite", "threads": 1, "options": {}, "shapes": {}}
    case = Case(**{name: changes.pop(name, value) for name, value in (facts | fields).items()})
    median_ns, samples = changes.pop("median_ns", 38_412_345), changes.pop("samples", 50)
    count, steady = changes.pop("invocation_count", 5), changes.pop("steady", True)
    image = TensorSpec(name="input", dtype="float32", shape=(1, 256, 256, 3))
    graph = GraphFacts(
        format="tflite",
        inputs=(image,),
        outputs=(image,),
        op_count=40,
        histogram={"CONV_2D": 40},
        constant_elements=1_000_000,
        size_bytes=4_100_000,
    )
    good = Record(
        schema=SCHEMA_VERSION,
        run=RunRef(
            id="20260301-093000-a1b2",
            started="2026-03-01T09:30:00Z",
            command=("bench", "run", "prisma_256", "--backend", "litert,onnxruntime"),
            bench_version="0.1.0",
        ),
        case=case,
        case_key=case.key,
        device=DeviceIdentity(
            name=case.device,
            kind="local",
            fingerprint="f" * 16,
            facts={"cpu_model": "AMD EPYC 7B13", "logical_cores": 4, "kernel": "6.1.0", "memory_bytes": 16_000_000_000},
            unavailable={"microcode": "not shown in this guest"},
        ),
        artifact=Artifact(name="prisma_256_fp32.tflite", sha256="ab" * 32, source="zoo", graph=graph),
        tool=Tool(
            runtime="ai-edge-litert",
            version="2.3.0",
            agent_sha256="cd" * 32,
            python="3.11.7",
            sync="the call blocks until the result is in memory",
            settings={"num_threads": "1", "kernels": "builtin"},
        ),
        placement=Placement(kind="full", delegate="XNNPACK", nodes=40, total=40, evidence="the runtime's own log"),
        agreement=Agreement(
            reference="ONNX Runtime fp32", ok=True, max_abs_diff=2.1e-6, output_range=1.0, tolerance="within 1e-3"
        ),
        invocations=tuple(invocation(seed, median_ns, samples, steady or seed > 1) for seed in range(count)),
        profile=profile(median_ns * 1.04),
        profile_reason="",
        conditions=(conditions("before", 2_200_000_000), conditions("after", 2_100_000_000)),
        findings=(STEAL, GOVERNOR),
        transcript=("ready\n",),
        error=None,
    )
    return msgspec.structs.replace(good, **changes)


def failed() -> Record:
    error = CaseError(
        kind="crash",
        message="the runtime died while it loaded the model\nsecond line",
        todo="Run it again with --backend litert.",
        phase="load",
        exit_code=-11,
        signal="SIGSEGV",
        stderr_tail="INFO: Created delegate\nSegmentation fault <b>here</b>",
    )
    nowhere = Placement(kind="unknown", reason="the runtime died")
    changes: dict[str, Any] = {"error": error, "profile": None, "profile_reason": "the case failed"}
    return record(backend="openvino", invocations=(), agreement=None, placement=nowhere, findings=(), **changes)


def all_kinds() -> dict[str, Record]:
    """One record of each kind, under the names that the tests use."""
    hostile_row = OpRow(position=0, op_type="CONV_2D<i>", name=HOSTILE, time_ns=9e5)
    hostile_profile = Profile(source="runtime <profiler>", inferences=5, total_ns=1e6, rows=(hostile_row,))
    differs = Agreement(reference="ONNX Runtime fp32", ok=False, max_abs_diff=0.031, tolerance="within 1e-3")
    partial = Placement(kind="partial", delegate="NNAPI", nodes=539, total=548, partitions=19, evidence="log")
    return {
        "good": record(),
        "onnx": record(
            backend="onnxruntime",
            median_ns=31_900_000,
            format="onnx",
            options={"providers": "CPUExecutionProvider"},
            profile=profile(33e6, ORT_TYPES, gap=0.02),
            placement=Placement(kind="full", delegate="CPUExecutionProvider", evidence="profile"),
        ),
        "unsteady": record(threads=4, median_ns=14_200_000, steady=False),
        "few": record(variant="int8", samples=37, invocation_count=1, profile=None, profile_reason="--no-profile"),
        "failed": failed(),
        "gap": record(accelerator="nnapi", placement=partial, profile=profile(45e6, gap=0.18), agreement=differs),
        "hostile": record(model=HOSTILE, median_ns=961_000, profile=hostile_profile, agreement=None),
    }


@pytest.fixture(scope="session")
def kinds() -> dict[str, Record]:
    return all_kinds()


@pytest.fixture(scope="session")
def records(kinds: dict[str, Record]) -> list[Record]:
    return list(kinds.values())


@pytest.fixture(scope="session")
def make() -> Any:
    """The builder itself, for tests that need a record of their own."""
    return record
