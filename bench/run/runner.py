"""Measuring the cases of a plan, one record each. What is finished is on disk, whatever happens afterwards."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import __version__
from bench.backends.client import InvocationFailed
from bench.base.errors import BenchError, StorageError
from bench.base.findings import Finding
from bench.base.paths import portable, storage_error
from bench.base.progress import Progress
from bench.devices.assess import assess
from bench.devices.protocol import Device
from bench.devices.remarks import origin
from bench.models.zoo.entry import ZooEntry
from bench.records import store
from bench.records.stats.latency import invocation_medians
from bench.records.types import SCHEMA_VERSION, CaseError, DeviceIdentity, Record, RunRef
from bench.run import judge, plausible
from bench.run.case import CaseRun
from bench.run.plan import Planned
from bench.run.published import published
from bench.run.reference import References
from bench.run.settings import Settings
from bench.run.sofar import SoFar


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
        self.lost: dict[str, BenchError] = {}  # devices that could not be held; their cases are records of that

    def measure_all(self, cases: Sequence[Planned]) -> Iterator[tuple[Record, Path]]:
        """Each case's record, as soon as it is on disk. Raises StorageError when it cannot be put there."""
        for number, planned in enumerate(cases, 1):
            left = (len(cases) - number) * self.settings.expected_s
            label = f"[{number}/{len(cases)}] {self._label(planned)}"
            self.progress.stage(label, left + self.settings.expected_s)
            record = self._measure(planned, left)
            path = store.save(record, self.results)
            yield record, path

    def _label(self, planned: Planned) -> str:
        """The case, with its device where there are several."""
        case = planned.case
        return f"{case.device} · {case.label}" if len(self.devices) > 1 else case.label

    def _measure(self, planned: Planned, left_s: float) -> Record:
        case, device = planned.case, self.devices[planned.case.device]
        references = self._references.setdefault(case.device, References(self.cache))
        found = SoFar()
        with _scratch() as folder:
            label = self._label(planned)
            run = CaseRun(
                planned, label, device, references, self.settings, self.cache, folder, self.progress, left_s, found
            )
            try:
                if case.device in self.lost:
                    raise self.lost[case.device]
                if case.device not in self._identities:
                    self._identities[case.device] = device.identify()
                run.measure()
            except InvocationFailed as failed:
                found.error = failed.error
                found.transcript += [failed.transcript] if failed.transcript else []
            except StorageError:
                raise
            except BenchError as error:
                found.error = CaseError(
                    kind=error.kind, message=f"{error.asked}: {error.found}".rstrip(": "), todo=error.todo
                )
        return self._record(planned, found)

    def _record(self, planned: Planned, found: SoFar) -> Record:
        case = planned.case
        identity = self._identities.get(case.device) or _unidentified(self.devices[case.device], found.error)
        # A sustained case is expected to drift: that its invocations differ is what it is measured for.
        medians = invocation_medians(found.invocations) if found.sustained is None else []
        findings: tuple[Finding, ...] = (*origin(identity), *found.findings)
        if found.invocations:
            moments = {conditions.phase: conditions for conditions in found.conditions}
            during = [each.during for each in found.invocations if each.during is not None]
            zoo = isinstance(planned.source, ZooEntry)
            findings = (
                *findings,
                *published(case, identity),
                *plausible.findings(identity, case, found.placement, found.invocations, found.floor),
                *judge.findings(
                    found.placement, found.agreement, found.invocations, medians, found.profile, zoo, found.accuracy
                ),
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
            op_names=found.op_names,
            conditions=tuple(found.conditions),
            findings=findings,
            transcript=tuple(found.transcript),
            error=found.error,
            accuracy=found.accuracy,
            sustained=found.sustained,
            energy=found.energy,
        )


def _unidentified(device: Device, error: CaseError | None) -> DeviceIdentity:
    """Of a device that was out of reach before it could be asked which one it is."""
    reason = {"identity": error.message} if error is not None else {}
    return DeviceIdentity(name=device.name, kind=device.kind, fingerprint="", facts={}, unavailable=reason)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary folder for one case. Raises StorageError where the system has no room for one."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()), error) from None
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def held(
    devices: Mapping[str, Device], wait_s: float, tell: Callable[[str], None],
    lost: dict[str, BenchError] | None = None,
) -> Iterator[None]:  # fmt: skip
    """Hold all devices of a run, in the order of their names, so that two runs cannot wait for each other.

    lost: gets those that cannot be held, so that the others are measured; raises where none is left, or without it.
    """
    with contextlib.ExitStack() as stack:
        for name in sorted(devices):
            try:
                stack.enter_context(devices[name].lock(wait_s, tell))
            except BenchError as error:
                if lost is None or len(lost) + 1 == len(devices):
                    raise
                lost[name] = error
        yield


def new_run(command: Sequence[str]) -> RunRef:
    return RunRef(
        id=store.new_run_id(), started=store.now(), command=tuple(map(portable, command)), bench_version=__version__
    )
