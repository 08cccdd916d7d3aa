"""Where files of ours live, and writing that leaves either the old file or the whole new one."""

from __future__ import annotations

import contextlib
import os
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
    return StorageError(
        f"cannot write {path}",
        f"{error.strerror or error}",
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
    """Write, fsync, rename: a reader sees the old file or the whole new one. Raises StorageError."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise storage_error(path, error) from None
    finally:
        if temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    return path


def find_upward(name: str, start: Path) -> Path | None:
    """The nearest file of that name in `start` or a folder above it."""
    for folder in (start, *start.parents):
        candidate = folder / name
        if candidate.is_file():
            return candidate
    return None
