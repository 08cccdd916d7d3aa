"""Where fetched tools are kept: `tools/<system>-<ABI>/<NAME>` below the cache, with a note of where each came from.

A file that was put there by hand has no note.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.backends.tools_elf import System
from bench.base.errors import NotMeasuredError
from bench.base.paths import storage_error, write_atomic

FOLDER = "tools"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch got. fetched: UTC, ISO 8601. last_modified, etag: the server's words; None where it had none.

    pinned: the user gave this sha256 beforehand.
    """

    address: str
    fetched: str
    sha256: str
    size_bytes: int
    last_modified: str | None = None
    etag: str | None = None
    pinned: bool = False


def place(cache: Path, tool: str, system: System, abi: str) -> Path:
    """The file of a tool; it need not be there."""
    return cache / FOLDER / f"{system}-{abi}" / tool


def note_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.fetched.json")


def read_note(file: Path) -> Note | None:
    """The note beside a file, if there is one. Raises NotMeasuredError for one that cannot be read."""
    path = note_path(file)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        raise NotMeasuredError(
            f"cannot tell where {file} came from", f"{path} is damaged.", "Delete it, or fetch the tool again."
        ) from None


def keep(file: Path, data: bytes, note: Note) -> None:
    """Write file and note; the file may be started. Raises StorageError."""
    try:
        # Without its note for a moment, not with another file's.
        note_path(file).unlink(missing_ok=True)
        write_atomic(file, data)
        file.chmod(0o755)
    except OSError as error:
        raise storage_error(file, error) from None
    write_atomic(note_path(file), msgspec.json.format(msgspec.json.encode(note), indent=2) + b"\n")


def must_be(file: Path, note: Note | None, sha256: str) -> None:
    """Raises NotMeasuredError for a file that is not the one that its note tells of."""
    if note is not None and note.sha256 != sha256:
        raise NotMeasuredError(
            f"{file} is not what was fetched",
            f"Its sha256 is {sha256}\ninstead of {note.sha256}.",
            f"Fetch it again (bench tools fetch --again), or, if you put it there, delete\n{note_path(file)}",
        )
