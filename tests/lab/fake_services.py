"""What a fake phone offers over its link: the shell and the sync service of adb's daemon.

Protocols: SYNC.TXT and shell_protocol.h of Android's packages/modules/adb.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_HEAD = struct.Struct("<BI")


class Shell:
    """One command: its process, and three threads between it and the link."""

    def __init__(self, phone: Any, link: socket.socket, command: str) -> None:
        self.phone = phone
        self.link = link
        self.sending = threading.Lock()
        self.process = subprocess.Popen(
            ["sh", "-c", phone.path(command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"PATH": f"{phone.folder}/bin:/usr/local/bin:/usr/bin:/bin", "ADBD_PROPS": f"{phone.folder}/props"},
            start_new_session=True,  # as adb's daemon does
        )

    def run(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        streams = ((1, self.process.stdout), (2, self.process.stderr))
        pumps = [threading.Thread(target=self._pump, args=pair, daemon=True) for pair in streams]
        for thread in (*pumps, threading.Thread(target=self._input, daemon=True)):
            thread.start()
        for thread in pumps:
            thread.join()
        code = self.process.wait()
        self._send(3, bytes([128 - code if code < 0 else code]))

    def _pump(self, kind: int, stream: Any) -> None:
        while data := os.read(stream.fileno(), 1 << 16):
            self._send(kind, data)
        stream.close()

    def _send(self, kind: int, data: bytes) -> None:
        self.phone.going.wait()
        with self.sending, contextlib.suppress(OSError):
            self.link.sendall(_HEAD.pack(kind, len(data)) + data)

    def _input(self) -> None:
        assert self.process.stdin is not None
        try:
            while True:
                kind, size = _HEAD.unpack(exactly(self.link, _HEAD.size))
                data = exactly(self.link, size)
                self.phone.going.wait()
                with contextlib.suppress(OSError, ValueError):
                    if kind == 0:
                        self.process.stdin.write(data)
                        self.process.stdin.flush()
                    elif kind == 4:
                        self.process.stdin.close()
        except (OSError, EOFError):
            self.phone.going.wait()
            if self.phone.state() == "device" and self.process.poll() is None:
                self.process.send_signal(signal.SIGHUP)


def sync(link: socket.socket, path: Callable[[str], str], going: threading.Event) -> None:
    word, size = struct.unpack("<4sI", exactly(link, 8))
    name = exactly(link, size).decode()
    try:
        if word == b"SEND":
            _receive(link, going, Path(path(name.rpartition(",")[0])))
        else:
            data = Path(path(name)).read_bytes()
            for start in range(0, len(data), 1 << 16):
                piece = data[start : start + (1 << 16)]
                link.sendall(struct.pack("<4sI", b"DATA", len(piece)) + piece)
            link.sendall(struct.pack("<4sI", b"DONE", 0))
    except OSError as error:
        said = os.strerror(error.errno or 0).encode()
        link.sendall(struct.pack("<4sI", b"FAIL", len(said)) + said)


def _receive(link: socket.socket, going: threading.Event, to: Path) -> None:
    pieces = []
    while (head := struct.unpack("<4sI", exactly(link, 8)))[0] == b"DATA":
        pieces.append(exactly(link, head[1]))
    going.wait()
    to.write_bytes(b"".join(pieces))
    link.sendall(struct.pack("<4sI", b"OKAY", 0))


def exactly(link: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
