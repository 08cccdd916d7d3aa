"""Which records a verb was given: run ids or their beginnings, `last`, `last~2`, record files; and files of others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.errors import BenchError
from bench.cli.common import find_run

if TYPE_CHECKING:
    from bench.records.foreign_compare import Foreign, Side
    from bench.records.types import Record


def picked(root: Path, wanted: Sequence[str]) -> list[tuple[Record, Path]]:
    """The records of all that was given, each once, in that order; unreadable ones of a run are named on stderr.

    Raises UsageError; RecordError for a file that is no record.
    """
    from bench.cli.main import print_error
    from bench.records import store

    found: dict[Path, Record] = {}
    for each in wanted:
        if os.path.isfile(each):  # False, not an error, for a name that is too long for a path
            found.setdefault(Path(each).absolute(), store.load(Path(each)))
            continue
        readable, damaged = store.load_run(root, find_run(root, each))
        for error in damaged:
            print_error(error)
        for record, path in readable:
            found.setdefault(path.absolute(), record)
    return [(record, path) for path, record in found.items()]


def sides(root: Path, wanted: Sequence[str]) -> tuple[list[tuple[Side, Path]], list[BenchError]]:
    """As `picked`, with the benchmarks of other tools' files among them; and an error for each file that is neither.

    Raises UsageError where a run is not there.
    """
    from bench.records import store
    from bench.records.foreign import ForeignError, benchmarks, is_record

    found: list[tuple[Side, Path]] = []
    errors: list[BenchError] = []
    for each in _once(wanted):
        file = os.path.isfile(each) or each.endswith(".json") or os.sep in each  # which no run's name is
        try:
            if file and not is_record(Path(each)):
                found += [(side, Path(each)) for side in benchmarks(each)]
                continue
            known = {path for _, path in found}
            found += [(record, path) for record, path in picked(root, [each]) if path not in known]
        except (store.RecordError, ForeignError) as error:
            errors.append(error)
    return found, errors


def foreign_files(wanted: Sequence[str]) -> tuple[list[Foreign], list[BenchError]]:
    """The benchmarks of other tools' files, and an error for each file that is none."""
    from bench.records.foreign import ForeignError, benchmarks, is_record

    found: list[Foreign] = []
    errors: list[BenchError] = []
    for each in _once(wanted):
        try:
            if is_record(Path(each)):
                raise ForeignError(f"{each} is a record", "", _RECORDS)
            found += benchmarks(each)
        except ForeignError as error:
            errors.append(error)
    return found, errors


def _once(wanted: Sequence[str]) -> list[str]:
    """Each file once, however it is written."""
    return list({os.path.abspath(each): each for each in reversed(wanted)}.values())[::-1]


_RECORDS = "Records are read from the results folder: bench history without files, --results DIR for another folder."
