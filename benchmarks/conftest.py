"""A cache of its own for the benchmarks, and the table that is printed at their end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROWS: list[tuple[str, str, str]] = []


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder))
        patch.setenv("BENCH_RESULTS_DIR", str(folder / "records"))
        yield folder


@pytest.fixture
def row() -> list[tuple[str, str, str]]:
    """Append (what, found, wanted) for the table."""
    return ROWS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not ROWS:
        return
    terminalreporter.section("ratios measured side by side in this run")
    width = max(len(name) for name, _, _ in ROWS)
    for name, found, wanted in ROWS:
        terminalreporter.write_line(f"{name:<{width}}  {found:<44}  {wanted}")
