"""Real logs, 2018 to today, against a table of what a reader finds in them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench.backends.tflite.log import ToolLog, parse, split_runs
from bench.backends.tflite.placement import placement
from bench.backends.tflite.placement_words import ACCELERATORS

HERE = Path(__file__).parent
SHARED = HERE.parents[3] / "shared"
SAMPLES = SHARED / "formats" / "samples"
LAB = SHARED / "lab" / "output"
EXPECTED: dict[str, list[dict[str, Any]]] = tomllib.loads((HERE / "expected_logs.toml").read_text())


def check(log: ToolLog, wanted: dict[str, Any]) -> None:
    assert log.complete is wanted["complete"], log.incomplete
    assert bool(log.incomplete) is not log.complete
    assert log.failed is wanted.get("failed", False)
    check_numbers(log, wanted)
    for name in ("cpu", *ACCELERATORS):
        if name in wanted:
            check_placement(log, name, wanted)


def check_numbers(log: ToolLog, wanted: dict[str, Any]) -> None:
    timed = None if log.timed is None else [log.timed.count, (log.timed.mean_ns or 0) / 1000]
    assert timed == (pytest.approx(wanted["timed"], rel=1e-9) if "timed" in wanted else None)
    if "warmup" in wanted:
        assert log.warmup is not None
        assert [log.warmup.count, (log.warmup.mean_ns or 0) / 1000] == pytest.approx(wanted["warmup"], rel=1e-9)
    if "inference" in wanted:
        assert log.timings is not None
        assert log.timings.inference_avg_ns == wanted["inference"] * 1000
    assert (None if log.run_profile is None else len(log.run_profile.rows)) == wanted.get("rows")
    assert (None if log.init_profile is None else len(log.init_profile.rows)) == wanted.get("init_rows")
    if "summary" in wanted:
        assert log.run_profile is not None
        assert len(log.run_profile.summary) == wanted["summary"]


def check_placement(log: ToolLog, name: str, wanted: dict[str, Any]) -> None:
    found = placement(log, name)
    assert found.kind == wanted[name], found
    assert found.kind != "unknown" or found.reason
    assert found.kind not in ("full", "partial", "none") or found.evidence
    if f"{name}_counts" in wanted:
        assert [found.nodes, found.total, found.partitions] == wanted[f"{name}_counts"]
    if f"{name}_partitions" in wanted:
        assert found.partitions == wanted[f"{name}_partitions"]


@pytest.mark.parametrize("entry", EXPECTED["log"], ids=[entry["file"] for entry in EXPECTED["log"]])
def test_log_of_the_corpus(entry: dict[str, Any]) -> None:
    path = SAMPLES / entry["file"]
    if not path.exists():
        pytest.skip(f"the corpus of logs is not beside the repository: {path}")
    text = path.read_bytes().decode()
    runs = split_runs(text)
    assert "".join(runs) == text
    assert len(runs) == len(entry["runs"])
    for run, wanted in zip(runs, entry["runs"], strict=True):
        check(parse(run), wanted)


@pytest.mark.parametrize("entry", EXPECTED["lab"], ids=[entry["name"] for entry in EXPECTED["lab"]])
def test_output_of_the_real_tool(entry: dict[str, Any]) -> None:
    stdout = LAB / f"{entry['name']}.stdout"
    if not stdout.exists():
        pytest.skip(f"the real tool's output is not beside the repository: {stdout}")
    log = parse(stdout.read_text(), stdout.with_suffix(".stderr").read_text())
    check(log, entry["run"])
    assert log.unknown == 0 or log.failed


def test_table_speaks_of_every_log() -> None:
    if not SAMPLES.exists():
        pytest.skip(f"the corpus of logs is not beside the repository: {SAMPLES}")
    assert {entry["file"] for entry in EXPECTED["log"]} == {path.name for path in SAMPLES.glob("benchmark_model_*")}
    assert {entry["name"] for entry in EXPECTED["lab"]} == {path.stem for path in LAB.glob("*.stdout")}
