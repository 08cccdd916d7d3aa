"""The verbs that measure nothing: models, devices, doctor, show, report."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def earlier(finished: Any, results_folder: Path) -> Path:
    """A copy of the finished run's results, to be damaged at will."""
    shutil.copytree(finished.results, results_folder)
    return results_folder


def test_models_are_listed_shown_and_built(bench: Bench, tmp_path: Path) -> None:
    listed = json.loads(bench("models", "list", "--json").stdout)
    assert {"prisma_256", "paradox_1"} <= {entry["id"] for entry in listed}
    overview = bench("models").stdout
    assert all(entry["id"] in overview for entry in listed)
    shown = bench("models", "show", "prisma").stdout
    assert "159 ops" in shown
    assert "float32 1x256x256x3" in shown
    facts = json.loads(bench("models", "show", "prisma", "--format", "onnx", "--json").stdout)
    assert facts["format"] == "onnx"
    assert len(facts["sha256"]) == 64
    built = bench("models", "build", "paradox_1", "-o", "out.tflite").stdout.strip()
    assert Path(tmp_path / built).read_bytes()[4:8] == b"TFL3"
    assert "prisma" in bench("models", "show", "prizma", code=2).stderr


def test_the_devices_are_this_host_and_those_of_bench_toml(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("[devices.lab]\nkind = 'local'\n")
    found = json.loads(bench("devices", "--json").stdout)
    assert [device["name"] for device in found] == ["local", "lab"]
    assert len({device["fingerprint"] for device in found}) == 1
    assert "lab (local)" in bench("devices").stdout


def test_the_doctor_starts_every_runtime_and_names_the_folders(bench: Bench, results_folder: Path) -> None:
    found = json.loads(bench("doctor", "--json").stdout)
    backends = {each["backend"]: each for each in found["backends"]}
    extras = {"opencv", "tensorrt"}
    assert set(backends) == {"litert", "onnxruntime", "openvino"} | extras
    assert all(each["version"] for name, each in backends.items() if name not in extras)
    assert all(each["severity"] and each["what"] for each in found["findings"])
    text = bench("doctor").stdout
    assert str(results_folder) in text
    assert "OpenVINO" in text


def test_earlier_runs_are_listed(bench: Bench, earlier: Path, finished: Any) -> None:
    run = finished.document["run"]
    text = bench("show").stdout
    assert run[:15] in text
    assert "paradox_1" in text
    found = json.loads(bench("show", "--json").stdout)
    assert run in json.dumps(found)
    assert json.loads(bench("show", "--json", "--results", "elsewhere").stdout) == []
    assert "no runs" in bench("show", "--results", "elsewhere").stdout


def test_one_run_is_shown_in_full_by_id_beginning_last_and_path(bench: Bench, earlier: Path, finished: Any) -> None:
    run = finished.document["run"]
    text = bench("show", run).stdout
    assert "onnxruntime" in text
    assert bench("show", "last").stdout == text
    assert bench("show", run[:12]).stdout == text
    document = json.loads(bench("show", "last", "--json").stdout)
    assert [case["case"]["backend"] for case in document["cases"]] == ["litert", "onnxruntime", "openvino"]
    wanted = [case["latency"]["median_ns"] for case in finished.document["cases"]]
    assert [case["latency"]["median_ns"] for case in document["cases"]] == wanted
    (path,) = earlier.glob("*/*onnxruntime*.json")
    (case,) = json.loads(bench("show", path, "--json").stdout)["cases"]
    assert case["case"]["backend"] == "onnxruntime"
    assert run in bench("show", run[:-1] + "#", code=2).stderr
    bench("show", "x" * 300, code=2)


def test_a_damaged_record_is_named_and_skipped(bench: Bench, earlier: Path) -> None:
    (path,) = earlier.glob("*/*onnxruntime*.json")
    path.write_bytes(path.read_bytes()[:500])
    for arguments in (("show", "--reindex"), ("show",), ("show", "last"), ("report",)):
        done = bench(*arguments)
        assert str(path) in done.stderr, arguments
        assert "damaged" in done.stderr
        assert done.stdout
    document = json.loads(bench("show", "last", "--json").stdout)
    assert [case["case"]["backend"] for case in document["cases"]] == ["litert", "openvino"]
    done = bench("show", path, code=2)
    assert str(path) in done.stderr


def test_the_report_is_written_again(bench: Bench, earlier: Path, finished: Any, tmp_path: Path) -> None:
    run = finished.document["run"]
    (earlier / run / "report.html").unlink()
    written = Path(bench("report").stdout.strip())
    assert written == earlier / run / "report.html"
    assert "paradox_1" in written.read_text()
    bench("report", run, "-o", "mine.html")
    assert "paradox_1" in (tmp_path / "mine.html").read_text()
    assert "no runs" in bench("report", "--results", "elsewhere", code=2).stderr
