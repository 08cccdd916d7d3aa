"""What may go wrong around a gate: two at once, nothing to compare, files of a newer bench."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
ONE = ("--max-blocks", "1")


@pytest.fixture
def files(zoo_file: Callable[..., Path], tmp_path: Path) -> tuple[str, str]:
    for name in ("old", "new"):
        shutil.copy(zoo_file("paradox_1"), tmp_path / f"{name}.tflite")
    return "old.tflite", "new.tflite"


def test_two_at_once_on_one_device_take_turns(
    files: tuple[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Both are decided, each keeps its verdict, and no block of one lies in a block of the other."""
    command = [sys.executable, "-m", "bench", "gate", "--base", files[0], "--head", files[1], "--max-blocks", "2"]
    both = [
        subprocess.Popen(
            [*command, "--fresh", "--wait", "100", "--json"], cwd=tmp_path, env=os.environ, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    spans = []
    runs = set()
    for each in both:
        request.addfinalizer(each.kill)
    for each in both:
        output, errors = each.communicate(timeout=150)
        assert each.returncode == 3, errors
        (verdict,) = json.loads(output)["verdicts"]
        runs.add(verdict["run"])
        begun = [datetime.fromisoformat(block["at"]) for block in verdict["blocks"]]
        spans.append((begun[0], begun[-1] + timedelta(seconds=verdict["blocks"][-1]["seconds"])))
    first, second = sorted(spans)
    assert first[1] <= second[0]
    assert len(runs) == len(list((tmp_path / "results").glob("*/*.verdict"))) == 2


def test_no_case_in_common_is_said_and_not_green(
    bench: Bench, files: tuple[str, str], zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.copy(zoo_file("paradox_1", "onnx"), tmp_path / "new.onnx")
    done = bench("gate", "--base", files[0], "--head", "new.onnx", code=4)
    assert "base and head have no case in common" in done.stderr
    assert "old.tflite as-is · litert cpu" in done.stderr
    document = json.loads(bench("gate", "--base", files[0], "--head", "new.onnx", "--json", code=4).stdout)
    assert (document["verdicts"], document["exit_code"]) == ([], 4)
    assert "no case in common" in bench("gate", "-m", "paradox_1", "--base", "fp32", "--head", "dynamic", code=4).stderr


def test_verdicts_and_records_of_a_newer_bench_are_named_and_do_not_count(
    bench: Bench, files: tuple[str, str], results_folder: Path, tmp_path: Path
) -> None:
    arguments = ("gate", "--base", files[0], "--head", files[1], *ONE)
    bench(*arguments, code=3)
    (kept,) = results_folder.glob("*/*.verdict")
    kept.write_bytes(kept.read_bytes().replace(b'"schema":1', b'"schema":99', 1))
    again = bench(*arguments, "--json", code=3)
    assert str(kept) in again.stderr
    assert "schema 99" in again.stderr
    assert json.loads(again.stdout)["verdicts"][0]["earlier"] == []

    bench("run", "-m", files[1], "--time", "0.1", "--invocations", "1", "--no-profile")
    (tmp_path / "bench.toml").write_text('[[gate.budget]]\nmodel = "new.tflite"\nmedian_ms = 1e5\n')
    bench("gate", "--run", "last")
    (record,) = results_folder.glob("*/*.json")
    record.write_bytes(record.read_bytes().replace(b'"schema":1', b'"schema":99', 1))
    newer = bench("gate", "--run", "last", code=4)
    assert "schema 99" in newer.stderr
    assert "no record of the run is about it" in newer.stdout


def test_a_base_that_cannot_be_built_measures_nothing(bench: Bench, tmp_path: Path, results_folder: Path) -> None:
    for arguments in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "one")):
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)
    (tmp_path / "bench.toml").write_text('[gate]\nbuild = "echo no compiler >&2; exit 7; : {out}"\n')
    done = bench("gate", "--base", "git:HEAD", "--head", "git:HEAD~0", "--json", code=4)
    assert "no compiler" in done.stderr
    assert not list(results_folder.glob("*/*.verdict"))
    (tmp_path / "bench.toml").write_text('[gate]\nbuild = ": {out}"\n')
    assert "made no model.tflite" in bench("gate", "--base", "git:HEAD", "--head", "git:HEAD~0", code=4).stderr
