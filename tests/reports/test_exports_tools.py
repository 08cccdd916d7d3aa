"""Exports that other tools read: each with that tool where it is installed, and op profiles."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given as example
from hypothesis import strategies as st

from bench.base.errors import NotMeasuredError, UsageError
from bench.records.foreign import parse
from bench.records.outcomes import OpRow, Summary
from bench.records.types import Record
from bench.reports import view
from bench.reports.export_given import Given, name
from bench.reports.export_pytest_benchmark import stats
from bench.reports.exports import FORMATS, render


@pytest.fixture
def given(kinds: dict[str, Record]) -> Given:
    return Given("r", tuple(kinds.values()))


def told(record: Record) -> Record:
    """As a native tool tells it: a summary for each invocation, and no samples."""
    summary = Summary(count=20, mean_ns=4e6, median_ns=3.9e6)
    return msgspec.structs.replace(
        record,
        invocations=tuple(msgspec.structs.replace(one, turns=(), summary=summary) for one in record.invocations),
    )


# Numbers for other tools


def test_bencher(given: Given) -> None:
    document = json.loads(render("bencher", given))
    good = given.records[0]
    summary = view.numbers(good)
    assert summary is not None
    measures = document[name(good)]
    assert measures["latency"] == {
        "value": summary.median_ns, "lower_value": summary.low_ns, "upper_value": summary.high_ns,
    }  # fmt: skip
    assert measures["file-size"] == {"value": 4_100_000}
    assert len(document) == sum(one.measured for one in given.records)
    assert all(isinstance(value["value"], int | float) for each in document.values() for value in each.values())


def test_github_action_benchmark(given: Given) -> None:
    rows = json.loads(render("github-action-benchmark", given))
    assert all({"name", "unit", "value"} <= set(row) and row["unit"] == "ns" for row in rows)
    assert rows[0]["value"] == view.numbers(given.records[0]).median_ns  # type: ignore[union-attr]
    few = next(row for row in rows if "int8" in row["name"])
    assert "range" not in few, "one invocation has no interval"
    assert "placement: full (XNNPACK)" in rows[0]["extra"]


@example(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=50))
def test_statistics_of_pytest_benchmark(data: list[float]) -> None:
    found = stats(data)
    assert found["min"] <= found["q1"] <= found["median"] <= found["q3"] <= found["max"]
    assert found["ld15iqr"] in data
    assert found["hd15iqr"] in data
    assert found["median"] == pytest.approx(statistics.median(data))
    theirs = pytest.importorskip("pytest_benchmark.stats").Stats()
    for value in data:
        theirs.update(value)
    for field in ("min", "max", "mean", "stddev", "rounds", "median", "ops", "total"):
        assert found[field] == pytest.approx(getattr(theirs, field), rel=1e-9, abs=1e-12), field
    assert set(theirs.fields) <= set(found)


def test_pytest_benchmark_compares_two_files(given: Given, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("pytest-benchmark")
    if not command.exists():
        pytest.skip("pytest-benchmark is not installed")
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(render("pytest-benchmark", given))
    compare = [str(command), "compare", "1.json", "2.json", "--columns=median,iqr,outliers,rounds", "--csv=out.csv"]
    done = subprocess.run(compare, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * sum(one.measured for one in given.records)


def test_pyperf_compares_two_files(given: Given, kinds: dict[str, Record], tmp_path: Path) -> None:
    pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed")
    slower = tuple(_scaled(one, 1.5) for one in given.records)
    for file, records in (("base.json", given.records), ("head.json", slower)):
        (tmp_path / file).write_text(render("pyperf", Given("r", records)), encoding="utf-8")
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "base.json"))
    assert [one.get_name() for one in suite] == [name(one) for one in given.records if one.measured]
    good = suite.get_benchmark(name(kinds["good"]))
    assert good.median() * 1e9 == pytest.approx(view.numbers(kinds["good"]).median_ns)  # type: ignore[union-attr]
    assert good.get_nrun() == 5
    compare = [sys.executable, "-m", "pyperf", "compare_to", "--table", "base.json", "head.json"]
    done = subprocess.run(compare, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "1.50x slower" in done.stdout


def _scaled(record: Record, factor: float) -> Record:
    def turns(one: Any) -> Any:
        return tuple(
            msgspec.structs.replace(turn, samples_ns=tuple(round(ns * factor) for ns in turn.samples_ns))
            for turn in one.turns
        )

    invocations = tuple(msgspec.structs.replace(one, turns=turns(one)) for one in record.invocations)
    return msgspec.structs.replace(record, invocations=invocations)


def test_pyperf_takes_no_zero(kinds: dict[str, Record]) -> None:
    with pytest.raises(NotMeasuredError, match="no pyperf file"):
        render("pyperf", Given("r", (_scaled(kinds["good"], 0.0),)))


@pytest.mark.parametrize("format", ["pyperf", "pytest-benchmark"])
def test_what_is_exported_can_be_read_again(kinds: dict[str, Record], format: str) -> None:
    records = [kinds["good"], told(kinds["onnx"])]
    series = parse(render(format, Given("r", tuple(records))).encode())
    for record, one in zip(records, series, strict=True):
        assert one.name.endswith(name(record))
        assert one.median_ns == pytest.approx(view.numbers(record).median_ns)  # type: ignore[union-attr]
        assert one.environment if format == "pytest-benchmark" else one.environment["placement"]
    assert series[1].count == 5, "a tool's summaries are one value for each invocation, and no samples"


def test_replayed_numbers_are_named_so_everywhere(kinds: dict[str, Record]) -> None:
    good = kinds["good"]
    replayed = msgspec.structs.replace(good, device=msgspec.structs.replace(good.device, kind="replay"))
    for format in FORMATS:
        assert "(replayed)" in render(format, Given("r", (replayed,))), format


# Op profiles


def test_trace_ops_end_where_the_inference_does(given: Given) -> None:
    events = json.loads(render("chrome-trace", given))["traceEvents"]
    good = given.records[0].profile
    assert good is not None
    mine = [event for event in events if event["pid"] == 1 and event["ph"] == "X"]
    assert {"name", "ph", "ts", "dur", "pid", "tid", "cat"} <= set(mine[0])
    whole = next(event for event in mine if event["cat"] == "inference")
    assert whole["dur"] * 1000 == pytest.approx(good.total_ns)
    last = max(mine, key=lambda event: event["ts"])
    assert last["name"] == "gap"
    assert (last["ts"] + last["dur"]) * 1000 == pytest.approx(good.total_ns)
    ops = [event for event in mine if event["cat"] == "op"]
    assert [event["args"]["time_ns"] for event in ops] == [row.time_ns for row in good.rows]


def test_model_explorer_keys_are_output_tensors_and_sums_stay(
    kinds: dict[str, Record], op: Callable[..., OpRow]
) -> None:
    rows = (
        op(0, ("CONV_2D block/conv", "RELU block/relu"), 2e6),
        op(1, ("Conv:head",), 1e6),
        op(2, ("head",), 5e5),
        op(3, (), 1e5),
    )
    good = kinds["good"]
    assert good.profile is not None
    record = msgspec.structs.replace(good, profile=msgspec.structs.replace(good.profile, rows=rows))
    document = json.loads(render("model-explorer", Given("r", (record,))))
    values = {key: each["value"] for key, each in document["results"].items()}
    assert values == pytest.approx({"block/relu": 2.0, "head": 1.5, "row 3": 0.1})
    stops = [one["stop"] for one in document["gradient"]]
    assert (stops[0], stops[-1]) == (0.0, 1.0)


@pytest.fixture
def op() -> Callable[[int, Sequence[str], float], OpRow]:
    return lambda position, sources, time_ns: OpRow(
        position=position, op_type="Kernel", name=f"row {position}", time_ns=time_ns, source_ops=tuple(sources)
    )


def test_model_explorer_takes_one_profile(given: Given, kinds: dict[str, Record]) -> None:
    with pytest.raises(UsageError, match="one op profile"):
        render("model-explorer", given)
    with pytest.raises(NotMeasuredError, match="no op profile") as raised:
        render("model-explorer", Given("r", (kinds["few"],)))
    assert "--no-profile" in raised.value.found
