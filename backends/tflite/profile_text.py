"""Reads op tables out of the tool's lines, text or CSV, one line at a time.

A table begins where it announces itself, ends with `N nodes observed`, and may hold lines that are not of it (drivers
print into it). Its own counts say whether all of its rows were there.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bench.backends.tflite.log_lines import lines
from bench.backends.tflite.log_stats import parse_stats
from bench.backends.tflite.profile_build import Block, build, summary_row, table_row
from bench.backends.tflite.profile_rows import csv_cells, text_cells
from bench.backends.tflite.profile_types import Generation, OpTable

_INIT = "Profiling Info for Benchmark Initialization"
_RUN = "Operator-wise Profiling Info for Regular Benchmark Runs"
_ORDER, _TOP, _SUMMARY = "Run Order", "Top by Computation Time", "Summary by node type"
_SECTIONS = (_ORDER, _TOP, _SUMMARY)
_TIMINGS = "Timings (microseconds): "
_EXECUTED_START = "Number of nodes executed: "
_EXECUTED = re.compile(_EXECUTED_START + r"(\d+)")
_OBSERVED = re.compile(r"(\d+) nodes observed")
_SUBGRAPH = re.compile(r"Subgraph \(index: (\d+), name: .*\) (?:profile|summary):")
_PRIMARY = "Primary graph (name: "
_INTERNAL = "Delegate internal:"
_STATISTICS = "Delegate Statistics"
UNREAD = "the section Delegate Statistics is not read"
# Width of the node type's column, which tells the generation where no [start] does.
_WIDTHS: tuple[tuple[int, Generation], ...] = ((32, "G2"), (52, "G3"))


class TableReader:
    """Feed it lines; `init` and `run` are the tables after `finish`."""

    def __init__(self) -> None:
        self.init: OpTable | None = None
        self.run: OpTable | None = None
        self._kind = ""
        self._announced = False
        self._blocks: list[Block] = []
        self._section = ""
        self._header = False  # the section's column header was seen
        self._left: int | None = None
        self._csv = False
        self._generation: Generation = ""
        self._primary = False  # a second subgraph must follow
        self._skipped = 0
        self._notes: list[str] = []

    @property
    def inside(self) -> bool:
        """A table is open and has not ended."""
        return bool(self._kind) and (not self._blocks or self._blocks[-1].observed is None)

    def feed(self, raw: str, text: str) -> bool:
        """Whether the line is of a table. raw: the line without the log's prefix; text: without white space around."""
        if self._section and "%" in text and self._row(text):
            return True
        return self._bound(raw, text) or (bool(self._kind) and self._count(text))

    def skip(self) -> None:
        """Count a line inside of a table that nobody knows."""
        self._skipped += 1

    def finish(self) -> None:
        """End of the text: what is open is built as it is."""
        if not self._kind:
            return
        base = OpTable(
            generation=self._generation, csv=self._csv, skipped_lines=self._skipped, notes=tuple(self._notes)
        )
        table = build(self._blocks, self._primary, base)
        earlier = self.init if self._kind == "init" else self.run
        if earlier is not None:
            table = replace(earlier, problem=earlier.problem or "a second op table of the same kind follows")
        if self._kind == "init":
            self.init = table
        else:
            self.run = table
        self._kind, self._section = "", ""

    def _begin(self, kind: str) -> None:
        self.finish()
        self._kind, self._blocks, self._section, self._header = kind, [], "", False
        self._left, self._csv, self._generation, self._announced = None, False, "", False
        self._primary, self._skipped, self._notes = False, 0, []

    def _bound(self, raw: str, text: str) -> bool:
        """Lines that open a table, a block or a section."""
        if text.startswith("====="):
            name = text.strip("= ")
            if name in _SECTIONS:
                self._open_section(name)
            return name in _SECTIONS
        if text.startswith(_INIT):
            self._begin("init")
        elif text.startswith(_RUN):
            if self._kind == "run" and not self._announced and self.init is None:
                self._kind = "init"  # what came before it, without its first lines
            self._begin("run")
            self._announced = True
        elif text.startswith(_EXECUTED_START) and not self.inside:
            self._open_section("")  # the beginning was left out
            return False
        elif "[node type]" in text or "[Node type]" in text or text.startswith("node type, "):
            self._columns(raw, text)
        else:
            return False
        return True

    def _open_section(self, name: str) -> None:
        ended = self._kind and self._blocks and self._blocks[-1].observed is not None
        if not self._kind or ended:
            self._begin("run")  # neither the oldest tools nor the newest announce it
        if not self._blocks:
            self._blocks.append(Block())
        self._section, self._header = name, False

    def _columns(self, raw: str, text: str) -> None:
        names = text.strip().lower()
        summary = "[count]" in names or ", count," in names
        if not self.inside:
            self._open_section(_SUMMARY if summary else _ORDER)
        elif self._header or not self._section:  # the lines `==== NAME ====` were filtered out of the log
            self._open_section(_SUMMARY if summary else _TOP if self._section == _ORDER else _ORDER)
        self._header = True
        self._csv = text.startswith("node type, ")
        if self._section == _SUMMARY:
            self._left = 2
            return
        old = "[start]" in names or ", start," in names
        self._left = 3 if old else 2
        if old:
            self._generation = "G1"
        elif not self._csv:
            width = len(raw.partition("]")[0].lstrip("\t")) + 1
            self._generation = next((name for limit, name in _WIDTHS if width <= limit), "G4")

    def _row(self, text: str) -> bool:
        cells = (csv_cells if self._csv else text_cells)(text, self._left)
        if cells is None:
            return False
        block = self._blocks[-1]
        if self._section == _SUMMARY:
            row = summary_row(cells, block)
            if row is not None:
                block.summary.append(row)
            return row is not None
        target = block.rows if self._section == _ORDER else block.top
        target.append(table_row(cells, len(target), block))
        return True

    def _count(self, text: str) -> bool:
        """Lines of an open table that are no rows."""
        block = self._blocks[-1] if self._blocks else None
        subgraph = _SUBGRAPH.fullmatch(text)
        if subgraph or text.startswith((_PRIMARY, _INTERNAL)):
            self._primary = self._primary or text.startswith(_PRIMARY)
            self._blocks.append(
                Block(subgraph=int(subgraph[1]) if subgraph else 0, internal=text.startswith(_INTERNAL))
            )
            self._section = ""
        elif block is None:
            return False
        elif found := _EXECUTED.fullmatch(text):
            block.executed = int(found[1])
        elif found := _OBSERVED.fullmatch(text):
            block.observed = int(found[1])
            self._section = ""
        elif _TIMINGS in text:
            block.timings = parse_stats(text.partition(_TIMINGS)[2])
        elif text.startswith(_STATISTICS):
            self._section = ""
            self._notes.append(UNREAD)
        else:
            return text.startswith("Memory (bytes): ")
        return True


def parse_text(text: str) -> tuple[OpTable | None, OpTable | None]:
    """The tables of the initialisation and of the timed runs, text or CSV, of a text that may hold only these."""
    reader = TableReader()
    for line in lines(text):
        if not reader.feed(line.raw, line.text) and reader.inside:
            reader.skip()
    reader.finish()
    return reader.init, reader.run
