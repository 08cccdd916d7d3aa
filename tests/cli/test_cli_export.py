"""`bench export` as a user runs it, on a real run of three runtimes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def of_the_run(finished: Any, bench: Bench) -> Bench:
    """of_the_run(*arguments): `bench export` on the finished run."""
    return lambda *arguments, **more: bench("export", *arguments, "--results", finished.results, **more)


def test_to_stdout_and_to_a_file(of_the_run: Bench, tmp_path: Path) -> None:
    printed = of_the_run("last", "--format", "junit").stdout
    suite = ElementTree.fromstring(printed)[0]
    assert suite.get("tests") == "3"
    written = of_the_run("last", "-f", "junit", "-o", "folder/junit.xml")
    assert written.stdout == ""
    assert (tmp_path / "folder" / "junit.xml").read_text() == printed


def test_a_records_file_and_the_beginning_of_an_id(of_the_run: Bench, finished: Any) -> None:
    case = next(case for case in finished.document["cases"] if case["case"]["backend"] == "litert")
    node_data = json.loads(of_the_run(case["record"], "-f", "model-explorer").stdout)
    assert sum(each["value"] for each in node_data["results"].values()) > 0
    run = finished.document["run"]
    by_id = json.loads(of_the_run(run[:20], "-f", "bencher").stdout)
    assert by_id[case["label"]]["latency"]["value"] == case["latency"]["median_ns"]


def test_budgets_of_bench_toml_are_checked(of_the_run: Bench, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text('[[gate.budget]]\nbackend = "litert"\nmedian_ms = 0.000001\n')
    suite = ElementTree.fromstring(of_the_run("last", "-f", "junit").stdout)[0]
    assert suite.get("failures") == "1"
    assert "::error title=over budget" in of_the_run("last", "-f", "github").stdout


def test_a_gates_verdicts_are_its_run(
    bench: Bench, results_folder: Path, zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.tflite").write_bytes(zoo_file("paradox_1").read_bytes())
    bench("gate", "--base", "old.tflite", "--head", "new.tflite", "--max-blocks", "1", code=3)
    (kept,) = results_folder.glob("*/*.verdict")
    assert "## bench: 1 inconclusive" in bench("export", "last", "-f", "markdown").stdout
    (case,) = ElementTree.fromstring(bench("export", kept.parent.name, "-f", "junit").stdout).iter("testcase")
    assert case.find("skipped") is not None
    assert "verdicts only" in bench("export", "-f", "pyperf", code=4).stderr
    kept.write_text("{")
    refused = bench("export", "last", "-f", "junit", code=4)
    assert kept.name in refused.stderr


def test_what_cannot_be_exported(bench: Bench, of_the_run: Bench, results_folder: Path) -> None:
    assert "no runs in" in bench("export", "-f", "junit", code=2).stderr
    assert "no run 'never'" in of_the_run("never", "-f", "junit", code=2).stderr
    assert "markdown" in of_the_run("last", "-f", "xml", code=2).stderr
    several = of_the_run("last", "-f", "model-explorer", code=2)
    assert "one op profile" in several.stderr
    assert several.stdout == ""
