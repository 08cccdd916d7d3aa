"""Whether two arms can be compared at all: a short look at each, and what differs that should not."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.backends import registry
from bench.backends.client import InvocationFailed
from bench.backends.job import Job, Output, Watch
from bench.base.findings import Finding
from bench.gate.arm import Arm
from bench.gate.state import clock_state
from bench.records.stats.latency import invocation_medians
from bench.records.types import CaseError
from bench.records.verdicts import ArmFacts, Axis

LOOK_S, LOOK_WARMUP_S = 0.2, 0.3


def gather(arm: Arm, job: Job) -> ArmFacts:
    """A short invocation of the arm: its runtime, where it ran, whether its output is right; InvocationFailed."""
    agreed = []

    def agree(outputs: list[Output]) -> None:
        agreed.append(arm.agree(arm, job, outputs))

    state = clock_state(job.device.conditions("before"))
    measured = registry.driver(arm.case.backend).measure(job, LOOK_S, LOOK_WARMUP_S, Watch(outputs=agree))
    medians = invocation_medians([measured.invocation])
    if not medians or medians[0] <= 0:
        raise InvocationFailed(CaseError(kind="no result", message="an invocation gave no times", phase="a first look"))
    return facts_of(arm, ArmFacts(
        label=arm.label, artifact=arm.artifact, tool=measured.tool, placement=measured.placement,
        agreement=agreed[0] if agreed else None, state=state, typical_ns=medians[0],
    ))  # fmt: skip


def facts_of(arm: Arm, known: ArmFacts | None = None) -> ArmFacts:
    """What is known of an arm before it has run, or with what a look at it gave."""
    facts = known or ArmFacts(label=arm.label, artifact=arm.artifact)
    return msgspec.structs.replace(facts, environment=arm.environment, revision=arm.revision)


def differences(base: ArmFacts, head: ArmFacts, axis: Axis, accelerator: str) -> list[str]:
    """What makes these arms unlike beyond the axis that is compared, each in words; none: they can be compared."""
    return [
        *_answers(base, head),
        *_runtime(base, head, axis),
        *_placement(base, head, accelerator),
        *_state(base, head),
        *_inputs(base, head),
    ]


def _answers(base: ArmFacts, head: ArmFacts) -> Iterator[str]:
    for name, arm in (("base", base), ("head", head)):
        agreement = arm.agreement
        # Integer kernels of two makers round differently: a mask that misses its tolerance is a doubt, said in a note.
        if agreement is not None and agreement.ok is False and not _lossy(arm):
            yield f"agreement: the {name}'s output is not that of {agreement.reference}: {agreement.reason}"


def _lossy(arm: ArmFacts) -> bool:
    return arm.agreement is not None and arm.agreement.tolerance.startswith("mask IoU")


def _runtime(base: ArmFacts, head: ArmFacts, axis: Axis) -> Iterator[str]:
    one, other = base.tool, head.tool
    if axis == "runtime" or one is None or other is None:
        return
    for name in ("runtime", "version", "python", "binary_sha256"):
        if getattr(one, name) != getattr(other, name):
            yield f"{name.replace('_', ' ')}: {getattr(one, name)} against {getattr(other, name)}"


def _placement(base: ArmFacts, head: ArmFacts, accelerator: str) -> Iterator[str]:
    one, other = base.placement, head.placement
    if one is None or other is None:
        return
    for name, placement in (("base", one), ("head", other)):
        if placement.kind == "none" and accelerator not in ("cpu", "auto"):
            yield f"placement: nothing of the {name} ran on {accelerator}: {placement.reason or placement.text}"
    # Another graph may have another count of nodes; the same graph that is cut elsewhere runs elsewhere.
    cut = one.text != other.text and base.artifact.sha256 == head.artifact.sha256
    if one.kind != other.kind or one.delegate != other.delegate or cut:
        yield f"placement: {one.text} against {other.text}"


def _state(base: ArmFacts, head: ArmFacts) -> Iterator[str]:
    for name in sorted(base.state.keys() & head.state.keys()):
        if base.state[name] != head.state[name]:
            yield f"{name}: {base.state[name]} against {head.state[name]}"


def _inputs(base: ArmFacts, head: ArmFacts) -> Iterator[str]:
    one, other = (tuple((spec.dtype, spec.shape) for spec in arm.artifact.graph.inputs) for arm in (base, head))
    if sorted(shape for _, shape in one) != sorted(shape for _, shape in other):
        yield f"input shapes: {_shapes(base)} against {_shapes(head)}"


def _shapes(arm: ArmFacts) -> str:
    return ", ".join("x".join(map(str, spec.shape)) for spec in arm.artifact.graph.inputs)


def notes(base: ArmFacts, head: ArmFacts, findings: tuple[Finding, ...] = ()) -> tuple[str, ...]:
    """What does not stop a comparison, and a reader should know."""
    found = [finding.what for finding in findings]
    for name, arm in (("base", base), ("head", head)):
        agreement = arm.agreement
        if arm.typical_ns is None:
            continue  # nobody looked at it: there is nothing to know
        if agreement is None or agreement.ok is None:
            why = "it was not compared" if agreement is None else agreement.reason
            found.append(f"whether the {name}'s output is right is not known: {why}")
        elif not agreement.ok:
            found.append(f"the {name}'s output is not that of {agreement.reference}: {agreement.reason}")
        if arm.placement is not None and arm.placement.kind in ("partial", "unknown"):
            reason = f": {arm.placement.reason}" if arm.placement.reason else ""
            found.append(f"the {name} ran {arm.placement.text}{reason}")
    if base.artifact.sha256 == head.artifact.sha256 and base.environment == head.environment and base.tool == head.tool:
        found.append("both arms are the same file in the same runtime")
    return tuple(dict.fromkeys(found))
