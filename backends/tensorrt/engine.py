"""The engine of a case: built once, kept by what it depends on, brought to the device by content.

An engine only fits the model file, device, TensorRT version and flags that it was built with. It is kept in this host's
cache with what its builder told, since only the builder tells where the layers run. Where the model, the device or the
version has no identity that can be read, it is built anew for each case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.backends import tool_run
from bench.backends.job import Job, Watch
from bench.backends.tensorrt import flags, locate, outcome
from bench.backends.tensorrt.help import version_of
from bench.backends.tensorrt.log import parse
from bench.base.paths import ensure_dir, write_atomic
from bench.records.types import TensorSpec

FOLDER: Final = "tensorrt-engines"
BUILD_LIMIT_S: Final = 3600.0  # a board takes twenty minutes for what a workstation builds in one
BUILDING: Final = "building the engine"
_FORMAT: Final = 1


class BuiltLayer(msgspec.Struct, frozen=True):
    """As log_types.Layer."""

    name: str
    on_dla: bool
    kind: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the builder told. sha256, size_bytes: of the engine; lacking: as flags.Build; placed: it listed layers."""

    sha256: str
    size_bytes: int
    version: str
    gpu: str
    flags: tuple[str, ...]
    lacking: tuple[str, ...]
    precision: str = ""
    build_s: float | None = None
    placed: bool = False
    layers: tuple[BuiltLayer, ...] = ()


@dataclass(frozen=True)
class Engine:
    """path: on the device; file: here. transcript: of the build, empty where it was kept from an earlier one."""

    path: str
    file: Path
    facts: Facts
    transcript: str = ""


def ready(job: Job, watch: Watch) -> Engine:
    """The case's engine on its device, built where it is not kept. Raises InvocationFailed, NotMeasuredError."""
    assert job.program.help is not None
    wanted = flags.build(job.case, job.graph.inputs, job.program.help)
    folder = _folder(job, wanted)
    kept = _kept(folder)
    if kept is not None:
        return Engine(job.device.push(folder / "engine"), folder / "engine", kept)
    return _build(job, wanted, folder, watch)


def forget(engine: Engine) -> None:
    """Of one that its TensorRT does not read any more."""
    engine.file.with_name("facts.json").unlink(missing_ok=True)
    engine.file.unlink(missing_ok=True)


def _folder(job: Job, wanted: flags.Build) -> Path:
    """Where it is kept: in the cache by what it depends on, else in the case's own folder."""
    assert job.program.help is not None
    device = job.device.identify().fingerprint
    version, model = version_of(job.program.help), locate.sha256(job.device, job.model)
    parts = (_FORMAT, model, device, version, job.program.sha256, wanted.flags)
    key = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
    certain = bool(model and device and version)
    return (job.cache if certain else job.folder) / FOLDER / key


def _kept(folder: Path) -> Facts | None:
    try:
        facts = msgspec.json.decode((folder / "facts.json").read_bytes(), type=Facts)
        return facts if (folder / "engine").stat().st_size == facts.size_bytes else None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def _build(job: Job, wanted: flags.Build, folder: Path, watch: Watch) -> Engine:
    assert job.program.help is not None
    there = f"{job.scratch}/engine"
    asked = [f"--onnx={job.model}", f"--saveEngine={there}", *wanted.flags, *flags.build_only(job.program.help)]
    watch.stage(BUILDING)
    limit_s = max(job.limit_s, BUILD_LIMIT_S)
    ran = tool_run.run(job.device, [job.program.path, *asked], limit_s, _teller(watch))
    found = parse(ran.stdout + ran.stderr)
    outcome.must_be_whole(ran, found, BUILDING, limit_s)
    file = ensure_dir(folder) / "engine"
    part = folder / "engine.part"
    job.device.pull(there, part)
    sha256 = _sha256(part)
    part.replace(file)
    facts = Facts(
        sha256=sha256,
        size_bytes=file.stat().st_size,
        version=found.version,
        gpu=found.gpu,
        flags=wanted.flags,
        lacking=wanted.lacking,
        precision=found.options.get("Precision", ""),
        build_s=found.build_s,
        placed=found.placed,
        layers=tuple(BuiltLayer(each.name, each.on_dla, each.kind) for each in found.layers),
    )
    write_atomic(folder / "facts.json", msgspec.json.encode(facts))
    return Engine(job.device.push(file), file, facts, ran.transcript)


def _sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _teller(watch: Watch) -> Callable[[str], None]:
    """Builds take minutes: what the builder is at stands in the progress."""

    def tell(line: str) -> None:
        for words in ("parsing network model", "Engine built", "Engine generation completed"):
            if words in line:
                watch.stage(f"{BUILDING} ({words})")

    return tell


def input_shape(job: Job, spec: TensorSpec) -> TensorSpec:
    """The input as it runs: open dimensions closed, the batch in it."""
    shape = flags.shapes(job.case, job.graph.inputs).get(spec.name, spec.shape)
    return msgspec.structs.replace(spec, shape=shape)
