"""Verdicts on disk: beside the records of a run, in files of their own kind (`.verdict`, JSON inside)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.base.errors import BenchError
from bench.base.paths import write_atomic
from bench.records.store import RecordError
from bench.records.verdicts import VERDICT_SCHEMA, Kept, SelfTest, Verdict, encode

# Not .json: whatever lies in a run's folder with that suffix is a record.
SUFFIX = ".verdict"


def file_name(kept: Kept) -> str:
    """Readable, and unique within a run by the hash of what was compared."""
    case = kept.case
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join((case.model, case.variant, case.backend, case.accelerator)))
    what, digest = ("self-test", case.key) if isinstance(kept, SelfTest) else ("gate", kept.comparison)
    return f"{what}-{slug.strip('-.')[:90]}-{digest[:8]}{SUFFIX}"


def decode(data: bytes, path: Path) -> Kept:
    """Raises RecordError, which names the file and what is wrong with it."""
    try:
        kept: Kept = msgspec.json.decode(data, type=Verdict | SelfTest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"cannot read {path}", f"damaged verdict: {error}", "Move the file away.") from None
    if not 1 <= kept.schema <= VERDICT_SCHEMA:
        raise RecordError(f"cannot read {path}", f"It has schema {kept.schema}; this bench knows {VERDICT_SCHEMA}.")
    return kept


def save(kept: Kept, root: Path) -> Path:
    """Write it below `root`/<run id>/, whole or not at all, and give its path. Raises StorageError.

    What could not be read again (JSON has no infinity) is our fault, and is not written: BenchError.
    """
    path = root / kept.run / file_name(kept)
    data = encode(kept)
    try:
        decode(data, path)
    except RecordError as error:
        raise BenchError(f"the verdict {path.name} could not be read again, and was not written", error.found) from None
    return write_atomic(path, data)


def load(path: Path) -> Kept:
    """Raises RecordError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}", str(error.strerror or error), "") from None
    return decode(data, path)


def kept(root: Path, unreadable: list[RecordError] | None = None) -> Iterator[Kept]:
    """All that can be read below a results folder, oldest run first. unreadable: gets an error for each other one."""
    for path in sorted(root.glob(f"*/*{SUFFIX}")):
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        try:
            yield load(path)
        except RecordError as error:
            if unreadable is not None:
                unreadable.append(error)
