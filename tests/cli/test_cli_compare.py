"""`bench compare` over the records of real runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records import store
from bench.records.types import Record

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def earlier(finished: Any, results_folder: Path) -> Path:
    """The finished run, and the same again a year later, 10 % slower."""
    shutil.copytree(finished.results, results_folder)
    for path in list(store.files(results_folder)):
        record = store.load(path)
        run = msgspec.structs.replace(record.run, id="20990101T000000.000Z-beef")
        store.save(slower(msgspec.structs.replace(record, run=run), 1.1), results_folder)
    return results_folder


def slower(record: Record, factor: float) -> Record:
    def turn(one: Any) -> Any:
        return msgspec.structs.replace(one, samples_ns=tuple(int(ns * factor) for ns in one.samples_ns))

    invocations = tuple(
        msgspec.structs.replace(one, turns=tuple(turn(each) for each in one.turns)) for one in record.invocations
    )
    return msgspec.structs.replace(record, invocations=invocations)


def test_two_runs_side_by_side(bench: Bench, earlier: Path) -> None:
    done = bench("compare", "last~1", "last")
    assert done.stdout.count("+10.0 %") == 3
    assert "use bench gate" in " ".join(done.stdout.split())
    assert "regressed" not in done.stdout
    document = json.loads(bench("compare", "last~1", "2099", "--json").stdout)
    assert document["by"] == ["run"]
    assert [len(group["records"]) for group in document["groups"]] == [2, 2, 2]
    for group in document["groups"]:
        (pair,) = group["pairs"]
        assert pair["ratio"]["value"] == pytest.approx(1.1, rel=1e-3)
        assert pair["differs"] == []
        assert pair["ops"]["pairs"]


def test_backends_of_one_run(bench: Bench, earlier: Path) -> None:
    document = json.loads(bench("compare", "last", "--by", "backend", "--json").stdout)
    (group,) = document["groups"]
    assert [record["axis"]["backend"] for record in group["records"]] == ["litert", "onnxruntime", "openvino"]
    assert all(pair["verdict"] is None and pair["ratio"]["value"] > 0 for pair in group["pairs"])
    topics = {one["topic"] for pair in group["pairs"] for one in pair["differs"]}
    assert {"runtime", "placement"} <= topics


def test_another_runtime_version_stops_it(bench: Bench, earlier: Path) -> None:
    for path in store.run_files(earlier / "20990101T000000.000Z-beef"):
        record = store.load(path)
        assert record.tool is not None
        newer = msgspec.structs.replace(record.tool, version="99.0")
        path.write_bytes(store.encode(msgspec.structs.replace(record, tool=newer)))
    done = bench("compare", "last~1", "last", code=4)
    assert "99.0" in done.stdout
    assert "not comparable" in done.stdout
    document = json.loads(bench("compare", "last~1", "last", "--json", code=4).stdout)
    assert {pair["verdict"] for group in document["groups"] for pair in group["pairs"]} == {"not comparable"}
    assert all(pair["ratio"] is None for group in document["groups"] for pair in group["pairs"])
    assert bench("compare", "last~1", "last", "--by", "run", "--by", "backend").returncode == 0


def test_files_markdown_and_a_page(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    old, new = sorted(earlier.glob("*/*onnxruntime*.json"))
    shutil.move(new, tmp_path / "elsewhere.json")
    done = bench("compare", old, "elsewhere.json", "--markdown", "--html", "page.html")
    assert "| run |" in done.stdout
    assert "+10.0 %" in done.stdout
    assert "+10.0 %" in (tmp_path / "page.html").read_text()


def test_what_cannot_be_asked_is_said(bench: Bench, earlier: Path) -> None:
    assert "two runs" in bench("compare", "last", code=2).stderr
    assert "last~7" in bench("compare", "last", "last~7", code=2).stderr
    assert "no run" in bench("compare", "last", "nonsense", code=2).stderr
    assert "several runs" in bench("compare", "last", "20", code=2).stderr
    assert "--json" in bench("compare", "last", "last~1", "--json", "--markdown", code=2).stderr
    bench("compare", "last", "x" * 300, code=2)
    bench("compare", code=2)


def test_a_damaged_record_is_named_and_the_others_compared(bench: Bench, earlier: Path) -> None:
    (path,) = earlier.glob("2099*/*litert*.json")
    path.write_bytes(path.read_bytes()[:500])
    done = bench("compare", "last~1", "last")
    assert str(path) in done.stderr
    assert done.stdout.count("+10.0 %") == 2
    assert "Without a counterpart" in done.stdout
