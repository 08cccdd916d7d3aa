"""Recording a device: all that the harness asks of it and all that it answers, as it happens, for `replay`.

What was pushed is recorded by name, hash and size only: models may be secret, and the replay needs no more.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.base.errors import BenchError, UsageError
from bench.base.paths import portable
from bench.base.process import Process
from bench.devices.protocol import Device, Sampler, Tell
from bench.devices.recording_format import FORMAT, Event, Failure, Folders, Header, Writer, folder_name
from bench.devices.recording_process import RecordedProcess
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

T = TypeVar("T")


class Recording:
    """A device as it is, with its exchange written into `folder`/NAME as it happens (bench.devices.protocol.Device)."""

    def __init__(self, device: Device, folder: Path, command: Sequence[str] = ()) -> None:
        """command: that the replay is to be run with. Raises UsageError where a recording is already, StorageError."""
        if device.kind == "replay":
            raise UsageError(f"--record with the device {device.name}", "it is a recording already", "Copy its folder.")
        self.name = device.name
        self.kind = device.kind
        self._device = device
        self._processes = 0
        recorded = datetime.now(UTC).isoformat(timespec="seconds")
        self._writer = Writer(
            folder / folder_name(device.name),
            Header(
                format=FORMAT,
                device=device.name,
                kind=device.kind,
                recorded=recorded,
                command=tuple(map(portable, command)),
            ),
        )

    def _told(
        self,
        call: str,
        ask: Callable[[], T],
        asked: dict[str, Any] | None = None,
        kept: Callable[[T], Any] = msgspec.to_builtins,
    ) -> T:
        """Ask, and record the answer or the error. kept: what of the answer is recorded."""
        try:
            answer = ask()
        except BenchError as error:
            self._writer.add(Event(call=call, asked=asked or {}, error=Failure.of(error)))
            raise
        self._writer.add(Event(call=call, asked=asked or {}, answer=kept(answer)))
        return answer

    def identify(self) -> DeviceIdentity:
        return self._told("identify", self._device.identify)

    def conditions(self, phase: Phase) -> Conditions:
        return self._told("conditions", lambda: self._device.conditions(phase), {"phase": phase})

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Process:
        asked: dict[str, Any] = {"argv": list(argv)}
        asked |= {"env": dict(env)} if env else {}
        asked |= {"cwd": str(cwd)} if cwd else {}
        self._processes += 1
        number, at_s = self._processes, self._writer.now_s()
        try:
            process = self._device.spawn(argv, env=env, cwd=cwd)
        except BenchError as error:
            self._writer.add(Event(call="spawn", at_s=at_s, process=number, asked=asked, error=Failure.of(error)))
            raise
        self._writer.add(Event(call="spawn", at_s=at_s, process=number, asked=asked))
        return RecordedProcess(process, self._writer, number)

    def push(self, local: Path) -> str:
        asked: dict[str, Any] = {"name": portable(local.name)}
        with contextlib.suppress(OSError):
            asked |= described(local)

        # A file of the run's own temporary folder, used where it lies, lies elsewhere in the replay.
        return self._told("push", lambda: self._device.push(local), asked, kept=_hidden)

    def pull(self, remote: str, to: Path) -> None:
        def pull() -> dict[str, Any]:
            self._device.pull(remote, to)
            return self._writer.keep(to)

        self._told("pull", pull, {"path": remote})

    def python(self) -> str:
        return self._told("python", self._device.python)

    def abis(self) -> tuple[str, ...]:
        return self._told("abis", self._device.abis)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        with contextlib.ExitStack() as stack:
            yield self._told("scratch", lambda: stack.enter_context(self._device.scratch()))

    @contextlib.contextmanager
    def pin(self) -> Iterator[tuple[Reading, ...]]:
        with contextlib.ExitStack() as stack:
            yield self._told("pin", lambda: stack.enter_context(self._device.pin()))

    def power(self) -> contextlib.AbstractContextManager[Sampler]:
        return self._device.power()  # not recorded: a replay draws nothing

    def clean(self) -> int:
        return self._told("clean", self._device.clean)

    def free_bytes(self) -> int | Reading:
        return self._told("free_bytes", self._device.free_bytes)

    @contextlib.contextmanager
    def lock(self, wait_s: float, tell: Tell | None = None) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            self._told("lock", lambda: stack.enter_context(self._device.lock(wait_s, tell)))
            yield


def _hidden(path: str) -> str:
    return Folders().hide(path.encode("utf-8", "surrogateescape"), told=True).decode("utf-8", "backslashreplace")


def described(local: Path) -> dict[str, Any]:
    """Hash and size of a file. Raises OSError."""
    with local.open("rb") as stream:
        return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "size": stream.tell()}
