"""A process on a phone: a two-way stream over adb's shell protocol."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.base.errors import NotMeasuredError
from bench.base.process import DRAIN_S, ChildEnded, ChildTimeout, LinkLost
from bench.devices.adb_link import CLOSE_STDIN, EXIT, STDERR, STDIN, STDOUT, Frames, Link, frame, returncode
from bench.devices.adb_wire import SHORT_S, AdbTrouble, Stalled, Wire
from bench.devices.remote_jobs import JOB_VARIABLE, command_line, end_jobs
from bench.devices.remote_process import RemoteProcess

__all__ = ["JOB_VARIABLE", "AdbProcess", "end_jobs"]


class AdbProcess(RemoteProcess):
    """A program that runs on a phone; adb's daemon starts it as the leader of a session.

    One thread waits on the link: it uses no CPU, here or there, while the program measures.
    """

    def __init__(self, link: Link, wire: Wire, job: str, left: Callable[[], None]) -> None:
        super().__init__(link, job, left)
        self._phone = link
        self._wire = wire
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
                self._lost = ". ".join(filter(None, self._phone.diagnosis(error)))
        self._finish()

    def _take(self, kind: int, data: bytes) -> None:
        if kind == STDOUT:
            self._take_stdout(data)
        elif kind == STDERR:
            self._take_stderr(data)
        elif kind == EXIT:
            self._code = returncode(data)

    def _send(self, data: bytes) -> None:
        try:
            self._wire.send(frame(STDIN, data))
        except Stalled:
            self._lost = f"it has taken no input for {SHORT_S:g} s"  # and a part of the line may be there
            raise self._end() from None
        except AdbTrouble:
            self._ended.wait(SHORT_S)
            raise self._end() from None

    def _close_stdin(self) -> None:
        with contextlib.suppress(AdbTrouble):
            self._wire.send(frame(CLOSE_STDIN))

    def _hang_up(self) -> None:
        self._wire.close()  # where the phone hears of it, its adb daemon sends the program a SIGHUP
        self._thread.join(DRAIN_S)
