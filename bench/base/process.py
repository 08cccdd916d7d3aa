"""Child processes: a line-based two-way stream with deadlines, whose whole process group ends with us."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

STDERR_TAIL_LINES = 2000
STDERR_LINE_BYTES = 16_384
DRAIN_S = 1.0
_END = object()


class ChildTimeout(Exception):
    """No line came before the deadline."""


class ChildEnded(Exception):
    """The child closed its output. returncode: as subprocess gives it (negative: killed by that signal)."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__(returncode)
        self.returncode = returncode


class LinkLost(ChildEnded):
    """The way to the device broke while a process ran there: what became of it is not known. reason: in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(None)
        self.reason = reason


def signal_name(returncode: int | None) -> str:
    """`SIGSEGV` for -11; empty when no signal ended the process."""
    if returncode is None or returncode >= 0:
        return ""
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


class Process(Protocol):
    """A process with a two-way stream to it, here (`Child`) or on another device."""

    def write_line(self, data: bytes) -> None:
        """Send one line. Raises ChildEnded when nobody reads any more."""
        ...

    def read_line(self, timeout_s: float) -> bytes:
        """The next line of stdout, without its end. Raises ChildTimeout, ChildEnded, LinkLost."""
        ...

    def stderr_tail(self, lines: int = 40) -> str: ...

    def wait(self, timeout_s: float) -> int | None:
        """The return code (negative: ended by that signal), or None when the process still runs then."""
        ...

    def kill(self) -> None:
        """End it and what it started. Does not wait, and does not raise."""
        ...

    def close(self, grace_s: float = 0.0) -> int | None:
        """Close its input, wait `grace_s` for it to leave by itself, then kill; the return code if known."""
        ...


class Child:
    """A process in a group of its own. Lines of stdout are read with a deadline; stderr is kept (its tail).

    Two threads only wait on the pipes: they use no CPU while the child measures.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self._stdin = process.stdin
        self._closed = False
        self._lines: queue.Queue[object] = queue.Queue()
        self._errors: deque[str] = deque(maxlen=STDERR_TAIL_LINES)
        self._threads = [
            threading.Thread(target=self._pump_lines, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._pump_errors, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def start(cls, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        """Start `argv` with pipes. env: added to ours. Raises OSError when it cannot be started."""
        # A new session: Ctrl-C on our terminal is ours to handle, and killpg reaches whatever the child starts.
        group: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            bufsize=0,
            **group,
        )
        return cls(process)

    def _pump_lines(self, stream: IO[bytes]) -> None:
        pieces: list[bytes] = []  # of the line that has no end yet; what a crash cut off is no line
        # os.read: a line must come through when it is written, not when some buffer is full.
        while chunk := os.read(stream.fileno(), 1 << 16):
            first, *others = chunk.split(b"\n")
            pieces.append(first)
            for other in others:
                self._lines.put(b"".join(pieces))
                pieces = [other]
        self._lines.put(_END)

    def _pump_errors(self, stream: IO[bytes]) -> None:
        pending = b""
        while chunk := os.read(stream.fileno(), 1 << 16):
            # Bounded: a progress bar may never end its line.
            *whole, pending = (pending[-STDERR_LINE_BYTES:] + chunk).split(b"\n")
            self._errors.extend(line.decode("utf-8", "replace") for line in whole)
        if pending:
            self._errors.append(pending.decode("utf-8", "replace"))

    def write_line(self, data: bytes) -> None:
        """Send one line. Raises ChildEnded when nobody reads any more.

        Blocks while the pipe (64 KiB) is full and the child does not read.
        """
        left = memoryview(data + b"\n")
        try:
            while left:  # unbuffered: one write may take a part only
                left = left[self._stdin.write(left) :]
        except (OSError, ValueError):  # ValueError: after close()
            raise ChildEnded(self.wait(5.0)) from None

    def read_line(self, timeout_s: float) -> bytes:
        """The next line of stdout. Raises ChildTimeout or ChildEnded."""
        item = self._next(max(timeout_s, 0.0))
        if item is None:
            if self.process.poll() is None:
                raise ChildTimeout
            # It ended, and no end came: either that is still in the pipe, or what it started holds its output.
            item = self._next(DRAIN_S)
        if isinstance(item, bytes):
            return item
        self._lines.put(_END)  # the end stays the end for later calls
        raise ChildEnded(self.wait(5.0))

    def _next(self, timeout_s: float) -> object | None:
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def stderr_tail(self, lines: int = 40) -> str:
        """The last lines of stderr; waits a moment for what is still in the pipe of a process that ended."""
        if self.process.poll() is not None:
            self._threads[1].join(DRAIN_S)
        return "\n".join(list(self._errors)[-lines:])

    def wait(self, timeout_s: float) -> int | None:
        """The return code, or None when the process still runs then."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self, grace_s: float = 0.0) -> int | None:
        """End it: close stdin, wait `grace_s` for it to leave by itself, then kill its whole group.

        The return code; None when not even that ended it within 5 s.
        """
        if self._closed:
            return self.process.returncode
        with contextlib.suppress(OSError):
            self._stdin.close()
        if grace_s:
            self.wait(grace_s)
        self.kill()
        self._closed = True
        code = self.wait(5.0)
        for thread, stream in zip(self._threads, (self.process.stdout, self.process.stderr), strict=True):
            thread.join(DRAIN_S)
            if stream is not None and not thread.is_alive():
                stream.close()
        return code

    def kill(self) -> None:
        """Kill the process group: also what the child started, and also when the child itself is gone."""
        if self._closed:  # its number may be that of a stranger's group by now
            return
        if sys.platform == "win32":
            self.process.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
