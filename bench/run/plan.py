"""From what was asked to cases: the matrix, less what cannot be, each with its reason. Pure: measures nothing."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.backends import registry
from bench.backends.registry import Backend
from bench.base.errors import UsageError, did_you_mean
from bench.base.paths import portable
from bench.devices.registry import DEFAULT_NAME
from bench.models import artifacts, catalog
from bench.models.model_file import SUFFIXES, format_of
from bench.models.zoo.entry import ZooEntry
from bench.records.parts import DEFAULT_ERA as ERA
from bench.records.types import Case
from bench.run.config import Config

FILE_VARIANT = "as-is"  # a user's file has the precision that it has


@dataclass(frozen=True)
class Request:
    """What the user asked for. Empty: not said, so a default. shapes: input name -> sizes; `` for a single input."""

    models: tuple[str, ...]
    devices: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    eras: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A case that will be measured, and where its model comes from."""

    case: Case
    source: ZooEntry | Path


@dataclass(frozen=True)
class Skipped:
    """A combination that cannot be measured, and why."""

    combination: str
    reason: str
    todo: str = ""


@dataclass(frozen=True)
class Plan:
    """lost: asked for by name, but left without a single case, so something was not measured."""

    cases: tuple[Planned, ...]
    skipped: tuple[Skipped, ...]
    lost: tuple[str, ...]


def find_model(name: str, exists: Callable[[Path], bool] = os.path.isfile) -> ZooEntry | Path:
    """A zoo entry, or the absolute path of the user's file. Raises UsageError with the nearest names.

    exists: must not raise for a name that is too long for a path. A bare word is the zoo's before it is a file's.
    """
    path = Path(os.path.abspath(Path(name).expanduser()))
    if os.path.basename(name) == name and path.suffix.lower() not in SUFFIXES:
        try:
            return catalog.resolve(name)
        except UsageError:
            if exists(path):
                return path
            raise
    if exists(path):
        return path
    near: list[str] = []
    with contextlib.suppress(OSError):  # there is no such folder, or it may not be listed
        near = [other.name for other in path.parent.iterdir() if other.suffix.lower() in SUFFIXES]
    raise UsageError(f"no file {name}", f"looked for {path}", did_you_mean(path.name, near))


def make_plan(request: Request, config: Config) -> Plan:
    """Every combination of what was asked, in the order: device, model, variant, backend, ... Raises UsageError."""
    sources = {name: find_model(name) for name in request.models}
    for name in request.backends:
        registry.backend(name)
    _check_options(request.options)
    _check_accelerators(request.accelerators)
    _check_devices(request.devices or (config.run.device,), config)
    cases: list[Planned] = []
    skipped: list[Skipped] = []
    for device, model in itertools.product(request.devices or (config.run.device,), request.models):
        source = sources[model]
        table = config.devices.get(device, {})
        for backend in _backends(request, config, table, source):
            for form, accelerator, threads in itertools.product(
                _forms(request, config, source),
                request.accelerators or (_accelerator(backend, config, table),),
                request.threads or (config.run.threads,),
            ):
                _add(request, device, source, backend, form, accelerator, threads, cases, skipped)
    unique = _unique(cases, skipped)
    return Plan(unique, tuple(dict.fromkeys(skipped)), _lost(request, sources, unique))


def _unique(cases: Sequence[Planned], skipped: list[Skipped]) -> tuple[Planned, ...]:
    """Each case once. Two files of one name would share a key: their records could not be told apart."""
    by_key: dict[str, Planned] = {}
    for planned in cases:
        first = by_key.setdefault(planned.case.key, planned)
        if first.source != planned.source:
            label = f"{planned.case.device} · {planned.source}"
            skipped.append(
                Skipped(label, f"{first.source} has the same name", "Rename one, or measure it in a run alone.")
            )
    return tuple(by_key.values())


def _backends(
    request: Request, config: Config, table: Mapping[str, object], source: ZooEntry | Path
) -> tuple[Backend, ...]:
    names = request.backends
    if not names:
        named = str(table.get("backend", "") or config.run.backend)
        names = (named or ("litert" if isinstance(source, ZooEntry) else registry.default_for(format_of(source))),)
    return tuple(registry.backend(name) for name in dict.fromkeys(names))


def _forms(request: Request, config: Config, source: ZooEntry | Path) -> tuple[tuple[str, str], ...]:
    """(variant, era) of each file of a model that was asked for; a user's file has no era but what was said."""
    if isinstance(source, Path):
        return tuple(itertools.product(request.variants or (FILE_VARIANT,), request.eras or ("",)))
    return tuple(itertools.product(request.variants or (config.run.variant,), request.eras or (ERA,)))


def _accelerator(backend: Backend, config: Config, table: Mapping[str, object]) -> str:
    return str(table.get("accelerator", "") or config.run.accelerator) or backend.accelerators[0]


def _add(
    request: Request, device: str, source: ZooEntry | Path, backend: Backend, form: tuple[str, str], accelerator: str,
    threads: int, cases: list[Planned], skipped: list[Skipped],
) -> None:  # fmt: skip
    """One combination: a case for each combination of its options, or the reason why there is none."""
    variant, era = form
    model = source.id if isinstance(source, ZooEntry) else portable(source.name)
    format = backend.formats[0] if isinstance(source, ZooEntry) else format_of(source)
    skip = _why_not(source, backend, form, accelerator, format)
    if skip is not None:
        said = f" era={era}" if era not in ("", ERA) else ""
        label = f"{device} · {model} {variant}{said} · {backend.name} {accelerator}"
        skipped.append(Skipped(label, *skip))
        return
    keys = sorted(backend.options)
    values = [request.options.get(key) or (backend.options[key].values[0],) for key in keys]
    for chosen in itertools.product(*values):
        case = Case(
            device=device,
            backend=backend.name,
            accelerator=accelerator,
            model=model,
            variant=variant,
            era=era,
            format=format,
            threads=threads,
            options=dict(zip(keys, chosen, strict=True)),
            shapes=dict(request.shapes),
        )
        cases.append(Planned(case, source))


def _why_not(
    source: ZooEntry | Path, backend: Backend, form: tuple[str, str], accelerator: str, format: str
) -> tuple[str, str] | None:
    variant, era = form
    if format not in backend.formats:
        return f"{backend.title} does not read .{format} files", f"It reads {', '.join(backend.formats)}."
    if accelerator not in backend.accelerators:
        return f"{backend.title} has no accelerator {accelerator} here", f"It has {', '.join(backend.accelerators)}."
    if isinstance(source, ZooEntry):
        reason = artifacts.supported(source.id, variant, era, format)
        if reason is not None:
            return reason, ""
    elif variant != FILE_VARIANT:
        return f"{source.name} is a file of yours: its precision is what it is, not {variant}", "Leave --variant out."
    elif era:
        return f"{source.name} is a file of yours: it has no era to choose", "Leave --era out."
    if not backend.installed():
        return f"{backend.title} is not installed", backend.install
    return None


def _check_options(options: Mapping[str, tuple[str, ...]]) -> None:
    known = registry.option_keys()
    for key, values in options.items():
        if key not in known:
            raise UsageError(f"--option {key}: no backend has it", "", did_you_mean(key, known))
        found = [registry.BACKENDS[name].options[key] for name in known[key]]
        allowed = {value for option in found for value in option.values}
        for value in values:
            if value not in allowed:
                meaning = f"{key}: {found[0].meaning}"
                raise UsageError(f"--option {key}={value}: no such value", meaning, did_you_mean(value, allowed))


def _check_devices(names: Sequence[str], config: Config) -> None:
    known = {DEFAULT_NAME, *config.devices}
    for name in names:
        if name not in known:
            todo = f"{did_you_mean(name, known)} Or add [devices.{name}] with its kind to bench.toml."
            raise UsageError(f"no device is called {name!r}", "bench.toml has no such device", todo)


def _check_accelerators(names: Sequence[str]) -> None:
    # The design's words, so that `--accelerator gpu` is a combination that cannot be here, and `gup` is a typo.
    known = ("cpu", "gpu", "nnapi", "hexagon", "edgetpu", "npu", "auto")
    for name in names:
        if name not in known:
            raise UsageError(f"no accelerator is called {name!r}", "", did_you_mean(name, known))


def _lost(request: Request, sources: Mapping[str, ZooEntry | Path], cases: Sequence[Planned]) -> tuple[str, ...]:
    """What was asked for by name and has no case at all."""
    there = {planned.source for planned in cases}
    lost = [f"model {name}" for name, source in sources.items() if source not in there]
    for axis, asked in (
        ("device", request.devices), ("backend", request.backends), ("accelerator", request.accelerators),
        ("variant", request.variants), ("era", request.eras),
    ):  # fmt: skip
        have = {getattr(planned.case, axis) for planned in cases}
        lost += [f"{axis} {name}" for name in asked if name not in have]
    for key, values in request.options.items():
        have = {planned.case.options.get(key) for planned in cases}
        lost += [f"option {key}={value}" for value in values if value not in have]
    return tuple(lost)
