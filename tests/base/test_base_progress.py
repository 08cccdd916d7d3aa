"""Progress: lines for a log, one rewritten line on a terminal, and never a thread."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from bench.base import progress as room
from bench.base.progress import Progress


class Terminal:
    """A pseudo terminal of some columns: `stream` is what a program writes to, `shown()` what came out."""

    def __init__(self, columns: int) -> None:
        termios = pytest.importorskip("termios", reason="needs a pseudo terminal")
        self.master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.stream: TextIO = os.fdopen(slave, "w", encoding="utf-8")

    def shown(self) -> str:
        os.set_blocking(self.master, False)
        data = b""
        try:
            while part := os.read(self.master, 65536):
                data += part
        except BlockingIOError:
            pass
        return data.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(room, "REDRAW_S", 0.0)
    made = Terminal(40)
    yield made
    made.stream.close()
    os.close(made.master)


def drawn(text: str) -> list[str]:
    """What stood in the line after each rewriting."""
    return text.split("\r\x1b[2K")[1:]


def test_a_log_gets_one_line_per_stage_and_no_escapes() -> None:
    log = io.StringIO()
    progress = Progress(240, log)
    progress.stage("case 1 of 2")
    progress.update("turn 3", 100)
    progress.stage("case 2 of 2")
    progress.clear()
    assert log.getvalue() == "case 1 of 2  (about 4 min left)\ncase 2 of 2  (about 4 min left)\n"


@pytest.mark.parametrize(("total_s", "left"), [(0, "0 s"), (-5, "0 s"), (89, "89 s"), (3600, "60 min")])
def test_time_left_is_never_negative(total_s: float, left: str) -> None:
    log = io.StringIO()
    Progress(total_s, log).stage("x")
    assert log.getvalue() == f"x  (about {left} left)\n"


def test_a_stage_may_know_better_what_is_left() -> None:
    log = io.StringIO()
    Progress(10, log).stage("x", 1200)
    assert log.getvalue() == "x  (about 20 min left)\n"


def test_switched_off_it_says_nothing(terminal: Terminal) -> None:
    log = io.StringIO()
    for stream in (log, terminal.stream):
        progress = Progress(10, stream, enabled=False)
        progress.stage("x")
        progress.update("y")
        progress.clear()
    assert log.getvalue() == terminal.shown() == ""


def test_a_terminal_has_one_line_that_is_rewritten_and_cleared(terminal: Terminal) -> None:
    threads = threading.active_count()
    progress = Progress(60, terminal.stream)
    progress.stage("case 1")
    progress.update("warm-up")
    progress.update("turns", 600)
    progress.clear()
    assert threading.active_count() == threads
    text = terminal.shown()
    assert "\n" not in text
    assert drawn(text) == [
        "case 1 · about 60 s left",
        "case 1 · warm-up · about 60 s left",
        "case 1 · turns · about 10 min left",
        "",
    ]


def test_updates_are_drawn_now_and_then_only(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REDRAW_S", 1e9)
    progress = Progress(60, terminal.stream)
    progress.stage("case 1")
    for turn in range(1000):
        progress.update(str(turn))
    assert len(drawn(terminal.shown())) == 1


@pytest.mark.parametrize("columns", [8, 20, 40])
def test_the_line_never_wraps_also_where_stdout_is_not_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A line that wraps cannot be rewritten. Its width is that of the stream it goes to: stdout may be a pipe.
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "__stdout__", io.StringIO())
    terminal = Terminal(columns)
    progress = Progress(60, terminal.stream)
    progress.stage("prisma_256 fp32 · litert cpu · 1 thread · " * 5)
    (line,) = drawn(terminal.shown())
    assert 0 < len(line) < columns
    if columns == 40:
        assert line.endswith(" · about 60 s left")


def test_names_cannot_move_the_cursor(terminal: Terminal) -> None:
    progress = Progress(60, terminal.stream)
    progress.stage("evil\n\x1b[31m\x07.tflite")
    (line,) = drawn(terminal.shown())
    assert not re.search(r"[\x00-\x1f\x7f]", line)
    assert ".tflite" in line
