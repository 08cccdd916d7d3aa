"""A process on a board: a two-way stream over a session of the connection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import asyncssh

from bench.base.errors import NotMeasuredError
from bench.base.process import ChildEnded, ChildTimeout, LinkLost
from bench.devices.remote import SHORT_S
from bench.devices.remote_jobs import command_line
from bench.devices.remote_process import RemoteProcess
from bench.devices.ssh_link import SshLink
from bench.devices.ssh_loop import loop, wait_for
from bench.devices.ssh_stream import Stream


class SshProcess(RemoteProcess):
    """A program that runs on a board; sshd starts it as the leader of a session.

    The loop's thread waits on the socket: it uses no CPU, here or there, while the program measures.
    """

    def __init__(self, link: SshLink, job: str, left: Callable[[], None]) -> None:
        super().__init__(link, job, left)
        self._board = link
        self._stream: Stream | None = None

    @classmethod
    def start(
        cls,
        link: SshLink,
        argv: list[str],
        *,
        env: Mapping[str, str] | None,
        cwd: Path | None,
        job: str,
        left: Callable[[], None],
        guard: str = "",
    ) -> SshProcess:
        """guard: shell commands that come first, and may refuse. Raises NotMeasuredError when it cannot be started."""
        asked = f"cannot start {argv[0]} on {link.title}"
        script = guard + command_line(argv, env or {}, cwd.as_posix() if cwd else None, job)
        process = cls(link, job, left)
        with link.errors(asked, SHORT_S):
            process._stream = link.open(script, process._take, process._ended_there)
        try:
            process._pid = int(process.read_line(SHORT_S))
        except BaseException as error:
            process.close()
            if isinstance(error, LinkLost):
                raise NotMeasuredError(asked, error.reason) from None
            if isinstance(error, ChildTimeout):
                raise NotMeasuredError(asked, f"no answer within {SHORT_S:g} s", "Is it very busy?") from None
            if isinstance(error, ChildEnded | ValueError):
                found = process.stderr_tail(5) or process._stream.noise or "its shell ended"
                raise NotMeasuredError(asked, found, "Check that the program is there and may be executed.") from None
            raise
        return process

    def _take(self, of_stderr: bool, data: bytes) -> None:
        (self._take_stderr if of_stderr else self._take_stdout)(data)

    def _ended_there(self, stream: Stream) -> None:
        self._code = stream.code
        if stream.code is None and not self._closed:
            self._lost = self._board.lost_words(stream)
        self._finish()

    def _send(self, data: bytes) -> None:
        assert self._stream is not None
        try:
            wait_for(_sent(self._stream, data), 2 * SHORT_S)
        except TimeoutError:
            self._lost = f"it has taken no input for {SHORT_S:g} s"  # and a part of the line may be there
        except (OSError, asyncssh.Error):
            self._ended.wait(SHORT_S)
        else:
            return
        raise self._end()

    def _close_stdin(self) -> None:
        if self._stream is not None:
            loop().call_soon_threadsafe(self._stream.write_eof)

    def _hang_up(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(RuntimeError):
                loop().call_soon_threadsafe(self._stream.close)


async def _sent(stream: Stream, data: bytes) -> None:
    stream.write(data)
    await stream.drained(SHORT_S)
