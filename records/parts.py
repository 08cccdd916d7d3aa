"""The parts of a record that say what was measured, and where: frozen, keyword-only, written whole.

Times are integers in nanoseconds (`_ns`), sizes integers in bytes (`_bytes`), instants ISO 8601 in UTC.
What is not known is never 0 or empty: it is None beside a `reason`, or a Reading that is unavailable.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

DEFAULT_ERA = "2019"  # of the zoo: named only where it is another

Phase = Literal["before", "during", "after"]


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of all parts of a record: immutable, keyword-only, written whole."""


class TensorSpec(Part, frozen=True, kw_only=True):
    """An input or output of a graph. shape: -1 stands for a dynamic dimension."""

    name: str
    dtype: str  # numpy's name: float32, int8, uint8, int64, ...
    shape: tuple[int, ...]

    @property
    def dynamic(self) -> bool:
        return any(size < 0 for size in self.shape)


class GraphFacts(Part, frozen=True, kw_only=True):
    """What a model file says without being run. histogram: op type (upper case for TFLite) -> count."""

    format: Literal["tflite", "onnx", "ir"]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    op_count: int
    histogram: dict[str, int]
    constant_elements: int  # weights, as stored
    size_bytes: int


class Artifact(Part, frozen=True, kw_only=True):
    """One model file. source: `zoo` or `file`; name: its file name (no folder: records travel)."""

    name: str
    sha256: str
    source: Literal["zoo", "file"]
    graph: GraphFacts


class Case(Part, frozen=True, kw_only=True):
    """What is measured. Its key leaves out hashes and versions, so that a model's commits form one series.

    model: a zoo id, or the file name of a user's model; shapes: input name -> shape, where the user fixed them.
    """

    device: str
    backend: str
    accelerator: str
    model: str
    variant: str
    era: str
    format: str
    threads: int
    options: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}

    @property
    def key(self) -> str:
        """Hex sha256 of the case's canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def label(self) -> str:
        """One line for people: `prisma_256 fp32 · litert cpu · 1 thread · kernels=builtin`."""
        era = f" era={self.era}" if self.era not in ("", DEFAULT_ERA) else ""
        parts = [f"{self.model} {self.variant}{era}", f"{self.backend} {self.accelerator}"]
        parts.append(f"{self.threads} thread{'s' if self.threads != 1 else ''}")
        parts += [f"{key}={value}" for key, value in sorted(self.options.items())]
        return " · ".join(parts)


class Reading(Part, frozen=True, kw_only=True):
    """One condition at one moment, or the reason why it could not be read (`unavailable`).

    name: dotted (`cpu0.governor`, `load.1min`, `steal`, `pressure.cpu.some_avg10`); unit: `Hz`, `C`, `%`, `` ...
    """

    name: str
    value: float | int | str | None = None
    unit: str = ""
    unavailable: str = ""


class Conditions(Part, frozen=True, kw_only=True):
    """The readings of one moment. pinned: what was fixed for the run; what was not is `unpinned`."""

    phase: Phase
    at: str
    readings: tuple[Reading, ...]

    def get(self, name: str) -> Reading | None:
        return next((reading for reading in self.readings if reading.name == name), None)


class DeviceIdentity(Part, frozen=True, kw_only=True):
    """Which device it was. facts: name -> value; unavailable: name -> reason; fingerprint: of stable facts only."""

    name: str
    kind: str
    fingerprint: str
    facts: dict[str, str | int | float | bool | tuple[str, ...]]
    unavailable: dict[str, str] = {}

    @property
    def replayed(self) -> bool:
        """Whether a recording answered in its place."""
        return self.kind == "replay"

    @property
    def nature(self) -> str:
        """The kind by whose rules it is judged: of a replay, that of the recorded device."""
        return str(self.facts.get("replayed_kind", self.kind))

    @property
    def title(self) -> str:
        """What a person calls it: the CPU or phone model with its cores."""
        model = str(self.facts.get("cpu_model", self.facts.get("model", self.kind)))
        cores = self.facts.get("logical_cores")
        return f"{model}, {cores} cores" if cores else model
