"""One line of an op table -> its cells, as text or as CSV; linear in the line's length.

Both forms are read from the two percent cells outward: node types and names may hold spaces, commas and brackets, the
numbers between cannot.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

_ATTEMPTS = 8  # percent signs tried per line: the work stays linear in the line whatever it holds
_DECIMALS = re.compile(r"-?\d{1,15}\.\d{3}")


class Cells(NamedTuple):
    """left: the numbers before the percent cells, two or three."""

    node_type: str
    left: tuple[float | None, ...]
    percent: float | None
    cdf: float | None
    mem_kb: float | None
    calls: int
    name: str


def numbers(cells: Sequence[str]) -> list[float | None]:
    """The cells' numbers; None for nan and inf. Raises ValueError when one is no number."""
    if "_" in "".join(cells):
        raise ValueError("an underscore is no digit")
    return [value if math.isfinite(value) else None for value in map(float, cells)]


def text_cells(line: str, left: int | None) -> Cells | None:
    """The cells of a row of the text form; None when the line is no row. left: numbers before the percent cells.

    left None (no header was seen): three where three cells have the form of a time, else two.
    """
    at = line.find("%")
    for _ in range(_ATTEMPTS):
        second = line.find("%", at + 1)
        if at < 0 or second < 0:
            return None
        count = _left_count(line[:at]) if left is None else left
        before = line[:at].rsplit(None, count + 1)
        after = line[second + 1 :].split(None, 2)
        if len(before) == count + 2 and len(after) >= 2:
            rest = before[-1], line[at + 1 : second].strip(), after[0]
            cells = _cells(before[0].strip(), before[1:-1], rest, after[1], after[2].strip() if after[2:] else "")
            if cells is not None:
                return cells
        at = second
    return None


def _left_count(before: str) -> int:
    tail = before.rsplit(None, 4)
    return 3 if len(tail) == 5 and all(_DECIMALS.fullmatch(cell) for cell in tail[1:4]) else 2


def csv_cells(line: str, left: int | None) -> Cells | None:
    """The same of the CSV form. Old tools leave commas in names alone; newer ones write a tab for a comma."""
    fields = line.split(", ")
    last = len(fields) - 4
    at = next((i for i in range(1, last + 1) if fields[i].endswith("%") and fields[i + 1].endswith("%")), None)
    if at is None:
        return None
    if left is None:
        left = 3 if at >= 4 and _is_number(fields[at - 3]) else 2
    if at - left < 1:
        return None
    percents = fields[at].strip()[:-1], fields[at + 1].strip()[:-1], fields[at + 2]
    node_type = ", ".join(fields[: at - left]).replace("\t", ",").strip()
    name = ", ".join(fields[at + 4 :]).replace("\t", ",").strip()
    return _cells(node_type, fields[at - left : at], percents, fields[at + 3].strip(), name)


def _is_number(text: str) -> bool:
    try:
        numbers((text,))
    except ValueError:
        return False
    return True


def _cells(node_type: str, left: Sequence[str], rest: tuple[str, str, str], calls: str, name: str) -> Cells | None:
    if not node_type or not calls.isdecimal():
        return None
    try:
        values = numbers((*rest, *left))
    except ValueError:
        return None
    return Cells(node_type, tuple(values[3:]), values[0], values[1], values[2], int(calls), name)
