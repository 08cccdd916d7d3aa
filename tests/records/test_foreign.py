"""What other tools wrote, read as series: real files of each tool, and damaged ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import ExitCode
from bench.records.foreign import ForeignError, ForeignSeries, parse, read, which
from bench.records.foreign_facts import Facts, facts, not_told
from bench.records.foreign_history import instant

FOLDER = Path(__file__).parent / "foreign"


def series(file: str) -> dict[str, ForeignSeries]:
    return {one.name: one for one in read(FOLDER / file)}


def test_hyperfine() -> None:
    found = series("hyperfine.json")
    slow = found["sleep 0.01"]
    assert slow.of == "samples"
    assert slow.invocations_ns == ((11008398.0,), (10997131.0,), (11031943.0,)), "each run is a process"
    told = json.loads((FOLDER / "hyperfine.json").read_text())["results"][1]
    assert slow.mean_ns == pytest.approx(told["mean"] * 1e9)
    assert slow.std_ns == pytest.approx(told["stddev"] * 1e9)
    assert slow.interval_ns is not None


def test_pytest_benchmark() -> None:
    once, often = series("pytest_benchmark.json").values()
    assert (once.of, often.of) == ("samples", "means"), "of 100 iterations only their mean is known"
    told = json.loads((FOLDER / "pytest_benchmark.json").read_text())
    for one, entry in zip((once, often), told["benchmarks"], strict=True):
        assert one.count == entry["stats"]["rounds"]
        assert one.median_ns == pytest.approx(entry["stats"]["median"] * 1e9)
        assert one.mean_ns == pytest.approx(entry["stats"]["mean"] * 1e9)
        assert one.interval_ns is None, "one process"
    assert once.environment["python_version"] == told["machine_info"]["python_version"]
    assert once.environment["cpu.brand_raw"]
    assert once.tool == "pytest-benchmark 5.3.1"


def test_pytest_benchmark_without_its_data() -> None:
    told = json.loads((FOLDER / "pytest_benchmark.json").read_text())
    for one in told["benchmarks"]:
        del one["stats"]["data"]
    first = parse(json.dumps(told).encode())[0]
    assert first.of == "summary"
    assert first.count == 5
    assert first.invocations_ns == ()
    assert first.median_ns == pytest.approx(told["benchmarks"][0]["stats"]["median"] * 1e9)


def test_pyperf() -> None:
    (found,) = series("pyperf.json").values()
    assert found.name == "sum"
    assert found.of == "means", "64 loops"
    assert [len(one) for one in found.invocations_ns] == [3, 3, 3]
    assert found.invocations_ns[0][0] == pytest.approx(474.4531, rel=1e-6)
    assert found.environment["cpu_model_name"] == "AMD EPYC"
    assert found.interval_ns is not None


def test_google_benchmark() -> None:
    found = series("google_benchmark.json")
    assert list(found) == ["BM_sin", "BM_ms/min_time:0.010", "BM_err"]
    assert found["BM_sin"].count == 3, "aggregates are not times"
    assert found["BM_sin"].median_ns == pytest.approx(9.9909308)
    assert found["BM_ms/min_time:0.010"].median_ns == pytest.approx(10.126952), "from ms"
    assert found["BM_err"].error == "no device"
    assert found["BM_err"].median_ns is None
    (aggregates,) = series("google_benchmark_aggregates.json").values()
    assert (aggregates.of, aggregates.count) == ("summary", 3)
    assert aggregates.std_ns == pytest.approx(0.80448309)
    assert aggregates.minimum_ns is None, "it was not told"


def _changed(file: str, change: Callable[[Any], None]) -> bytes:
    document = json.loads((FOLDER / file).read_text())
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("hyperfine.json", lambda d: d["results"][0].update(times=[-1.0]), "a time that cannot be"),
        ("hyperfine.json", lambda d: d["results"][0].update(mean="slow"), "damaged hyperfine file"),
        ("hyperfine.json", lambda d: d.update(results=[]), "without a benchmark"),
        ("pytest_benchmark.json", lambda d: d["benchmarks"][0].pop("stats"), "damaged pytest-benchmark file"),
        ("pyperf.json", lambda d: d.update(version="7"), "pyperf's format 7"),
        ("pyperf.json", lambda d: d["metadata"].update(unit="byte"), "is in bytes"),
        ("pyperf.json", lambda d: d["benchmarks"][0].update(runs=[]), "has no times"),
        ("google_benchmark.json", lambda d: d["benchmarks"][0].update(time_unit="min"), "is in 'min'"),
        ("google_benchmark.json", lambda d: d["benchmarks"][0].pop("real_time"), "has no real_time"),
        ("google_benchmark.json", lambda d: d["benchmarks"][0].pop("run_type"), "has no run_type"),
        ("pyperf.json", lambda d: d["benchmarks"][0]["runs"][1].update(values=[1e300]), "a time that cannot be"),
    ],
)
def test_what_is_malformed_is_refused(file: str, change: Callable[[Any], None], says: str) -> None:
    with pytest.raises(ForeignError) as raised:
        parse(_changed(file, change))
    assert says in str(raised.value)
    assert raised.value.exit_code == ExitCode.USAGE


def test_what_google_benchmark_fits_over_several_is_no_benchmark() -> None:
    def fitted(document: Any) -> None:
        row = {"name": "BM_BigO", "run_name": "BM", "run_type": "aggregate", "aggregate_name": "BigO", "big_o": "N"}
        document["benchmarks"] += [row, {**row, "name": "BM_RMS", "aggregate_name": "RMS", "rms": 0.1}]

    assert [one.name for one in parse(_changed("google_benchmark.json", fitted))] == list(
        series("google_benchmark.json")
    )


def test_a_command_that_failed_or_was_killed_is_told_and_parameters_are_no_facts() -> None:
    def failed(document: Any) -> None:
        document["results"][0] |= {"exit_codes": [0, None, 3], "parameters": {"machine": "x", "cpu_model_name": "y"}}

    first, second = parse(_changed("hyperfine.json", failed))
    assert first.environment["exit_codes"] == "3, a signal"
    assert facts(first).device == ""
    assert "exit_codes" not in second.environment


def test_two_of_one_name_in_one_file_are_two() -> None:
    """hyperfine's --command-name may call all values of a parameter the same."""
    same = _changed("hyperfine.json", lambda d: [each.update(command="run") for each in d["results"]])
    assert [one.name for one in parse(same)] == ["run", "run (2)"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"benchmarks": []}', b"\xff", b"NaN", b"[" * 100_000])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignError):
        parse(data)


def test_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ForeignError, match="cannot read") as raised:
        read(tmp_path / "missing.json")
    assert "No such file" in raised.value.found
    (tmp_path / "packed.json").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(ForeignError, match=r"packed\.json") as raised:
        read(tmp_path / "packed.json")
    assert "gunzip" in raised.value.todo


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(FOLDER.glob("*.json"))), st.data())
def test_any_value_anywhere_gives_series_or_a_refusal(file: Path, data: st.DataObject) -> None:
    """One value of a real file replaced by any other: never another exception, never a time that cannot be."""
    document = json.loads(file.read_text())
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 5)) == 0:
            break
        place = inner
    place[key] = data.draw(_JSON)
    try:
        found = parse(json.dumps(document).encode())
    except ForeignError:
        return
    for one in found:
        assert one.error or one.mean_ns is not None or one.median_ns is not None or one.of == "summary"
        assert all(time >= 0 for each in one.invocations_ns for time in each)


def test_tools_are_told_apart_by_their_keys() -> None:
    assert which({"benchmarks": [], "context": {}}) == "Google Benchmark"
    assert which({"benchmarks": [], "machine_info": {}}) == "pytest-benchmark"
    assert which({"benchmarks": [], "version": "1.0"}) == "pyperf"
    assert which({"results": []}) == "hyperfine"
    assert which({"schema": 1, "cases": []}) is None


def test_what_is_told_of_the_machine() -> None:
    told = {file: facts(read(FOLDER / file)[0]) for file in ("pytest_benchmark.json", "pyperf.json", "hyperfine.json")}
    assert told["pytest_benchmark.json"].device == "AMD EPYC, x86_64, 2 CPUs"
    assert told["pytest_benchmark.json"].runtime == "pytest-benchmark, CPython 3.11.7"
    assert told["pyperf.json"].device == "AMD EPYC, 2 CPUs"
    assert told["pyperf.json"].clocks == "cpu_config idle:haltpoll"
    assert told["pyperf.json"].host == "builder"
    assert told["hyperfine.json"] == Facts(device="", runtime="hyperfine", clocks="", host="", system="")
    google = facts(series("google_benchmark.json")["BM_sin"])
    assert google.device.startswith("L1 Data 48 KiB")
    assert google.device.endswith("2 CPUs")
    assert google.clocks == "cpu_scaling_enabled False"
    bare = parse(_changed("google_benchmark.json", lambda d: d["context"].pop("caches")))[0]
    assert facts(bare).device == "", "two CPUs are no machine"
    assert not_told(bare) == ("machine", "placement")
    plain = parse(_changed("pytest_benchmark.json", lambda d: d["machine_info"].update(cpu={"count": 2})))[0]
    assert facts(plain).device == "", "x86_64 is no machine"


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-11-23T16:43:26.599681+00:00", "2026-11-23T16:43:26.599Z"),
        ("2026-11-23T16:43:26+02:00", "2026-11-23T14:43:26.000Z"),
        ("2026-11-23 16:43:28.288802", "2026-11-23T16:43:28.288Z"),
        ("", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_time_stamps(at: str, told: str | None) -> None:
    assert instant(at) == told
