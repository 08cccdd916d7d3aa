"""What the command loads, and how it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[..., "subprocess.CompletedProcess[str]"]

# Third-party modules that starting may load: the command line's own, and the types of errors and findings.
ALLOWED = {"click", "msgspec"}
LOADED = """
import sys
before = set(sys.modules)
sys.stdout = open(sys.argv[1], "w")
try:
    from bench.cli.main import run_cli
    run_cli(sys.argv[2:])
except SystemExit as left:
    assert not left.code, left.code
finally:
    sys.stdout = sys.__stdout__
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(tops - set(sys.stdlib_module_names) - {"bench"}))
"""


def loaded(tmp_path: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "out"), *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_text()
    return {name for name in done.stdout.split() if not name.startswith("_")}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("show", "--help")])
def test_help_loads_the_command_line_and_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert loaded(tmp_path, *arguments) <= ALLOWED


def test_a_plan_and_the_list_of_models_load_nothing_that_computes(tmp_path: Path) -> None:
    allowed = ALLOWED | {"platformdirs", "typing_extensions"}  # the latter: msgspec's, for reading types
    loaded(tmp_path, "models")  # the first time, the zoo's files are built to be read
    assert loaded(tmp_path, "models") <= allowed
    assert loaded(tmp_path, "run", "-m", "prisma", "--dry-run") <= allowed


def test_each_verb_explains_itself(bench: Bench) -> None:
    overview = bench("--help").stdout
    for verb in ("run", "models", "devices", "show", "report", "doctor"):
        assert f"\n  {verb} " in overview
        assert "Usage: bench" in bench(verb, "-h").stdout
    assert "130 interrupted" in overview


def test_a_mistyped_verb_or_option_is_a_usage_error_with_the_nearest(bench: Bench) -> None:
    assert "run" in bench("rnu", code=2).stderr
    assert "--model" in bench("run", "--modle", "prisma", code=2).stderr
    assert "--model" in bench("run", code=2).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize(
    "arguments", [("models",), ("models", "list", "--json"), ("--help",), ("run", "-m", "prisma", "--dry-run")]
)
def test_a_reader_that_has_enough_is_no_failure(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """As in `bench models | head -1`, with a reader that left before the first line."""
    done = closed_pipe(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_run_without_a_reader_is_measured_all_the_same(
    tmp_path: Path, quickest: tuple[str, ...], results_folder: Path
) -> None:
    done = closed_pipe(tmp_path, "run", "-m", "paradox_1", *quickest)
    assert done.returncode == 0, done.stderr
    assert len(list(results_folder.glob("*/*.json"))) == 1
    for arguments in (("show",), ("show", "last"), ("report",)):
        done = closed_pipe(tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, b""), arguments


def closed_pipe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "bench", *arguments], cwd=folder, stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)


def test_a_fault_of_our_own_is_70_and_its_traceback_goes_to_a_file(tmp_path: Path) -> None:
    code = """
import sys
from bench.records import index
def broken(*args, **named):
    raise RuntimeError("something of ours")
index.rows = broken
from bench.cli.main import run_cli
run_cli(["show"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 70
    assert "something of ours" in done.stderr
    assert "Traceback" not in done.stderr
    (crash,) = tmp_path.glob("bench-crash-*.txt")
    assert "Traceback" in crash.read_text()
