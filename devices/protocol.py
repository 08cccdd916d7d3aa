"""What the harness asks of a device. A kind of device is one file with a class of this shape and one registry row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bench.base.process import Process
from bench.devices.energy import Power, Rail
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

Tell = Callable[[str], None]


class Sampler(Protocol):
    """Power rails that are read beside a run, in a thread that waits most of the time. source: how they are read."""

    source: str

    def readings(self) -> dict[Rail, list[Power]]:
        """Of each rail until now, in the order of time, on this host's time.monotonic_ns, when they came here."""
        ...

    def refused(self) -> dict[Rail, str]:
        """Rails that are there and cannot be read, with the reason."""
        ...

    @property
    def reason(self) -> str:
        """Why nothing is read; empty while something is."""
        ...

    def stop(self) -> None: ...


class Device(Protocol):
    """A place that runs things and holds files."""

    name: str
    kind: str

    def identify(self) -> DeviceIdentity:
        """Which device this is. Never raises for what it cannot read: that stands in `unavailable`."""
        ...

    def conditions(self, phase: Phase) -> Conditions:
        """One set of readings, cheap enough to take between invocations. Shares (`steal`) are since the last call."""
        ...

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Process:
        """Start a process on the device, with a two-way stream to it. env: added to what is there.

        Raises NotMeasuredError when the program cannot be started.
        """
        ...

    def push(self, local: Path) -> str:
        """Bring a file to the device, once per content, and give its path there; a program may be executed there.

        Raises NotMeasuredError.
        """
        ...

    def pull(self, remote: str, to: Path) -> None:
        """Bring a file from the device to the host's path `to`. Raises NotMeasuredError or StorageError."""
        ...

    def python(self) -> str:
        """The interpreter on the device that agents are started with. Raises NotMeasuredError where there is none."""
        ...

    def abis(self) -> tuple[str, ...]:
        """What its programs are built for, the preferred first, in Android's names: arm64-v8a, x86_64, ..."""
        ...

    def scratch(self) -> AbstractContextManager[str]:
        """An empty folder on the device, gone afterwards. Raises NotMeasuredError or StorageError."""
        ...

    def pin(self) -> AbstractContextManager[tuple[Reading, ...]]:
        """Hold clocks still within the block, as far as the device lets us, and put all back afterwards.

        What was pinned, one reading each; one called `pin` with why not, where nothing could be.
        """
        ...

    def power(self) -> AbstractContextManager[Sampler]:
        """Its power rails, read within the block; of a device without any, a sampler that says why. Never raises."""
        ...

    def clean(self) -> int:
        """Remove what the harness left on the device; the bytes that are free again. Raises NotMeasuredError."""
        ...

    def free_bytes(self) -> int | Reading:
        """Free space where the harness puts files on the device, or why it is not known."""
        ...

    def lock(self, wait_s: float, tell: Tell | None = None) -> AbstractContextManager[None]:
        """Hold the device: one measuring job at a time, across processes. It is free again when its holder ends.

        tell: gets one line when it has to wait. Raises NotMeasuredError after `wait_s` seconds, naming the holder.
        """
        ...
