"""The way to one phone: short commands on it with a deadline, and what went wrong in words."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Iterator

from bench.base.errors import NotMeasuredError
from bench.devices import adb_server
from bench.devices.adb_server import AttachedPhone
from bench.devices.adb_wire import SHORT_S, AdbTrouble, Cut, NoServer, Refused, Stalled, Strange, Wire, server_address
from bench.devices.remote import ShellResult

__all__ = ["CLOSE_STDIN", "EXIT", "STDERR", "STDIN", "STDOUT", "Frames", "Link", "ShellResult", "frame", "returncode"]

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)  # kinds of frames of the shell protocol, version 2
_LOOK_S = 3.0  # for asking the server what happened
_HEAD = struct.Struct("<BI")


def frame(kind: int, data: bytes = b"") -> bytes:
    """A frame of the shell protocol: kind u8, length u32 little-endian, data."""
    return _HEAD.pack(kind, len(data)) + data


class Frames:
    """Takes the shell protocol's stream in pieces, as they come, and gives whole frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames (kind, data) that these bytes complete."""
        self._rest += data
        frames = []
        start = 0
        while len(self._rest) - start >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._rest, start)
            end = start + _HEAD.size + size
            if len(self._rest) < end:
                break
            frames.append((kind, self._rest[start + _HEAD.size : end]))
            start = end
        self._rest = self._rest[start:]
        return frames


def returncode(data: bytes) -> int:
    """Of an exit frame, as subprocess has it: adb's daemon gives 128 + n for the signal n."""
    status = data[0] if data else 255
    return 128 - status if 128 < status <= 192 else status


class Link:
    """One phone at adb's server. serial: as adb lists it; title: what a person calls it; where: HOST:PORT over TCP."""

    def __init__(self, serial: str, title: str, where: str = "") -> None:
        self.serial = serial
        self.title = title
        self.where = where
        self._version = adb_server.version()

    def shell(self, command: str, timeout_s: float = SHORT_S) -> ShellResult:
        """Run a command in the phone's shell. Raises NotMeasuredError when the phone or adb fails, not when it does."""
        end = time.monotonic() + timeout_s
        frames = Frames()
        output: dict[int, list[bytes]] = {STDOUT: [], STDERR: [], EXIT: []}
        with self.errors(f"cannot ask {self.title}"), self.open(f"shell,v2,raw:{command}", timeout_s) as wire:
            wire.send(frame(CLOSE_STDIN))
            while not output[EXIT]:
                if time.monotonic() > end:
                    raise Stalled("no end in time")
                wire.limit(end - time.monotonic())
                for kind, data in frames.feed(wire.receive(1 << 16)):
                    output.setdefault(kind, []).append(data)
        stdout, stderr = (b"".join(output[kind]).decode("utf-8", "replace") for kind in (STDOUT, STDERR))
        return ShellResult(stdout, stderr, returncode(output[EXIT][0]))

    def open(self, service: str, timeout_s: float = SHORT_S) -> Wire:
        """A connection to a service of the phone. Raises AdbTrouble, NotMeasuredError."""
        try:
            return self._open(service, timeout_s)
        except Refused:
            if not self.where:  # over USB, adb connects again by itself
                raise
        adb_server.connect(self.where, timeout_s=5.0)
        return self._open(service, timeout_s)

    def _open(self, service: str, timeout_s: float) -> Wire:
        wire = adb_server.open_wire(server_address(), timeout_s)
        try:
            wire.request(f"host:transport:{self.serial}")
            wire.request(service)
        except BaseException:
            wire.close()
            raise
        return wire

    def require_shell(self) -> None:
        """Raises NotMeasuredError on a phone whose adb keeps no streams apart and tells no exit codes."""
        with self.errors(f"cannot ask {self.title}"), adb_server.open_wire(server_address(), SHORT_S) as wire:
            wire.request(f"host-serial:{self.serial}:features")
            features = wire.block()
        if "shell_v2" not in features.replace(",", " ").split():
            raise NotMeasuredError(
                f"cannot measure on {self.title}",
                "its adb does not tell exit codes (no shell_v2): Android 6 or older",
                "Use a phone with Android 7 or later.",
            )

    @contextlib.contextmanager
    def errors(self, asked: str) -> Iterator[None]:
        """Turn AdbTrouble within the block into NotMeasuredError with what is known about the phone."""
        try:
            yield
        except AdbTrouble as error:
            if isinstance(error, Strange | NoServer):
                raise adb_server.server_error(server_address(), error) from None
            found, todo = self.diagnosis(error)
            raise NotMeasuredError(asked, found, todo) from None

    def diagnosis(self, error: AdbTrouble) -> tuple[str, str]:
        """Why the phone cannot be reached, as (found, todo), from what adb's server says now. Starts no server."""
        now = adb_server.version(_LOOK_S)
        if now is None:
            time.sleep(1.0)  # an adb of another version ends the server that it finds, and starts its own
            now = adb_server.version(_LOOK_S)
        if now is None:
            return "adb's server ended", "Start it again with `adb start-server`, and leave it running."
        if now != self._version:
            return (
                f"adb's server was replaced: it is version 1.0.{now} now and was 1.0.{self._version}",
                "Use adb of one version only while bench runs.",
            )
        try:
            phone = self._listed()
            if phone is not None and phone.state == "device" and isinstance(error, Cut):
                time.sleep(0.5)  # the server tells us first, and notes it in its list later
                phone = self._listed()
        except NotMeasuredError as failed:
            return failed.asked, failed.todo
        if phone is None:
            return f"{self.serial} is no longer attached", "Plug it in again; `adb devices` must list it as `device`."
        if phone.state != "device":
            return adb_server.not_ready(phone)
        if isinstance(error, Stalled):
            return "it did not answer in time", "Is it very busy, or its cable bad? Replug it, and try again."
        if isinstance(error, Refused):
            return str(error), ""
        return (
            "the link broke off and is back: its cable had no contact, or adb's server was restarted",
            "Check cable and hub, and leave adb alone while bench runs.",
        )

    def _listed(self) -> AttachedPhone | None:
        phones = adb_server.attached(start=False, timeout_s=_LOOK_S)
        return next((phone for phone in phones if phone.serial == self.serial), None)
