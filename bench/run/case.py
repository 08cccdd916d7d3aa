"""Measuring one case: artifact, invocations, agreement, op profile, conditions, accuracy."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from bench.backends import registry
from bench.backends.batch import batch_of
from bench.backends.client import InvocationFailed
from bench.backends.job import Driver, Job, Measures, Output, Watch
from bench.base.paths import portable
from bench.base.progress import Progress
from bench.devices.protocol import Device
from bench.models import artifacts
from bench.models.cost_floor import of_file
from bench.models.inspect import describe, sha256_of
from bench.models.scaling import Scaling
from bench.models.zoo.entry import ZooEntry
from bench.records.stats.latency import invocation_medians
from bench.records.types import Artifact
from bench.run import accuracy, cool, power, sustain
from bench.run.plan import Planned
from bench.run.reference import References, make_reference, seeded
from bench.run.settings import Settings
from bench.run.shapes import resolve_shapes
from bench.run.sofar import SoFar, refuse_fallback, take

MINIMUM_INVOCATIONS = 3
# Variant -> the tolerance that its outputs are held to; a file of the user's is held to what it computes in.
PRECISIONS = {"fp16": "fp16", "dynamic": "int8", "int8": "int8", "int8-io": "int8", "edgetpu": "int8"}
OVERRUN = 3.0  # a slow model may take this many times its seconds before the last invocations are dropped


@dataclass
class CaseRun:
    """One case on its open device. folder: for outputs; label, left_s (of the cases after it): for the progress."""

    planned: Planned
    label: str
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
        device, found, settings = self.device, self.found, self.settings
        case = self.planned.case
        if settings.pictures:
            found.accuracy = accuracy.unknown(settings.pictures, "the case ended before it was measured")
        path, found.artifact = self._artifact()
        shapes = resolve_shapes(case.shapes, found.artifact.graph.inputs, batch_of(case.options))
        found.floor = of_file(path, self.cache) if not shapes else None
        driver = registry.driver(case.backend)
        program = driver.program(device, case.backend, settings.tools, self.cache)
        found.findings += program.notes
        with device.scratch() as scratch:
            job = Job(
                device=device,
                case=msgspec.structs.replace(sustain.without(case), shapes=shapes),
                model=device.push(path),
                program=program,
                graph=found.artifact.graph,
                input_file=seeded(device, path, self._scaling, self.cache),
                folder=self.folder,
                cache=self.cache,
                limit_s=settings.limit_s,
                scratch=scratch,
            )
            self._cool()
            with cool.pinned(device, settings.pin) as (found.held, findings):
                found.findings += findings
                found.conditions.append(found.moment(device.conditions("before")))
                self._timed(driver, job, partial(self._agree, job, self._reference_file(path)))
                found.conditions.append(found.moment(device.conditions("after")))
            self._accuracy(job)

    def _cool(self) -> None:
        settings, label = self.settings, self.label
        if not settings.cool_c:
            return
        waiting = False

        def tell(now_c: float, left_s: float) -> None:
            nonlocal waiting
            ahead = settings.expected_s + self.left_s
            if not waiting:
                waiting = True
                self.progress.stage(f"{label} · waiting until {settings.cool_c:g} C, now {now_c:g} C", ahead + left_s)
            self.progress.update(f"now {now_c:g} C", ahead + left_s)

        self.found.findings += cool.wait(self.device, settings.cool_c, settings.cool_wait_s, tell)
        if waiting:
            self.progress.stage(label, settings.expected_s + self.left_s)

    def _timed(self, driver: Driver, job: Job, agree: Callable[[list[Output]], None]) -> None:
        settings, found = self.settings, self.found
        native = registry.backend(job.case.backend).native
        told = self._watch("before the first invocation", settings.expected_s + self.left_s, None)
        with power.beside(driver, native, job.device, found, told.stage) as watched:
            if settings.sustain_s is None:
                self._invocations(watched, job, agree)
            else:
                found.profile_reason = sustain.NO_PROFILE
                sustain.measure(watched, job, settings.sustain_s, found, partial(self._watch_sustained, agree))
        if settings.sustain_s is None and settings.profile:
            self._profile(driver, job)
        elif settings.sustain_s is None:
            found.profile_reason = "not asked for (--no-profile)"

    def _watch_sustained(self, agree: Callable[[list[Output]], None], index: int, left_s: float) -> Watch:
        what = f"sustained · invocation {index + 1}"
        return self._watch(what, left_s + self.left_s, agree if index == 0 else None)

    @property
    def _scaling(self) -> Scaling | None:
        source = self.planned.source
        return source.scaling if isinstance(source, ZooEntry) else None

    def _build(self, entry: ZooEntry, variant: str, format: str) -> Path:
        return artifacts.build(
            entry.id,
            variant=variant,
            era=self.planned.case.era,
            format=format,
            cache=self.cache,
            calibration=self.settings.calibration,
            tools=self.settings.tools,
        )

    def _agree(self, job: Job, tflite: Path | None, outputs: list[Output]) -> None:
        case = self.planned.case
        self.found.agreement = self.references.judge(
            case.model,
            f"{case.backend} {case.accelerator}",
            tflite,
            sha256_of(tflite) if tflite else "",
            outputs,
            PRECISIONS.get(case.variant, "fp32"),
            job.case.shapes,
            partial(self._make_reference, job),
        )
        self._compare_with_fp32(job, outputs)

    def _invocations(self, driver: Measures, job: Job, agree: Callable[[list[Output]], None]) -> None:
        settings, found = self.settings, self.found
        spent_s = 0.0
        for index in range(settings.invocations):
            # A model so slow that one inference outlasts its share gets fewer invocations, but three if at all.
            if len(found.invocations) >= MINIMUM_INVOCATIONS and spent_s >= settings.time_s * OVERRUN:
                break
            ahead = settings.expected_s * (1 - index / settings.invocations) + self.left_s
            watch = self._watch(f"invocation {index + 1}/{settings.invocations}", ahead, agree if index == 0 else None)
            measured = driver.measure(job, settings.share_s, settings.invocation_warmup_s, watch)
            spent_s += measured.invocation.timed_ns / 1e9
            take(found, measured, self.device.conditions("during"))
            refuse_fallback(job.case, found.placement, measured.invocation)

    def _watch(self, what: str, left_s: float, agree: Callable[[list[Output]], None] | None) -> Watch:
        spent = 0.0

        def stage(text: str) -> None:
            self.progress.update(f"{what} · {text}", left_s)

        def turn(samples: tuple[int, ...]) -> None:
            nonlocal spent
            spent += sum(samples) / 1e9
            self.progress.update(f"{what} · measuring", max(left_s - spent, 0.0))

        return Watch(outputs=agree, stage=stage, turn=turn)

    def _profile(self, driver: Driver, job: Job) -> None:
        """A profile that cannot be had is a reason in the record, not a failed case."""
        found = self.found
        medians = invocation_medians(found.invocations)
        typical = statistics.median_high(medians) if medians else None
        try:
            profiled = driver.profile(job, typical, self._watch("op profile", self.left_s + 2.0, None))
            found.profile, found.profile_reason = profiled.profile, profiled.reason
            found.op_names = profiled.op_names
            found.transcript += [profiled.transcript] if profiled.transcript else []
        except InvocationFailed as failed:
            found.profile_reason = failed.error.message
            found.transcript += [failed.transcript] if failed.transcript else []

    def _compare_with_fp32(self, job: Job, outputs: list[Output]) -> None:
        """What a variant of a zoo model costs in its mask."""
        source, case, agreement = self.planned.source, self.planned.case, self.found.agreement
        if not isinstance(source, ZooEntry) or case.variant == "fp32" or source.scaling is None or agreement is None:
            return
        fp32 = self._build(source, "fp32", "tflite")
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
        if registry.backend(job.case.backend).native:
            self.found.accuracy = accuracy.unknown(
                data, f"{job.case.backend} cannot be given one picture after the other"
            )
            return
        if isinstance(source, ZooEntry) and source.scaling is None:
            self.found.accuracy = accuracy.unknown(data, f"{source.id} is no segmentation model")
            return

        def tell(done: int) -> None:
            self.progress.update(f"accuracy · picture {done + 1}/{len(data.pairs)}", self.left_s + 1.0)

        asked = source.scaling if isinstance(source, ZooEntry) else settings.scaling
        self.found.accuracy = accuracy.measure(job, data, asked, zoo, tell)

    def _artifact(self) -> tuple[Path, Artifact]:
        source, case = self.planned.source, self.planned.case
        zoo = isinstance(source, ZooEntry)
        path = self._build(source, case.variant, case.format) if isinstance(source, ZooEntry) else source
        graph = describe(path, self.cache)
        return path, Artifact(
            name=portable(path.name), sha256=sha256_of(path), source="zoo" if zoo else "file", graph=graph
        )

    def _reference_file(self, path: Path) -> Path | None:
        """What LiteRT's reference kernels can run in the place of the case's file; None: there is nothing."""
        case, source = self.planned.case, self.planned.source
        if isinstance(source, ZooEntry) and case.variant == "edgetpu":
            return self._build(source, "int8-io", "tflite")  # what was compiled; the compiled file needs the TPU
        if case.format == "tflite":
            return path
        return self._build(source, case.variant, "tflite") if isinstance(source, ZooEntry) else None

    def _make_reference(self, job: Job, tflite: Path) -> list[Output]:
        self.progress.update("reference output (reference kernels)")
        return make_reference(job, tflite, self._scaling)
