"""What was asked for, and whether there are such names: before anything is planned."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.backends import registry
from bench.base.errors import UsageError, did_you_mean
from bench.devices.registry import DEFAULT_NAME
from bench.models import catalog
from bench.models.model_file import SUFFIXES
from bench.models.zoo.entry import ZooEntry
from bench.run.config import Config

ALL = "all"  # every accelerator that the backend knows; what fails there is a record with its reason


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


def check(request: Request, config: Config) -> None:
    """Raises UsageError for a backend, option, accelerator or device that there is not."""
    for name in request.backends:
        registry.backend(name)
    _options(request.options)
    _accelerators(request.accelerators)
    _devices(request.devices or (config.run.device,), config)


def _options(options: Mapping[str, tuple[str, ...]]) -> None:
    known = registry.option_keys()
    for key, values in options.items():
        if key not in known:
            raise UsageError(f"--option {key}: no backend has it", "", did_you_mean(key, known))
        found = [registry.BACKENDS[name].options[key] for name in known[key]]
        allowed = {value for option in found for value in option.values if value}
        for value in values:
            if not (any(option.allows(value) for option in found) or registry.left_out(key, value)):
                meaning = f"{key}: {found[0].meaning}"
                raise UsageError(f"--option {key}={value}: no such value", meaning, did_you_mean(value, allowed))


def _devices(names: Sequence[str], config: Config) -> None:
    known = {DEFAULT_NAME, *config.devices}
    for name in names:
        if name not in known:
            todo = f"{did_you_mean(name, known)} Or add [devices.{name}] with its kind to bench.toml."
            raise UsageError(f"no device is called {name!r}", "bench.toml has no such device", todo)


def _accelerators(names: Sequence[str]) -> None:
    # The design's words, so that `--accelerator gpu` is a combination that cannot be here, and `gup` is a typo.
    known = ("cpu", "gpu", "nnapi", "hexagon", "edgetpu", "npu", "external", "auto", "hetero", ALL)
    for name in names:
        if name not in known:
            raise UsageError(f"no accelerator is called {name!r}", "", did_you_mean(name, known))
