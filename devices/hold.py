"""Holding a device: one measuring job at a time across processes, by a lock that the system frees with its holder."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bench.base.errors import NotMeasuredError
from bench.base.paths import ensure_dir, storage_error
from bench.devices.protocol import Tell

_POLL_S = 0.1
# Windows lets nobody read a locked byte, so the lock lies far behind the text that names the holder.
_LOCK_OFFSET = 1 << 30


@contextlib.contextmanager
def hold(path: Path, title: str, wait_s: float, tell: Tell | None = None) -> Iterator[None]:
    """Hold the lock file `path` within the block. It stays behind, unlocked and empty.

    title: what a person calls the device. tell: gets one line when another job holds it.
    Raises NotMeasuredError after `wait_s` seconds, StorageError when the file cannot be written.
    """
    ensure_dir(path.parent)
    try:
        stream = open(path, "a+b", buffering=0)  # noqa: SIM115  (closed below, in every case)
    except OSError as error:
        raise storage_error(path, error) from None
    with stream:
        _acquire(stream, title, wait_s, tell)
        try:
            with contextlib.suppress(OSError):  # on a full disk the holder has no name, and still holds
                stream.truncate(0)
                stream.write(str(os.getpid()).encode())
            yield
        finally:
            with contextlib.suppress(OSError):
                stream.truncate(0)
            _release(stream)


def _acquire(stream: BinaryIO, title: str, wait_s: float, tell: Tell | None) -> None:
    end = time.monotonic() + wait_s
    told = False
    while not _try(stream):
        holder = _holder(stream)
        if time.monotonic() >= end:
            raise NotMeasuredError(
                f"cannot measure on {title}",
                f"{holder} is measuring there, and two at a time would slow each other down; waited {wait_s:g} s",
                "Wait until it has finished, or end it.",
            )
        if tell is not None and not told:
            tell(f"{holder} is measuring on {title}; waiting up to {wait_s:g} s")
            told = True
        time.sleep(min(_POLL_S, max(end - time.monotonic(), 0.0)))


def _holder(stream: BinaryIO) -> str:
    stream.seek(0)
    text = stream.read(32).decode("ascii", "replace")
    return f"process {text}" if text.isascii() and text.isdigit() else "another process"


if sys.platform == "win32":

    def _try(stream: BinaryIO) -> bool:
        import msvcrt

        stream.seek(_LOCK_OFFSET)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(stream: BinaryIO) -> None:
        import msvcrt

        stream.seek(_LOCK_OFFSET)
        with contextlib.suppress(OSError):
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _try(stream: BinaryIO) -> bool:
        import fcntl

        try:
            # flock, not lockf: it belongs to the open file, so a second job in this process is refused as well.
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(stream: BinaryIO) -> None:
        import fcntl

        fcntl.flock(stream.fileno(), fcntl.LOCK_UN)
