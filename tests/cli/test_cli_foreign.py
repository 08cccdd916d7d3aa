"""`bench compare` and `bench history` over what pytest-benchmark, pyperf, hyperfine and Google Benchmark wrote."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Change = Callable[[Any], None]
FOLDER = Path(__file__).parents[1] / "records" / "foreign"
PYTEST, PYPERF, HYPERFINE, GOOGLE = (
    FOLDER / f"{name}.json" for name in ("pytest_benchmark", "pyperf", "hyperfine", "google_benchmark")
)
BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def changed(source: Path, target: Path, change: Change) -> Path:
    document = json.loads(source.read_text())
    change(document)
    target.write_text(json.dumps(document))
    return target


def scaled(factor: float, day: int | None = None, python: str = "3.11.7", machine: str = "AMD EPYC") -> Change:
    """A change of pytest-benchmark's file: so many times as slow, written on that day."""

    def change(document: Any) -> None:
        for one in document["benchmarks"]:
            one["stats"]["data"] = [time * factor for time in one["stats"]["data"]]
        document["machine_info"]["python_version"] = python
        document["machine_info"]["cpu"]["brand_raw"] = machine
        if day is not None:
            document["datetime"] = (BEGIN + timedelta(days=day)).isoformat()

    return change


@pytest.fixture
def over_days(tmp_path: Path) -> Callable[..., list[str]]:
    """over_days(factors, first day, **changes): files with a little noise, named so that names tell no order."""
    dice = random.Random(5)

    def make(factors: list[float], first: int = 0, **changes: Any) -> list[str]:
        found = []
        for number, factor in enumerate(factors):
            path = tmp_path / f"{997 * (first + number) % 1000:03d}.json"
            change = scaled(factor * dice.gauss(1, 0.003), first + number, **changes)
            found.append(changed(PYTEST, path, change).name)
        return found

    return make


def test_two_files_by_name(bench: Bench, tmp_path: Path) -> None:
    other = changed(PYTEST, tmp_path / "slower.json", scaled(1.1))
    done = bench("compare", PYTEST, other)
    assert done.stdout.count("+10.0 %") == 2
    said = " ".join(done.stdout.split())
    assert "1 process < 3" in said
    assert "Not told by pytest-benchmark: clocks, placement." in said
    assert "use bench gate" in said
    assert "regressed" not in said
    document = json.loads(bench("compare", PYTEST, other, "--json").stdout)
    assert [group["name"] for group in document["benchmarks"]] == ["test_pb.py::test_a", "test_pb.py::test_b"]
    (pair,) = document["benchmarks"][0]["pairs"]
    assert pair["ratio"]["value"] == pytest.approx(1.1)
    assert (pair["ratio"]["low"], pair["differs"]) == (None, [])
    assert document["benchmarks"][0]["sides"][1]["placement"] is None


def test_an_interval_is_over_processes(bench: Bench, tmp_path: Path) -> None:
    def slower(document: Any) -> None:
        for run in document["benchmarks"][0]["runs"]:
            run["values"] = [value * 1.5 for value in run["values"]]

    other = changed(PYPERF, tmp_path / "slower.json", slower)
    (group,) = json.loads(bench("compare", PYPERF, other, "--json").stdout)["benchmarks"]
    assert 1.4 < group["pairs"][0]["ratio"]["low"] < 1.5 < group["pairs"][0]["ratio"]["high"] < 1.6
    assert "+50.0 %" in bench("compare", PYPERF, other, "--markdown", "--html", "page.html").stdout
    assert "+50.0 %" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("change", "said", "axis"),
    [
        (scaled(1.1, python="3.12.1"), "another runtime", "backend"),
        (scaled(1.1, machine="Cortex-A76"), "another device", "device"),
        (lambda document: document["machine_info"]["cpu"].pop("brand_raw"), "device not known", "device"),
        (lambda document: document.update(machine_info={}), "device not known", "device"),
    ],
)
def test_what_is_unlike_stops_it(bench: Bench, tmp_path: Path, change: Change, said: str, axis: str) -> None:
    other = changed(PYTEST, tmp_path / "other.json", change)
    done = bench("compare", PYTEST, other, code=4)
    assert said in done.stdout
    assert "+10.0 %" not in done.stdout
    assert f"--by {axis}" in " ".join(done.stdout.split())
    pairs = json.loads(bench("compare", PYTEST, other, "--json", code=4).stdout)["benchmarks"][0]["pairs"]
    assert (pairs[0]["verdict"], pairs[0]["ratio"]) == ("not comparable", None)
    bench("compare", PYTEST, other, "--by", "device", "--by", "backend")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda result: [result.pop(name) for name in ("times", "median")], "another number"),
        (lambda result: result.update(exit_codes=[0, 1, 0]), "another exit code"),
        (lambda result: result.update(times=[0.0, 0.0, 0.0]), "not measured"),
    ],
)
def test_what_no_axis_makes_comparable(bench: Bench, tmp_path: Path, change: Change, said: str) -> None:
    """A mean beside a median, a command that failed, no time at all: a ratio would be wrong whatever may differ."""
    alone = changed(HYPERFINE, tmp_path / "alone.json", lambda document: document["results"].pop(0))
    other = changed(alone, tmp_path / "other.json", lambda document: change(document["results"][0]))
    done = bench("compare", alone, other, "--by", "device", "--by", "backend", code=4)
    assert said in done.stdout
    assert "--by" not in done.stdout


def test_beside_our_own_run(bench: Bench, finished: Any, results_folder: Path, tmp_path: Path) -> None:
    """Ours, as pyperf would have it, beside the record it came from: the same median and interval."""
    shutil.copytree(finished.results, results_folder)
    bench("export", "last", "--format", "pyperf", "-o", "theirs.json")
    bench("export", "last", "--format", "pytest-benchmark", "-o", "pytest.json")
    done = bench("compare", "last", "theirs.json", code=4)
    assert done.stdout.count("placement not known") == 3
    axes = ("--by", "device", "--by", "backend", "--json")
    document = json.loads(bench("compare", "last", "theirs.json", *axes).stdout)
    assert len(document["benchmarks"]) == 3
    for group in document["benchmarks"]:
        ours, theirs = group["sides"]
        assert ours["median_ns"] == pytest.approx(theirs["median_ns"])
        assert ours["interval_95"]["low_ns"] == pytest.approx(theirs["interval_95"]["low_ns"])
        assert ours["interval_95"]["high_ns"] == pytest.approx(theirs["interval_95"]["high_ns"])
        assert group["pairs"][0]["ratio"]["value"] == pytest.approx(1.0)
    assert len(json.loads(bench("compare", "last", "pytest.json", *axes).stdout)["benchmarks"]) == 3

    def called_by_the_model(document: Any) -> None:
        document["benchmarks"] = [{**document["benchmarks"][0], "metadata": {"name": "paradox_1"}}]

    changed(tmp_path / "theirs.json", tmp_path / "by_model.json", called_by_the_model)
    (group,) = json.loads(bench("compare", "by_model.json", "last", *axes).stdout)["benchmarks"]
    assert len(group["sides"]) == 4
    done = bench("compare", "last", "by_model.json", "--by", "device", "--json", code=4)
    (group,) = json.loads(done.stdout)["benchmarks"]
    differs = [{one["what"] for one in pair["differs"] if one["void"]} for pair in group["pairs"]]
    assert [("case" in what) for what in differs] == [True, True, False], "our cases are not the same one"


def test_what_failed_and_what_is_alone_is_told(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(GOOGLE, tmp_path / "again.json")
    done = bench("compare", GOOGLE, "again.json", HYPERFINE)
    assert "no device" in done.stdout
    assert "Without a counterpart" in done.stdout
    assert "sleep 0.01" in done.stdout
    assert "two runs or more" in bench("compare", GOOGLE, code=2).stderr


def test_bad_files_are_named_and_the_others_shown(bench: Bench, tmp_path: Path, over_days: Any) -> None:
    (tmp_path / "bad.json").write_text('{"benchmarks": [')
    (tmp_path / "record.json").write_text('{"schema": 1}')
    good = over_days([1.0, 1.2])
    for verb in ("compare", "history"):
        done = bench(verb, good[0], "bad.json", "missing.json", "record.json", good[1], code=2)
        for name in ("bad.json", "missing.json", "record.json"):
            assert name in done.stderr
        assert "test_a" in done.stdout
        assert "Traceback" not in done.stderr
        assert "bad.json" in bench(verb, "bad.json", code=2).stderr
        one = bench(verb, "bad.json", good[0], code=2)
        assert "test_a" in one.stdout
        assert "One was given" not in one.stderr


def test_the_history_goes_by_time_stamps_and_finds_a_step(bench: Bench, over_days: Any, tmp_path: Path) -> None:
    early = over_days([1.0] * 14)
    files = [*over_days([1.06] * 7, first=14), *early]
    done = bench("history", *files, "--check", "--plot", "plot.html", code=1)
    said = " ".join(done.stdout.split())
    assert said.count("new step:") == 2
    assert "│" in done.stdout
    assert "clocks and placement not told" in said
    assert "2026-03-15 09:30" in said
    assert "step +" in (tmp_path / "plot.html").read_text()
    document = json.loads(bench("history", *files, "--json", "--case", "test_pb.py::test_a").stdout)
    (case,) = document["cases"]
    (series,) = case["series"]
    assert (series["steps"][0]["index"], len(series["runs"])) == (14, 21)
    assert series["steps"][0]["change"] == pytest.approx(0.06, abs=0.01)
    assert [row["started"] for row in series["runs"]] == sorted(row["started"] for row in series["runs"])
    bench("history", *early, "--check")
    bench("history", *early[:5], "--check", code=3)
    assert "test_pb.py::test_a" in bench("history", *early, "--case", "test_pb.py::test_c", code=2).stderr


def test_a_benchmark_that_the_newest_file_lacks_is_told(bench: Bench, over_days: Any, tmp_path: Path) -> None:
    files = over_days([1.0] * 13)
    changed(tmp_path / files[12], tmp_path / files[12], lambda document: document["benchmarks"].pop(0))
    for case in ((), ("--case", "test_pb.py::test_a")):
        said = " ".join(bench("history", *files, "--check", *case).stdout.split())
        assert f"test_pb.py::test_a: not in {files[12]}, so what stands here of it is from before." in said
        assert "test_b: not in" not in said


def test_a_command_that_fails_is_another_series(bench: Bench, tmp_path: Path) -> None:
    failing = changed(HYPERFINE, tmp_path / "f.json", lambda document: document["results"][1].update(exit_codes=[1]))
    said = " ".join(bench("history", HYPERFINE, failing, "--case", "sleep").stdout.split())
    assert "break: runtime: hyperfine, exit code 1, before hyperfine" in said


def test_another_python_or_machine_is_a_break_and_no_step(bench: Bench, over_days: Any) -> None:
    files = [*over_days([1.0] * 13), *over_days([2.0] * 3, first=13, python="3.12.1")]
    done = bench("history", *files, "--check", code=3)
    assert "break: runtime: pytest-benchmark, CPython 3.12.1" in " ".join(done.stdout.split())
    moved = [*files[:13], *over_days([2.0] * 13, first=20, machine="Cortex-A76")]
    assert "break: device: Cortex-A76" in " ".join(bench("history", *moved, "--check").stdout.split())


def test_where_no_machine_is_told_the_user_must_vouch(bench: Bench, tmp_path: Path) -> None:
    """hyperfine tells neither machine nor time: in the order given."""
    files = []
    for number in range(16):
        factor = (1.0 if number < 12 else 1.3) * (1 + 0.003 * (number * 7 % 5))

        def slower(document: Any, factor: float = factor) -> None:
            document["results"] = document["results"][1:]
            document["results"][0]["times"] = [time * factor for time in document["results"][0]["times"]]

        files.append(changed(HYPERFINE, tmp_path / f"{97 * number % 100}.json", slower).name)
    done = bench("history", *files, "--check", "--plot", "plot.html", code=4)
    said = " ".join(done.stdout.split())
    assert "not comparable: sleep 0.01: its files do not tell which machine measured" in said
    assert "Without time stamps: in the order given." in said
    assert f"at run {files[12]}, file 13" in said
    assert '"category"' in (tmp_path / "plot.html").read_text()
    assert "new step" in bench("history", *files, "--check", "--same-machine", code=1).stdout


@pytest.mark.parametrize("option", [("--model", "m"), ("--pin", "last"), ("--unpin",), ("--results", ".")])
def test_what_is_about_records_is_refused_with_files(bench: Bench, option: tuple[str, ...]) -> None:
    assert option[0] in bench("history", PYTEST, *option, code=2).stderr
    assert "--same-machine" in bench("history", "--same-machine", code=2).stderr


_TEST = "def test_sum(benchmark):\n    benchmark.pedantic(sum, args=(range(1000),), rounds=5)\n"
_PERF = """\
import pyperf
pyperf.Runner(processes=3, values=2, warmups=1).bench_func("sum", sum, range(999))
"""


def test_files_that_the_tools_write_now(bench: Bench, tmp_path: Path) -> None:
    """Each tool run twice; what it writes is compared, and is a history."""
    pytest.importorskip("pytest_benchmark")
    pytest.importorskip("pyperf")
    (tmp_path / "test_it.py").write_text(_TEST)
    (tmp_path / "perf_it.py").write_text(_PERF)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    plain = ("-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir", ".", "-q", "test_it.py")
    for tool, command in (
        ("pytest", ["-m", "pytest", *plain, "--benchmark-json", "FILE"]),
        ("pyperf", ["perf_it.py", "-q", "-l", "8", "-o", "FILE"]),
    ):
        files = [f"{tool}{number}.json" for number in (1, 2)]
        for file in files:
            arguments = [file if each == "FILE" else each for each in command]
            done = subprocess.run(
                [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stdout + done.stderr
        (group,) = json.loads(bench("compare", *files, "--json").stdout)["benchmarks"]
        assert [side["file"] for side in group["sides"]] == files
        assert group["pairs"][0]["ratio"]["value"] > 0
        assert (group["pairs"][0]["ratio"]["low"] is not None) is (tool == "pyperf")
        (case,) = json.loads(bench("history", *reversed(files), "--json").stdout)["cases"]
        assert [row["run_id"] for row in case["series"][0]["runs"]] == files
