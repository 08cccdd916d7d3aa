"""A paste of many runs -> one text per run.

A run begins at `STARTING!`, at the command that starts the tool, at the parameters of the next one, or, where all of
that was left out, at statistics behind a summary. What stands between two runs goes with the later one, so that a
command stays with its output.
"""

from __future__ import annotations

import re

from bench.backends.tflite.log_lines import strip_prefix
from bench.backends.tflite.log_litert2 import TITLE

_COMMAND = re.compile(r"(?:^|.*[\s/])benchmark_(?:litert_)?model\w{0,40}(?:\.exe)?(?: |\s*\\?$)")
_ARGUMENTS = "benchmark with args: --"
_FIRST_PARAMETERS = (
    "Log parameter values verbosely: [",
    "Min num runs: [",
    "Num runs: [",
    "Graph: [",
    "Num threads: [",
)
_LOADED = ("Loaded model ", "Loading model from: ")
_SUMMARY = ("Inference timings in us: ", "Average inference timings in us: ")
_GAVE_UP = ("Benchmarking failed.",)
_TABLES = ("Profiling Info for Benchmark Init", "Operator-wise Profiling Info", "=====", "Number of nodes executed: ")


class _Splitter:
    def __init__(self) -> None:
        self.runs: list[list[str]] = []
        self._lines: list[str] = []
        self._marks: set[str] = set()  # what the current run had: command, start, loaded, stats, summary, failed, table
        self._summary = ""

    def feed(self, line: str) -> None:
        text = strip_prefix(line).text
        mark = self._mark(text)
        if mark and self._begins(mark, text):
            self.cut()
        if mark:
            self._marks.add(mark)
        if mark == "summary":
            self._summary = text
        self._lines.append(line)

    def _mark(self, text: str) -> str:
        if text == "STARTING!":
            return "start"
        if text.startswith("count="):
            return "stats"
        if text.startswith(_SUMMARY) or text.strip("= ") == TITLE:
            return "summary"
        if text.startswith(_FIRST_PARAMETERS):
            return "parameter"
        if text.startswith(_LOADED):
            return "loaded"
        if text.startswith(_GAVE_UP):
            return "failed"
        if text.startswith(_TABLES):
            return "table"
        return "command" if "benchmark" in text and (_ARGUMENTS in text or _COMMAND.match(text)) else ""

    def _begins(self, mark: str, text: str) -> bool:
        """Whether the line is the first of another run."""
        marks = self._marks
        output = marks & {"start", "loaded", "parameter", "stats", "summary", "failed", "table"}
        if mark == "command":
            return bool(output)
        if mark == "start":
            return bool(output)
        if mark in ("parameter", "loaded"):
            return bool(marks & {"stats", "summary", "failed", "table"}) or (mark == "loaded" and mark in marks)
        if mark == "stats":
            return bool(marks & {"summary", "failed"})
        # The same summary may be printed twice, and LiteRT 2's block stands beside it.
        return mark == "summary" and "summary" in marks and text.startswith(_SUMMARY) and text != self._summary

    def cut(self) -> None:
        """End of a run; text without any output of the tool stays for the next one."""
        if not self._marks - {"command"}:
            return
        self.runs.append(self._lines)
        self._lines, self._marks, self._summary = [], set(), ""


def split_runs(text: str) -> list[str]:
    """The runs of a text, in order, each with what stood before it. Joined they are the text again.

    A text without any output of the tool is one part.
    """
    splitter = _Splitter()
    for line in text.splitlines(keepends=True):
        splitter.feed(line)
    rest = splitter._lines
    if splitter._marks - {"command"} or not splitter.runs:
        splitter.runs.append(rest)
    else:
        splitter.runs[-1] += rest
    return ["".join(run) for run in splitter.runs]
