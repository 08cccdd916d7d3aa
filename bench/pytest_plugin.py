"""The pytest plugin: the fixture `bench_case` measures a model inside a test, and `--bench-*` say how.

It is loaded by every pytest of the environment, so nothing is imported here that a test session has not loaded anyway;
what measures is bench.pytest_case, loaded by the first test that asks for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.pytest_case import BenchCase, Session

OFF = "bench measures nothing here: "  # what a skip's reason begins with
_SESSION: pytest.StashKey[Session] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench", "models measured in tests (bench)")
    group.addoption("--bench-device", metavar="NAME", help="Measure on this device, whatever the test says.")
    group.addoption("--bench-time", type=float, metavar="SECONDS", help="Seconds of measuring for each case.")
    group.addoption("--bench-invocations", type=int, metavar="N", help="Starts of the runtime for each case.")
    group.addoption("--bench-results", metavar="DIR", help="Folder of the records (default: bench.toml's).")
    group.addoption("--bench-off", action="store_true", help="Measure nothing: skip the tests that use bench_case.")


def why_off(config: pytest.Config) -> str:
    """Why nothing may be measured in this session; empty where it may."""
    if config.getoption("--bench-off"):
        return "--bench-off"
    if hasattr(config, "workerinput") or str(getattr(config.option, "dist", "no")) != "no":
        return "pytest-xdist runs tests side by side, which disturbs every time"
    coverage = sys.modules.get("coverage")
    if config.pluginmanager.hasplugin("_cov") or (coverage is not None and coverage.Coverage.current() is not None):
        return "coverage is measured, and its tracing would be in every time (--no-cov)"
    return ""


@pytest.fixture
def bench_case(request: pytest.FixtureRequest) -> BenchCase:
    """bench_case(model, ...): measure a model, as `bench run -m MODEL` does; see bench.pytest_case.BenchCase.

    A case that cannot be measured fails the test. Where nothing may be measured the test is skipped with the reason.
    """
    reason = why_off(request.config)
    if reason:
        pytest.skip(f"{OFF}{reason}")
    from bench.pytest_case import BenchCase, Session

    stash = request.config.stash
    if _SESSION not in stash:
        stash[_SESSION] = Session(request.config)
    return BenchCase(stash[_SESSION], request.node)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What was measured, and how many tests were not and why; nothing in a session without bench_case."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        _, found, reason = str(getattr(report, "longrepr", "")).partition(OFF)
        if found:
            reason = reason.rstrip("')\"")
            reasons[reason] = reasons.get(reason, 0) + 1
    session = config.stash.get(_SESSION, None)
    told = session.told if session is not None else []
    if told or reasons:
        terminalreporter.section("bench", sep="-")
    for line in told:
        terminalreporter.write_line(line)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} test{'s' if count != 1 else ''} not measured: {reason}")


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """pytest-benchmark's file says on which devices ours were measured."""
    session = config.stash.get(_SESSION, None)
    if session is not None and session.records:
        machine_info["bench"] = session.machine_info()


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """pytest-benchmark's file holds our cases too, beside its own `benchmarks`, which stay as they are."""
    session = config.stash.get(_SESSION, None)
    if session is not None and session.records:
        output_json["bench"] = session.document()
