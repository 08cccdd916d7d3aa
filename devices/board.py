"""The kinds of boards: each a thin layer over SSH, or over this host where no `host` is named: bench runs there."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from bench.base.errors import NotMeasuredError, UsageError
from bench.base.paths import cache_dir
from bench.devices import board_pin, board_x86, coral_board, jetson, power, raspberry_pi
from bench.devices.board_nature import Nature
from bench.devices.bulk import Bulk, ask, script
from bench.devices.local import LocalDevice
from bench.devices.protocol import Device, Sampler, Tell
from bench.devices.remote import SHORT_S, ShellResult
from bench.devices.ssh import SshDevice
from bench.devices.ssh_wish import wish_of
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

_NATURES = {each.kind: each for each in (jetson.NATURE, coral_board.NATURE, raspberry_pi.NATURE, board_x86.NATURE)}


class BoardHere(LocalDevice):
    """This host, which is such a board."""

    def __init__(self, name: str, nature: Nature, pin: str, python: str = "") -> None:
        super().__init__(name, python=python)
        self.kind = nature.kind
        self._nature = nature
        self._pin = pin

    def _ask(self, commands: Mapping[str, str]) -> Bulk:
        return ask(_shell_here, script(self._nature.files, commands))

    def identify(self) -> DeviceIdentity:
        found = super().identify()
        facts, missing = dict(found.facts), dict(found.unavailable)
        self._nature.add_facts(self._ask(self._nature.facts), facts, missing)
        return msgspec.structs.replace(found, facts=facts, unavailable=missing)

    def conditions(self, phase: Phase) -> Conditions:
        found = super().conditions(phase)
        more = self._nature.read_readings(self._ask(self._nature.readings))
        return msgspec.structs.replace(found, readings=(*found.readings, *more))

    def _rails(self) -> Sampler:
        return power.here(self._tree, self.spawn if self._nature.tegrastats else None)

    @property
    def _stored(self) -> str:
        return str(cache_dir().absolute() / "clocks" / self.kind)

    @contextlib.contextmanager
    def pin(self) -> Iterator[tuple[Reading, ...]]:
        Path(self._stored).parent.mkdir(parents=True, exist_ok=True)
        with board_pin.pinned(self.spawn, self._pin, self._nature.restore, self._stored) as readings:
            yield readings

    @contextlib.contextmanager
    def lock(self, wait_s: float, tell: Tell | None = None) -> Iterator[None]:
        with super().lock(wait_s, tell):
            if Path(self._stored).exists():
                board_pin.put_back(self.spawn, self._nature.restore, self._stored)
            yield


def _shell_here(command: str) -> ShellResult:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=SHORT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMeasuredError("cannot ask this host", str(error)) from None
    stdout, stderr = (part.decode("utf-8", "replace") for part in (done.stdout, done.stderr))
    return ShellResult(stdout, stderr, done.returncode)


def create(name: str, table: Mapping[str, object]) -> Device:
    """From `[devices.NAME]` with one of these kinds. Raises UsageError."""
    nature = _NATURES[str(table["kind"])]
    if nature.pin is None:
        raise UsageError(f"[devices.{name}] kind = {nature.kind!r}", "it cannot be pinned")
    pin = nature.pin(table)
    if table.get("host"):
        return SshDevice(name, wish_of(name, table), nature, pin)
    wish = wish_of(name, table)
    return BoardHere(name, nature, pin, wish.python)
