"""A slow way to a board of `sshd`, which can fall silent."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

from sshd import Board


class Way:
    """A way to a board that takes `delay_s` each time, and can fall silent without an end, as a pulled cable does."""

    def __init__(self, board: Board, delay_s: float = 0.0) -> None:
        self._board, self._delay_s = board, delay_s
        self._silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        known = board.client / ".ssh" / "known_hosts"
        known.write_text(known.read_text().replace(f":{board.port} ", f":{self.port} "))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def table(self) -> dict[str, Any]:
        return {**self._board.table, "port": self.port}

    def fall_silent(self) -> None:
        self._silent.set()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._board.port))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                time.sleep(self._delay_s)
                if self._silent.is_set():
                    threading.Event().wait()
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
