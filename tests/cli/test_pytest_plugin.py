"""The pytest plugin, in real pytest sessions of a user's project."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.records import store

Pytest = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--bench-time", "0.2", "--bench-invocations", "3")
QUICKEST = ("--bench-time", "0.1", "--bench-invocations", "1")
MEASURES = """
def test_it(bench_case):
    case = bench_case("paradox_1")
    assert case.median_ns == case.summary.median_ns > 0
    case.check(median_ms=10_000, artifact_mb=1, agreement=True)
"""


def session(folder: Path, test: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A session in a user's folder, with this text as its only test file, and without a warm-up."""
    (folder / "bench.toml").write_text("[run]\nwarmup_s = 0\n")
    (folder / "test_model.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def run_pytest(tmp_path: Path) -> Pytest:
    """run_pytest(test, *arguments): a session of its own."""
    return lambda test, *arguments: session(tmp_path, test, *arguments)


@pytest.fixture(scope="module")
def measured(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a session with MEASURES said, and its folder with `tests.xml` and the records in `results`."""
    folder = tmp_path_factory.mktemp("measured")
    done = session(folder, MEASURES, *QUICK, "--junit-xml", "tests.xml", BENCH_RESULTS_DIR=str(folder / "results"))
    assert done.returncode == 0, done.stdout
    return done.stdout, folder


def test_a_model_is_measured_and_kept(measured: tuple[str, Path]) -> None:
    said, folder = measured
    (path,) = store.files(folder / "results")
    record = store.load(path)
    assert len(record.invocations) == 3
    assert record.run.command[0] == "pytest"
    assert "test_model.py::test_it: local · paradox_1 fp32 · litert cpu" in said
    assert "bench median_ns local · paradox_1 fp32" in (folder / "tests.xml").read_text()


def test_an_exceeded_and_an_unknown_budget_fail_in_the_gates_words(run_pytest: Pytest) -> None:
    test = 'def test_it(bench_case): bench_case("paradox_1").check(median_ms=0.000001, p95_ms=9)'
    done = run_pytest(test, *QUICKEST)
    assert done.returncode == 1
    assert "OVER BUDGET  local · paradox_1" in done.stdout
    assert "NOT MEASURED  local · paradox_1" in done.stdout
    assert "1 invocation < 3" in done.stdout
    assert "pytest_case.py" not in done.stdout


def test_what_cannot_be_measured_fails(run_pytest: Pytest, crashing_tflite: Path) -> None:
    done = run_pytest(
        f"""
def test_unknown(bench_case): bench_case("prisam")
def test_crash(bench_case): bench_case({str(crashing_tflite)!r})
def test_nothing_to_check(bench_case): bench_case("paradox_1").check()
""",
        *QUICKEST,
    )
    assert done.returncode == 1
    assert "3 failed" in done.stdout
    assert "Did you mean prisma" in done.stdout
    assert "NOT MEASURED  local · crash.tflite" in done.stdout
    assert "a budget without a quantity" in done.stdout


def test_against_a_stored_run(run_pytest: Pytest, results_folder: Path, measured: tuple[str, Path]) -> None:
    test = 'def test_it(bench_case): bench_case("paradox_1").check_against("last", slower_by={})'
    done = run_pytest(test.format(100), *QUICKEST)
    assert done.returncode == 1
    assert "no stored run 'last'" in done.stdout, "what was measured just now is no stored run"
    shutil.rmtree(results_folder)
    shutil.copytree(measured[1] / "results", results_folder)
    assert run_pytest(test.format(100), *QUICK).returncode == 0
    done = run_pytest(test.format(-0.99), *QUICK)
    assert done.returncode == 1
    assert "SLOWER  local · paradox_1" in done.stdout
    assert "bench gate" in done.stdout
    assert "REGRESSED" not in done.stdout, "two runs apart give no verdict"
    few = run_pytest(test.format(100), *QUICKEST)
    assert few.returncode == 1
    assert "cannot be told: 1 invocation < 3" in few.stdout


def test_unlike_runs_are_not_compared(run_pytest: Pytest, results_folder: Path, measured: tuple[str, Path]) -> None:
    import msgspec

    shutil.copytree(measured[1] / "results", results_folder)
    (path,) = store.files(results_folder)
    record = store.load(path)
    other = msgspec.structs.replace(record, device=msgspec.structs.replace(record.device, fingerprint="another"))
    path.write_bytes(store.encode(other))
    done = run_pytest('def test_it(bench_case): bench_case("paradox_1").check_against(slower_by=9)', *QUICK)
    assert done.returncode == 1
    assert "NOT COMPARABLE" in done.stdout
    assert "device:" in done.stdout


def test_one_case_twice_leaves_two_records(run_pytest: Pytest, results_folder: Path) -> None:
    test = 'def test_it(bench_case): assert bench_case("paradox_1").record.run != bench_case("paradox_1").record.run'
    done = run_pytest(test, *QUICKEST)
    assert done.returncode == 0, done.stdout
    assert len(list(store.files(results_folder))) == 2


def test_beside_pytest_benchmark(run_pytest: Pytest, tmp_path: Path) -> None:
    done = run_pytest(
        MEASURES + "\ndef test_theirs(benchmark):\n    assert benchmark(sum, [1]) == 1\n",
        *QUICKEST, "--benchmark-json=theirs.json", "--benchmark-max-time=0.05",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    document = json.loads((tmp_path / "theirs.json").read_text())
    assert [one["name"] for one in document["benchmarks"]] == ["test_theirs"]
    (case,) = document["bench"]["cases"]
    assert case["latency"]["median_ns"] > 0
    assert document["machine_info"]["bench"]["local"]["fingerprint"] == case["device"]["fingerprint"]


@pytest.mark.parametrize(
    ("needs", "arguments", "reason"),
    [
        ("", ("--bench-off",), "1 test not measured: --bench-off"),
        ("xdist", ("-n", "2"), "1 test not measured: pytest-xdist runs tests side by side"),
        ("pytest_cov", ("--cov=.",), "1 test not measured: coverage is measured"),
    ],
)
def test_switched_off(
    run_pytest: Pytest, results_folder: Path, needs: str, arguments: tuple[str, ...], reason: str
) -> None:
    if needs and importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    done = run_pytest(MEASURES, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
    assert reason in done.stdout
    assert not results_folder.exists()


def test_coverage_is_seen_without_its_plugin(run_pytest: Pytest, results_folder: Path) -> None:
    """A stand-in for coverage, which need not be installed: what says that it is running."""
    stand_in = """
import sys, types
coverage = types.ModuleType("coverage")
coverage.Coverage = type("Coverage", (), {"current": staticmethod(lambda: object())})
sys.modules["coverage"] = coverage
"""
    done = run_pytest(stand_in + MEASURES)
    assert "1 test not measured: coverage is measured" in done.stdout
    assert not results_folder.exists()


def test_a_session_without_it_pays_nothing(run_pytest: Pytest) -> None:
    done = run_pytest("""
import sys
def test_it():
    loaded = [name for name in sys.modules if name.split(".")[0] in ("numpy", "msgspec", "click", "rich", "plotly")]
    assert not loaded
    assert not [name for name in sys.modules if name.startswith("bench.") and name != "bench.pytest_plugin"]
""", "-p", "no:hypothesispytest")  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "- bench -" not in done.stdout


@pytest.mark.parametrize(
    ("how", "mode"),
    [
        ("pytest", "prepend"),
        ("python -m pytest", "prepend"),
        ("python -m pytest", "importlib"),
        ("PYTHONPATH", "append"),
    ],
)
def test_a_users_packages_of_our_names(users_python: Path, tmp_path: Path, how: str, mode: str) -> None:
    """A project with its own models/ and reports/, in an environment with the wheel: both are what they are."""
    for name in ("models", "reports", "records"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"WHOSE = 'the user: {name}'\n")
    (tmp_path / "tests").mkdir()
    imports = "import models, reports, records" if how != "pytest" else ""
    (tmp_path / "tests" / "test_theirs.py").write_text(f"""
import sys
{imports}
import bench.models, bench.reports
def test_both(bench_case):
    for name in ("models", "reports", "records"):
        if name in sys.modules:
            assert sys.modules[name].WHOSE == f"the user: {{name}}"
    assert "site-packages" in bench.models.__file__
    case = bench_case("paradox_1")
    assert "site-packages" in sys.modules["bench.reports.view"].__file__
    case.check(median_ms=10_000)
def test_no_package_of_ours_took_their_names():
    assert all(not hasattr(sys.modules.get(name), "zoo") for name in ("models", "reports", "records"))
""")
    command = [str(users_python), "-m", "pytest"] if how != "pytest" else _without_cwd(users_python)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if how == "PYTHONPATH":
        command, environment["PYTHONPATH"] = _without_cwd(users_python), str(tmp_path)
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", f"--import-mode={mode}", *QUICKEST],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def _without_cwd(python: Path) -> list[str]:
    """As the `pytest` command: the working directory is not on the path, as it is with -m."""
    return [str(python), "-c", "import sys; sys.path.remove(''); import pytest; sys.exit(pytest.console_main())"]
