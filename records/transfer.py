"""Records from one results folder to another: archives, merging, and the deletion of old ones."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from bench.base.errors import UsageError
from bench.base.paths import storage_error, write_atomic
from bench.records import store
from bench.records.index import Row
from bench.records.store import RecordError
from bench.records.types import Record

LIST_NAME = "contents.json"
MOST_BYTES = 256 << 20  # of one record: a packed file may unpack to anything
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KEY = re.compile(r"[0-9a-f]{64}")
_MEMBER = re.compile(r"(?:\./)?[^/\\]+/[^/\\.][^/\\]*\.json")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's oldest: the same records give the same archive

Named = tuple[str, bytes]


def write_archive(path: Path, records: Iterable[Named], contents: Callable[[], dict[str, object]]) -> Path:
    """Write (RUN/FILE.json, bytes) to a .zip, .tar or .tar.gz, one after the other; a half-written one never stays.

    contents: asked at the end, for the list that goes with them. Raises UsageError, StorageError.
    """
    if not path.name.endswith((".zip", ".tar", ".tar.gz", ".tgz")):
        raise UsageError(f"cannot write {path}", "An archive's name ends in .zip, .tar or .tar.gz.")
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with open(temporary, "xb") as stream, _adder(path.name, stream) as add:
            for name, data in records:
                add(name, data)
            add(LIST_NAME, msgspec.json.format(msgspec.json.encode(contents()), indent=2) + b"\n")
        os.replace(temporary, path)
    except OSError as error:
        raise storage_error(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path


@contextlib.contextmanager
def _adder(name: str, stream: IO[bytes]) -> Iterator[Callable[[str, bytes], None]]:
    """add(name, data) of the archive that a name asks for."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            yield lambda name, data: packed.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
        return
    with tarfile.open(fileobj=stream, mode="w" if name.endswith(".tar") else "w:gz") as archive:

        def add(name: str, data: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))

        yield add


def read_archive(path: Path) -> Iterator[Named]:
    """The records' names and bytes in a .zip or .tar, packed or not. Links, folders and other files are passed over.

    Raises UsageError for what is no archive.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for item in packed.infolist():
                    if _MEMBER.fullmatch(item.filename):
                        with packed.open(item) as stream:
                            yield item.filename, stream.read(MOST_BYTES + 1)
            return
        with tarfile.open(path) as archive:
            for entry in archive:
                opened = archive.extractfile(entry) if entry.isfile() and _MEMBER.fullmatch(entry.name) else None
                if opened is not None:
                    yield entry.name, opened.read(MOST_BYTES + 1)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        found = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "it ends too early"
        raise UsageError(f"cannot read {path}", found, "Give an archive that `bench records export` wrote.") from None


def read_folder(folder: Path) -> Iterator[Named]:
    """The records' names and bytes in another results folder."""
    for path in store.files(folder):
        try:
            yield f"{path.parent.name}/{path.name}", path.read_bytes()
        except OSError as error:
            raise storage_error(path, error) from None


@dataclass
class Taken:
    """What became of each record: added and same by name; refused and unreadable as (name, why)."""

    added: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def take(records: Iterable[Named], root: Path) -> Taken:
    """Add records to a results folder. Nothing there is ever overwritten. Raises StorageError.

    A record's place follows from what it says, not from the name that it came under. The same record twice is fine;
    a different one of the same run and case is refused.
    """
    taken = Taken()
    for name, data in records:
        if len(data) > MOST_BYTES:
            taken.unreadable.append((name, f"larger than {MOST_BYTES >> 20} MiB"))
            continue
        try:
            record = store.decode(data, Path(name))
        except RecordError as error:
            taken.unreadable.append((name, error.found))
            continue
        reason = _misplaced(record)
        if reason:
            taken.refused.append((name, reason))
            continue
        path = root / record.run.id / store.file_name(record)
        place = f"{record.run.id}/{path.name}"
        if not path.exists():
            write_atomic(path, data)
            taken.added.append(place)
        elif _same(path, record):
            taken.same.append(place)
        else:
            taken.refused.append((place, "another record of that name is there"))
    return taken


def _misplaced(record: Record) -> str:
    """Why a record has no place in a results folder; a name out of an archive must not lead elsewhere."""
    if not _RUN_ID.fullmatch(record.run.id):
        return f"its run id is no folder's name: {record.run.id!r}"
    return "" if _KEY.fullmatch(record.case_key) else f"its case has no key: {record.case_key!r}"


def _same(path: Path, record: Record) -> bool:
    with contextlib.suppress(RecordError):
        return store.load(path) == record
    return False


@dataclass(frozen=True)
class Doomed:
    """What prune would delete, oldest first; what an anchor holds; and what cannot be read and stays."""

    rows: tuple[Row, ...]
    pinned: tuple[Row, ...]
    unreadable: tuple[Row, ...]


def choose(
    rows: Sequence[Row],
    *,
    keep: int | None,
    before: str | None,
    pinned: Callable[[Row], bool],
    unreadable: bool = False,
) -> Doomed:
    """Which records may go: those that are not among a case's newest `keep` on their device, and started before.

    before: an instant, ISO 8601 in UTC; None: no limit of that kind. Failed ones are counted apart, so that they push
    no number out. Unreadable records are chosen only where `unreadable` says so; they are told in any case.
    """
    seen: dict[tuple[str, str, bool], int] = {}
    chosen: list[Row] = []
    for row in sorted(rows, key=lambda row: row.run_id, reverse=True):
        if row.damaged:
            continue
        series = (row.case_key, row.fingerprint, row.measured and not row.replayed)
        seen[series] = seen.get(series, 0) + 1
        if (keep is None or seen[series] > keep) and (before is None or row.started < before):
            chosen.append(row)
    chosen.reverse()
    broken = [row for row in rows if row.damaged]
    gone = [row for row in broken if unreadable and (before is None or _written(row) < before)]
    held = tuple(row for row in chosen if pinned(row))
    return Doomed(
        (*gone, *(row for row in chosen if not pinned(row))), held, tuple(row for row in broken if row not in gone)
    )


def _written(row: Row) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row.mtime_ns / 1e9))


def delete(rows: Iterable[Row], root: Path) -> None:
    """Delete records; a run's folder goes with its last one, unless something else lies there. Raises StorageError."""
    folders: dict[Path, None] = {}
    for row in rows:
        path = Path(row.path)
        if path.parent.parent != root:
            raise UsageError(f"cannot delete {path}", f"It is not a record of {root}.")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from None
        folders[path.parent] = None
    for folder in folders:
        if not store.run_files(folder):
            with contextlib.suppress(OSError):
                (folder / "report.html").unlink(missing_ok=True)
                folder.rmdir()
