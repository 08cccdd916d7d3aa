"""The kind `android`: a phone over adb, by USB or TCP. adbutils is imported when a phone is first asked for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench.base.errors import NotMeasuredError, UsageError
from bench.base.paths import cache_dir
from bench.devices import adb_server, power
from bench.devices.adb_files import PhoneFiles
from bench.devices.adb_link import Link
from bench.devices.adb_process import AdbProcess, end_jobs
from bench.devices.adb_server import AttachedPhone, attached
from bench.devices.adb_wire import SHORT_S
from bench.devices.android_choice import Said, Wanted, addressed, choose
from bench.devices.android_conditions import AndroidConditions
from bench.devices.android_identity import fingerprint, gather_identity
from bench.devices.android_pin import pin, restore_leftover
from bench.devices.hold import hold
from bench.devices.protocol import Sampler, Tell
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

__all__ = ["AndroidDevice", "AttachedPhone", "attached", "create"]

_OTHERS_S = 5.0  # for the answer of a phone that may not be the one that is meant
_KEYS = {"serial": "serial", "model": "model", "fingerprint": "fingerprint", "connect": "where"}


class _Opened(NamedTuple):
    """What belongs to one phone while it is in use. key: of its own serial, whichever way it is reached."""

    link: Link
    files: PhoneFiles
    conditions: AndroidConditions
    key: str
    said: Said


class AndroidDevice:
    """A phone. It is looked for when it is first used: whatever needs it raises NotMeasuredError or UsageError then."""

    kind = "android"

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name = name
        self._wanted = wanted
        self._opened: _Opened | None = None
        self._left: set[str] = set()  # the marks of jobs that could not be ended, since the phone was out of reach

    def identify(self) -> DeviceIdentity:
        """Read anew each time. Raises NotMeasuredError when the phone cannot be reached or is another one by now."""
        phone = self._phone()
        now = _said(phone.link)
        if now != phone.said:
            raise NotMeasuredError(
                f"cannot measure on {phone.link.title}",
                f"another phone or system answers there by now: {', '.join(now)}; it was {', '.join(phone.said)}",
                "Start the run anew.",
            )
        facts, missing = gather_identity(phone.link.shell)
        facts["serial"] = phone.said.serial
        missing.pop("serial", None)
        return DeviceIdentity(
            name=self.name, kind=self.kind, fingerprint=fingerprint(facts), facts=facts, unavailable=missing
        )

    def conditions(self, phase: Phase) -> Conditions:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Conditions(phase=phase, at=at, readings=tuple(self._phone().conditions.readings()))

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> AdbProcess:
        phone = self._phone()
        self._end_left()
        job = f"{phone.key}/{secrets.token_hex(8)}"
        return AdbProcess.start(phone.link, argv, env=env, cwd=cwd, job=job, left=lambda: self._left.add(job))

    def push(self, local: Path) -> str:
        return self._phone().files.push(local)

    def pull(self, remote: str, to: Path) -> None:
        self._phone().files.pull(remote, to)

    def python(self) -> str:
        raise NotMeasuredError(
            f"cannot run a Python runtime on {self.name}",
            "a phone has no Python interpreter",
            "Use the backend benchmark_model there.",
        )

    def abis(self) -> tuple[str, ...]:
        link = self._phone().link
        listed = _property(link, "ro.product.cpu.abilist") or _property(link, "ro.product.cpu.abi")
        return tuple(abi.strip() for abi in listed.split(",") if abi.strip())

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        files = self._phone().files
        folder = files.make_folder()
        try:
            yield folder
        finally:
            with contextlib.suppress(NotMeasuredError):  # the link is gone: the next job removes it
                files.remove(folder, 5.0)

    def pin(self) -> AbstractContextManager[tuple[Reading, ...]]:
        return pin(self._phone().link.shell)

    def power(self) -> AbstractContextManager[Sampler]:
        return power.beside(lambda: power.phone(self._phone().link.shell, self.spawn))

    def clean(self) -> int:
        phone = self._phone()
        restore_leftover(phone.link.shell)  # what is to be put back stands in the folder that goes
        return phone.files.clean()

    def free_bytes(self) -> int | Reading:
        return self._phone().files.free_bytes()

    @contextlib.contextmanager
    def lock(self, wait_s: float, tell: Tell | None = None) -> Iterator[None]:
        """By the phone's own serial. What jobs that were cut off left running, pinned or lying there goes first."""
        phone = self._phone()
        with hold(cache_dir() / "locks" / f"android-{phone.key}.lock", phone.link.title, wait_s, tell):
            end_jobs(phone.link, f"{phone.key}/")
            restore_leftover(phone.link.shell)
            phone.files.tidy()
            try:
                yield
            finally:
                with contextlib.suppress(NotMeasuredError):
                    self._end_left()

    def _end_left(self) -> None:
        for job in sorted(self._left):
            end_jobs(self._phone().link, job)
            self._left.remove(job)

    def _phone(self) -> _Opened:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> _Opened:
        """Find the phone and see that it can be used. Raises NotMeasuredError, UsageError."""
        wanted = self._wanted
        if not any(wanted):
            wanted = Wanted(serial=os.environ.get("ANDROID_SERIAL", ""))  # as adb itself has it
        if wanted.where:
            adb_server.connect(wanted.where)
        phones = attached()
        ready = [phone.serial for phone in phones if phone.state == "device" and addressed(wanted, phone.serial)]
        said = _all_said(ready)
        phone = choose(f"cannot use the device {self.name}", wanted, phones, said)
        title = self.name if self.name == phone.serial else f"{self.name} ({phone.serial})"
        link = Link(phone.serial, title, wanted.where)
        mine = said[phone.serial]
        key = hashlib.sha256(mine.serial.encode()).hexdigest()[:12]
        return _Opened(link, PhoneFiles(link), AndroidConditions(link.shell), key, mine)


def create(name: str, table: Mapping[str, object]) -> AndroidDevice:
    """From `[devices.NAME]`: `serial`, or `model` and `fingerprint` to match, or `connect` = HOST:PORT over TCP.

    All that are given must fit. Raises UsageError.
    """
    values = {}
    for key, field in _KEYS.items():
        value = table.get(key, "")
        if not isinstance(value, str):
            raise UsageError(f"[devices.{name}] {key} = {value!r}", "not a text", f'Write {key} = "...".')
        values[field] = value
    return AndroidDevice(name, Wanted(**values))


def _property(link: Link, name: str) -> str:
    return link.shell(f"getprop {name}").stdout.strip()


def _said(link: Link, timeout_s: float = SHORT_S) -> Said:
    names = ("ro.serialno", "ro.product.model", "ro.build.fingerprint")
    lines = link.shell("; ".join(f"getprop {name}" for name in names), timeout_s).stdout.splitlines()
    serial, model, fingerprint = [*map(str.strip, lines), "", "", ""][:3]
    return Said(serial or link.serial, model, fingerprint)  # some phones hide the serial from the shell


def _all_said(serials: list[str]) -> dict[str, Said]:
    """By adb's serial. One that does not answer is none that could be meant, unless it is the only one."""
    said = {}
    for serial in serials:
        with contextlib.suppress(*(NotMeasuredError,) if len(serials) > 1 else ()):
            link = Link(serial, serial)
            link.require_shell()
            said[serial] = _said(link, SHORT_S if len(serials) == 1 else _OTHERS_S)
    return said
