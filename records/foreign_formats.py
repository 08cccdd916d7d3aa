"""The four formats that bench.records.foreign reads: what each must have, and its times in ns.

The readers raise msgspec.ValidationError for a file that lacks it, and ForeignError for times that cannot be.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bench.records.foreign_series import LONGEST_NS, ForeignError, ForeignSeries, timed

_S = 1e9
_UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def _told(value: object) -> dict[str, str]:
    """Plain facts as text, one level of tables with dotted names; what is no plain fact is left out."""
    found: dict[str, str] = {}
    for key, one in value.items() if isinstance(value, dict) else ():
        inner = one.items() if isinstance(one, dict) else ()
        for name, fact in ((key, one), *((f"{key}.{sub}", each) for sub, each in inner)):
            if isinstance(fact, str | int | float) and fact != "":
                found[name] = str(fact)
    return found


class _HyperfineResult(msgspec.Struct):
    command: str
    mean: float
    times: list[float] = []
    stddev: float | None = None
    median: float | None = None
    min: float | None = None
    max: float | None = None
    exit_codes: list[int | None] = []
    parameters: dict[str, str] = {}


class _Hyperfine(msgspec.Struct):
    results: list[_HyperfineResult]


def hyperfine(document: Any) -> list[ForeignSeries]:
    """hyperfine --export-json (1.x): seconds; each time is a process of its own."""
    found = []
    for one in msgspec.convert(document, _Hyperfine).results:
        environment = {f"parameter {name}": value for name, value in one.parameters.items()}
        if any(code != 0 for code in one.exit_codes):
            failed = {"a signal" if code is None else str(code) for code in one.exit_codes if code != 0}
            environment["exit_codes"] = ", ".join(sorted(failed))
        if one.times:
            each = [[time * _S] for time in one.times]
            found.append(timed(one.command, "hyperfine", "samples", each, environment=environment))
            continue
        numbers = {"mean_ns": one.mean, "median_ns": one.median, "std_ns": one.stddev, "minimum_ns": one.min}
        numbers["maximum_ns"] = one.max
        found.append(_summary(one.command, "hyperfine", None, numbers, environment))
    return found


def _summary(
    name: str, tool: str, count: int | None, seconds: dict[str, float | None], environment: dict[str, str], at: str = ""
) -> ForeignSeries:
    """Of numbers in seconds. Raises ForeignError for one that cannot be."""
    told: dict[str, Any] = {key: value * _S for key, value in seconds.items() if value is not None}
    if impossible := [value for value in told.values() if not 0 <= value < LONGEST_NS]:
        raise ForeignError(f"{tool}: {name!r} has a time that cannot be", f"{impossible[0]:g} ns", "")
    return ForeignSeries(name=name, tool=tool, of="summary", count=count, at=at, environment=environment, **told)


class _PytestStats(msgspec.Struct):
    mean: float
    rounds: int
    data: list[float] = []
    stddev: float | None = None
    median: float | None = None
    min: float | None = None
    max: float | None = None
    iterations: int = 1


class _PytestEntry(msgspec.Struct):
    name: str
    stats: _PytestStats
    fullname: str = ""


class _Pytest(msgspec.Struct):
    benchmarks: list[_PytestEntry]
    machine_info: dict[str, Any]
    datetime: str = ""
    version: str = ""


def pytest_benchmark(document: Any) -> list[ForeignSeries]:
    """pytest-benchmark's --benchmark-json and saved files (3.x to 5.x): seconds, all in one process."""
    file = msgspec.convert(document, _Pytest)
    tool, environment = f"pytest-benchmark {file.version}".strip(), _told(file.machine_info)
    found = []
    for one in file.benchmarks:
        name, stats = one.fullname or one.name, one.stats
        if stats.data:
            of = "samples" if stats.iterations == 1 else "means"
            times = [[time * _S for time in stats.data]]
            found.append(timed(name, tool, of, times, file.datetime, environment))  # type: ignore[arg-type]
            continue
        numbers = {"mean_ns": stats.mean, "median_ns": stats.median, "std_ns": stats.stddev, "minimum_ns": stats.min}
        numbers["maximum_ns"] = stats.max
        found.append(_summary(name, tool, stats.rounds, numbers, environment, file.datetime))
    return found


class _PyperfRun(msgspec.Struct):
    values: list[float] = []
    metadata: dict[str, Any] = {}


class _PyperfEntry(msgspec.Struct):
    runs: list[_PyperfRun]
    metadata: dict[str, Any] = {}


class _Pyperf(msgspec.Struct):
    version: str | int
    benchmarks: list[_PyperfEntry]
    metadata: dict[str, Any] = {}


def pyperf(document: Any) -> list[ForeignSeries]:
    """pyperf's JSON, version 1.0: seconds; each run is a process, and runs without values calibrated."""
    file = msgspec.convert(document, _Pyperf)
    if file.version != "1.0":
        raise ForeignError(
            f"It is pyperf's format {file.version}", "1.0 is known.", "Write it with pyperf 1.0 or later."
        )
    found = []
    for number, one in enumerate(file.benchmarks, 1):
        told = {**file.metadata, **one.metadata}
        if one.runs:
            told = {**one.runs[0].metadata, **told}
        name, unit = str(told.get("name", f"benchmark {number}")), told.get("unit", "second")
        if unit != "second":
            raise ForeignError(f"pyperf: {name!r} is in {unit}s", "It is no time.", "Leave this benchmark out.")
        loops = [{**told, **run.metadata} for run in one.runs]
        single = all(each.get("loops", 1) == 1 and each.get("inner_loops", 1) == 1 for each in loops)
        times = [[value * _S for value in run.values] for run in one.runs if run.values]
        tool = f"pyperf {told.get('perf_version', '')}".strip()
        of = "samples" if single else "means"
        found.append(timed(name, tool, of, times, str(told.get("date", "")), _told(told)))  # type: ignore[arg-type]
    return found


class _GoogleRow(msgspec.Struct):
    name: str
    run_name: str = ""
    run_type: str = ""
    aggregate_name: str = ""
    iterations: int = 1
    repetitions: int | None = None
    real_time: float | None = None
    time_unit: str = "ns"
    error_occurred: bool = False
    error_message: str = ""
    skipped: bool = False
    skip_message: str = ""


class _Google(msgspec.Struct):
    context: dict[str, Any]
    benchmarks: list[_GoogleRow]


def google_benchmark(document: Any) -> list[ForeignSeries]:
    """Google Benchmark's JSON (1.5 and later): real time in the row's unit, the mean over its iterations."""
    file = msgspec.convert(document, _Google)
    at, environment = str(file.context.get("date", "")), {**_told(file.context), **_caches(file.context)}
    tool = f"Google Benchmark {file.context.get('library_version', '')}".strip()
    rows: dict[str, list[_GoogleRow]] = {}
    for row in file.benchmarks:
        if not row.run_type:
            todo = "Let Google Benchmark 1.5 or later write it."
            raise ForeignError(f"Google Benchmark: {row.name!r} has no run_type", "", todo)
        if row.aggregate_name not in ("BigO", "RMS"):  # of several benchmarks, and no times
            rows.setdefault(row.run_name or row.name, []).append(row)
    return [_google(name, tool, group, at, environment) for name, group in rows.items()]


def _caches(context: dict[str, Any]) -> dict[str, str]:
    """`L1 Data 48 KiB, ...`: with the count of CPUs all that it tells of the machine."""
    found = context.get("caches")
    rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    texts = [
        f"L{each.get('level')} {each.get('type')} {each['size'] / 1024:g} KiB"
        for each in rows
        if isinstance(each.get("size"), int)
    ]
    return {"caches": ", ".join(texts)} if texts else {}


def _google(name: str, tool: str, rows: list[_GoogleRow], at: str, environment: dict[str, str]) -> ForeignSeries:
    failed = next((row for row in rows if row.error_occurred or row.skipped), None)
    if failed is not None:
        why = failed.error_message or failed.skip_message or "it gave no reason"
        return ForeignSeries(name=name, tool=tool, of="summary", at=at, error=why, environment=environment)
    times = [_google_ns(row) for row in rows if row.run_type == "iteration"]
    if times:
        return timed(name, tool, "means", [times], at, environment)
    told = {
        row.aggregate_name: _google_ns(row) / _S for row in rows if row.aggregate_name in ("mean", "median", "stddev")
    }
    count = next((row.repetitions for row in rows if row.repetitions), None)
    numbers = {"mean_ns": told.get("mean"), "median_ns": told.get("median"), "std_ns": told.get("stddev")}
    return _summary(name, tool, count, numbers, environment, at)


def _google_ns(row: _GoogleRow) -> float:
    if row.time_unit not in _UNITS:
        raise ForeignError(
            f"Google Benchmark: {row.name!r} is in {row.time_unit!r}", f"Known: {', '.join(_UNITS)}.", ""
        )
    if row.real_time is None:
        raise ForeignError(f"Google Benchmark: {row.name!r} has no real_time", "", "Let the tool write it again.")
    return row.real_time * _UNITS[row.time_unit]
