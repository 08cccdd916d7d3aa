"""An arm of a comparison: plain data, and the device as its processes see it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bench.backends.job import Job, Output
from bench.base.process import Process
from bench.devices.protocol import Device
from bench.records.types import Agreement, Artifact, Case, TensorSpec
from bench.records.verdicts import Axis

# The size of the environment moves the stack, and with it how data falls into caches (Mytkowicz et al., Producing wrong
# data without doing anything obviously wrong, 2009). A page is as far as it can matter.
PADDING = "BENCH_GATE_PADDING"
PADDING_BYTES = 4096


@dataclass(frozen=True)
class Arm:
    """One side. case: with its shapes resolved; path: the model file on this host.

    seeded: for a device, the path there of each seeded input; agree: compares the arm's outputs with its reference.
    python: the agent's interpreter on the device, empty for the device's own; tools: native tools by name.
    environment: the interpreter or tool as it was named; revision: the commit that it was built from.
    busy: makes each inference longer by this share (self-tests).
    """

    label: str
    case: Case
    path: Path
    artifact: Artifact
    seeded: Callable[[Device], Callable[[TensorSpec], str]]
    agree: Callable[[Arm, Job, Sequence[Output]], Agreement]
    python: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    revision: str = ""
    busy: float = 0.0


@dataclass(frozen=True)
class Pair:
    """Two arms of one case. axis: what may differ."""

    base: Arm
    head: Arm
    axis: Axis


class ArmDevice:
    """A device whose processes get the arm's interpreter, and an environment of a random size each."""

    def __init__(self, device: Device, python: str, chance: random.Random) -> None:
        self._device, self._python, self._chance = device, python, chance

    def python(self) -> str:
        return self._python or self._device.python()

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Process:
        padding = {PADDING: "x" * self._chance.randrange(PADDING_BYTES)}
        return self._device.spawn(argv, env={**padding, **(env or {})}, cwd=cwd)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)


def seen_by(arm: Arm, device: Device, chance: random.Random) -> Device:
    """The device for that arm's processes."""
    return cast(Device, ArmDevice(device, arm.python, chance))
