"""An SQLite index of the records of a results folder: only a cache, rebuilt from the files whenever it is in doubt."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import BenchError
from bench.base.paths import ensure_dir
from bench.records.stats import latency_summary
from bench.records.store import RecordError, files, load
from bench.records.types import Record

VERSION = 1
COLUMNS = (
    "path", "root", "size", "mtime_ns", "run_id", "started", "case_key", "device", "backend", "accelerator", "model",
    "variant", "threads", "placement", "median_ns", "low_ns", "high_ns", "n", "error", "damaged",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One record as the index knows it. error: its kind, empty when measured; damaged: why it cannot be read."""

    path: str
    root: str
    size: int
    mtime_ns: int
    run_id: str
    started: str
    case_key: str
    device: str
    backend: str
    accelerator: str
    model: str
    variant: str
    threads: int
    placement: str
    median_ns: float | None
    low_ns: float | None
    high_ns: float | None
    n: int
    error: str
    damaged: str


def _row(path: Path, root: Path, size: int, mtime_ns: int) -> Row:
    try:
        record = load(path)
    except RecordError as error:
        empty = dict.fromkeys(("started", "case_key", "device", "backend", "accelerator", "model", "variant"), "")
        return Row(
            path=str(path), root=str(root), size=size, mtime_ns=mtime_ns, run_id=path.parent.name, threads=0,
            placement="", median_ns=None, low_ns=None, high_ns=None, n=0, error="", damaged=error.found, **empty,
        )  # fmt: skip
    return _measured_row(record, path, root, size, mtime_ns)


def _measured_row(record: Record, path: Path, root: Path, size: int, mtime_ns: int) -> Row:
    summary = latency_summary(record)
    case = record.case
    return Row(
        path=str(path),
        root=str(root),
        size=size,
        mtime_ns=mtime_ns,
        run_id=record.run.id,
        started=record.run.started,
        case_key=record.case_key,
        device=case.device,
        backend=case.backend,
        accelerator=case.accelerator,
        model=case.model,
        variant=case.variant,
        threads=case.threads,
        placement=record.placement.text,
        median_ns=summary.median_ns if summary else None,
        low_ns=summary.low_ns if summary else None,
        high_ns=summary.high_ns if summary else None,
        n=summary.n if summary else 0,
        error=record.error.kind if record.error else "",
        damaged="",
    )


@contextlib.contextmanager
def _open(cache: Path) -> Iterator[sqlite3.Connection]:
    """The database of this version; one that is damaged or of another version is made anew."""
    path = ensure_dir(cache) / f"index-{VERSION}.sqlite3"
    columns = ", ".join(f"{name} PRIMARY KEY" if name == "path" else name for name in COLUMNS)
    for attempt in (1, 2):
        connection = sqlite3.connect(path, timeout=10)
        try:
            connection.execute(f"CREATE TABLE IF NOT EXISTS records ({columns})")
            break
        except sqlite3.DatabaseError as error:
            connection.close()
            if attempt == 2:
                raise BenchError(f"the index {path} cannot be opened", str(error), f"Delete {path}.") from None
            path.unlink(missing_ok=True)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def rows(root: Path, cache: Path, *, rebuild: bool = False) -> list[Row]:
    """All records below a results folder, oldest first; files that are new or changed since are read, no others.

    rebuild: forget what is known of this folder first. Raises StorageError when the cache cannot be written.
    """
    root = root.absolute()
    with _open(cache) as connection:
        if rebuild:
            connection.execute("DELETE FROM records WHERE root = ?", (str(root),))
        known = {
            row[0]: (row[1], row[2])
            for row in connection.execute("SELECT path, size, mtime_ns FROM records WHERE root = ?", (str(root),))
        }
        present: set[str] = set()
        for path in files(root):
            try:
                status = path.stat()
            except OSError:  # gone since the folder was listed
                continue
            present.add(str(path))
            if known.get(str(path)) == (status.st_size, status.st_mtime_ns):
                continue
            row = _row(path, root, status.st_size, status.st_mtime_ns)
            marks = ", ".join("?" * len(COLUMNS))
            values = [getattr(row, name) for name in COLUMNS]
            connection.execute(f"INSERT OR REPLACE INTO records ({', '.join(COLUMNS)}) VALUES ({marks})", values)
        for gone in known.keys() - present:
            connection.execute("DELETE FROM records WHERE path = ?", (gone,))
        query = f"SELECT {', '.join(COLUMNS)} FROM records WHERE root = ? ORDER BY run_id, path"
        return [Row(*found) for found in connection.execute(query, (str(root),))]
