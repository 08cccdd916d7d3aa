"""A page of headings, sentences and tables that is printed to a terminal, as Markdown or as HTML alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeAlias

from bench.reports.html_tags import Html, join, table, tag
from bench.reports.terminal_grid import Column, Line, Row, console, grid, natural_width, show, show_wrapped
from bench.reports.words import plain

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {"warning": "yellow", "dim": "dim", "": ""}
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|])")
_NARROWEST = 14


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Note:
    """style: `warning`, `dim` or empty."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """heads: one that begins with `>` stands over numbers. A cell may have several lines; numbers never wrap.

    A row of one cell only is the title of the rows below it.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block: TypeAlias = Heading | Note | Table


def print_blocks(blocks: Iterable[Block], stream: IO[str]) -> None:
    """To a terminal, or as text to whatever the stream is."""
    from rich.text import Text

    out = console(stream)
    for number, block in enumerate(blocks):
        if isinstance(block, Heading):
            show(out, Text(("\n" if number else "") + plain(block.text), "bold"))
        elif isinstance(block, Note):
            show_wrapped(out, block.text, "  ", _STYLES[block.style])
        else:
            show(out, _grid(block, out.width))


def _grid(block: Table, width: int) -> Text:
    titled = any(len(row) == 1 for row in block.rows)
    heads = ("", *block.heads) if titled else block.heads  # a title spans what stands right of an empty column
    full = [("", *row) if titled else row for row in block.rows]
    cells = [[cell.split("\n") for cell in row] for row in full if len(row) == len(heads)]
    rows = [_row(row, len(heads)) for row in full]
    numbers = [head.startswith(">") for head in heads]
    columns = [Column(head.lstrip(">"), right=number) for head, number in zip(heads, numbers, strict=True)]
    columns = _fitted(columns, rows, cells, width)
    several = any(len(cell) > 1 for row in cells for cell in row)
    return grid(columns, rows, width, between=several)


def _fitted(
    columns: Sequence[Column], rows: Sequence[Row], cells: Sequence[Sequence[Sequence[str]]], width: int
) -> list[Column]:
    """Texts narrowed, the widest first, until the table fits or none may give more: words are broken last."""
    texts = [[line for row in cells for line in row[i]] for i in range(len(columns))]
    caps = [max(map(len, lines), default=0) for lines in texts]
    longest = [max((len(word) for line in lines for word in line.split()), default=0) for lines in texts]
    fitted = list(columns)
    for least in (longest, [0] * len(columns)):
        while natural_width(fitted, rows) > width:
            free = [i for i, one in enumerate(columns) if not one.right and caps[i] > max(least[i], _NARROWEST)]
            if not free:
                break
            caps[max(free, key=lambda i: caps[i])] -= 1
            fitted = [one if one.right else Column(one.head, caps[i]) for i, one in enumerate(columns)]
    return fitted


def _row(cells: Sequence[str], count: int) -> Row:
    if len(cells) == count:
        return Row([[Line(line) for line in cell.split("\n")] for cell in cells])
    return Row([[]], span=[Line(line, "bold") for line in cells[-1].split("\n")])


def markdown(blocks: Iterable[Block]) -> str:
    """GitHub's Markdown; nothing out of a record is markup."""
    parts = []
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f"## {_escaped(block.text)}")
        elif isinstance(block, Note):
            parts.append(_escaped(block.text))
        else:
            heads = [_escaped(head.lstrip(">")) for head in block.heads]
            rule = ["---:" if head.startswith(">") else "---" for head in block.heads]
            rows = [
                [_escaped(cell) for cell in row] if len(row) > 1 else [f"**{_escaped(row[0])}**", *[""] * len(rule[1:])]
                for row in block.rows
            ]
            parts.append("\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows)))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return "<br>".join(_MARKS.sub(r"\\\1", plain(line)) for line in text.split("\n"))


def html(blocks: Sequence[Block]) -> Html:
    """The body of a page, without scripts."""
    parts = []
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(tag("h2", block.text))
        elif isinstance(block, Note):
            parts.append(tag("p", block.text, class_="note" if block.style else None))
        else:
            parts.append(table(block.caption, block.heads, [_html_row(block.heads, row) for row in block.rows]))
    return join(parts)


def _html_row(heads: Sequence[str], row: Sequence[str]) -> Html:
    if len(row) == 1:
        return tag("tr", tag("th", row[0], colspan=len(heads), scope="rowgroup"))
    cells = []
    for head, cell in zip(heads, row, strict=True):
        lines = [part for line in cell.split("\n") for part in (tag("br"), line)][1:]
        cells.append(tag("td", lines, class_="num" if head.startswith(">") else None))
    return tag("tr", cells)
