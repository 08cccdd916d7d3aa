"""An SQLite index of the records of a results folder: only a cache, rebuilt from the files whenever it is in doubt."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import StorageError
from bench.base.paths import ensure_dir
from bench.records.comparison import clock_state, runtime_text
from bench.records.stats import latency_summary
from bench.records.store import RecordError, files, load
from bench.records.types import Record

VERSION = 3  # of the columns and what stands in them: an index of another version is another file, made anew
LOCK_S = 10.0  # how long another process may write before we give up
ATTEMPTS = 5
# What sqlite says of a file that is not our database: no database, rotten, or of other columns (a plain error).
DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}
# What it says when another process, which found the damage too, made the file anew under us.
MOVED = {sqlite3.SQLITE_READONLY_DBMOVED, sqlite3.SQLITE_IOERR}
COLUMNS = (
    "path", "root", "size", "mtime_ns", "run_id", "started", "case_key", "device", "backend", "accelerator", "model",
    "variant", "threads", "placement", "median_ns", "low_ns", "high_ns", "n", "error", "damaged",
    "label", "kind", "fingerprint", "runtime", "placement_kind", "clocks", "artifact", "bench_version", "schema",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One record as the index knows it. error: its kind, empty when measured; damaged: why it cannot be read.

    label: the case in one line; kind: of the device; runtime: with its version; clocks: what holds them
    (`comparison.clock_state`); artifact: its sha256; schema: 0 where the record cannot be read. Text is empty where it
    is not known.
    """

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
    label: str
    kind: str
    fingerprint: str
    runtime: str
    placement_kind: str
    clocks: str
    artifact: str
    bench_version: str
    schema: int

    @property
    def replayed(self) -> bool:
        """Whether its numbers come out of a recording."""
        return self.kind == "replay"

    @property
    def measured(self) -> bool:
        return not self.error and not self.damaged and self.median_ns is not None


_TEXTS = (
    "started", "case_key", "device", "backend", "accelerator", "model", "variant", "placement", "error",
    "label", "kind", "fingerprint", "runtime", "placement_kind", "clocks", "artifact", "bench_version",
)  # fmt: skip


def _row(path: Path, root: Path, size: int, mtime_ns: int) -> Row:
    try:
        record = load(path)
    except RecordError as error:
        return Row(
            path=str(path), root=str(root), size=size, mtime_ns=mtime_ns, run_id=path.parent.name, threads=0, schema=0,
            median_ns=None, low_ns=None, high_ns=None, n=0, damaged=error.found, **dict.fromkeys(_TEXTS, ""),
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
        label=case.label,
        kind=record.device.kind,
        fingerprint=record.device.fingerprint,
        runtime=runtime_text(record.tool) if record.tool is not None else "",
        placement_kind=record.placement.kind,
        clocks=", ".join(f"{name} {value}" for name, value in clock_state(record).items()),
        artifact=record.artifact.sha256 if record.artifact is not None else "",
        bench_version=record.run.bench_version,
        schema=record.schema,
    )


def rows(root: Path, cache: Path, *, rebuild: bool = False, only: Mapping[str, str | int] | None = None) -> list[Row]:
    """All records below a results folder, oldest first; files that are new or changed since are read, no others.

    only: column -> value; rows of other values are left out, save those that cannot be read: theirs are not known.
    rebuild: forget what is known of this folder first. A damaged index is made anew. Raises StorageError when the
    cache cannot be written, or another process holds the index for long.
    """
    path = ensure_dir(cache) / f"index-{VERSION}.sqlite3"
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            return _update(path, root.absolute(), rebuild, only or {})
        except sqlite3.DatabaseError as error:
            reason = str(error)
            code = error.sqlite_errorcode
            if code & 0xFF in DAMAGED:
                _forget(path)
            elif not MOVED & {code, code & 0xFF}:
                break
    todo = f"Free some space, wait for the other process, or delete {path}: it is only an index."
    raise StorageError(f"cannot use the index {path}", reason, todo)


def _forget(path: Path) -> None:
    """Delete the database, with the journal that would be rolled back into the next one."""
    for each in (path, Path(f"{path}-journal")):
        with contextlib.suppress(FileNotFoundError):
            each.unlink()


def _update(path: Path, root: Path, rebuild: bool, only: Mapping[str, str | int]) -> list[Row]:
    columns = ", ".join(f"{name} PRIMARY KEY" if name == "path" else name for name in COLUMNS)
    names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    ours = (str(root),)
    opened = sqlite3.connect(path, timeout=LOCK_S, isolation_level="IMMEDIATE")
    with contextlib.closing(opened) as connection:
        # Locks are taken for writing from the start: two processes that both read first would refuse each other.
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'records'").fetchall():
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(f"CREATE TABLE IF NOT EXISTS records ({columns})")
        listed = connection.execute("SELECT path, size, mtime_ns FROM records WHERE root = ?", ours).fetchall()
        known = {row[0]: (row[1], row[2]) for row in listed}
        present, changed = _look(root, {} if rebuild else known)
        values = [tuple(getattr(row, name) for name in COLUMNS) for row in changed]
        gone = [(each,) for each in known.keys() - present]
        # All files are read by now, so that other processes wait for the writing only.
        if values or gone:
            with connection:
                connection.executemany(f"INSERT OR REPLACE INTO records ({names}) VALUES ({marks})", values)
                connection.executemany("DELETE FROM records WHERE path = ?", gone)
        wanted = "".join(f" AND ({COLUMNS[COLUMNS.index(name)]} = ? OR damaged <> '')" for name in only)
        query = f"SELECT {names} FROM records WHERE root = ?{wanted} ORDER BY run_id, path"
        return [Row(*found) for found in connection.execute(query, (*ours, *only.values()))]


def _look(root: Path, known: Mapping[str, tuple[int, int]]) -> tuple[set[str], list[Row]]:
    """(the paths of all record files, the rows of those that differ from what is known)."""
    present: set[str] = set()
    changed: list[Row] = []
    for path in files(root):
        try:
            status = path.stat()
        except OSError:  # gone since the folder was listed
            continue
        present.add(str(path))
        if known.get(str(path)) != (status.st_size, status.st_mtime_ns):
            changed.append(_row(path, root, status.st_size, status.st_mtime_ns))
    return present, changed
