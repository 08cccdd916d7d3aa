"""Measuring the cases of a plan, one record each. What is finished is on disk, whatever happens afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench import __version__
from bench.backends import pack, python_runtime
from bench.backends.client import InvocationFailed
from bench.backends.python_runtime import Job, Measured, Output, Watch
from bench.base.errors import BenchError, StorageError
from bench.base.findings import Finding
from bench.base.progress import Progress
from bench.devices.assess import assess
from bench.devices.protocol import Device
from bench.models import artifacts
from bench.models.inputs import input_file
from bench.models.inspect import describe, sha256_of
from bench.models.zoo.entry import ZooEntry
from bench.records import store
from bench.records.stats.latency import invocation_medians
from bench.records.types import (
    SCHEMA_VERSION,
    Agreement,
    Artifact,
    Case,
    CaseError,
    Conditions,
    DeviceIdentity,
    Invocation,
    Placement,
    Profile,
    Record,
    RunRef,
    TensorSpec,
    Tool,
)
from bench.run import judge
from bench.run.plan import FILE_VARIANT, Planned
from bench.run.reference import REFERENCE_BACKEND, REFERENCE_OPTIONS, References

SEED = 0
Shape = tuple[int, ...]
MINIMUM_INVOCATIONS = 3
DIFFER = "invocations differ: "
OVERRUN = 3.0  # a slow model may take this many times its seconds before the last invocations are dropped


@dataclass(frozen=True)
class Settings:
    """How to measure. time_s: of timed inferences per case, spread over the invocations."""

    time_s: float
    invocations: int
    warmup_s: float
    limit_s: float
    wait_s: float
    profile: bool

    @property
    def share_s(self) -> float:
        return self.time_s / self.invocations

    @property
    def invocation_warmup_s(self) -> float:
        """A short run is not made long by its warm-up."""
        return min(self.warmup_s, max(1.0, self.time_s))

    @property
    def expected_s(self) -> float:
        """A guess for one case: starts, loads and a typical warm-up of each invocation, turns, and the profile."""
        typical_warmup = min(self.invocation_warmup_s, 0.6)
        return self.time_s + self.invocations * (typical_warmup + 0.4) + (2.0 if self.profile else 0.0)


@dataclass
class _SoFar:
    """What is known of a case so far; becomes the record at its end, also when something failed."""

    artifact: Artifact | None = None
    tool: Tool | None = None
    placement: Placement = field(default_factory=lambda: Placement(kind="unknown", reason="nothing has run"))
    agreement: Agreement | None = None
    invocations: list[Invocation] = field(default_factory=list)
    profile: Profile | None = None
    profile_reason: str = ""
    conditions: list[Conditions] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    error: CaseError | None = None


class Runner:
    """Runs cases on open devices. cache, results: folders of this host."""

    def __init__(
        self, run: RunRef, settings: Settings, devices: Mapping[str, Device], cache: Path, results: Path,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.run = run
        self.settings = settings
        self.devices = devices
        self.cache = cache
        self.results = results
        self.progress = progress
        self._references: dict[str, References] = {}
        self._identities: dict[str, DeviceIdentity] = {}

    def measure_all(self, cases: Sequence[Planned]) -> Iterator[tuple[Record, Path]]:
        """Each case's record, as soon as it is on disk. Raises StorageError when it cannot be put there."""
        for number, planned in enumerate(cases, 1):
            left = (len(cases) - number) * self.settings.expected_s
            self.progress.stage(f"[{number}/{len(cases)}] {planned.case.label}", left + self.settings.expected_s)
            record = self._measure(planned, left)
            path = store.save(record, self.results)
            yield record, path

    def _measure(self, planned: Planned, left_s: float) -> Record:
        case, device = planned.case, self.devices[planned.case.device]
        if case.device not in self._identities:
            self._identities[case.device] = device.identify()
        found = _SoFar()
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            try:
                self._case(planned, device, Path(folder), found, left_s)
            except InvocationFailed as failed:
                found.error = failed.error
            except StorageError:
                raise
            except BenchError as error:
                found.error = CaseError(
                    kind=error.kind, message=f"{error.asked}: {error.found}".rstrip(": "), todo=error.todo
                )
        return self._record(planned, found)

    def _case(self, planned: Planned, device: Device, folder: Path, found: _SoFar, left_s: float) -> None:
        case = planned.case
        path, found.artifact = self._artifact(planned)
        shapes = resolve_shapes(case.shapes, found.artifact.graph.inputs)
        job = self._job(msgspec.structs.replace(case, shapes=shapes), device, device.push(path), folder)
        found.conditions.append(device.conditions("before"))
        tflite = self._reference_file(planned, path)

        def agree(outputs: list[Output]) -> None:
            sha256 = found.artifact.sha256 if found.artifact and tflite == path else sha256_of(tflite) if tflite else ""
            precision = "fp32" if case.variant == FILE_VARIANT else case.variant
            who = f"{case.backend} {case.accelerator}"
            found.agreement = self._referee(device, job).judge(
                case.model, who, tflite, sha256, outputs, precision, shapes
            )

        self._invocations(job, device, found, agree, left_s)
        if self.settings.profile:
            self._profile(job, found, left_s)
        else:
            found.profile_reason = "not asked for (--no-profile)"
        found.conditions.append(device.conditions("after"))

    def _invocations(
        self, job: Job, device: Device, found: _SoFar, agree: Callable[[list[Output]], None], left_s: float
    ) -> None:
        settings = self.settings
        spent_s = 0.0
        for index in range(settings.invocations):
            # A model so slow that one inference outlasts its share gets fewer invocations, but three if at all.
            if len(found.invocations) >= MINIMUM_INVOCATIONS and spent_s >= settings.time_s * OVERRUN:
                break
            ahead = settings.expected_s * (1 - index / settings.invocations) + left_s
            watch = self._watch(f"invocation {index + 1}/{settings.invocations}", ahead, agree if index == 0 else None)
            measured = python_runtime.measure(job, settings.share_s, settings.invocation_warmup_s, watch)
            spent_s += sum(measured.invocation.samples_ns) / 1e9
            _take(found, measured, device.conditions("during"))

    def _watch(self, what: str, left_s: float, agree: Callable[[list[Output]], None] | None) -> Watch:
        spent = 0.0

        def stage(text: str) -> None:
            self.progress.update(f"{what} · {text}", left_s)

        def turn(samples: tuple[int, ...]) -> None:
            nonlocal spent
            spent += sum(samples) / 1e9
            self.progress.update(f"{what} · measuring", max(left_s - spent, 0.0))

        return Watch(outputs=agree, stage=stage, turn=turn)

    def _profile(self, job: Job, found: _SoFar, left_s: float) -> None:
        """A profile that cannot be had is a reason in the record, not a failed case."""
        medians = invocation_medians(found.invocations)
        typical = sorted(medians)[len(medians) // 2] if medians else None
        try:
            found.profile = python_runtime.profile(job, typical, self._watch("op profile", left_s + 3.0, None))
        except InvocationFailed as failed:
            found.profile_reason = failed.error.message

    def _artifact(self, planned: Planned) -> tuple[Path, Artifact]:
        case = planned.case
        if isinstance(planned.source, ZooEntry):
            path = artifacts.build(
                planned.source.id, variant=case.variant, era=case.era, format=case.format, cache=self.cache
            )
        else:
            path = planned.source
        graph = describe(path, self.cache)
        zoo = isinstance(planned.source, ZooEntry)
        return path, Artifact(name=path.name, sha256=sha256_of(path), source="zoo" if zoo else "file", graph=graph)

    def _reference_file(self, planned: Planned, path: Path) -> Path | None:
        if planned.case.format == "tflite":
            return path
        if isinstance(planned.source, ZooEntry):
            case = planned.case
            return artifacts.build(
                planned.source.id, variant=case.variant, era=case.era, format="tflite", cache=self.cache
            )
        return None

    def _job(self, case: Case, device: Device, model: str, folder: Path) -> Job:
        agent, digest = pack.packed(self.cache)

        def make_input(spec: TensorSpec) -> str:
            return device.push(input_file(spec, spec.shape, SEED, self.cache))

        return Job(device, case, model, device.push(agent), digest, make_input, folder, self.settings.limit_s)

    def _referee(self, device: Device, job: Job) -> References:
        """The device's references. The reference kernels run there, so that they need no second machine."""

        def reference_outputs(tflite: Path) -> list[Output]:
            self.progress.update("reference output (reference kernels)")
            case = msgspec.structs.replace(
                job.case, backend=REFERENCE_BACKEND, accelerator="cpu", options=REFERENCE_OPTIONS, threads=1
            )
            return python_runtime.outputs(dataclasses.replace(job, case=case, model=device.push(tflite)))

        known = self._references.setdefault(device.name, References(self.cache, reference_outputs))
        known.run = reference_outputs
        return known

    def _record(self, planned: Planned, found: _SoFar) -> Record:
        case, identity = planned.case, self._identities[planned.case.device]
        medians = invocation_medians(found.invocations)
        findings: tuple[Finding, ...] = ()
        if found.invocations:
            moments = {conditions.phase: conditions for conditions in found.conditions}
            during = [each.during for each in found.invocations if each.during is not None]
            zoo = isinstance(planned.source, ZooEntry)
            findings = (
                *judge.findings(found.placement, found.agreement, found.invocations, medians, found.profile, zoo),
                *assess(identity, moments.get("before"), during, moments.get("after"), case.threads),
            )
        return Record(
            schema=SCHEMA_VERSION,
            run=self.run,
            case=case,
            case_key=case.key,
            device=identity,
            artifact=found.artifact,
            tool=found.tool,
            placement=found.placement,
            agreement=found.agreement,
            invocations=tuple(found.invocations),
            profile=found.profile,
            profile_reason=found.profile_reason,
            conditions=tuple(found.conditions),
            findings=findings,
            transcript=tuple(found.transcript),
            error=found.error,
        )


def _take(found: _SoFar, measured: Measured, during: Conditions) -> None:
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


def resolve_shapes(asked: Mapping[str, Shape], inputs: Sequence[TensorSpec]) -> dict[str, Shape]:
    """Input name -> shape, for what the user fixed; a shape without a name is that of the only input.

    Raises InvocationFailed where a name or a number of dimensions is wrong, or a dynamic input is left open.
    """
    names = [spec.name for spec in inputs]
    shapes: dict[str, Shape] = {}
    for name, shape in asked.items():
        if name not in names and (name or len(names) != 1):
            what = f"--shape {name}: the model has no such input" if name else "--shape without a name: several inputs"
            raise _shape_error(what, f"Its inputs: {', '.join(names)}.")
        shapes[name or names[0]] = shape
    for spec in inputs:
        sizes = ",".join("N" if size < 0 else str(size) for size in spec.shape)
        given = shapes.get(spec.name)
        if given is None and spec.dynamic:
            example = sizes.replace("N", "1")
            todo = f"Fix it with the size that you ship, such as --shape {spec.name}={example}"
            raise _shape_error(f"input {spec.name} has no fixed shape: {sizes}", todo)
        if given is not None and len(given) != len(spec.shape):
            raise _shape_error(f"--shape: input {spec.name} has {len(spec.shape)} dimensions: {sizes}", "")
    return shapes


def _shape_error(message: str, todo: str) -> InvocationFailed:
    return InvocationFailed(CaseError(kind="shape", message=message, todo=todo, phase="reading the model"))


@contextlib.contextmanager
def held(devices: Mapping[str, Device], wait_s: float, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold all devices of a run, in the order of their names, so that two runs cannot wait for each other."""
    with contextlib.ExitStack() as stack:
        for name in sorted(devices):
            stack.enter_context(devices[name].lock(wait_s, tell))
        yield


def new_run(command: Sequence[str]) -> RunRef:
    return RunRef(id=store.new_run_id(), started=store.now(), command=tuple(command), bench_version=__version__)
