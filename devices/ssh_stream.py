"""One command on a board: its streams as they come, its end, and the way to its stdin. Used in the loop's thread."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import asyncssh

from bench.base.process import DRAIN_S
from bench.devices.ssh_shell import Behind

Take = Callable[[bool, bytes], None]
"""Gets each piece: whether it is of stderr, and its bytes."""
Finish = Callable[["Stream"], None]


class Stream(asyncssh.SSHClientSession[bytes]):
    """ended: when nothing more comes. code: as subprocess has it, None when it is not known. lost: why it broke."""

    def __init__(self, mark: str, take: Take, finish: Finish) -> None:
        self._take = take
        self._finish = finish
        self._out, self._err = Behind(mark), Behind(mark)
        self._loop = asyncio.get_running_loop()
        self._writable = asyncio.Event()
        self._writable.set()
        self._chan: asyncssh.SSHClientChannel[bytes] | None = None
        self.ended = asyncio.Event()
        self.code: int | None = None
        self.lost: Exception | None = None

    @property
    def began(self) -> bool:
        """Whether /bin/sh was reached behind the login shell."""
        return self._out.found

    @property
    def noise(self) -> str:
        """What the login shell printed."""
        return self._err.noise or self._out.noise

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._chan = chan

    def data_received(self, data: bytes, datatype: Any) -> None:
        of_stderr = datatype == asyncssh.EXTENDED_DATA_STDERR
        rest = (self._err if of_stderr else self._out).feed(data)
        if rest:
            self._take(of_stderr, rest)

    def eof_received(self) -> bool:
        return True  # it may still read

    def exit_status_received(self, status: int) -> None:
        self.code = status
        # What it left running may hold its streams open.
        self._loop.call_later(DRAIN_S, self._end)

    def exit_signal_received(self, name: str, core_dumped: bool, msg: str, lang: str) -> None:
        number = getattr(signal, f"SIG{name}", None)
        self.code = -int(number) if number is not None else None
        self._loop.call_later(DRAIN_S, self._end)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        if not self.ended.is_set() and self.code is None:
            self.lost = error
        self._end()

    def _end(self) -> None:
        if not self.ended.is_set():
            self.ended.set()
            self._finish(self)

    def write(self, data: bytes) -> None:
        """Without waiting. What nobody reads any more is dropped."""
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write(data)

    async def drained(self, stall_s: float) -> None:
        """Until there is room for more. Raises TimeoutError when nothing moves for so long."""
        await asyncio.wait_for(self._writable.wait(), stall_s)

    def write_eof(self) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write_eof()

    def pause(self) -> None:
        """Take no more for now: the board waits."""
        if self._chan is not None:
            self._chan.pause_reading()

    def resume(self) -> None:
        if self._chan is not None:
            self._chan.resume_reading()

    def close(self) -> None:
        if self._chan is not None:
            self._chan.close()
