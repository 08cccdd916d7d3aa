"""A recording of all that was said between the harness and a device: `exchange.jsonl`, and files by their hash.

docs/records.md has the format, so that one can be written by hand from the output of a phone that nobody has at hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from bench import __version__
from bench.base.errors import BenchError, NotMeasuredError, StorageError, UsageError
from bench.base.paths import storage_error, write_atomic

FORMAT = 1
EXCHANGE = "exchange.jsonl"
FILES = "files"
HEADER = "recording"
_ERRORS = {error.__name__: error for error in (NotMeasuredError, StorageError, UsageError)}


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error that a call ended with. type: of an error for users, or of a stream's end: timeout, ended, lost."""

    type: str
    asked: str = ""
    found: str = ""
    todo: str = ""
    returncode: int | None = None

    @classmethod
    def of(cls, error: BenchError) -> Failure:
        known = type(error).__name__ if type(error).__name__ in _ERRORS else "NotMeasuredError"
        return cls(type=known, asked=error.asked, found=error.found, todo=error.todo)

    def raised(self) -> BenchError:
        return _ERRORS.get(self.type, NotMeasuredError)(self.asked, self.found, self.todo)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call and what came of it. at_s: since the recording began; process: of a spawned one, its number from 1."""

    call: str
    at_s: float = 0.0
    process: int = 0
    asked: dict[str, Any] = {}
    answer: Any = None
    error: Failure | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the first event. device, kind: the recorded device's; recorded: when; command: what was run."""

    format: int
    device: str
    kind: str
    recorded: str
    bench: str = __version__
    command: tuple[str, ...] = ()


class Writer:
    """Appends events, each on disk when `add` returns: what a cut-off run leaves can be replayed up to there."""

    def __init__(self, folder: Path, header: Header) -> None:
        """Raises UsageError where a recording is already, StorageError."""
        self._folder = folder
        self._begun = time.monotonic()
        self._lock = threading.Lock()  # something may be spawned beside a run
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: BinaryIO = open(folder / EXCHANGE, "xb", buffering=0)  # noqa: SIM115  (as long as we)
        except FileExistsError:
            raise UsageError(
                f"--record: {folder} has a recording already", "", "Name another folder, or remove it."
            ) from None
        except OSError as error:
            raise storage_error(folder, error) from None
        self.add(Event(call=HEADER, answer=header))

    def now_s(self) -> float:
        return round(time.monotonic() - self._begun, 6)

    def add(self, event: Event) -> None:
        """Raises StorageError."""
        at_s = event.at_s or self.now_s()
        line = msgspec.json.encode(msgspec.structs.replace(event, at_s=at_s)) + b"\n"
        with self._lock:
            try:
                self._stream.write(line)
            except OSError as error:
                raise storage_error(self._folder / EXCHANGE, error) from None

    def keep(self, file: Path) -> dict[str, Any]:
        """Keep a file's content, and say which it is. Raises StorageError."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise storage_error(file, error) from None
        facts = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        place = self._folder / FILES / str(facts["sha256"])
        if not place.is_file():
            write_atomic(place, data)
        return facts


def read(folder: Path) -> tuple[Header, list[Event]]:
    """Header and the events behind it. A last line that was cut off is left out. Raises UsageError."""
    lines = _lines(folder)
    events = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(msgspec.json.decode(line, type=Event))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            if number == len(lines) and not line.endswith(b"\n"):
                break
            raise UsageError(f"{folder / EXCHANGE}, line {number}, is no event of a recording", str(error)) from None
    return _header(folder, events), events[1:]


def read_header(folder: Path) -> Header:
    """Raises UsageError."""
    try:
        with open(_exchange(folder), "rb") as stream:
            return _header(folder, [msgspec.json.decode(stream.readline(), type=Event)])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"cannot read the recording {folder}", str(error)) from None


def _header(folder: Path, events: Sequence[Event]) -> Header:
    try:
        header = msgspec.convert(events[0].answer if events and events[0].call == HEADER else None, type=Header)
    except msgspec.ValidationError as error:
        raise UsageError(f"{folder / EXCHANGE} does not begin with the event {HEADER!r}", str(error)) from None
    if header.format != FORMAT:
        raise UsageError(
            f"{folder / EXCHANGE} has format {header.format}", f"this bench reads format {FORMAT}", "Update bench."
        )
    return header


def _exchange(folder: Path) -> Path:
    """Raises UsageError."""
    path = folder / EXCHANGE
    if path.is_file():
        return path
    inside = sorted(other.parent.name for other in folder.glob(f"*/{EXCHANGE}"))
    found = f"there are some of the devices {', '.join(inside)} in it" if inside else f"it has no {EXCHANGE}"
    todo = f'recording = "{folder / inside[0]}"' if inside else "Make one: bench run --record DIR"
    raise UsageError(f"{folder} is no recording", found, todo)


def _lines(folder: Path) -> list[bytes]:
    try:
        return _exchange(folder).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"cannot read the recording {folder}", error.strerror or str(error)) from None


def folder_name(device: str) -> str:
    """A device's name as that of a folder: a serial number may be HOST:PORT."""
    return re.sub(r"[^\w.-]", "_", device) or "_"


def as_text(line: bytes) -> str | dict[str, str]:
    """A line of a stream; one that is no UTF-8 as base64."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(line).decode()}


def as_bytes(text: Any) -> bytes:
    return base64.b64decode(text["base64"]) if isinstance(text, dict) else str(text).encode()


class Folders:
    """The run's own temporary folders in what an agent is told and tells: `{folder-1}` stands for the first one.

    Their names differ from run to run. Only folders that we named to the process count.
    """

    def __init__(self) -> None:
        root = re.escape(json.dumps(tempfile.gettempdir())[1:-1])
        self._pattern = re.compile(rf"{root}[/\\]+bench-[a-z0-9_]{{8}}(?![\w-])".encode())
        self._known: list[bytes] = []

    def hide(self, line: bytes, *, told: bool = False) -> bytes:
        """told: the line is ours, so what it names counts from now on."""
        for found in self._pattern.findall(line) if told else ():
            if found not in self._known:
                self._known.append(found)
        for number, folder in enumerate(self._known, 1):
            line = line.replace(folder, b"{folder-%d}" % number)
        return line

    def show(self, line: bytes) -> bytes:
        for number, folder in enumerate(self._known, 1):
            line = line.replace(b"{folder-%d}" % number, folder)
        return line

    def files(self, line: bytes) -> Iterator[tuple[str, Path]]:
        """(hidden name, path) of the files that an answer, with its folders shown, says to lie in one of them."""
        if not any(folder in line for folder in self._known):
            return
        try:
            answer = json.loads(line)
        except ValueError:
            return
        for text in _texts(answer):
            if any(json.dumps(text)[1:-1].encode().startswith(folder) for folder in self._known):
                hidden = json.loads(b'"' + self.hide(json.dumps(text)[1:-1].encode()) + b'"')
                yield hidden, Path(text)

    def path(self, hidden: str) -> Path:
        return Path(json.loads(b'"' + self.show(json.dumps(hidden)[1:-1].encode()) + b'"'))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
