"""Which records a verb was given: run ids or their beginnings, `last`, `last~2`, record files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.common import find_run

if TYPE_CHECKING:
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
