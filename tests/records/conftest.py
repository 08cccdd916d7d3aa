"""A factory of records as a run writes them: every part filled, any field changed by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from bench.base.findings import Finding
from bench.records.types import (
    SCHEMA_VERSION,
    Agreement,
    Artifact,
    Case,
    Conditions,
    DeviceIdentity,
    GraphFacts,
    Invocation,
    Memory,
    OpRow,
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

AT = "2026-03-01T09:30:00.000Z"


def make_case(**changes: Any) -> Case:
    good = Case(
        device="local",
        backend="litert",
        accelerator="cpu",
        model="prisma_256",
        variant="fp32",
        era="2019",
        format="tflite",
        threads=1,
        options={"kernels": "builtin"},
        shapes={"input": (1, 256, 256, 3)},
    )
    return msgspec.structs.replace(good, **changes)


def make_invocation(samples_ns: Sequence[int], **changes: Any) -> Invocation:
    turns, at = [], 900_000_000
    for first in range(0, len(samples_ns), 5):
        turns.append(Turn(start_ns=at, samples_ns=tuple(samples_ns[first : first + 5])))
        at += sum(turns[-1].samples_ns) + 2_000_000
    good = Invocation(
        started=AT,
        spawn_ns=310_000_000,
        load_ns=12_340_000,
        first_inference_ns=61_000_000,
        warmup=Warmup(inferences=30, duration_ns=10**9, window_medians_ns=(50_000_000, 38_400_000), steady=True),
        turns=tuple(turns),
        memory=Memory(peak_bytes=81_300_000, before_load_bytes=42_000_000),
        input_copy_ns=11_000,
        output_read_ns=9_000,
        during=Conditions(phase="during", at=AT, readings=(Reading(name="steal", value=0.4, unit="%"),)),
    )
    return msgspec.structs.replace(good, **changes)


def make_record(**changes: Any) -> Record:
    """`case` fields go in as `case_...=`; `samples`: a list of ns per invocation."""
    of_case = {name.removeprefix("case_"): changes.pop(name) for name in list(changes) if name.startswith("case_")}
    case = make_case(**of_case)
    dice = random.Random(1)
    drawn = [[int(38e6 * (1 + abs(dice.gauss(0, 0.01)))) for _ in range(20)] for _ in range(5)]
    image = TensorSpec(name="input", dtype="float32", shape=(1, 256, 256, 3))
    graph = GraphFacts(
        format="tflite",
        inputs=(image,),
        outputs=(msgspec.structs.replace(image, name="output", shape=(1, 256, 256, 1)),),
        op_count=2,
        histogram={"CONV_2D": 1, "LOGISTIC": 1},
        constant_elements=1_000_000,
        size_bytes=4_100_000,
    )
    rows = (
        OpRow(position=0, op_type="CONV_2D", name="stem", time_ns=30e6, source_ops=("stem",), where="XNNPACK"),
        OpRow(position=1, op_type="LOGISTIC", name="head", time_ns=6e6),
    )
    load = (Reading(name="load.1min", value=0.42), Reading(name="cpu0.governor", unavailable="no cpufreq here"))
    good = Record(
        schema=SCHEMA_VERSION,
        run=RunRef(id="20260301T093000Z-3fa9", started=AT, command=("bench", "run"), bench_version="0.1.0"),
        case=case,
        case_key=case.key,
        device=DeviceIdentity(
            name="local",
            kind="local",
            fingerprint="f" * 16,
            facts={"cpu_model": "EPYC", "logical_cores": 4, "turbo": True, "flags": ("avx2", "fma")},
            unavailable={"microcode": "not shown in this guest"},
        ),
        artifact=Artifact(name="prisma_256_fp32.tflite", sha256="ab" * 32, source="zoo", graph=graph),
        tool=Tool(
            runtime="ai-edge-litert",
            version="2.3.0",
            agent_sha256="cd" * 32,
            python="3.11.7",
            sync="the call blocks until the result is in memory",
            settings={"num_threads": "1"},
        ),
        placement=Placement(kind="full", delegate="XNNPACK", nodes=2, total=2, evidence="the runtime's log"),
        agreement=Agreement(reference="ONNX Runtime fp32", ok=True, max_abs_diff=2.1e-6, output_range=1.0),
        invocations=tuple(make_invocation(samples) for samples in changes.pop("samples", drawn)),
        profile=Profile(source="runtime profiler", inferences=50, total_ns=40e6, rows=rows, slowdown=1.04),
        profile_reason="",
        conditions=(Conditions(phase="before", at=AT, readings=load),),
        findings=(Finding(code="cpu-steal", severity="warning", what="The hypervisor took 4 %."),),
        transcript=("ready",),
        error=None,
    )
    return msgspec.structs.replace(good, **changes)


@pytest.fixture(scope="session", name="make_case")
def make_case_fixture() -> Callable[..., Case]:
    return make_case


@pytest.fixture(scope="session", name="make_invocation")
def make_invocation_fixture() -> Callable[..., Invocation]:
    return make_invocation


@pytest.fixture(scope="session", name="make_record")
def make_record_fixture() -> Callable[..., Record]:
    return make_record
