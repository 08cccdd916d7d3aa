"""Budgets against records: within, over, and never passed where nothing is known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.gate.budgets import budgets, without_record
from bench.gate.config import Budget
from bench.gate.words import exit_code
from bench.records.types import (
    SCHEMA_VERSION,
    Agreement,
    Artifact,
    Case,
    CaseError,
    DeviceIdentity,
    GraphFacts,
    Invocation,
    Memory,
    Placement,
    Record,
    RunRef,
    Summary,
    Turn,
)

CASE = Case(
    device="local", backend="litert", accelerator="cpu", model="prisma", variant="fp32", era="2019", format="tflite",
    threads=1,
)  # fmt: skip
GRAPH = GraphFacts(
    format="tflite", inputs=(), outputs=(), op_count=1, histogram={}, constant_elements=0, size_bytes=2_000_000
)


def record(samples: int = 50, **changes: Any) -> Record:
    """Three invocations of 10 ms, 100 ms to load, 20 ms for the first inference, 50 MB at most."""
    turn = Turn(start_ns=0, samples_ns=(10_000_000,) * samples)
    invocation = Invocation(
        started="", spawn_ns=1, load_ns=100_000_000, first_inference_ns=20_000_000, warmup=None, turns=(turn,),
        memory=Memory(peak_bytes=50_000_000),
    )  # fmt: skip
    whole = Record(
        schema=SCHEMA_VERSION, run=RunRef(id="r", started="", command=(), bench_version=""), case=CASE, case_key="k",
        device=DeviceIdentity(name="local", kind="local", fingerprint="f", facts={}),
        artifact=Artifact(name="p.tflite", sha256="0", source="zoo", graph=GRAPH), tool=None,
        placement=Placement(kind="full"), agreement=Agreement(reference="r", ok=True), invocations=(invocation,) * 3,
        profile=None, profile_reason="", conditions=(), findings=(), transcript=(), error=None,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def words(found: Record, **quantities: Any) -> list[str]:
    return [verdict.word for verdict in budgets(found, [Budget(**quantities)])]


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("median_ms", 10), ("p90_ms", 10), ("p95_ms", 10), ("load_ms", 100), ("first_ms", 20), ("peak_mb", 50),
     ("artifact_mb", 2)],
)  # fmt: skip
def test_at_the_budget_is_within_and_above_is_over(quantity: str, value: float) -> None:
    assert words(record(), **{quantity: float(value)}) == ["within budget"]
    assert words(record(), **{quantity: value * 0.999}) == ["over budget"]


def test_what_is_over_by_a_hair_is_told_apart() -> None:
    (verdict,) = budgets(record(), [Budget(median_ms=9.9999999)])
    assert verdict.word == "over budget"
    assert "10" in verdict.found


def test_unknown_is_never_passed() -> None:
    assert words(record(samples=5), p90_ms=1000.0, p95_ms=1000.0) == ["not measured"] * 2
    tool = msgspec.structs.replace(
        record().invocations[0], load_ns=None, first_inference_ns=None, turns=(), memory=Memory(reason="no such line"),
        summary=Summary(count=10, mean_ns=1e7),
    )  # fmt: skip
    told = record(invocations=(tool,) * 3)
    assert words(told, median_ms=11.0, p90_ms=1e6, load_ms=1e6, first_ms=1e6, peak_mb=1e6) == [
        "within budget", "not measured", "not measured", "not measured", "not measured",
    ]  # fmt: skip
    assert [v.reason for v in budgets(told, [Budget(peak_mb=1.0)])] == ["no such line"]
    failed = record(error=CaseError(kind="crashed", message="it fell"), placement=Placement(kind="full"))
    verdicts = budgets(failed, [Budget(median_ms=1e6, peak_mb=1e6, placement="full")])
    assert {v.word for v in verdicts} == {"not measured"}
    assert verdicts[0].reason == "it fell"


def test_a_replay_never_gates() -> None:
    identity = DeviceIdentity(name="phone", kind="replay", fingerprint="f", facts={"replayed_from": "then"})
    assert identity.replayed
    found = budgets(record(device=identity), [Budget(median_ms=1e6, placement="full", agreement=True)])
    assert {(verdict.word, verdict.reason) for verdict in found} == {("not measured", "it was replayed, not measured")}


def test_placement_and_agreement() -> None:
    asked = {"placement": "full", "agreement": True}
    assert words(record(), **asked) == ["within budget"] * 2
    partial = Placement(kind="partial", nodes=1, total=2, partitions=1)
    wrong = record(placement=partial, agreement=Agreement(reference="r", ok=False, reason="far off"))
    assert words(wrong, **asked) == ["over budget"] * 2
    open_ = record(placement=Placement(kind="unknown", reason="?"), agreement=None)
    assert words(open_, **asked) == ["not measured"] * 2


def test_only_for_the_cases_that_are_meant() -> None:
    rows = [Budget(model="prisma", median_ms=1.0), Budget(model="other", device="phone", median_ms=1.0)]
    assert len(budgets(record(), rows)) == 1
    assert without_record(rows, [record()]) == ['[[gate.budget]] model="other" device="phone"']


def test_exit_codes() -> None:
    good = budgets(record(), [Budget(median_ms=11.0)])
    over = budgets(record(), [Budget(median_ms=1.0)])
    unknown = budgets(record(samples=5), [Budget(p95_ms=1.0)])
    assert [int(exit_code([], found)) for found in (good, over, unknown, over + unknown, [])] == [0, 1, 4, 1, 4]
    assert exit_code([], good, lost=True) == 4
