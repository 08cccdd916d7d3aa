"""Getting a published model file, checking it, and keeping it in the cache.

A file is at `originals/<first 16 digits of its sha256>/<name>` below the cache. Where the table has no hash, the first
file that comes and reads as a model is trusted; a record beside it then holds later ones to the same hash.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from bench.base.download import Limits, NotFetched, Report, download
from bench.base.errors import BenchError, ModelFileError, NotMeasuredError, UsageError
from bench.base.paths import portable, write_atomic
from bench.models.model_file import TFLITE_IDENTIFIER, no_model, read_head
from bench.models.originals import Original

FOLDER = "originals"
MOST_BYTES = 256_000_000  # of a file whose size is not known
_KINDS = {"tflite": "TFLite", "onnx": "ONNX", "ir": "OpenVINO"}
_RECORD = ".first-use.json"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a file has to be. record: the file of the first use that says so; None where the table does."""

    sha256: str
    size_bytes: int
    record: Path | None = None


class FirstUse(msgspec.Struct, frozen=True, kw_only=True):
    """What was trusted, and where it came from."""

    address: str
    source: str
    sha256: str
    size_bytes: int


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file in the cache. trusted: its hash is known from a first use only; first_use: this was the one."""

    path: Path
    sha256: str
    size_bytes: int
    came_from: Literal["cache", "network", "file"]
    trusted: bool = False
    first_use: bool = False


def expected(original: Original, cache: Path) -> Expected | None:
    """Size and hash from the table, else from the record of a first use; None where nothing is known yet.

    Raises NotMeasuredError for records that cannot be read or that disagree.
    """
    if original.sha256 != "unverified" and original.size_bytes != "unverified":
        return Expected(sha256=original.sha256, size_bytes=original.size_bytes)
    found: dict[str, Expected] = {}
    for path in sorted((cache / FOLDER).glob(f"*/{original.name}{_RECORD}")):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=FirstUse)
        except (OSError, msgspec.DecodeError):
            raise NotMeasuredError(
                _asked(original), f"{path} is damaged: it says which file was trusted.", "Delete it to trust one anew."
            ) from None
        if record.address == original.address:
            found[record.sha256] = Expected(sha256=record.sha256, size_bytes=record.size_bytes, record=path)
    if len(found) > 1:
        records = "\n".join(str(each.record) for each in found.values())
        raise NotMeasuredError(
            _asked(original), f"Different files were trusted:\n{records}", "Delete the wrong one, with its folder."
        )
    return next(iter(found.values()), None)


def place(original: Original, cache: Path, sha256: str) -> Path:
    """Where a file with that hash is kept."""
    return cache / FOLDER / sha256[:16] / original.name


def cached(original: Original, cache: Path) -> Fetched | None:
    """The file in the cache, if it is there and what it has to be. Raises NotMeasuredError as `expected` does."""
    known = expected(original, cache)
    if known is None:
        return None
    path = place(original, cache, known.sha256)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() != known.sha256:
        return None
    return Fetched(
        path=path, sha256=known.sha256, size_bytes=len(data), came_from="cache", trusted=known.record is not None
    )


def mismatch(original: Original, known: Expected | None, data: bytes) -> str:
    """What is wrong with a file's content; empty for nothing. Without an expectation: whether it reads as a model."""
    if known is not None and hashlib.sha256(data).hexdigest() == known.sha256:
        return ""
    if not _starts_as(original.format, data):
        return no_model(Path(original.name), _KINDS[original.format], data[:64]).found
    if len(data) > _most_bytes(known):
        return f"It has more than {_most_bytes(known):,} bytes."  # where it ends was not looked at
    if known is None:
        return _unreadable(original, data)
    if len(data) < known.size_bytes:
        return f"It has {len(data):,} bytes instead of {known.size_bytes:,}."
    return f"Its sha256 is {hashlib.sha256(data).hexdigest()}\ninstead of {known.sha256}."


def _most_bytes(known: Expected | None) -> int:
    return known.size_bytes if known is not None else MOST_BYTES


def _starts_as(format: str, data: bytes) -> bool:
    """TFLite's file identifier; ONNX's first field, ir_version, as every writer puts it first."""
    return data[4:8] == TFLITE_IDENTIFIER if format == "tflite" else data[:1] == b"\x08"


def _unreadable(original: Original, data: bytes) -> str:
    from bench.models.inspect import describe

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / original.name
        path.write_bytes(data)
        try:
            describe(path, None)
        except ModelFileError as error:
            return error.found
    return ""


def is_address(source: str) -> bool:
    """Whether `--from` means something to download."""
    return source.lower().startswith(("http://", "https://"))


def fetch(
    original: Original, cache: Path, *, source: str | None = None, limits: Limits | None = None,
    report: Report = lambda received, announced: None,
) -> Fetched:  # fmt: skip
    """The published file: from the cache, else from its address; with a source (a file's path or an http address), from
    there. It is checked before it is kept.

    Raises NotMeasuredError where it cannot be downloaded or something else comes, ModelFileError for a file of the
    user's that is another, UsageError for an address that is no http, StorageError for a cache that cannot be written.
    """
    kept = cached(original, cache) if source is None else None
    if kept is not None:
        return kept
    known = expected(original, cache)
    local = source is not None and not is_address(source)
    address = source or original.address
    data = (
        _own_file(address, _most_bytes(known))
        if local
        else _downloaded(original, address, cache, known, limits or Limits(), report)
    )
    wrong = mismatch(original, known, data)
    if wrong:
        raise _refused(original, address, wrong, known, local)
    sha256 = hashlib.sha256(data).hexdigest()
    path = write_atomic(place(original, cache, sha256), data)
    if known is None:
        _trust(original, address, path, sha256, len(data))
        expected(original, cache)  # another process may have trusted another file meanwhile
    return Fetched(
        path=path, sha256=sha256, size_bytes=len(data), came_from="file" if local else "network",
        trusted=not original.verified, first_use=known is None,
    )  # fmt: skip


def _own_file(source: str, most_bytes: int) -> bytes:
    """At most one byte more than that: a pipe may have no end."""
    if "://" in source:
        raise UsageError(f"cannot fetch from {source}", "", "Give a file, or an http or https address.")
    return read_head(Path(os.path.expanduser(source)), most_bytes + 1)


def _downloaded(
    original: Original, address: str, cache: Path, known: Expected | None, limits: Limits, report: Report
) -> bytes:
    try:
        return download(address, _most_bytes(known), limits, report)
    except NotFetched as error:
        raise NotMeasuredError(
            _asked(original), f"{error.why}\n{address}", by_hand(original, cache, known, offline=error.offline)
        ) from None


def by_hand(original: Original, cache: Path, known: Expected | None, *, offline: bool = False) -> str:
    """What to do where the file cannot be downloaded."""
    where = "on a machine with a network" if offline else "by other means"
    lines = [f"Get it {where}, then: bench models fetch {original.arguments} --from FILE"]
    if known is not None:
        lines.append(f"or put it there yourself: {place(original, cache, known.sha256)}")
    return "\n".join(lines)


def _asked(original: Original) -> str:
    return f"cannot fetch the original file of {original}"


def _refused(original: Original, address: str, wrong: str, known: Expected | None, local: bool) -> BenchError:
    if known is not None and known.record is not None:
        todo = f"Another file was trusted at first. To trust this one, delete {known.record}"
    else:
        todo = (
            "Give the unchanged file." if local else "Nothing was kept. Get it elsewhere and give it with --from FILE."
        )
    if local:
        return ModelFileError(f"{address} is not the original file of {original}", wrong, todo)
    return NotMeasuredError(_asked(original), f"{address}\ngives something else. {wrong}", todo)


def _trust(original: Original, source: str, path: Path, sha256: str, size_bytes: int) -> None:
    record = FirstUse(address=original.address, source=portable(source), sha256=sha256, size_bytes=size_bytes)
    write_atomic(path.with_name(path.name + _RECORD), msgspec.json.encode(record))
