"""Tables for a terminal whose numbers are never cut: cells wrap between words, a failed row spans its columns."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, cast

from bench.reports.words import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = "  "
DEFAULT_WIDTH = 80


@dataclass(frozen=True)
class Line:
    """One line of a cell; style: rich's words (`bold`, `red`); whole: never wrapped, so that it can be copied."""

    text: str
    style: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Column:
    """head: printed above; cap: the widest it may be, lines beyond it wrap; right: numbers stand at the right."""

    head: str
    cap: int = 200
    right: bool = False


@dataclass(frozen=True)
class Row:
    """cells: a list of lines for each column. span: where set, stands in place of the cells after the first."""

    cells: Sequence[Sequence[Line]]
    span: Sequence[Line] = field(default=())
    rule: bool = False


def width_of(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _wrapped(lines: Iterable[Line], cap: int) -> list[Line]:
    result: list[Line] = []
    for line in lines:
        text = plain(line.text)
        if line.whole or width_of(text) <= cap:
            result.append(Line(text, line.style))
            continue
        pieces = textwrap.wrap(text, cap, subsequent_indent="  " if cap > 8 else "")
        result += [Line(piece, line.style) for piece in pieces]
    return result


def _widths(columns: Sequence[Column], rows: Sequence[Row]) -> list[int]:
    widths = []
    for index, column in enumerate(columns):
        cells = [row.cells[index] for row in rows if index < len(row.cells)]
        lines = [line for cell in cells for line in _wrapped(cell, column.cap)]
        widths.append(max([width_of(column.head), *(width_of(line.text) for line in lines)]))
    return widths


def natural_width(columns: Sequence[Column], rows: Sequence[Row]) -> int:
    """How many signs wide the table is."""
    return sum(_widths(columns, rows)) + len(GAP) * (len(columns) - 1)


def _cell(line: Line, width: int, right: bool) -> tuple[str, str]:
    space = " " * max(0, width - width_of(line.text))
    return (space + line.text if right else line.text + space), line.style


def _physical(
    row: Row, columns: Sequence[Column], widths: Sequence[int], width: int
) -> Iterable[list[tuple[str, str]]]:
    """The printed lines of a row, each a list of (text, style)."""
    cells = [_wrapped(cell, column.cap) for cell, column in zip(row.cells, columns, strict=False)]
    shape = [(width, column.right) for width, column in zip(widths, columns, strict=True)]
    if row.span:
        rest = max(20, width - widths[0] - len(GAP))
        cells = [cells[0], _wrapped(row.span, rest)]
        shape = [shape[0], (rest, False)]
    for index in range(max(map(len, cells), default=0)):
        line = [cell[index] if index < len(cell) else Line("") for cell in cells]
        yield [_cell(one, width, right) for one, (width, right) in zip(line, shape, strict=False)]


def grid(columns: Sequence[Column], rows: Sequence[Row], width: int = 0, between: bool = False) -> Text:
    """The table as rich text, a rule under its head.

    width: how far a span may reach; between: an empty line between rows, for rows of many lines.
    """
    from rich.text import Text

    widths = _widths(columns, rows)
    total = natural_width(columns, rows)
    text = Text(no_wrap=True, overflow="ignore")

    def put(line: Sequence[tuple[str, str]]) -> None:
        one = Text()
        for index, (piece, style) in enumerate(line):
            one.append(GAP if index else "")
            one.append(piece, style)
        one.rstrip()
        text.append_text(one)
        text.append("\n")

    if any(column.head for column in columns):
        heads = zip(columns, widths, strict=True)
        put([_cell(Line(column.head, "bold"), width, column.right) for column, width in heads])
        put([("─" * total, "dim")])
    for number, row in enumerate(rows):
        if row.rule:
            put([("─" * total, "dim")])
        elif between and number:
            text.append("\n")
        for line in _physical(row, columns, widths, max(width, total)):
            put(line)
    text.rstrip()
    return text


def show(out: Console, text: Text) -> None:
    """Print text that has been laid out already: rich must not wrap it again."""
    out.print(text, soft_wrap=True)


def show_wrapped(out: Console, text: str, indent: str = "  ", style: str = "") -> None:
    """Print a sentence, wrapped to the width; lines after the first begin with `indent`."""
    from rich.text import Text

    lines = textwrap.wrap(plain(text), max(out.width, 20), subsequent_indent=indent, break_on_hyphens=False)
    show(out, Text("\n".join(lines), style))


def console(stream: IO[str]) -> Console:
    """rich's console on a stream; 80 columns where nobody says how wide it is. NO_COLOR is heeded by rich."""
    from rich.console import Console

    asked = os.environ.get("COLUMNS", "")
    width = int(asked) if asked.isdigit() and int(asked) > 0 else None
    if width is None and not stream.isatty():
        width = DEFAULT_WIDTH
    return Console(
        file=cast("IO[str]", _Writable(stream)),
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


class _Writable:
    """A stream that replaces signs which its encoding lacks, instead of ending the program (a Windows code page)."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            return self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
