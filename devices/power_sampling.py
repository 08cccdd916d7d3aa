"""Reading power beside a run: a process on the device that prints readings, or this host's own files in a thread.

A thread waits most of the time: a reading of a few files takes some ten microseconds, ten times a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from bench.base.process import ChildEnded, ChildTimeout, LinkLost, Process
from bench.devices import tegrastats
from bench.devices.bulk import Bulk
from bench.devices.energy import Count, Power, Rail, board_rail, powers
from bench.devices.linux_files import UnreadableError
from bench.devices.power_meters import Files, Meter

_WAIT_S = 0.5


class NoRails:
    """A device without a rail that can be read (bench.devices.protocol.Sampler)."""

    source = ""

    def __init__(self, reason: str, refused: Mapping[Rail, str] | None = None) -> None:
        self.reason = reason
        self._refused = dict(refused or {})

    def readings(self) -> dict[Rail, list[Power]]:
        return {}

    def refused(self) -> dict[Rail, str]:
        return self._refused

    def stop(self) -> None:
        """Nothing runs."""


class Lines:
    """A process whose lines are readings, each of the moment when it came here. Subclasses give `_take`."""

    def __init__(self, process: Process, what: str) -> None:
        self.source = what
        self._process = process
        self._lines = 0
        self._ended = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._pump, daemon=True)

    def _take(self, line: str, at_ns: int) -> None:
        raise NotImplementedError

    def _pump(self) -> None:
        while not self._stop.is_set():
            try:
                line = self._process.read_line(_WAIT_S).decode("utf-8", "replace")
            except ChildTimeout:
                continue
            except ChildEnded as ended:
                if not self._stop.is_set():
                    lost = f"was lost: {ended.reason}" if isinstance(ended, LinkLost) else "ended by itself"
                    self._ended = f"{self.source} {lost}"
                return
            self._lines += 1
            self._take(line, time.monotonic_ns())

    @property
    def ended(self) -> bool:
        return bool(self._ended)

    @property
    def reason(self) -> str:
        return self._ended

    def stop(self) -> None:
        self._stop.set()
        self._process.close()
        self._thread.join(2.0)


class Tegrastats(Lines):
    """The rails of tegrastats. model: of the device, which tells its board's rail."""

    def __init__(self, process: Process, model: str = "") -> None:
        super().__init__(process, "tegrastats")
        self._model = model
        self._found: dict[str, list[Power]] = {}
        self._thread.start()

    def _take(self, line: str, at_ns: int) -> None:
        for reading in tegrastats.parse(line):
            name = reading.name.removeprefix(tegrastats.RAIL)
            if name != reading.name and not name.endswith(tegrastats.MEAN) and isinstance(reading.value, float):
                self._found.setdefault(name, []).append(Power(at_ns, reading.value))

    def readings(self) -> dict[Rail, list[Power]]:
        found = dict(self._found)
        board = board_rail(self._model, list(found))
        return {
            Rail(name, "board" if name == board else "unknown", tegrastats.RESOLUTION_W): list(series)
            for name, series in found.items()
            if not self._ended
        }

    def refused(self) -> dict[Rail, str]:
        return {}

    @property
    def reason(self) -> str:
        return self._ended or ("" if self._found else f"tegrastats named no rail in {self._lines} lines")


class _Meters:
    """What several meters said. A rail that fails once is out: with a hole in it, it would be a mean of other moments.

    refused: those that could not even be read before.
    """

    def __init__(self, meters: Sequence[Meter], refused: dict[Rail, str]) -> None:
        self._values: dict[Meter, list[Count]] = {meter: [] for meter in meters}
        self._refused = refused

    def take(self, files: Files, at_ns: int | None = None) -> None:
        for meter, values in self._values.items():
            if meter.rail not in self._refused:
                try:
                    value = meter.read(files)
                except UnreadableError as error:
                    self._refused[meter.rail] = str(error)
                else:
                    values.append(Count(time.monotonic_ns() if at_ns is None else at_ns, value))

    def readings(self) -> dict[Rail, list[Power]]:
        found: dict[Rail, list[Power]] = {}
        for meter, values in self._values.items():
            if meter.rail not in self._refused and values:
                series = list(values)
                found[meter.rail] = (
                    powers(series, meter.wraps_at_j) if meter.counter else [Power(*each) for each in series]
                )
        return found

    def refused(self) -> dict[Rail, str]:
        return dict(self._refused)


class MeterLines(Lines):
    """Meters of another machine: a process there prints the text of all `paths` in one line, with | before each."""

    def __init__(
        self, process: Process, what: str, paths: Sequence[str], meters: Sequence[Meter], refused: dict[Rail, str]
    ) -> None:
        super().__init__(process, what)
        self._paths = paths
        self._meters = _Meters(meters, refused)
        self._thread.start()

    def _take(self, line: str, at_ns: int) -> None:
        texts = line.rstrip("\r").split("|")[1:]
        if len(texts) == len(self._paths):
            self._meters.take(Bulk(dict(zip(self._paths, texts, strict=True)), {}, {}), at_ns)

    def readings(self) -> dict[Rail, list[Power]]:
        return {} if self._ended else self._meters.readings()

    def refused(self) -> dict[Rail, str]:
        return self._meters.refused()


class MeterFiles:
    """The meters of this host."""

    reason = ""

    def __init__(
        self, files: Files, what: str, meters: Sequence[Meter], refused: dict[Rail, str], interval_s: float
    ) -> None:
        self.source = what
        self._files = files
        self._interval_s = interval_s
        self._meters = _Meters(meters, refused)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while True:
            self._meters.take(self._files)
            if self._stop.wait(self._interval_s):  # not until a time that was due: nothing is made up for
                return

    def readings(self) -> dict[Rail, list[Power]]:
        return self._meters.readings()

    def refused(self) -> dict[Rail, str]:
        return self._meters.refused()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2.0)
