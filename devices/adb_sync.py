"""Files through adb's sync service: whole, with deadlines, and with the phone's own words when it refuses.

The protocol: SYNC.TXT of Android's packages/modules/adb.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import BinaryIO

from bench.devices.adb_wire import Refused, Strange, Wire

_CHUNK = 1 << 16  # SYNC_DATA_MAX
_SLOW_S = 60.0  # for each send and receive: what is on the way is emptied by a slow flash
_MODE = 0o100755  # a file that may be executed


def send(wire: Wire, stream: BinaryIO, remote: str) -> None:
    """Write a file on the phone. Raises AdbTrouble; Refused when it cannot be written; OSError from `stream`."""
    wire.limit(_SLOW_S)
    put(wire, b"SEND", f"{remote},{_MODE}".encode())
    while chunk := stream.read(_CHUNK):
        put(wire, b"DATA", chunk)
    wire.send(b"DONE" + struct.pack("<I", int(time.time())))
    word, _ = _head(wire)
    if word != b"OKAY":
        raise Strange(f"it answered {word!r}")


def put(wire: Wire, word: bytes, data: bytes) -> None:
    wire.send(word + struct.pack("<I", len(data)) + data)


def _head(wire: Wire) -> tuple[bytes, int]:
    word, size = struct.unpack("<4sI", wire.read(8))
    if word == b"FAIL":
        raise Refused(wire.read(size).decode("utf-8", "replace"))
    return word, size


def received(wire: Wire, remote: str) -> Iterator[bytes]:
    """The pieces of a file on the phone. Raises AdbTrouble; Refused when it cannot be read."""
    put(wire, b"RECV", remote.encode())
    while True:
        word, size = _head(wire)
        if word == b"DONE":
            return
        if word != b"DATA":
            raise Strange(f"it answered {word!r}")
        yield wire.read(size)
