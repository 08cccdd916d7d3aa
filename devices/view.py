"""The readings of a case seen over its phases: first, lowest, highest, risen. Unknown readings are left out."""

from __future__ import annotations

from dataclasses import dataclass

from bench.records.types import Conditions, DeviceIdentity


@dataclass(frozen=True)
class View:
    """One case's conditions in order of time; threads: of the case."""

    identity: DeviceIdentity
    before: Conditions | None
    during: tuple[Conditions, ...]
    after: Conditions | None
    threads: int

    @property
    def phases(self) -> tuple[Conditions, ...]:
        return tuple(phase for phase in (self.before, *self.during, self.after) if phase is not None)

    @property
    def cores(self) -> int | None:
        cores = self.identity.facts.get("logical_cores")
        return cores if isinstance(cores, int) and cores > 0 else None

    def _values(self, name: str) -> list[float | int | str]:
        readings = (phase.get(name) for phase in self.phases)
        return [reading.value for reading in readings if reading is not None and reading.value is not None]

    def numbers(self, name: str) -> list[float]:
        """Known numbers in order of time."""
        return [float(value) for value in self._values(name) if not isinstance(value, str)]

    def texts(self, name: str) -> list[str]:
        """Known words in order of time."""
        return [value for value in self._values(name) if isinstance(value, str)]

    def lowest(self, name: str) -> float | None:
        return min(self.numbers(name), default=None)

    def highest(self, name: str) -> float | None:
        return max(self.numbers(name), default=None)

    def first_before(self, name: str) -> float | None:
        """The number before the run."""
        reading = self.before.get(name) if self.before is not None else None
        value = reading.value if reading is not None else None
        return float(value) if isinstance(value, (int, float)) else None

    def rise(self, name: str) -> float | None:
        """From the first known number to the last; None with fewer than two."""
        numbers = self.numbers(name)
        return numbers[-1] - numbers[0] if len(numbers) > 1 and numbers[-1] > numbers[0] else None

    def hidden(self, name: str) -> str:
        """Why no phase knows this reading; empty when one does, or when it was never asked for."""
        if self._values(name):
            return ""
        readings = (phase.get(name) for phase in self.phases)
        return next((reading.unavailable for reading in readings if reading is not None and reading.unavailable), "")

    def hottest(self) -> tuple[str, float] | None:
        """Sensor and temperature in C."""
        found = [
            (reading.name.removeprefix("temp."), float(reading.value))
            for phase in self.phases
            for reading in phase.readings
            if reading.name.startswith("temp.") and isinstance(reading.value, (int, float))
        ]
        return max(found, key=lambda pair: pair[1], default=None)
