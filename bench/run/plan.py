"""From what was asked to cases: the matrix, less what cannot be, each with its reason. Pure: measures nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.backends import registry
from bench.backends.option import Option
from bench.backends.registry import Backend
from bench.base.paths import portable
from bench.devices.registry import kind_of
from bench.models import artifacts
from bench.models.model_file import format_of
from bench.models.zoo.entry import ZooEntry
from bench.records.parts import DEFAULT_ERA as ERA
from bench.records.types import Case
from bench.run.asked import ALL, Request, check, find_model
from bench.run.config import Config

FILE_VARIANT = "as-is"  # a user's file has the precision that it has


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


def make_plan(request: Request, config: Config) -> Plan:
    """Every combination of what was asked, in the order: device, model, variant, backend, ... Raises UsageError."""
    sources = {name: find_model(name) for name in request.models}
    check(request, config)
    cases: list[Planned] = []
    skipped: list[Skipped] = []
    for device, model in itertools.product(request.devices or (config.run.device,), request.models):
        source = sources[model]
        table = config.devices.get(device, {})
        for backend in _backends(request, config, device, source):
            for form, accelerator, threads in itertools.product(
                _forms(request, config, table, source),
                _accelerators(request, backend, config, table),
                request.threads or (config.run.threads,),
            ):
                _add(request, config, device, source, backend, form, accelerator, threads, cases, skipped)
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


def _backends(request: Request, config: Config, device: str, source: ZooEntry | Path) -> tuple[Backend, ...]:
    names = request.backends
    if not names:
        table = config.devices.get(device, {})
        named = str(table.get("backend", "") or kind_of(table).backend or config.run.backend)
        names = (named or ("litert" if isinstance(source, ZooEntry) else registry.default_for(format_of(source))),)
    return tuple(registry.backend(name) for name in dict.fromkeys(names))


def _forms(
    request: Request, config: Config, table: Mapping[str, object], source: ZooEntry | Path
) -> tuple[tuple[str, str], ...]:
    """(variant, era) of each file of a model that was asked for; a user's file has no era but what was said."""
    if isinstance(source, Path):
        return tuple(itertools.product(request.variants or (FILE_VARIANT,), request.eras or ("",)))
    default = str(table.get("variant", "") or config.run.variant)
    return tuple(itertools.product(request.variants or (default,), request.eras or (ERA,)))


def _accelerators(request: Request, backend: Backend, config: Config, table: Mapping[str, object]) -> tuple[str, ...]:
    default = str(table.get("accelerator", "") or config.run.accelerator) or backend.accelerators[0]
    asked = request.accelerators or (default,)
    return tuple(dict.fromkeys(name for each in asked for name in (backend.accelerators if each == ALL else (each,))))


def _add(
    request: Request, config: Config, device: str, source: ZooEntry | Path, backend: Backend, form: tuple[str, str],
    accelerator: str, threads: int, cases: list[Planned], skipped: list[Skipped],
) -> None:  # fmt: skip
    """One combination: a case for each combination of its options, or the reason why there is none."""
    variant, era = form
    model = source.id if isinstance(source, ZooEntry) else portable(source.name)
    format = backend.formats[0] if isinstance(source, ZooEntry) else format_of(source)
    skip = (
        _why_not(source, backend, form, accelerator, format, config.tools)
        or _not_installed(config.devices.get(device, {}), backend)
        or _no_python(config.devices.get(device, {}), backend)
        or _no_value(request, backend, accelerator)
    )
    said = f" era={era}" if era not in ("", ERA) else ""
    label = f"{device} · {model} {variant}{said} · {backend.name} {accelerator}"
    if skip is not None:
        skipped.append(Skipped(label, *skip))
        return
    for key in _cannot_multiply(request, backend, accelerator):
        asked = request.options[key]
        known = ", ".join(row.name for row in registry.BACKENDS.values() if key in row.options)
        words = f"{backend.title} has no {key}={','.join(filter(None, asked))} on {accelerator}"
        skipped.append(Skipped(label, words, f"There is {key} in: {known}."))
        if "" not in asked:
            return
    keys = sorted(key for key, option in backend.options.items() if option.concerns(accelerator))
    values = [_values(request, backend.options[key], key) or (backend.options[key].values[0],) for key in keys]
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
            options={key: value for key, value in zip(keys, chosen, strict=True) if value},
            shapes=dict(request.shapes),
        )
        cases.append(Planned(case, source))


def _why_not(
    source: ZooEntry | Path, backend: Backend, form: tuple[str, str], accelerator: str, format: str,
    tools: Mapping[str, str],
) -> tuple[str, str] | None:  # fmt: skip
    variant, era = form
    if format not in backend.formats:
        return f"{backend.title} does not read .{format} files", f"It reads {', '.join(backend.formats)}."
    if accelerator not in backend.accelerators:
        return f"{backend.title} has no accelerator {accelerator} here", f"It has {', '.join(backend.accelerators)}."
    if isinstance(source, ZooEntry):
        reason = artifacts.supported(source.id, variant, era, format, tools)
        if reason is not None:
            return reason, ""
    elif variant != FILE_VARIANT:
        return f"{source.name} is a file of yours: its precision is what it is, not {variant}", "Leave --variant out."
    elif era:
        return f"{source.name} is a file of yours: it has no era to choose", "Leave --era out."
    return None


def _not_installed(table: Mapping[str, object], backend: Backend) -> tuple[str, str] | None:
    """Of a device with a Python of its own, that one tells when it is asked to start the runtime."""
    if kind_of(table).elsewhere or backend.installed():
        return None
    return f"{backend.title} is not installed", backend.install


def _no_python(table: Mapping[str, object], backend: Backend) -> tuple[str, str] | None:
    if backend.native or kind_of(table).python:
        return None
    able = ", ".join(row.name for row in registry.BACKENDS.values() if row.native)
    return f"{backend.title} runs in Python, which such a device has not", f"There: {able}."


def _values(request: Request, option: Option, key: str) -> tuple[str, ...]:
    asked = request.options.get(key, ())
    return tuple(value for value in asked if option.allows(value) or registry.left_out(key, value))


def _no_value(request: Request, backend: Backend, accelerator: str) -> tuple[str, str] | None:
    """Backends may have options of one name and other values, and some that a case cannot be without."""
    for key, option in backend.options.items():
        asked = request.options.get(key)
        if option.needed and option.concerns(accelerator) and not asked:
            return f"{accelerator} needs an option {key}", f"--option {key}=PATH: {option.meaning}"
        if asked and option.concerns(accelerator) and not _values(request, option, key):
            known = ", ".join(filter(None, option.values)) or option.meaning
            return f"{backend.title} has no {key}={','.join(asked)}", f"It has {known}."
    return None


def _cannot_multiply(request: Request, backend: Backend, accelerator: str) -> list[str]:
    """Options that this backend would have to heed, and has not: without them it would be another case."""
    there = [key for key, option in backend.options.items() if option.concerns(accelerator)]
    return [key for key in registry.MULTIPLIERS if any(request.options.get(key, ())) and key not in there]


def _lost(request: Request, sources: Mapping[str, ZooEntry | Path], cases: Sequence[Planned]) -> tuple[str, ...]:
    """What was asked for by name and has no case at all."""
    there = {planned.source for planned in cases}
    lost = [f"model {name}" for name, source in sources.items() if source not in there]
    for axis, asked in (
        ("device", request.devices), ("backend", request.backends), ("accelerator", request.accelerators),
        ("variant", request.variants), ("era", request.eras),
    ):  # fmt: skip
        have = {getattr(planned.case, axis) for planned in cases} | ({ALL} if cases else set())
        lost += [f"{axis} {name}" for name in asked if name not in have]
    for key, values in request.options.items():
        have = {planned.case.options.get(key, "") for planned in cases}
        lost += [f"option {key}={value}" for value in values if value not in have]
    return tuple(lost)
