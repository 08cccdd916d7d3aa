"""The kind `replay`: a recorded device answers again, in the recorded order and without its waiting times.

For working on a report, a parser or a bug without the device. Nothing is measured: what comes out is labelled so.
"""

from __future__ import annotations

import contextlib
import shlex
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.base.errors import NotMeasuredError, UsageError
from bench.base.paths import portable
from bench.devices.power_sampling import NoRails
from bench.devices.protocol import Sampler, Tell
from bench.devices.recording import described
from bench.devices.recording_format import Event, Header, read, read_header
from bench.devices.recording_process import MismatchError, ReplayedProcess, lay
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

_REPEATED = ("identify", "python", "abis", "free_bytes", "lock")  # they may be asked more often than they were


class RecordedProgram(NamedTuple):
    """A native tool that was pushed and asked for its flags. path: on the device; help: what it said."""

    path: str
    name: str
    sha256: str
    help: str


class ReplayDevice:
    """A recording as a device (bench.devices.protocol.Device). What was not recorded is a MismatchError."""

    kind = "replay"

    def __init__(self, name: str, folder: Path) -> None:
        """Raises UsageError for what is no recording."""
        self.name = name
        self._folder = folder
        self._header, events = read(folder)
        self._calls: dict[str, deque[Event]] = defaultdict(deque)
        self._pushed: dict[str, deque[Event]] = defaultdict(deque)
        self._streams: dict[int, list[Event]] = defaultdict(list)
        self._helps: dict[tuple[str, ...], Event] = {}
        for event in events:
            argv = tuple(event.asked.get("argv", ()))
            if event.call == "spawn" and argv[1:] == ("--help",):
                self._helps[argv] = event  # asked once per binary, whose answer is kept: so it may be asked or not
            elif event.call == "push":
                self._pushed[event.asked.get("sha256", "")].append(event)
            elif event.process and event.call != "spawn":
                self._streams[event.process].append(event)
            else:
                self._calls[event.call].append(event)
        self._had = frozenset(self._calls)
        self._differed = ""

    def _answer(self, call: str, asked: dict[str, Any], words: str) -> Event:
        """The next recorded event of that call. Raises MismatchError, and the recorded error."""
        if self._differed:
            raise self._mismatch(words, f"It went another way before: {self._differed}")
        queue = self._calls[call]
        if not queue:
            raise self._mismatch(words, f"The recording has no {'more ' if call in self._had else ''}such call.")
        event = queue[0] if call in _REPEATED and len(queue) == 1 else queue.popleft()
        if {key: event.asked.get(key) for key in asked} != asked:
            raise self._mismatch(words, _difference(asked, event.asked))
        if event.error is not None:
            raise event.error.raised()
        return event

    def _mismatch(self, asked: str, found: str) -> MismatchError:
        self._differed = self._differed or asked
        title = f"{self._header.device} ({self._header.kind})"
        return MismatchError(f"the recording of {title} has no answer to {asked}", found, _todo(self._header))

    def identify(self) -> DeviceIdentity:
        """That of the recorded device, under this name; its facts say what was replayed."""
        recorded = msgspec.convert(self._answer("identify", {}, "which device it is").answer, type=DeviceIdentity)
        header = self._header
        facts = {
            "replayed_from": f"{header.kind} {header.device}, recorded {header.recorded}",
            "replayed_kind": header.kind,
        }
        return msgspec.structs.replace(recorded, name=self.name, kind=self.kind, facts={**recorded.facts, **facts})

    def conditions(self, phase: Phase) -> Conditions:
        if "conditions" not in self._had:
            missing = Reading(name="conditions", unavailable="they are not in the recording")
            return Conditions(phase=phase, at=self._header.recorded, readings=(missing,))
        answer = self._answer("conditions", {"phase": phase}, f"the conditions {phase} a run").answer
        return msgspec.convert(answer, type=Conditions)

    def spawn(
        self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> ReplayedProcess:
        help_of = self._helps.get(tuple(argv))
        if help_of is None:
            asked = {"argv": list(argv), "env": dict(env) if env else None, "cwd": str(cwd) if cwd else None}
            event = self._answer("spawn", asked, f"starting {argv[0].rpartition('/')[2]}")
        else:
            event = help_of
            if event.error is not None:
                raise event.error.raised()
        return ReplayedProcess(self._folder, event, self._streams[event.process], self._mismatch)

    def programs(self) -> list[RecordedProgram]:
        """The native tools of the recording: their files are not needed here."""
        by_path = {str(each.answer): each for pushed in self._pushed.values() for each in pushed if each.answer}
        found = []
        for argv, event in self._helps.items():
            pushed, streams = by_path.get(argv[0]), self._streams[event.process]
            if pushed is None or event.error is not None:
                continue
            lines = [str(each.answer) for each in streams if each.call == "read" and each.error is None]
            errors = [str(each.answer) for each in streams if each.call == "stderr"]
            text = "".join(f"{line}\n" for line in lines) + "".join(errors[-1:])
            found.append(RecordedProgram(argv[0], pushed.asked["name"], pushed.asked["sha256"], text))
        return found

    def push(self, local: Path) -> str:
        """The recorded path of a file of that content, whatever it is called here."""
        try:
            facts = described(local)
        except OSError as error:
            raise NotMeasuredError(f"cannot use {local}", error.strerror or str(error)) from None
        queue = self._pushed.get(str(facts["sha256"]))
        if not queue:
            raise self._mismatch(f"bringing {local.name}, sha256 {facts['sha256']}", self._others(local.name))
        event = queue.popleft() if len(queue) > 1 else queue[0]
        if event.error is not None:
            raise event.error.raised()
        path = str(event.answer)
        return str(local.resolve()) if path.startswith("{folder-") else path

    def _others(self, name: str) -> str:
        pushed = [each[-1].asked for each in self._pushed.values()]
        same = [each for each in pushed if each.get("name") == portable(name)] or pushed
        listed = "".join(f"\n{each.get('name')}, sha256 {each.get('sha256')}" for each in same[:5])
        return f"No file of that content was brought there, but:{listed}" if same else "No file was brought there."

    def pull(self, remote: str, to: Path) -> None:
        facts = self._answer("pull", {"path": remote}, f"fetching {remote}").answer
        lay(self._folder, str(facts["sha256"]), to, self._mismatch)

    def python(self) -> str:
        return str(self._answer("python", {}, "which Python it has").answer)

    def abis(self) -> tuple[str, ...]:
        return tuple(self._answer("abis", {}, "what its programs are built for").answer)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """The recorded path; no folder is made."""
        yield str(self._answer("scratch", {}, "an empty folder").answer)

    @contextlib.contextmanager
    def pin(self) -> Iterator[tuple[Reading, ...]]:
        if "pin" in self._had:
            yield msgspec.convert(self._answer("pin", {}, "holding its clocks still").answer, type=tuple[Reading, ...])
        else:
            yield (Reading(name="pin", unavailable="it is not in the recording"),)

    @contextlib.contextmanager
    def power(self) -> Iterator[Sampler]:
        yield NoRails("replayed: nothing draws power")

    def clean(self) -> int:
        return 0  # nothing is left on a recording

    def free_bytes(self) -> int | Reading:
        if "free_bytes" not in self._had:
            return Reading(name="disk.free", unit="bytes", unavailable="it is not in the recording")
        return msgspec.convert(self._answer("free_bytes", {}, "how much space is free").answer, type=int | Reading)

    @contextlib.contextmanager
    def lock(self, wait_s: float, tell: Tell | None = None) -> Iterator[None]:
        """Any number of replays may run at a time; only the recorded error is one again."""
        if "lock" in self._had:
            self._answer("lock", {}, "holding it")
        yield


def _difference(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    """What differs, in words; of a command line its arguments."""
    parts = []
    for key, value in asked.items():
        was = recorded.get(key)
        if value == was:
            continue
        if isinstance(value, list) and isinstance(was, list):
            more, less = [each for each in value if each not in was], [each for each in was if each not in value]
            parts.append(f"asked with {shlex.join(more) or 'less'}, recorded with {shlex.join(less) or 'less'}")
        else:
            parts.append(f"{key}: asked {value!r}, recorded {was!r}")
    return "; ".join(parts)


def _todo(header: Header) -> str:
    """The recorded command, without what only the recording needed."""
    kept: list[str] = []
    words = iter(header.command[1:])
    for word in words:
        if word in ("--record", "--results"):
            next(words, None)
        elif not word.startswith(("--record=", "--results=")):
            kept.append(word)
    again = f"Replay it as it was recorded (with the replay's name): {shlex.join(['bench', *kept])}\n" if kept else ""
    return f"{again}Where bench itself asks otherwise by now, record it anew: bench run --record DIR"


def create(name: str, table: Mapping[str, object]) -> ReplayDevice:
    """From `[devices.NAME]`: `recording`, the folder of one device's recording. Raises UsageError."""
    return ReplayDevice(name, _folder(name, table))


def recorded_kind(table: Mapping[str, object]) -> str:
    """The kind of the device whose recording a table names; empty where it names none: `create` says why."""
    try:
        return read_header(_folder("", table)).kind
    except UsageError:
        return ""


def _folder(name: str, table: Mapping[str, object]) -> Path:
    value = table.get("recording")
    if not isinstance(value, str) or not value:
        found = "is missing" if value is None else f"is {value!r}, no folder"
        raise UsageError(f"[devices.{name}] recording {found}", "", 'Write recording = "DIR/NAME".')
    return Path(value).expanduser()
