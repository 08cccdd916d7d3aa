"""Measuring one case: artifact, invocations, agreement, op profile, conditions, accuracy."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from bench.backends import answers, pack, python_runtime
from bench.backends.client import InvocationFailed
from bench.backends.python_runtime import Job, Measured, Output, Watch
from bench.base.paths import portable
from bench.base.progress import Progress
from bench.devices.protocol import Device
from bench.models import artifacts
from bench.models.inputs import input_file
from bench.models.inspect import describe, sha256_of
from bench.models.zoo.entry import ZooEntry
from bench.records.stats.latency import invocation_medians
from bench.records.types import (
    Accuracy,
    Agreement,
    Artifact,
    Case,
    CaseError,
    Conditions,
    Invocation,
    Placement,
    Profile,
    TensorSpec,
    Tool,
)
from bench.run import accuracy
from bench.run.plan import Planned
from bench.run.reference import REFERENCE_BACKEND, REFERENCE_OPTIONS, References
from bench.run.settings import Settings
from bench.run.shapes import resolve_shapes

SEED = 0
MINIMUM_INVOCATIONS = 3
# Variant -> the tolerance that its outputs are held to; a file of the user's is held to what it computes in.
PRECISIONS = {"fp16": "fp16", "dynamic": "int8", "int8": "int8", "int8-io": "int8"}
DIFFER = "invocations differ: "
OVERRUN = 3.0  # a slow model may take this many times its seconds before the last invocations are dropped


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
    conditions: list[Conditions] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    error: CaseError | None = None
    accuracy: Accuracy | None = None


@dataclass
class CaseRun:
    """One case on its open device. folder: for outputs; left_s: what the cases after it will take, for the progress."""

    planned: Planned
    device: Device
    references: References
    settings: Settings
    cache: Path
    folder: Path
    progress: Progress
    left_s: float
    found: SoFar

    def measure(self) -> None:
        """Fill `found`. Raises InvocationFailed, and BenchError for what stops a case before it starts."""
        planned, device, found = self.planned, self.device, self.found
        case = planned.case
        if self.settings.pictures:
            found.accuracy = accuracy.unknown(self.settings.pictures, "the case ended before it was measured")
        path, found.artifact = self._artifact()
        shapes = resolve_shapes(case.shapes, found.artifact.graph.inputs)
        job = self._job(msgspec.structs.replace(case, shapes=shapes), device.push(path))
        found.conditions.append(device.conditions("before"))
        tflite = self._reference_file(path)

        def agree(outputs: list[Output]) -> None:
            sha256 = sha256_of(tflite) if tflite else ""
            precision = PRECISIONS.get(case.variant, "fp32")
            who = f"{case.backend} {case.accelerator}"
            found.agreement = self.references.judge(
                case.model,
                who,
                tflite,
                sha256,
                outputs,
                precision,
                shapes,
                partial(self._make_reference, job),
            )
            self._compare_with_fp32(job, outputs)

        self._invocations(job, agree)
        if self.settings.profile:
            self._profile(job)
        else:
            found.profile_reason = "not asked for (--no-profile)"
        found.conditions.append(device.conditions("after"))
        self._accuracy(job)

    def _invocations(self, job: Job, agree: Callable[[list[Output]], None]) -> None:
        settings, found = self.settings, self.found
        spent_s = 0.0
        for index in range(settings.invocations):
            # A model so slow that one inference outlasts its share gets fewer invocations, but three if at all.
            if len(found.invocations) >= MINIMUM_INVOCATIONS and spent_s >= settings.time_s * OVERRUN:
                break
            ahead = settings.expected_s * (1 - index / settings.invocations) + self.left_s
            watch = self._watch(f"invocation {index + 1}/{settings.invocations}", ahead, agree if index == 0 else None)
            measured = python_runtime.measure(job, settings.share_s, settings.invocation_warmup_s, watch)
            spent_s += sum(measured.invocation.samples_ns) / 1e9
            take(found, measured, self.device.conditions("during"))

    def _watch(self, what: str, left_s: float, agree: Callable[[list[Output]], None] | None) -> Watch:
        spent = 0.0

        def stage(text: str) -> None:
            self.progress.update(f"{what} · {text}", left_s)

        def turn(samples: tuple[int, ...]) -> None:
            nonlocal spent
            spent += sum(samples) / 1e9
            self.progress.update(f"{what} · measuring", max(left_s - spent, 0.0))

        return Watch(outputs=agree, stage=stage, turn=turn)

    def _profile(self, job: Job) -> None:
        """A profile that cannot be had is a reason in the record, not a failed case."""
        found = self.found
        medians = invocation_medians(found.invocations)
        typical = statistics.median_high(medians) if medians else None
        try:
            found.profile = python_runtime.profile(job, typical, self._watch("op profile", self.left_s + 2.0, None))
            found.profile_reason = ""
        except InvocationFailed as failed:
            found.profile_reason = failed.error.message

    def _compare_with_fp32(self, job: Job, outputs: list[Output]) -> None:
        """What a variant of a zoo model costs in its mask."""
        source, case, agreement = self.planned.source, self.planned.case, self.found.agreement
        if not isinstance(source, ZooEntry) or case.variant == "fp32" or source.scaling is None or agreement is None:
            return
        fp32 = artifacts.build(source.id, variant="fp32", era=case.era, format="tflite", cache=self.cache)
        iou, reason = self.references.mask_overlap(
            fp32, sha256_of(fp32), outputs, job.case.shapes, partial(self._make_reference, job)
        )
        self.found.agreement = msgspec.structs.replace(agreement, fp32_mask_iou=iou, fp32_reason=reason)

    def _accuracy(self, job: Job) -> None:
        settings, source = self.settings, self.planned.source
        data = settings.pictures
        if data is None:
            return
        zoo = isinstance(source, ZooEntry)
        if isinstance(source, ZooEntry) and source.scaling is None:
            self.found.accuracy = accuracy.unknown(data, f"{source.id} is no segmentation model")
            return

        def tell(done: int) -> None:
            self.progress.update(f"accuracy · picture {done + 1}/{len(data.pairs)}", self.left_s + 1.0)

        asked = source.scaling if isinstance(source, ZooEntry) else settings.scaling
        self.found.accuracy = accuracy.measure(job, data, asked, zoo, tell)

    def _artifact(self) -> tuple[Path, Artifact]:
        planned, case = self.planned, self.planned.case
        if isinstance(planned.source, ZooEntry):
            path = artifacts.build(
                planned.source.id, variant=case.variant, era=case.era, format=case.format, cache=self.cache
            )
        else:
            path = planned.source
        graph = describe(path, self.cache)
        zoo = isinstance(planned.source, ZooEntry)
        return path, Artifact(
            name=portable(path.name), sha256=sha256_of(path), source="zoo" if zoo else "file", graph=graph
        )

    def _reference_file(self, path: Path) -> Path | None:
        case, source = self.planned.case, self.planned.source
        if case.format == "tflite":
            return path
        if isinstance(source, ZooEntry):
            return artifacts.build(source.id, variant=case.variant, era=case.era, format="tflite", cache=self.cache)
        return None

    def _job(self, case: Case, model: str) -> Job:
        agent, digest = pack.packed(self.cache)
        device = self.device

        def make_input(spec: TensorSpec) -> str:
            return device.push(input_file(spec, spec.shape, SEED, self.cache))

        return Job(device, case, model, device.push(agent), digest, make_input, self.folder, self.settings.limit_s)

    def _make_reference(self, job: Job, tflite: Path) -> list[Output]:
        """The reference kernels run on the case's own device, so that they need no second machine."""
        self.progress.update("reference output (reference kernels)")
        case = msgspec.structs.replace(
            job.case, backend=REFERENCE_BACKEND, accelerator="cpu", options=REFERENCE_OPTIONS, threads=1
        )
        return answers.outputs(dataclasses.replace(job, case=case, model=self.device.push(tflite)))


def take(found: SoFar, measured: Measured, during: Conditions) -> None:
    """Add an invocation to what is known of the case."""
    found.invocations.append(msgspec.structs.replace(measured.invocation, during=during))
    found.tool = measured.tool
    # Invocations that were placed differently must not look like the first one.
    if len(found.invocations) == 1:
        found.placement = measured.placement
    elif measured.placement != found.placement and not found.placement.reason.startswith(DIFFER):
        reason = f"{DIFFER}{found.placement.text}, then {measured.placement.text}"
        found.placement = Placement(kind="unknown", reason=reason)
    if measured.stderr:
        found.transcript.append(measured.stderr)
