"""A process whose streams are recorded, and one that is played from a recording."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError, ExitCode
from bench.base.paths import storage_error
from bench.base.process import STDERR_TAIL_LINES, ChildEnded, ChildTimeout, LinkLost, Process
from bench.devices.recording_format import FILES, Event, Failure, Folders, Writer, as_bytes, as_text

SHOWN = 300  # signs of a line in an error


class RecordedProcess:
    """A process as it is (bench.base.process.Process); what it is told and tells is written as it happens."""

    def __init__(self, process: Process, writer: Writer, number: int) -> None:
        self._process = process
        self._writer = writer
        self._number = number
        self._folders = Folders()
        self._stderr = ""

    def _add(
        self, call: str, *, asked: dict[str, Any] | None = None, answer: Any = None, error: ChildEnded | None = None
    ) -> None:
        failure = None if error is None else _failure(error)
        self._writer.add(Event(call=call, process=self._number, asked=asked or {}, answer=answer, error=failure))

    def write_line(self, data: bytes) -> None:
        asked = {"line": as_text(self._folders.hide(data, told=True))}
        try:
            self._process.write_line(data)
        except ChildEnded as ended:
            self._add("write", asked=asked, error=ended)
            raise
        self._add("write", asked=asked)

    def read_line(self, timeout_s: float) -> bytes:
        try:
            line = self._process.read_line(timeout_s)
        except ChildTimeout:
            self._writer.add(Event(call="read", process=self._number, error=Failure(type="timeout")))
            raise
        except ChildEnded as ended:
            self._add("read", error=ended)
            raise
        kept = {hidden: self._writer.keep(path) for hidden, path in self._folders.files(line) if path.is_file()}
        asked = {"files": kept} if kept else {}
        self._add("read", asked=asked, answer=as_text(self._folders.hide(line)))
        return line

    def stderr_tail(self, lines: int = 40) -> str:
        text = self._process.stderr_tail(lines)
        self._keep_stderr()
        return text

    def _keep_stderr(self) -> None:
        """All of it, since a later reader may want more lines than were asked for."""
        text = self._process.stderr_tail(STDERR_TAIL_LINES)
        if text != self._stderr:
            self._stderr = text
            self._add("stderr", answer=text)

    def wait(self, timeout_s: float) -> int | None:
        code = self._process.wait(timeout_s)
        self._add("wait", answer=code)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._add("kill")

    def close(self, grace_s: float = 0.0) -> int | None:
        code = self._process.close(grace_s)
        self._keep_stderr()
        self._add("close", answer=code)
        return code


def _failure(error: ChildEnded) -> Failure:
    if isinstance(error, LinkLost):
        return Failure(type="lost", found=error.reason)
    return Failure(type="ended", returncode=error.returncode)


class MismatchError(BenchError):
    """What is asked of a replay is not what was asked when it was recorded.

    No NotMeasuredError: where one of these is expected and lived with, a replay would go on as something else.
    """

    exit_code = ExitCode.NOT_MEASURED
    kind = "replay"


Differ = Callable[[str, str], MismatchError]
"""Makes the error for (what was asked, what the recording has)."""


class ReplayedProcess:
    """Plays the streams of a recorded process in their order (bench.base.process.Process), without its waiting times.

    elapsed_ns: how long after its start the last line came or went when it was recorded.
    """

    def __init__(self, folder: Path, spawn: Event, events: Sequence[Event], differ: Differ) -> None:
        """events: of this process, behind `spawn`."""
        self._folder = folder
        self._differ = differ
        self._begun_s = spawn.at_s
        self._streams = [event for event in events if event.call in ("write", "read")]
        self._next = 0
        self._errors = next((str(event.answer) for event in reversed(events) if event.call == "stderr"), "")
        codes = [event.answer for event in events if event.call in ("wait", "close")]
        codes += [event.error.returncode for event in events if event.error is not None and event.error.type == "ended"]
        self._code: int | None = next((code for code in codes if code is not None), None)
        self._folders = Folders()
        self.elapsed_ns = 0

    def _event(self, call: str, asked: str) -> Event:
        if self._next >= len(self._streams):
            raise self._differ(asked, "The recording of this process ends here: it was cut off.")
        event = self._streams[self._next]
        if event.call != call and not (event.error is not None and event.error.type != "timeout"):
            was = "it was written to" if event.call == "write" else "a line was read from it"
            raise self._differ(asked, f"In the recording {was} here: {_short(event)}")
        self.elapsed_ns = int((event.at_s - self._begun_s) * 1e9)
        return event

    def write_line(self, data: bytes) -> None:
        text = as_text(self._folders.hide(data, told=True))
        event = self._event("write", f"writing {_cut(str(text))}")
        if event.call == "write" and event.asked.get("line") != text:
            raise self._differ(f"writing {_cut(str(text))}", f"The recording has: {_short(event)}")
        self._end(event)
        self._next += 1

    def read_line(self, timeout_s: float) -> bytes:
        event = self._event("read", "reading a line")
        self._end(event)
        self._next += 1
        if event.error is not None:
            raise ChildTimeout
        for hidden, facts in event.asked.get("files", {}).items():
            lay(self._folder, str(facts["sha256"]), self._folders.path(hidden), self._differ)
        return self._folders.show(as_bytes(event.answer))

    def _end(self, event: Event) -> None:
        """Raise the stream's end, which stays there for later calls."""
        if event.error is None or event.error.type == "timeout":
            return
        if event.error.type == "lost":
            raise LinkLost(event.error.found)
        raise ChildEnded(event.error.returncode)

    def stderr_tail(self, lines: int = 40) -> str:
        return "\n".join(self._errors.split("\n")[-lines:])

    def wait(self, timeout_s: float) -> int | None:
        return self._code

    def kill(self) -> None:
        pass

    def close(self, grace_s: float = 0.0) -> int | None:
        return self._code


def lay(folder: Path, sha256: str, to: Path, differ: Differ) -> None:
    """Write a file that the recording holds to a path of this host. Raises MismatchError, StorageError."""
    source = folder / FILES / sha256
    if not source.is_file():
        raise differ(f"the content of {to.name}", f"The recording has lost its file {source}")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, to)
    except OSError as error:
        raise storage_error(to, error) from None


def _short(event: Event) -> str:
    return _cut(str(event.asked.get("line") if event.call == "write" else event.answer))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
