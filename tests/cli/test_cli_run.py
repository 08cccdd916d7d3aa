"""`bench run` as a user calls it, with models that work and with models that do not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.records import store

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


def cases_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.stdout)["cases"]
    return found


def test_a_run_over_three_runtimes_gives_one_json_document(finished: Any) -> None:
    assert finished.done.returncode == 0, finished.done.stderr
    document = finished.document
    assert finished.done.stdout.startswith("{")
    assert [case["case"]["backend"] for case in document["cases"]] == ["litert", "onnxruntime", "openvino"]
    for case in document["cases"]:
        assert case["measured"] is True
        assert case["error"] is None
        assert case["latency"]["samples"] > 3
        assert case["latency"]["interval_95"]["low_ns"] <= case["latency"]["median_ns"]
        assert case["placement"]["kind"] == "full"
        assert case["agreement"]["ok"] is True
        assert case["profile"] is not None
    assert document["skipped"] == []
    assert document["not_measured"] == []
    assert Path(document["report"]).is_file()
    assert "[1/3]" in finished.done.stderr


def test_its_records_are_whole_and_its_report_stands_alone(finished: Any) -> None:
    records = [store.load(path) for path in store.files(finished.results)]
    assert len(records) == 3
    for record in records:
        assert len(record.invocations) == 3
        assert all(sum(invocation.samples_ns) >= 0.1e9 for invocation in record.invocations)
        assert record.run.id == finished.document["run"]
        assert record.case_key == record.case.key
        assert record.profile is not None
        assert record.profile_reason == ""
    report = Path(finished.document["report"]).read_text()
    assert "paradox_1" in report


def test_a_person_reads_the_numbers_and_where_they_are_kept(bench: Bench, quick: Any, results_folder: Path) -> None:
    done = bench("run", "-m", "paradox_1", *quick)
    (record,) = map(store.load, store.files(results_folder))
    assert len(record.invocations) == 3
    for part in ("1 case", "paradox_1 fp32", "placed full (XNNPACK)", str(results_folder), "report.html"):
        assert part in done.stdout
    assert "bench run -m paradox_1" in done.stdout


def test_a_dry_run_prints_the_plan_and_touches_nothing(bench: Bench, results_folder: Path) -> None:
    done = bench("run", "-m", "prisma", "-b", "litert", "-b", "openvino", "--dry-run")
    assert "2 cases" in done.stdout
    assert "prisma_256 fp32 · openvino cpu" in done.stdout
    assert not results_folder.exists()
    document = json.loads(bench("run", "-m", "prisma", "-a", "nnapi", "--dry-run", "--json", code=4).stdout)
    assert document["cases"] == []
    assert "nnapi" in document["skipped"][0]["reason"]
    assert document["not_measured"] == ["model prisma", "accelerator nnapi"]


def test_what_cannot_be_is_skipped_the_rest_is_measured_and_the_code_says_so(
    bench: Bench, quickest: Any, results_folder: Path
) -> None:
    done = bench("run", "-m", "paradox_1", "-a", "cpu", "-a", "nnapi", *quickest, code=4)
    assert "skipped: local · paradox_1 fp32 · litert nnapi" in done.stdout
    assert "not measured at all: accelerator nnapi" in done.stdout
    assert len(list(store.files(results_folder))) == 1
    bench("run", "-m", "paradox_1", "-a", "nnapi", *quickest, code=4)


def test_options_make_cases_of_their_own(bench: Bench, quickest: Any) -> None:
    done = bench(
        "run", "-m", "paradox_1", "--option", "kernels=builtin", "--option", "kernels=reference", *quickest, "--json"
    )
    assert [case["case"]["options"] for case in cases_of(done)] == [{"kernels": "builtin"}, {"kernels": "reference"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-m", "prizma"), "prisma"),
        (("-m", "paradox_1", "-b", "onnxruntim"), "onnxruntime"),
        (("-m", "paradox_1", "-d", "lokal"), "local"),
        (("-m", "paradox_1", "-d", "lokal", "--dry-run"), "local"),
        (("-m", "paradox_1", "--option", "kernel=builtin"), "kernels"),
        (("-m", "paradox_1", "--option", "kernels"), "KEY=VALUE"),
        (("-m", "paradox_1", "--shape", "x=1,a"), "--shape"),
        (("-m", "paradox_1", "--shape", "=1,2"), "--shape"),
        (("-m", "paradox_1", "--shape", "1,-2"), "--shape"),
        (("-m", "paradox_1", "--time", "nan"), "time_s"),
        (("-m", "paradox_1", "--limit", "1e300"), "limit_s"),
        (
            (
                "-m",
                "nowhere/x.tflite",
            ),
            "no file",
        ),
        (("-m", "x" * 300), "Known"),
        (("-m", "paradox_1", "--threads", "0"), "threads"),
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_runs(
    bench: Bench, arguments: tuple[str, ...], said: str, results_folder: Path
) -> None:
    done = bench("run", *arguments, code=2)
    assert said in done.stderr
    assert "cases" not in done.stdout
    assert not results_folder.exists()


def test_a_runtime_that_segfaults_is_an_error_in_one_record(
    bench: Bench, quickest: Any, crashing_tflite: Path, results_folder: Path
) -> None:
    done = bench("run", "-m", crashing_tflite, "-m", "paradox_1", *quickest, "--json", code=4)
    crashed, good = cases_of(done)
    assert good["measured"] is True
    assert crashed["measured"] is False
    assert (crashed["error"]["kind"], crashed["error"]["signal"]) == ("crashed", "SIGSEGV")
    assert crashed["error"]["todo"]
    records = [store.load(path) for path in store.files(results_folder)]
    assert sorted(record.measured for record in records) == [False, True]


def test_a_model_that_outlasts_the_limit_is_timed_out_and_the_next_one_measured(bench: Bench) -> None:
    done = bench(
        "run", "-m", "prisma", "-m", "paradox_1", "--option", "kernels=reference", "--limit", "2", "--time", "0.1",
        "--invocations", "1", "--no-profile", "--json", code=4,
    )  # fmt: skip
    slow, quick = cases_of(done)
    assert slow["error"]["kind"] == "timed out"
    assert "--limit" in slow["error"]["todo"]
    assert quick["measured"] is True


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_files_that_are_no_models_are_named_and_the_rest_is_measured(
    bench: Bench, quickest: Any, tflite: Path, tmp_path: Path
) -> None:
    text = write(tmp_path / "text.tflite", b"just some words, many of them, really")
    cut = write(tmp_path / "cut.tflite", tflite.read_bytes()[:400])
    empty = write(tmp_path / "empty.onnx", b"")
    done = bench("run", "-m", text, "-m", cut, "-m", empty, "-m", "paradox_1", *quickest, "--json", code=4)
    *bad, good = cases_of(done)
    assert good["measured"] is True
    for case, path in zip(bad, (text, cut, empty), strict=True):
        assert case["error"]["kind"] == "model file"
        assert str(path) in case["error"]["message"]
    wrong = bench("run", "-m", write(tmp_path / "notes.txt", b"hello"), *quickest, code=2)
    assert ".tflite, .onnx or .xml" in wrong.stderr


def test_an_op_that_the_runtime_lacks_is_a_refusal(
    bench: Bench, quickest: Any, tflite: Path, tmp_path: Path, rewrite_tflite: Callable[..., Path]
) -> None:
    def make_custom(model: Any) -> None:
        (code,) = model.operatorCodes
        code.builtinCode = code.deprecatedBuiltinCode = 32  # CUSTOM
        code.customCode = "FancyOp"
        (operator,) = model.subgraphs[0].operators
        operator.builtinOptions, operator.builtinOptionsType = None, 0

    path = rewrite_tflite(tflite, tmp_path / "custom.tflite", make_custom)
    (case,) = cases_of(bench("run", "-m", path, *quickest, "--json", code=4))
    assert case["error"]["kind"] == "refused"
    assert "FancyOp" in case["error"]["message"]
    assert "bench models show" in case["error"]["todo"]
    assert "FancyOp" in bench("models", "show", path).stdout


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_an_open_shape_asks_for_shape_and_then_is_measured(
    bench: Bench, quickest: Any, kind: str, dynamic_tflite: Path, dynamic_onnx: Path
) -> None:
    path, shapes = {
        "tflite": (dynamic_tflite, ("1,64,256,1", "1,128,256,1")), "onnx": (dynamic_onnx, ("2,256,256,1",)),
    }[kind]  # fmt: skip
    (case,) = cases_of(bench("run", "-m", path, *quickest, "--json", code=4))
    assert case["error"]["kind"] == "shape"
    assert "--shape input_1=1," in case["error"]["todo"]
    for shape in shapes:
        (case,) = cases_of(bench("run", "-m", path, "--shape", shape, *quickest, "--json"))
        assert case["measured"] is True
        # Each shape has a reference of its own: an .onnx alone has none.
        assert case["agreement"]["ok"] is (True if kind == "tflite" else None)
    (case,) = cases_of(bench("run", "-m", path, "--shape", "other=1,2", *quickest, "--json", code=4))
    assert "input_1" in case["error"]["todo"]


def test_a_users_onnx_is_compared_with_the_runs_first_backend(bench: Bench, quickest: Any, dynamic_onnx: Path) -> None:
    arguments = ("-b", "onnxruntime", "-b", "openvino", "--shape", "1,256,256,1")
    first, second = cases_of(bench("run", "-m", dynamic_onnx, *arguments, *quickest, "--json"))
    assert first["agreement"]["ok"] is None
    assert second["agreement"]["ok"] is True
    assert "onnxruntime" in second["agreement"]["reference"]


def test_a_backend_whose_package_is_missing_is_skipped_with_the_command_that_installs_it(
    quickest: Any, tmp_path: Path
) -> None:
    code = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name.split(".")[0] == "openvino" else real(name, *more)
from bench.cli.main import run_cli
run_cli(sys.argv[1:])
"""
    arguments = ("run", "-m", "paradox_1", "-b", "litert", "-b", "openvino", *quickest)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "OpenVINO is not installed" in done.stdout
    assert "pip install openvino" in done.stdout
    assert "not measured at all: backend openvino" in done.stdout
    assert "placed full (XNNPACK)" in done.stdout


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[run]\nthreads = 'two'\n", "[run] threads"),
        ("[run]\ntreads = 2\n", "threads"),
        ("[run]\ntime_s = 0\n", "time_s"),
        ("[runs]\n", "run"),
        ("[run\n", "TOML"),
        ("[run]\nbackend = 'litter'\n", "litert"),
        ("[run]\ndevice = 'phone'\n", "phone"),
        ("[run]\ndevice = 'phone'\n[devices.phone]\nkind = 'telepathy'\n", "kind"),
        ("[run]\ndevice = 'phone'\n[devices.phone]\nkind = 'local'\npyton = 'x'\n", "python"),
    ],
)
def test_a_wrong_bench_toml_is_named_and_nothing_runs(
    bench: Bench, quickest: Any, tmp_path: Path, toml: str, said: str
) -> None:
    (tmp_path / "bench.toml").write_text(toml)
    done = bench("run", "-m", "paradox_1", *quickest, code=2)
    assert said in done.stderr


def test_bench_toml_says_how_to_measure_and_where_the_records_go(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text(
        "[run]\ntime_s = 0.1\ninvocations = 2\nprofile = false\nresults = 'here'\ndevice = 'lab'\n"
        "[devices.lab]\nkind = 'local'\nbackend = 'onnxruntime'\n"
    )
    bench("run", "-m", "paradox_1")
    (record,) = map(store.load, store.files(tmp_path / "here"))
    assert (record.case.device, record.case.backend, len(record.invocations)) == ("lab", "onnxruntime", 2)
