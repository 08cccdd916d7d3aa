"""What to do for a failed case: a command stands in a line of its own, to be copied."""

from __future__ import annotations

import io

import msgspec
import pytest

from bench.records.types import CaseError, Record
from bench.reports import terminal


def test_commands_stand_in_lines_of_their_own(kinds: dict[str, Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    todo = "Bring your key there once:\n  ssh-copy-id pi@board\nor leave it:\n  rm board"
    error = CaseError(kind="not measured", message="cannot reach pi", todo=todo)
    stream = io.StringIO()
    terminal.print_run([msgspec.structs.replace(kinds["failed"], error=error)], report=None, repeat="", stream=stream)
    # The grid has the case beside them, in the first lines.
    assert [line.strip() for line in stream.getvalue().splitlines() if line.endswith(("pi@board", "rm board"))] == [
        "ssh-copy-id pi@board", "rm board"
    ]  # fmt: skip
