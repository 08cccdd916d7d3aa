"""A process on another device: a two-way stream, and surely ending what it started, however that is carried."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from bench.base.errors import NotMeasuredError
from bench.base.process import STDERR_LINE_BYTES, STDERR_TAIL_LINES, ChildEnded, ChildTimeout, LinkLost
from bench.devices.remote import Remote
from bench.devices.remote_jobs import KILL_S, end_jobs

RECONNECT_S = 5.0  # how long a lost device is waited for, to end what runs on it
_END = object()


class RemoteProcess:
    """A program that runs on another device (bench.base.process.Process).

    A kind of device carries its streams: it calls `_take_stdout`, `_take_stderr` and at last `_finish`, and gives
    `_send`, `_close_stdin` and `_hang_up`.
    """

    def __init__(self, link: Remote, job: str, left: Callable[[], None]) -> None:
        """job: its mark; left: called when it could not be ended for sure, since the device was out of reach."""
        self._link = link
        self._job = job
        self._left = left
        self._lines: queue.Queue[object] = queue.Queue()
        self._errors: deque[str] = deque(maxlen=STDERR_TAIL_LINES)
        self._ended = threading.Event()
        self._code: int | None = None
        self._lost = ""
        self._closed = False
        self._pid: int | None = None
        self._pieces: list[bytes] = []  # of the line that has no end yet; what a crash cut off is no line
        self._half_error = b""

    def _send(self, data: bytes) -> None:
        """Send bytes to its stdin. Sets `_lost` or raises ChildEnded when they cannot be."""
        raise NotImplementedError

    def _close_stdin(self) -> None:
        """Does not raise."""
        raise NotImplementedError

    def _hang_up(self) -> None:
        """Give up the stream, after the end. Does not raise."""
        raise NotImplementedError

    def _take_stdout(self, data: bytes) -> None:
        first, *others = data.split(b"\n")
        self._pieces.append(first)
        for other in others:
            self._lines.put(b"".join(self._pieces))
            self._pieces = [other]

    def _take_stderr(self, data: bytes) -> None:
        # Bounded: a progress bar may never end its line.
        *whole, self._half_error = (self._half_error[-STDERR_LINE_BYTES:] + data).split(b"\n")
        self._errors.extend(line.decode("utf-8", "replace") for line in whole)

    def _finish(self) -> None:
        """Nothing more will come. `_code` or `_lost` was set before."""
        if self._half_error:
            self._errors.append(self._half_error.decode("utf-8", "replace"))
            self._half_error = b""
        self._ended.set()
        self._lines.put(_END)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def write_line(self, data: bytes) -> None:
        """Send one line. Raises ChildEnded when nobody reads any more, LinkLost."""
        if self._ended.is_set() or self._closed:
            raise self._end()
        self._send(data + b"\n")

    def read_line(self, timeout_s: float) -> bytes:
        """The next line of stdout. Raises ChildTimeout, ChildEnded, LinkLost."""
        try:
            item = self._lines.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            raise ChildTimeout from None
        if isinstance(item, bytes):
            return item
        self._lines.put(_END)  # the end stays the end for later calls
        raise self._end()

    def _end(self) -> ChildEnded:
        return LinkLost(self._lost) if self._lost else ChildEnded(self._code)

    def stderr_tail(self, lines: int = 40) -> str:
        return "\n".join(list(self._errors)[-lines:])

    def wait(self, timeout_s: float) -> int | None:
        """The return code; None when it still runs then, or when the link was lost."""
        self._ended.wait(max(timeout_s, 0.0))
        return self._code

    def kill(self) -> None:
        """Kill its process group and all that carries its mark, over another connection: at most KILL_S."""
        if not self._closed:
            with contextlib.suppress(NotMeasuredError):
                self._kill(KILL_S)

    def _kill(self, timeout_s: float) -> None:
        running = self._code is None and not self._lost  # else its number may be that of a stranger's group by now
        end_jobs(self._link, self._job, timeout_s, self._pid if running else None)

    def close(self, grace_s: float = 0.0) -> int | None:
        """Close its input, wait `grace_s`, kill all of it; the return code if known.

        Some 10 s more where the device is out of reach; what goes on there is then ended before the next one starts.
        """
        if self._closed:
            return self._code
        if not self._ended.is_set():
            self._close_stdin()
            if grace_s:
                self._ended.wait(grace_s)
        if self._ended_for_sure():
            self._ended.wait(KILL_S)
        else:
            self._left()
        self._closed = True
        self._hang_up()
        return self._code

    def _ended_for_sure(self) -> bool:
        end = time.monotonic() + RECONNECT_S
        while True:
            try:
                self._kill(KILL_S)
                return True
            except NotMeasuredError:
                if time.monotonic() >= end:
                    return False
                time.sleep(0.2)
