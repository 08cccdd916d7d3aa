"""One connection to adb's server, on adbutils' socket: requests, answers, and three ways in which it fails.

Nothing here starts or ends a server. The protocol: OVERVIEW.TXT and SERVICES.TXT of Android's packages/modules/adb.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bench.base.errors import UsageError

SHORT_S = 20.0  # for an answer that takes a moment; a stalled link must not hold us
_CONNECT_S = 3.0


class AdbTrouble(Exception):
    """Talking to adb's server failed; the text says how."""


class Refused(AdbTrouble):
    """The server or the phone answered FAIL with this text."""


class Stalled(AdbTrouble):
    """No answer came in time."""


class Cut(AdbTrouble):
    """The connection ended before the answer."""


class Strange(AdbTrouble):
    """The answer is none of adb's protocol."""


class NoServer(AdbTrouble):
    """Nothing listens there."""


class Address(NamedTuple):
    """Where the server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def server_address(environ: Mapping[str, str] = os.environ) -> Address:
    """As adb has it: ADB_SERVER_SOCKET=tcp:HOST:PORT, else ANDROID_ADB_SERVER_ADDRESS and ANDROID_ADB_SERVER_PORT.

    Raises UsageError for what is no port.
    """
    name, host = "ANDROID_ADB_SERVER_PORT", environ.get("ANDROID_ADB_SERVER_ADDRESS") or "127.0.0.1"
    port = environ.get(name) or "5037"
    if environ.get("ADB_SERVER_SOCKET"):
        name = "ADB_SERVER_SOCKET"
        kind, _, where = environ[name].partition(":")
        host, _, port = where.rpartition(":")
        host, port = host or "127.0.0.1", port if kind == "tcp" else ""
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(
            f"{name}={environ[name]}",
            "this names no TCP port of an adb server",
            "Set it to the server's port, or unset it for 5037.",
        )
    return Address(host, int(port))


class Wire:
    """An open connection. Every method raises an AdbTrouble; `timeout_s` holds for each send and each receive."""

    def __init__(self, address: Address, timeout_s: float = SHORT_S) -> None:
        try:  # adbutils would start a server by itself, and at that end one that does not answer
            socket.create_connection(address, timeout=_CONNECT_S).close()
        except OSError as error:
            raise NoServer(str(error)) from None
        adbutils = importlib.import_module("adbutils")  # 0.26 s, so not at the top
        self._trouble: tuple[type[Exception], ...] = (adbutils.AdbError, ValueError)
        self._late: type[Exception] = importlib.import_module("adbutils.errors").AdbTimeout
        with self._translated():
            client = adbutils.AdbClient(host=address.host, port=address.port)
            self._connection: Any = client.make_connection(timeout=timeout_s)
        self._socket: socket.socket = self._connection.conn
        with contextlib.suppress(OSError):  # a line goes out when it is written
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, text: str) -> None:
        """Send a request and take OKAY for it."""
        with self._translated():
            self._connection.send_command(text)
        self.status()

    def status(self) -> None:
        """Take OKAY. Raises Refused for FAIL, Strange for what is neither."""
        word = self.read(4)
        if word == b"FAIL":
            raise Refused(self.block())
        if word != b"OKAY":
            raise Strange(f"it answered {word!r}")

    def block(self) -> str:
        """A text behind its length in four hex digits."""
        head = self.read(4)
        try:
            size = int(head, 16)
        except ValueError:
            raise Strange(f"it answered {head!r}") from None
        return self.read(size).decode("utf-8", "replace")

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        with self._translated():
            return bytes(self._connection.read_exact(size))

    def receive(self, size: int) -> bytes:
        """What is there, one byte at least and `size` at most. Raises Cut at the end."""
        with self._translated():
            data = self._socket.recv(size)
        if not data:
            raise Cut("the connection ended")
        return data

    def send(self, data: bytes | memoryview) -> None:
        with self._translated():
            self._socket.sendall(data)

    def limit(self, timeout_s: float | None) -> None:
        """What each send and receive may take from now on."""
        with self._translated():
            self._socket.settimeout(None if timeout_s is None else max(timeout_s, 0.001))

    def close(self) -> None:
        """Also ends a `read` that waits in another thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()  # not adbutils' close(), which sleeps

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (self._late, TimeoutError):
            raise Stalled("no answer in time") from None
        except (EOFError, OSError) as error:
            raise Cut(f"the connection ended ({error})") from None
        except self._trouble as error:
            raise Strange(str(error)) from None
