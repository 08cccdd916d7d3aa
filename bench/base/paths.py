"""Where files of ours live, and writing that leaves either the old file or the whole new one."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from bench.base.errors import StorageError


def cache_dir() -> Path:
    """The user's cache: artifacts, reference outputs, the packed agent, the index. May be deleted at any time."""
    chosen = os.environ.get("BENCH_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("bench", appauthor=False))


def results_dir() -> Path:
    """Where records go unless `--results` or bench.toml says otherwise."""
    chosen = os.environ.get("BENCH_RESULTS_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("bench", appauthor=False)) / "records"


def storage_error(path: Path, error: OSError) -> StorageError:
    found = str(error.strerror or error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        found = "A part of this path is a file, not a folder."
    return StorageError(
        f"cannot write {path}",
        found,
        "Free some space or choose another folder: --results DIR for records, BENCH_CACHE_DIR for the cache.",
    )


def ensure_dir(path: Path) -> Path:
    """Make a folder and make sure that it can be written. Raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise storage_error(path, error) from None
    return path


def write_atomic(path: Path, data: bytes) -> Path:
    """Write, fsync, rename: a reader sees the old file or the whole new one. Raises StorageError.

    A link is followed; a pipe or a device (`/dev/stdout`) is written to, never replaced by a file.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
            return path
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, data)
    except OSError as error:
        raise storage_error(path, error) from None
    return path


def _replace(target: Path, data: bytes) -> None:
    # Opened as any new file is, not by `tempfile`: the mode is then the user's choice, not 0600.
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def find_upward(name: str, start: Path) -> Path | None:
    """The nearest file of that name in `start` or a folder above it."""
    start = start.absolute()
    for folder in (start, *start.parents):
        candidate = folder / name
        if os.path.isfile(candidate):  # Path.is_file raises where a folder may not be looked into
            return candidate
    return None


def portable(text: str) -> str:
    """A file's name as text that can be written anywhere: bytes that are no UTF-8 are spelled out (`\\xff`)."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
