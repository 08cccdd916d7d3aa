"""`bench gate` as a user runs it: what it prints, keeps and exits with. One block each: nothing is decided by it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.devices.local import LocalDevice

Bench = Callable[..., subprocess.CompletedProcess[str]]
ONE = ("--max-blocks", "1")


@pytest.fixture
def files(zoo_file: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path]:
    """Two files of one model."""
    return tuple(Path(shutil.copy(zoo_file("paradox_1"), tmp_path / f"{name}.tflite")) for name in ("old", "new"))  # type: ignore[return-value]


def verdicts(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.stdout)["verdicts"]
    return found


def test_two_files_and_a_rerun(bench: Bench, files: tuple[Path, Path], results_folder: Path, tmp_path: Path) -> None:
    arguments = ("gate", "--base", files[0], "--head", files[1], *ONE)
    first = bench(*arguments, "--markdown", "verdict.md", code=3)
    assert "INCONCLUSIVE  local · new.tflite" in first.stdout
    assert "its 1 block is spent; nothing can be decided before the fourth" in first.stdout
    assert "1 block of fresh processes, 40 turns" in first.stdout
    assert re.search(r"these blocks do not tell: [+-]\d+\.\d %", first.stdout, re.IGNORECASE)
    assert "| **inconclusive** |" in (tmp_path / "verdict.md").read_text()
    (kept,) = results_folder.glob("*/*.verdict")
    assert kept.name.startswith("gate-new.tflite")
    (again,) = verdicts(bench(*arguments, "--json", code=3))
    assert [len(each["log_ratios"]) for each in again["earlier"]] == [1]
    assert again["earlier"][0]["run"] == kept.parent.name
    assert again["base"]["tool"]["runtime"] == again["head"]["tool"]["runtime"] == "litert"
    assert again["base"]["agreement"]["ok"] is True
    (fresh,) = verdicts(bench(*arguments, "--fresh", "--json", code=3))
    assert fresh["earlier"] == []
    assert "no runs" in bench("show", "last", code=2).stderr  # verdicts are no records


def test_unlike_inputs_are_not_comparable(bench: Bench, zoo_file: Callable[..., Path]) -> None:
    done = bench("gate", "--base", zoo_file("paradox_1"), "--head", zoo_file("prisma"), code=4)
    assert "NOT COMPARABLE" in done.stdout
    assert "input shapes: 1x256x256x" in done.stdout


def test_two_interpreters_and_two_models(bench: Bench, tmp_path: Path) -> None:
    wrapper = tmp_path / "other-python"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    wrapper.chmod(0o755)
    found = verdicts(bench(
        "gate", "-m", "paradox_1", "-m", "paradox_2", "--head-env", wrapper, *ONE, "--json", code=3
    ))  # fmt: skip
    assert [each["case"]["model"] for each in found] == ["paradox_1", "paradox_2"]
    assert {(each["axis"], each["cases"], each["word"]) for each in found} == {("runtime", 2, "inconclusive")}
    assert found[0]["head"]["environment"].endswith("other-python")


def test_an_interpreter_that_cannot_measure(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 5\n")
    broken.chmod(0o755)
    done = bench("gate", "-m", "paradox_1", "--head-env", broken, code=4)
    assert "NOT MEASURED" in done.stdout
    assert "exit code 5" in done.stdout


def test_revisions(bench: Bench, files: tuple[Path, Path], tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init", "-q")
    for _ in range(2):
        git("add", "-f", "old.tflite")
        git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "one")
    arguments = ("gate", "--base", "git:HEAD~1", "--head", "git:HEAD")
    assert "how a revision is built is not said" in bench(*arguments, code=2).stderr
    (tmp_path / "bench.toml").write_text('[gate]\nbuild = "cp old.tflite {out}"\nmax_blocks = 1\n')
    (found,) = verdicts(bench(*arguments, "--json", code=3))
    assert found["axis"] == "artifact"
    assert len(found["base"]["revision"]) == 40
    assert found["base"]["revision"] != found["head"]["revision"]
    (tmp_path / "bench.toml").write_text('[gate]\nbuild = "echo broken >&2; exit 7; : {out}"\n')
    failed = bench(*arguments, code=4).stderr
    assert "the build of HEAD~1 failed with exit code 7" in failed
    assert "broken" in failed


def test_self_test(bench: Bench, results_folder: Path) -> None:
    done = bench("gate", "-m", "paradox_1", "--self-test", "--trials", "1", "--seed", "1", *ONE)
    assert "equal arms:  inconclusive 1 of 1" in done.stdout
    assert "head +5.0 %:  inconclusive 1 of 1" in done.stdout
    assert "0 false alarms in 1; 0 of 1 slow-downs found" in done.stdout
    (kept,) = results_folder.glob("*/self-test-*.verdict")
    assert json.loads(kept.read_bytes())["kind"] == "self-test"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to compare is named"),
        (("-m", "paradox_1"), "nothing differs"),
        (("-m", "paradox_1", "--base", "fp32", "--head", "fp32"), "nothing differs"),
        (("-m", "paradox_1", "--base", "fp32", "--head", "int8", "--head-env", "python3"), "two things differ"),
        (("-m", "paradox_1", "--base", "fp32", "--head", "int7"), "no variant"),
        (("-m", "paradox_1", "--base", "fp32", "--head", "int8", "--self-test"), "compares an arm with itself"),
        (("-m", "paradox_1", "--head-env", "./no-such-python"), "no such program"),
        (("--base", "paradox_1"), "says nothing of which model"),
        (("--base", "nowhere.tflite", "--head", "paradox_1"), "nowhere.tflite"),
        (("-m", "paradox_1", "--self-test", "--tolerance", "0.5"), "must be below limit"),
        (("-m", "paradox_1", "--self-test", "--alpha", "nan"), "finite"),
        (("-m", "paradox_1", "--self-test", "--limit", "inf"), "finite"),
        (("-m", "paradox_1", "--self-test", "--device", "nowhere"), "nowhere"),
        (("--run", "last"), "no budget to check"),
        (("--run", "last", "--base", "a.tflite"), "--run only reads"),
        (("--run", "last", "--limit", "0.1"), "--run with --limit"),
    ],
)
def test_usage(bench: Bench, arguments: tuple[str, ...], said: str) -> None:
    assert said in bench("gate", *arguments, code=2).stderr


def test_it_waits_for_a_device_that_is_held(bench: Bench, files: tuple[Path, Path]) -> None:
    with LocalDevice().lock(10.0):
        done = bench("gate", "--base", files[0], "--head", files[1], *ONE, "--wait", "0.2", code=4)
    assert "is measuring on this host" in done.stderr


def test_budgets_of_a_run(bench: Bench, tmp_path: Path) -> None:
    config = tmp_path / "bench.toml"
    bench("run", "-m", "paradox_1", "--time", "0.1", "--invocations", "1", "--no-profile")
    row = '[[gate.budget]]\nmodel = "paradox_1"\n'
    for text, code, said in (
        (row + 'median_ms = 1e5\nplacement = "full"\nagreement = true\n', 0, "WITHIN BUDGET"),
        (row + "median_ms = 1e-6\n", 1, "OVER BUDGET"),
        (row + "p95_ms = 1e5\n", 4, "NOT MEASURED"),
        ('[[gate.budget]]\nmodel = "prisma"\nmedian_ms = 1e5\n', 4, "no record of the run is about it"),
    ):
        config.write_text(text)
        assert said in bench("gate", "--run", "last", code=code).stdout
    document = json.loads(bench("gate", "--run", "last", "--json", code=4).stdout)
    assert (document["budgets"], document["exit_code"]) == ([], 4)
