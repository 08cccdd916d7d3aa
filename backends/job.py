"""What a driver of a backend is given and gives. A driver is a module with the functions of `Driver`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from bench.backends.tflite.help import Capabilities
from bench.base.findings import Finding
from bench.devices.protocol import Device
from bench.records.types import Case, GraphFacts, Invocation, Placement, Profile, TensorSpec, Tool

MEASURING: Final = "measuring"  # the stage of the timed inferences


@dataclass(frozen=True)
class Output:
    """One output of an inference: raw little-endian bytes in a file on this host. scale: 0 when not quantized."""

    spec: TensorSpec
    file: Path
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Program:
    """What is started on the device: the agent, or a native tool. path: there; help: the tool's flags."""

    path: str
    sha256: str
    name: str = ""
    help: Capabilities | None = None
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Job:
    """What an invocation needs. model: path on the device; input_file: gives a path there for an input.

    graph: of the model file; limit_s: for a whole invocation; folder, cache: on this host; scratch: a folder on the
    device, for the whole case.
    """

    device: Device
    case: Case
    model: str
    program: Program
    graph: GraphFacts
    input_file: Callable[[TensorSpec], str]
    folder: Path
    cache: Path
    limit_s: float
    scratch: str = ""


@dataclass(frozen=True)
class Watch:
    """Who is told what happens, when it does: where timed inferences begin, the stage MEASURING, and what comes next.

    outputs: after the first inference; turn: after each turn, with its samples in ns.
    """

    outputs: Callable[[list[Output]], None] | None = None
    stage: Callable[[str], None] = field(default=lambda _: None)
    turn: Callable[[tuple[int, ...]], None] = field(default=lambda _: None)


@dataclass(frozen=True)
class Measured:
    """What one invocation gave. transcript: what its process printed; no_outputs: why none were handed to the watch."""

    invocation: Invocation
    tool: Tool
    placement: Placement
    transcript: str
    findings: tuple[Finding, ...] = ()
    no_outputs: str = ""


@dataclass(frozen=True)
class Profiled:
    """profile: None with the reason why; op_names: what ran, where no times are known.

    transcript: what the profiling process printed.
    """

    profile: Profile | None
    transcript: str = ""
    reason: str = ""
    op_names: tuple[str, ...] = ()


class Measures(Protocol):
    """The part of a driver that measures."""

    def measure(self, job: Job, seconds: float, warmup_s: float, watch: Watch) -> Measured:
        """One invocation. Raises InvocationFailed."""
        ...


class Driver(Measures, Protocol):
    """How a backend is driven: the functions of its module."""

    def program(self, device: Device, backend: str, tools: Mapping[str, str], cache: Path) -> Program:
        """Bring what is started to the device. tools: name -> path on this host, as the user named them.

        Raises UsageError where there is none, NotMeasuredError, StorageError.
        """
        ...

    def profile(self, job: Job, typical_ns: float | None, watch: Watch) -> Profiled:
        """Op rows from an invocation of its own. Raises InvocationFailed."""
        ...
