"""`bench history` over many copies of a real run."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records import store
from bench.records.types import CaseError, Record

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Add = Callable[..., Path]


@pytest.fixture
def add(finished: Any, results_folder: Path) -> Add:
    """add(day, factor, backend="litert", **changes): a copy of the real record, so many times as slow."""
    real = {record.case.backend: record for record in map(store.load, store.files(finished.results)) if record.measured}
    dice = random.Random(4)

    def add(day: int, factor: float = 1.0, backend: str = "litert", **changes: Any) -> Path:
        record: Record = real[backend]
        factor *= dice.gauss(1, 0.004)
        invocations = tuple(
            msgspec.structs.replace(
                one,
                turns=tuple(
                    msgspec.structs.replace(turn, samples_ns=tuple(int(ns * factor) for ns in turn.samples_ns))
                    for turn in one.turns
                ),
            )
            for one in record.invocations
        )
        started = f"2026-{day // 28 + 1:02d}-{day % 28 + 1:02d}T00:00:00.000Z"
        run = msgspec.structs.replace(
            record.run, id=f"{started[:10].replace('-', '')}T000000.000Z-0000", started=started
        )
        changed = msgspec.structs.replace(record, run=run, invocations=invocations)
        return store.save(msgspec.structs.replace(changed, **changes), results_folder)

    return add


def steady(add: Add, days: range, factor: float = 1.0, **changes: Any) -> None:
    for day in days:
        add(day, factor, **changes)


def test_a_step_is_found_drawn_and_told_by_the_exit_code(bench: Bench, add: Add, tmp_path: Path) -> None:
    steady(add, range(15))
    bench("history", "--check")
    steady(add, range(15, 22), 1.06)
    done = bench("history", "--check", "--plot", "plot.html", code=1)
    assert "new step" in done.stdout
    assert "20260116T000000.000Z-0000" in done.stdout
    assert "│" in done.stdout
    assert "step +" in (tmp_path / "plot.html").read_text()
    document = json.loads(bench("history", "--json", "--check", code=1).stdout)
    (case,) = document["cases"]
    (series,) = case["series"]
    assert series["steps"][0]["change"] == pytest.approx(0.06, abs=0.01)
    assert len(series["runs"]) == 22
    assert document["check"][0]["word"] == "new step"
    bench("history", "--check", "--tolerance", "20")
    bench("history")


def test_a_pinned_anchor_decides_what_is_new(bench: Bench, add: Add) -> None:
    steady(add, range(15))
    steady(add, range(15, 35), 1.06)
    bench("history", "--check")
    assert "1 case pinned" in bench("history", "--pin", "20260103", "--check", code=1).stderr
    done = bench("history", "--check", code=1)
    assert "+6." in done.stdout or "+5." in done.stdout
    bench("history", "--pin", "last", "--check")
    assert "1 anchor removed" in bench("history", "--unpin").stderr
    bench("history", "--check")


def test_a_new_runtime_is_a_visible_break_and_too_few_runs(bench: Bench, add: Add, finished: Any) -> None:
    steady(add, range(15))
    tool = next(
        record.tool for record in map(store.load, store.files(finished.results)) if record.case.backend == "litert"
    )
    steady(add, range(15, 18), 0.8, tool=msgspec.structs.replace(tool, version="99.0"))
    done = bench("history", "--check", code=3)
    assert "break: runtime" in done.stdout
    assert "99.0" in done.stdout
    assert "too few runs" in done.stdout


def test_failed_and_replayed_runs_stand_apart(bench: Bench, add: Add, finished: Any) -> None:
    steady(add, range(15))
    device = next(record.device for record in map(store.load, store.files(finished.results)))
    add(15, 0.1, device=msgspec.structs.replace(device, kind="replay"))
    bench("history", "--check")
    add(16, error=CaseError(kind="crash", message="it died"))
    done = bench("history", "--check", code=4)
    assert "replayed from recordings" in " ".join(done.stdout.split())
    assert "failed, in no series" in " ".join(done.stdout.split())
    assert "not measured" in done.stdout
    assert "not measured" in bench("history", "--pin", "last", code=2).stderr


def test_nothing_there_is_not_green(bench: Bench, add: Add) -> None:
    bench("history", "--check", code=4)
    assert "no records" in bench("history").stdout
    steady(add, range(2))
    bench("history", "--check", code=3)


def test_cases_are_chosen_by_their_axes_and_key(bench: Bench, add: Add) -> None:
    steady(add, range(3))
    path = add(3, backend="onnxruntime")
    key = store.load(path).case_key

    def found(*arguments: str) -> list[str]:
        return [case["label"] for case in json.loads(bench("history", "--json", *arguments).stdout)["cases"]]

    assert len(found()) == 2
    assert len(found("--model", "paradox_1", "--device", "local", "--threads", "1")) == 2
    (label,) = found("--backend", "onnxruntime", "--variant", "fp32", "--accelerator", "cpu")
    assert "onnxruntime" in label
    assert found("--case", key[:10]) == [label]
    assert "litert" in bench("history", "--backend", "litrt", code=2).stderr
    assert "paradox_1" in bench("history", "--model", "paradox_11", code=2).stderr
    assert "Choose one" in bench("history", "--pin", "last", "--unpin", code=2).stderr


def test_a_damaged_record_is_named_and_skipped(bench: Bench, add: Add) -> None:
    path = add(1)
    add(2)
    path.write_bytes(path.read_bytes()[:400])
    for arguments in ((), ("--model", "paradox_1")):
        done = bench("history", *arguments)
        assert str(path) in done.stderr
        assert "paradox_1" in done.stdout
