"""Reading power beside a run: tegrastats as a process on the device, or the meters' files in a thread.

A thread waits most of the time: a reading of a few files takes some ten microseconds, ten times a second.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from bench.base.process import ChildEnded, ChildTimeout, Process
from bench.devices import power_meters, tegrastats
from bench.devices.energy import Count, Power, Rail, powers
from bench.devices.linux_files import UnreadableError
from bench.devices.power_meters import Files, Meter
from bench.devices.protocol import Device

INTERVAL_S = 0.1
_WAIT_S = 0.5


class Sampler(Protocol):
    """readings: of each rail until now, on the clock of time.monotonic_ns. reason: why there are none, or empty."""

    source: str

    def readings(self) -> dict[Rail, list[Power]]: ...

    @property
    def reason(self) -> str: ...


class Tegrastats:
    """The rails of tegrastats, each line at the moment when it came."""

    source = "tegrastats"

    def __init__(self, process: Process) -> None:
        self._process = process
        self._found: dict[str, list[Power]] = {}
        self._lines = 0
        self._ended = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        while not self._stop.is_set():
            try:
                line = self._process.read_line(_WAIT_S).decode("utf-8", "replace")
            except ChildTimeout:
                continue
            except ChildEnded:
                if not self._stop.is_set():
                    self._ended = "tegrastats ended by itself"
                return
            at = time.monotonic_ns()
            self._lines += 1
            for reading in tegrastats.parse(line):
                name = reading.name.removeprefix(tegrastats.RAIL)
                if name != reading.name and not name.endswith(tegrastats.MEAN) and isinstance(reading.value, float):
                    self._found.setdefault(name, []).append(Power(at, reading.value))

    def readings(self) -> dict[Rail, list[Power]]:
        found = {
            Rail(name, resolution_w=tegrastats.RESOLUTION_W): list(series) for name, series in list(self._found.items())
        }
        return found if not self._ended else {}

    @property
    def reason(self) -> str:
        if self._ended:
            return self._ended
        return "" if self._found else f"tegrastats named no rail in {self._lines} lines"

    def stop(self) -> None:
        self._stop.set()
        self._process.close()
        self._thread.join(2.0)


class MeterFiles:
    """The meters of a machine whose files are here (or are had through `files`)."""

    def __init__(self, files: Files, meters: Sequence[Meter], interval_s: float = INTERVAL_S) -> None:
        self.source = ", ".join(dict.fromkeys(meter.source for meter in meters))
        self._files = files
        self._interval_s = interval_s
        self._reasons: dict[Meter, str] = {}
        self._values: dict[Meter, list[Count]] = {meter: [] for meter in meters}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        due = time.monotonic()
        while True:
            for meter, values in self._values.items():
                if meter in self._reasons:
                    continue
                try:
                    value = meter.read(self._files)
                except UnreadableError as error:
                    # A rail that fails once is out: with a hole in it, it would be a mean of other moments.
                    self._reasons[meter] = str(error)
                    continue
                values.append(Count(time.monotonic_ns(), value))
            due += self._interval_s
            if self._stop.wait(max(due - time.monotonic(), 0.0)):
                return

    def readings(self) -> dict[Rail, list[Power]]:
        found: dict[Rail, list[Power]] = {}
        for meter, values in self._values.items():
            if meter not in self._reasons and values:
                series = list(values)
                found[meter.rail] = (
                    powers(series, meter.wraps_at_j) if meter.counter else [Power(*each) for each in series]
                )
        return found

    @property
    def reason(self) -> str:
        return "; ".join(f"{meter.rail.name}: {reason}" for meter, reason in self._reasons.items())

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2.0)


@contextlib.contextmanager
def beside(device: Device, program: str = "tegrastats", interval_s: float = INTERVAL_S) -> Iterator[Tegrastats]:
    """tegrastats on the device while the block runs. Raises NotMeasuredError where it cannot be started."""
    sampler = Tegrastats(device.spawn([program, "--interval", str(round(interval_s * 1000))]))
    try:
        yield sampler
    finally:
        sampler.stop()


@contextlib.contextmanager
def of_files(files: Files, interval_s: float = INTERVAL_S) -> Iterator[MeterFiles]:
    """All meters below /sys while the block runs; without any it has no readings."""
    sampler = MeterFiles(files, power_meters.find(files), interval_s)
    try:
        yield sampler
    finally:
        sampler.stop()
