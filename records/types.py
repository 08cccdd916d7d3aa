"""The record: what one case gave in one run. Frozen types; the words are those of docs/architecture.md.

Its parts stand in `parts` (what and where), `outcomes` and `quality` (what came out) and are all to be had from here.
"""

from __future__ import annotations

import msgspec

from bench.base.findings import Finding
from bench.records.energy import Energy
from bench.records.outcomes import (
    CaseError,
    Invocation,
    Memory,
    OpRow,
    Placement,
    PlacementKind,
    Profile,
    Summary,
    Throughput,
    Turn,
    Warmup,
)
from bench.records.parts import (
    Artifact,
    Case,
    Conditions,
    DeviceIdentity,
    GraphFacts,
    Part,
    Phase,
    Reading,
    TensorSpec,
)
from bench.records.quality import Accuracy, Agreement, MaskPixels
from bench.records.sustained import Point, Sustained

__all__ = [
    "SCHEMA_VERSION",
    "Accuracy",
    "Agreement",
    "Artifact",
    "Case",
    "CaseError",
    "Conditions",
    "DeviceIdentity",
    "Energy",
    "GraphFacts",
    "Invocation",
    "MaskPixels",
    "Memory",
    "OpRow",
    "Part",
    "Phase",
    "Placement",
    "PlacementKind",
    "Point",
    "Profile",
    "Reading",
    "Record",
    "RunRef",
    "Summary",
    "Sustained",
    "TensorSpec",
    "Throughput",
    "Tool",
    "Turn",
    "Warmup",
]

SCHEMA_VERSION = 1


class Tool(Part, frozen=True, kw_only=True):
    """What did the measuring: the runtime and its version, and our agent's hash with the Python that ran it, or the
    hash and name of the native tool.

    sync: how the adapter makes sure that a sample ends when the result is ready.
    settings: what the runtime itself reports (precision hint, streams, kernels, ...).
    """

    runtime: str
    version: str
    agent_sha256: str
    python: str
    sync: str
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    binary: str = ""
    binary_sha256: str = ""


class RunRef(Part, frozen=True, kw_only=True):
    """The run that a record belongs to."""

    id: str
    started: str
    command: tuple[str, ...]
    bench_version: str


class Record(Part, frozen=True, kw_only=True):
    """What one case gave in one run: the truth that everything else is derived from.

    A field that came later has a default, so that records from before it can be read. accuracy: None: not asked for.
    op_names: what ran, where a profile has names and no times. sustained: of a case that was kept at work, else None.
    energy: what it drew, or why that is not known; None: nobody looked.
    """

    schema: int
    run: RunRef
    case: Case
    case_key: str
    device: DeviceIdentity
    artifact: Artifact | None
    tool: Tool | None
    placement: Placement
    agreement: Agreement | None
    invocations: tuple[Invocation, ...]
    profile: Profile | None
    profile_reason: str
    conditions: tuple[Conditions, ...]
    findings: tuple[Finding, ...]
    transcript: tuple[str, ...]
    error: CaseError | None
    accuracy: Accuracy | None = None
    op_names: tuple[str, ...] = ()
    sustained: Sustained | None = None
    energy: Energy | None = None

    @property
    def replayed(self) -> bool:
        """Whether it comes from a recording: shown as such everywhere, never marked best, and never gates."""
        return self.device.replayed

    @property
    def measured(self) -> bool:
        return self.error is None and any(invocation.turns or invocation.summary for invocation in self.invocations)
