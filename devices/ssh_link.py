"""The way to one board: short commands on it with a deadline, bytes to and from it, and what went wrong in words."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import secrets
from collections.abc import Generator, Iterable, Iterator

import asyncssh

from bench.base.errors import NotMeasuredError
from bench.devices import ssh_connect
from bench.devices.remote import SHORT_S, ShellResult
from bench.devices.ssh_loop import loop, wait_for
from bench.devices.ssh_shell import enclosed
from bench.devices.ssh_stream import Finish, Stream, Take
from bench.devices.ssh_words import Target

STALL_S = 30.0  # a transfer in which nothing moves for so long is given up
_PIECE = 1 << 18
_AHEAD = 16  # pieces of a file that wait to be written here


class SshLink:
    """One board; connected when it is first used, and anew when the connection was lost. title: for people.

    connections: how many there were. May be used from any thread.
    """

    def __init__(self, target: Target, title: str) -> None:
        self.target = target
        self.title = title
        self.connections = 0
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: ssh_connect.Client | None = None
        self._lock: asyncio.Lock | None = None

    def shell(self, command: str, timeout_s: float = SHORT_S) -> ShellResult:
        """Run a command in the board's /bin/sh. Raises NotMeasuredError when the board or the way to it fails."""
        with self.errors(f"cannot ask {self.title}", timeout_s):
            return wait_for(self._asked(command, None, timeout_s))

    def send(self, command: str, pieces: Iterable[bytes], timeout_s: float = SHORT_S) -> ShellResult:
        """Run a command with these bytes as its input. timeout_s: for its answer to all of them, and to each."""
        with self.errors(f"cannot send to {self.title}", timeout_s):
            return wait_for(self._asked(command, pieces, timeout_s))

    def receive(self, command: str) -> Generator[bytes, None, None]:
        """What a command prints, in pieces. Raises NotMeasuredError, also when the command fails."""
        found: queue.Queue[bytes | None] = queue.Queue()
        asked = f"cannot fetch from {self.title}"
        errors: list[bytes] = []
        held: list[Stream] = []

        def take(of_stderr: bool, data: bytes) -> None:
            (errors.append if of_stderr else found.put)(data)
            if held and found.qsize() > _AHEAD:
                held[0].pause()

        with self.errors(asked, STALL_S):
            stream = self.open(command, take, lambda _: found.put(None))
        held.append(stream)
        try:
            while (piece := self._next(found, asked)) is not None:
                yield piece
                if found.qsize() <= _AHEAD:
                    loop().call_soon_threadsafe(stream.resume)
        finally:
            loop().call_soon_threadsafe(stream.close)
        if stream.code != 0:
            found_words = b"".join(errors).decode("utf-8", "replace").strip() or self.lost_words(stream)
            raise NotMeasuredError(asked, found_words)

    @staticmethod
    def _next(found: queue.Queue[bytes | None], asked: str) -> bytes | None:
        try:
            return found.get(timeout=STALL_S)
        except queue.Empty:
            raise NotMeasuredError(asked, f"nothing came for {STALL_S:g} s", "Check the network.") from None

    def open(self, script: str, take: Take, finish: Finish) -> Stream:
        """Start a command; `take` and `finish` are called in the loop's thread.

        Raises NotMeasuredError, TimeoutError, asyncssh.Error.
        """
        return wait_for(self._open(script, take, finish))

    async def _asked(self, command: str, pieces: Iterable[bytes] | None, timeout_s: float) -> ShellResult:
        output: tuple[list[bytes], list[bytes]] = [], []
        stream = await self._open(command, lambda of_stderr, data: output[of_stderr].append(data), lambda _: None)
        try:
            for piece in pieces or ():
                stream.write(piece)
                await stream.drained(max(timeout_s, STALL_S))
                if stream.ended.is_set():
                    break
            stream.write_eof()
            await asyncio.wait_for(stream.ended.wait(), timeout_s)
        finally:
            stream.close()
        if stream.code is None:
            raise ConnectionResetError(self.lost_words(stream))
        if not stream.began:
            said = stream.noise[-200:] or f"exit code {stream.code}"
            raise NotMeasuredError(
                f"cannot ask {self.title}",
                f"its login shell runs no command: {said}",
                f"It must be able to: {self.target.ssh()} 'exec /bin/sh -c true'",
            )
        stdout, stderr = (b"".join(part).decode("utf-8", "surrogateescape") for part in output)
        return ShellResult(stdout, stderr, stream.code)

    async def _open(self, script: str, take: Take, finish: Finish) -> Stream:
        connection = await self._connected()
        mark = f"bench:{secrets.token_hex(8)}"
        command = enclosed(script, mark)
        # No terminal and nothing forwarded, whatever the user's configuration has for people.
        opening = connection.create_session(
            lambda: Stream(mark, take, finish), command, encoding=None, request_pty=False, x11_forwarding=False
        )
        _, stream = await asyncio.wait_for(opening, SHORT_S)
        return stream  # type: ignore[return-value]

    async def _connected(self) -> asyncssh.SSHClientConnection:
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._connection is None or self._client is None or self._client.lost.is_set():
                self._connection, self._client = await ssh_connect.connect(self.target)
                self.connections += 1
            return self._connection

    def lost_words(self, stream: Stream) -> str:
        """Why a stream ended without an exit code."""
        error = stream.lost or (self._client.why if self._client is not None else None)
        said = str(error) if error is not None else ""
        if "keepalive" in said:
            said = "it no longer answers"
        elif isinstance(error, asyncssh.ConnectionLost | OSError) or not said:
            said = "its SSH server ended, or the connection was cut"
        return f"the connection to it was lost: {said}"

    @contextlib.contextmanager
    def errors(self, asked: str, timeout_s: float) -> Iterator[None]:
        """Turn what may happen on the way into NotMeasuredError with what is known."""
        try:
            yield
        except TimeoutError:
            raise NotMeasuredError(
                asked, f"no answer within {timeout_s:g} s", "Is it very busy, or the network slow? Try again."
            ) from None
        except asyncssh.ChannelOpenError as error:
            todo = "Raise MaxSessions in its sshd_config, or end other connections."
            raise NotMeasuredError(asked, f"it opens no further session: {error}", todo) from None
        except (OSError, asyncssh.Error) as error:
            raise NotMeasuredError(asked, str(error), "Check the network, and start the run anew.") from None

    def cut(self) -> None:
        """Give up the connection: what runs on it there ends."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            loop().call_soon_threadsafe(connection.abort)
