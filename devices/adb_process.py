"""A process on a phone: a two-way stream over adb's shell protocol, and surely ending what it started.

A process and all that it starts carry JOB_VARIABLE in their environment, so that what a lost link left running can be
found again, and nothing but ours is ever ended.
"""

from __future__ import annotations

import contextlib
import queue
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.base.errors import NotMeasuredError
from bench.base.process import (
    DRAIN_S,
    STDERR_LINE_BYTES,
    STDERR_TAIL_LINES,
    ChildEnded,
    ChildTimeout,
    LinkLost,
)
from bench.devices.adb_link import CLOSE_STDIN, EXIT, STDERR, STDIN, STDOUT, Frames, Link, frame, returncode
from bench.devices.adb_wire import SHORT_S, AdbTrouble, Stalled, Wire

JOB_VARIABLE = "BENCH_JOB"
KILL_S = 5.0  # for one attempt to end something on the phone
RECONNECT_S = 5.0  # how long a lost phone is waited for, to end what runs on it
_END = object()


def command_line(argv: list[str], env: Mapping[str, str], cwd: str | None, job: str) -> str:
    """What the phone's shell is given: it tells its process id in the first line and becomes the program.

    adb's daemon starts it as the leader of a session. Exit code 126 or 127 before that line: it cannot be started.
    """
    program = shlex.quote(argv[0])
    if "/" in argv[0]:
        check = f"[ -f {program} ] || {{ echo 'no such file' >&2; exit 127; }}; "
        check += f"[ -x {program} ] || {{ echo 'it may not be executed' >&2; exit 126; }}; "
    else:
        check = f"command -v {program} >/dev/null || {{ echo 'no such program on the phone' >&2; exit 127; }}; "
    folder = f"cd {shlex.quote(cwd)} || exit 126; " if cwd else ""
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in {**env, JOB_VARIABLE: job}.items())
    return f"{folder}{check}{exports}echo $$; exec {shlex.join(argv)}"


def end_jobs(link: Link, mark: str, timeout_s: float = KILL_S, group: int | None = None) -> None:
    """Kill every process on the phone whose JOB_VARIABLE starts with `mark`, and the process group `group`.

    Raises NotMeasuredError when the phone cannot be reached or something goes on in spite of it.
    """
    pattern = shlex.quote(f"{JOB_VARIABLE}={mark}")
    first = f"kill -9 -{group} 2>/dev/null; " if group else ""
    # A process may start another one while we look, and takes a moment to go.
    result = link.shell(
        f"{first}for i in 1 2 3 4 5 6 7 8 9; do "
        f"found=$(grep -lzsF -e {pattern} /proc/[0-9]*/environ); "
        '[ -n "$found" ] || exit 0; '
        "for file in $found; do id=${file#/proc/}; kill -9 ${id%/environ} 2>/dev/null; done; "
        "sleep 0.1; done; exit 1",
        timeout_s,
    )
    if result.returncode != 0:
        raise NotMeasuredError(
            f"cannot end what an earlier run left on {link.title}",
            result.stderr.strip() or "it goes on in spite of being killed",
            "Restart the phone.",
        )


class AdbProcess:
    """A program that runs on a phone (bench.base.process.Process).

    One thread waits on the link: it uses no CPU, here or there, while the program measures.
    """

    def __init__(self, link: Link, wire: Wire, job: str, left: Callable[[], None]) -> None:
        """job: its mark; left: called when it could not be ended for sure, since the phone was out of reach."""
        self._link = link
        self._wire = wire
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
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    @classmethod
    def start(
        cls,
        link: Link,
        argv: list[str],
        *,
        env: Mapping[str, str] | None,
        cwd: Path | None,
        job: str,
        left: Callable[[], None],
    ) -> AdbProcess:
        """Raises NotMeasuredError when it cannot be started."""
        asked = f"cannot start {argv[0]} on {link.title}"
        command = command_line(argv, env or {}, cwd.as_posix() if cwd else None, job)
        with link.errors(asked):
            wire = link.open(f"shell,v2,raw:{command}")
        process = cls(link, wire, job, left)
        try:
            process._pid = int(process.read_line(SHORT_S))
        except BaseException as error:
            process.close()
            if isinstance(error, LinkLost):
                raise NotMeasuredError(asked, error.reason) from None
            if isinstance(error, ChildTimeout):
                raise NotMeasuredError(asked, *link.diagnosis(Stalled())) from None
            if isinstance(error, ChildEnded | ValueError):
                found = process.stderr_tail(5) or "the phone's shell ended"
                raise NotMeasuredError(asked, found, "Check that the program is there and may be executed.") from None
            raise
        return process

    def _pump(self) -> None:
        frames = Frames()
        try:
            while self._code is None and not self._lost:
                with contextlib.suppress(Stalled):  # a program may be silent for as long as it likes
                    for kind, data in frames.feed(self._wire.receive(1 << 16)):
                        self._take(kind, data)
        except AdbTrouble as error:
            if not self._closed and not self._lost:
                self._lost = ". ".join(filter(None, self._link.diagnosis(error)))
        if self._half_error:
            self._errors.append(self._half_error.decode("utf-8", "replace"))
        self._ended.set()
        self._lines.put(_END)

    def _take(self, kind: int, data: bytes) -> None:
        if kind == STDOUT:
            first, *others = data.split(b"\n")
            self._pieces.append(first)
            for other in others:
                self._lines.put(b"".join(self._pieces))
                self._pieces = [other]
        elif kind == STDERR:
            # Bounded: a progress bar may never end its line.
            *whole, self._half_error = (self._half_error[-STDERR_LINE_BYTES:] + data).split(b"\n")
            self._errors.extend(line.decode("utf-8", "replace") for line in whole)
        elif kind == EXIT:
            self._code = returncode(data)

    def write_line(self, data: bytes) -> None:
        """Send one line. Raises ChildEnded when nobody reads any more, LinkLost."""
        if self._ended.is_set() or self._closed:
            raise self._end()
        try:
            self._wire.send(frame(STDIN, data + b"\n"))
        except Stalled:
            self._lost = f"it has taken no input for {SHORT_S:g} s"  # and a part of the line may be there
            raise self._end() from None
        except AdbTrouble:
            self._ended.wait(SHORT_S)
            raise self._end() from None

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

        Some 10 s more where the phone is out of reach; what goes on there is then ended before the next one starts.
        """
        if self._closed:
            return self._code
        if not self._ended.is_set():
            with contextlib.suppress(AdbTrouble):
                self._wire.send(frame(CLOSE_STDIN))
            if grace_s:
                self._ended.wait(grace_s)
        if self._ended_for_sure():
            self._ended.wait(KILL_S)
        else:
            self._left()
        self._closed = True
        self._wire.close()  # where the phone hears of it, its adb daemon sends the program a SIGHUP
        self._thread.join(DRAIN_S)
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
