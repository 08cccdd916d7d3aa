"""What the Edge TPU compiler says of a model, from its standard output (with -s) or its operation log.

Only lines that have their end are read, a table is whole once its sum is the total, and what is told twice and
differently is not told: so of a log that was cut off, what is there is right and the rest is named as missing.
Grammar: output of the compilers 15.0.340273435 and 16.0.384591198; a line is known by its words, never by a version.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec

_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_NUMBER = r"(\d+)"
_SIZE = r"(\d+(?:\.\d+)?(?:B|KiB|MiB|GiB))"
_TOLD = {
    "version": re.compile(r"Edge TPU Compiler version (\S+)"),
    "on_chip_used_bytes": re.compile(rf"On-chip memory used for caching model parameters: {_SIZE}"),
    "on_chip_left_bytes": re.compile(rf"On-chip memory remaining for caching model parameters: {_SIZE}"),
    "off_chip_bytes": re.compile(rf"Off-chip memory used for streaming uncached model parameters: {_SIZE}"),
    "subgraphs": re.compile(rf"Number of Edge TPU subgraphs: {_NUMBER}"),
    "op_count": re.compile(rf"Total number of operations: {_NUMBER}"),
    "on_edgetpu": re.compile(rf"Number of operations that will run on Edge TPU: {_NUMBER}"),
    "on_cpu": re.compile(rf"Number of operations that will run on CPU: {_NUMBER}"),
}
_HEAD = re.compile(r"Operator\s+Count\s+Status")
_ROW = re.compile(r"(\S+)\s+(\d+)\s+(\S.*)")
# Understood, and of no use here.
_PASSED = re.compile(
    r"Started a compilation timeout timer of .*|Model compiled successfully in .*|Input( model| size)?: .*|"
    r"Output( model| size)?: .*|Operation log: .*|Model successfully compiled but not all operations .*|"
    r"See the operation log file .*|Compilation child process completed .*|Compilation succeeded!"
)
_PLACES = ("on_edgetpu", "on_cpu")
_MAPPED = "Mapped to Edge TPU"


class LogError(Exception):
    """A text without a single line of the compiler's log."""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: so many ops of a type share one fate. status: the compiler's words."""

    type: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        return self.status == _MAPPED


class Compilation(msgspec.Struct, frozen=True, kw_only=True):
    """None: not told. `_bytes`: of the model's parameters, as printed, so to two decimals of their unit.

    on_chip_used, on_chip_left: cached in the Edge TPU's own memory, and still free there; off_chip: streamed to it at
    every inference. subgraphs: how many parts run there. on_edgetpu, on_cpu: ops of the model before it was compiled.
    missing: names of the fields that are not told; of `operators`, that there may be more. unread: lines that were not
    understood.
    """

    version: str | None = None
    on_chip_used_bytes: int | None = None
    on_chip_left_bytes: int | None = None
    off_chip_bytes: int | None = None
    subgraphs: int | None = None
    op_count: int | None = None
    on_edgetpu: int | None = None
    on_cpu: int | None = None
    operators: tuple[Operator, ...] = ()
    missing: tuple[str, ...] = ()
    unread: int = 0

    @property
    def complete(self) -> bool:
        return not self.missing


def parse(text: str) -> Compilation:
    """Raises LogError where nothing in the text is the compiler's."""
    told: dict[str, set[str]] = defaultdict(set)
    rows: list[Operator] = []
    unread = understood = 0
    in_table = False
    for line in map(str.strip, text.split("\n")[:-1]):
        key, value = _field(line)
        row = _ROW.fullmatch(line) if in_table and not key else None
        if key:
            told[key].add(value)
        elif row:
            rows.append(Operator(type=row[1], count=int(row[2]), status=row[3]))
        elif line and not _HEAD.fullmatch(line) and not _PASSED.fullmatch(line):
            unread += 1
            continue
        understood += bool(line)
        in_table = bool(row or _HEAD.fullmatch(line) or (in_table and not line))
    if not understood:
        raise LogError("nothing in it is of the Edge TPU compiler's log")
    return _assembled({key: values.pop() for key, values in told.items() if len(values) == 1}, rows, unread)


def _field(line: str) -> tuple[str, str]:
    """(name, what stands behind it); empty for another line."""
    for key, pattern in _TOLD.items():
        found = pattern.fullmatch(line)
        if found:
            return key, found[1]
    return "", ""


def _assembled(told: dict[str, str], rows: list[Operator], unread: int) -> Compilation:
    version = told.pop("version", None)
    numbers = {key: _bytes(text) if key.endswith("_bytes") else int(text) for key, text in told.items()}
    whole = bool(rows) and sum(row.count for row in rows) == numbers.get("op_count")
    _split(numbers, rows if whole else ())
    told_of = {"version": version is not None, "operators": whole}
    missing = tuple(name for name in (*_TOLD, "operators") if not told_of.get(name, name in numbers))
    found = Compilation(version=version, operators=tuple(rows), missing=missing, unread=unread)
    return msgspec.structs.replace(found, **numbers)


def _split(numbers: dict[str, int], rows: Sequence[Operator]) -> None:
    """How many ops go where: as told, else by the table; not at all where the two or the total speak against it."""
    table = {True: 0, False: 0}
    for row in rows:
        table[row.mapped] += row.count
    counted = {"on_edgetpu": table[True], "on_cpu": table[False]} if rows else {}
    both = counted | {name: numbers[name] for name in _PLACES if name in numbers}
    numbers.update(both)
    agreed = all(counted.get(name, count) == count for name, count in both.items())
    if not agreed or (len(both) == len(_PLACES) and sum(both.values()) != numbers.get("op_count")):
        for name in both:
            del numbers[name]


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return round(float(number) * _BYTES[unit])
