"""What is known of a case so far, and how an invocation adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from bench.backends.client import InvocationFailed
from bench.backends.job import Measured
from bench.base.findings import Finding
from bench.models.cost_floor import Floor
from bench.records.stats.latency import invocation_medians
from bench.records.types import (
    Accuracy,
    Agreement,
    Artifact,
    Case,
    CaseError,
    Conditions,
    Energy,
    Invocation,
    Placement,
    Profile,
    Reading,
    Sustained,
    Tool,
)

DIFFER = "invocations differ: "


@dataclass
class SoFar:
    """What is known of a case so far; becomes the record at its end, also when something failed."""

    artifact: Artifact | None = None
    tool: Tool | None = None
    placement: Placement = field(default_factory=lambda: Placement(kind="unknown", reason="nothing has run"))
    agreement: Agreement | None = None
    invocations: list[Invocation] = field(default_factory=list)
    profile: Profile | None = None
    profile_reason: str = "the case ended before it was profiled"
    op_names: tuple[str, ...] = ()
    conditions: list[Conditions] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    error: CaseError | None = None
    accuracy: Accuracy | None = None
    sustained: Sustained | None = None
    energy: Energy | None = None
    floor: Floor | None = None
    held: tuple[Reading, ...] = ()  # what is pinned while it runs

    def moment(self, conditions: Conditions) -> Conditions:
        """The conditions with what is held in the place of readings of the same name (`pin`: `unpinned`)."""
        names = {one.name for one in self.held}
        kept = (one for one in conditions.readings if one.name not in names)
        return msgspec.structs.replace(conditions, readings=(*kept, *self.held))


def take(found: SoFar, measured: Measured, during: Conditions) -> None:
    """Add an invocation to what is known of the case."""
    found.invocations.append(msgspec.structs.replace(measured.invocation, during=found.moment(during)))
    found.tool = measured.tool
    # Invocations that were placed differently must not look like the first one.
    if len(found.invocations) == 1:
        found.placement = measured.placement
    elif measured.placement != found.placement and not found.placement.reason.startswith(DIFFER):
        reason = f"{DIFFER}{found.placement.text}, then {measured.placement.text}"
        found.placement = Placement(kind="unknown", reason=reason)
    if measured.transcript:
        found.transcript.append(measured.transcript)
    found.findings += [finding for finding in measured.findings if finding not in found.findings]
    if measured.no_outputs and found.agreement is None:
        found.agreement = Agreement(reference="", ok=None, reason=measured.no_outputs)


def refuse_fallback(case: Case, placement: Placement, invocation: Invocation) -> None:
    """What ran elsewhere is no number of the accelerator that was asked for. Raises InvocationFailed."""
    if placement.kind != "none" or case.accelerator in ("cpu", "auto"):
        return
    medians = invocation_medians([invocation])
    took = f"; there it took {medians[0] / 1e6:.4g} ms" if medians else ""
    raise InvocationFailed(
        CaseError(
            kind="fell back",
            message=f"nothing of the graph ran on {case.accelerator}, all of it on the CPU{took}: {placement.reason}",
            todo="This is no number of the accelerator. See what the tool said in the record's transcript: bench show.",
            phase="measuring",
        )
    )
