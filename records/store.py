"""Records on disk: one JSON file per case and run, written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.base.errors import BenchError, ExitCode
from bench.base.paths import write_atomic
from bench.records.types import SCHEMA_VERSION, Record

SUFFIX = ".json"


class RecordError(BenchError):
    """A record file that cannot be read: damaged, half-written, or of a newer schema."""

    exit_code = ExitCode.USAGE
    kind = "record"


class _Head(msgspec.Struct):
    schema: int


def now() -> str:
    """This instant, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_run_id() -> str:
    """`20261123T101530.250Z-3fa9`: sorts by time; the random part keeps runs of two hosts apart."""
    instant = datetime.now(UTC)
    return f"{instant:%Y%m%dT%H%M%S}.{instant.microsecond // 1000:03d}Z-{secrets.token_hex(2)}"


def file_name(record: Record) -> str:
    """Readable, and unique within a run by the case's key."""
    case = record.case
    words = (case.model, case.variant, case.backend, case.accelerator)
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join(words)).strip("-.")[:100]
    return f"{slug or 'case'}-{record.case_key[:8]}{SUFFIX}"


def encode(record: Record) -> bytes:
    """The record's JSON: keys in the order of the types, one line."""
    return msgspec.json.encode(record) + b"\n"


def decode(data: bytes, path: Path) -> Record:
    """Raises RecordError, which names the file and what is wrong with it."""
    try:
        schema = msgspec.json.decode(data, type=_Head).schema
        if schema > SCHEMA_VERSION:
            raise RecordError(
                f"cannot read {path}",
                f"It has schema {schema}; this bench knows {SCHEMA_VERSION}.",
                "Read it with the bench that wrote it, or a newer one.",
            )
        if schema < 1:
            raise msgspec.ValidationError(f"there was no schema {schema}")
        return msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(
            f"cannot read {path}", f"damaged record: {error}", "Move the file away; other records are not affected."
        ) from None


def save(record: Record, root: Path) -> Path:
    """Write a record below `root`/<run id>/ and give its path. Raises StorageError.

    A record that could not be read again is our fault, and is not written: JSON has no NaN, and a type checker takes
    True for a number. Raises BenchError then.
    """
    path = root / record.run.id / file_name(record)
    data = encode(record)
    try:
        decode(data, path)
    except RecordError as error:
        raise BenchError(f"the record {path.name} could not be read again, and was not written", error.found) from None
    return write_atomic(path, data)


def load(path: Path) -> Record:
    """Read one record. Raises RecordError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}", str(error.strerror or error), "") from None
    return decode(data, path)


def files(root: Path) -> Iterator[Path]:
    """All record files below a results folder, oldest run first."""
    try:
        runs = sorted(entry.path for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordError(f"cannot read the results folder {root}", str(error.strerror or error), "") from None
    for run in runs:
        yield from run_files(Path(run))


def run_files(folder: Path) -> list[Path]:
    """The record files of one run's folder; none where there is no such folder."""
    # Hidden ones are no records: copying from a Mac leaves `._name.json` beside each file.
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))


def load_run(root: Path, run_id: str) -> tuple[list[tuple[Record, Path]], list[RecordError]]:
    """The readable records of a run with their files, and an error for each that is not."""
    records: list[tuple[Record, Path]] = []
    damaged: list[RecordError] = []
    for path in run_files(root / run_id):
        try:
            records.append((load(path), path))
        except RecordError as error:
            damaged.append(error)
    return records, damaged
