"""What the command line of `bench run` says, as settings and a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.backends.registry import MULTIPLIERS
from bench.base.errors import UsageError

if TYPE_CHECKING:
    from bench.run.config import Config
    from bench.run.plan import Plan
    from bench.run.settings import Settings


def settings_of(config: Config, given: dict[str, Any]) -> Settings:
    import msgspec

    from bench.backends import tools
    from bench.models import pictures
    from bench.run.settings import Settings

    if given["scaling"] and given["pictures"] is None:
        raise UsageError("--scaling", "says how --accuracy reads pictures, which is not there", "Add --accuracy DIR.")
    if given["sustain"] is not None and (given["time_s"] is not None or given["invocations"] is not None):
        raise UsageError("--sustain", "says how long a case is measured; so do --time and --invocations", "Take one.")
    names = ("time_s", "invocations", "warmup_s", "limit_s", "wait_s", "profile", "cool_c", "cool_wait_s", "pin")
    try:
        # The file's limits are the command line's too: `nan` and `inf` are floats to click.
        chosen = msgspec.structs.replace(
            config.run, **{name: given[name] for name in names if given.get(name) is not None}
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    folder = given["pictures"]
    return Settings(
        **{name: getattr(chosen, name) for name in names},
        pictures=None if folder is None else pictures.find(folder),
        scaling=given["scaling"],
        calibration=_calibration(given["calibration"]),
        sustain_s=given["sustain"],
        tools={**config.tools, **tools.assignments(given["named_tools"])},
        several=any(value not in ("", "1") for value in options_of(given).get("streams", ())),
    )


def _calibration(folder: Path | None) -> Path | None:
    """Refused now where it has no pictures, not in the middle of the run. Raises UsageError."""
    from bench.models.calibration import pictures

    if folder is not None:
        pictures(folder)
    return folder


def with_attached(config: Config, names: tuple[str, ...]) -> Config:
    """A serial number of an attached phone names a device as well as a table of bench.toml does."""
    import msgspec

    from bench.devices.registry import DEFAULT_NAME, attached

    unknown = [name for name in names if name != DEFAULT_NAME and name not in config.devices]
    found = {name: table for name in unknown if (table := attached(name)) is not None}
    return msgspec.structs.replace(config, devices={**config.devices, **found}) if found else config


def plan_of(config: Config, given: dict[str, Any]) -> Plan:
    from bench.run.asked import Request
    from bench.run.plan import make_plan

    return make_plan(
        Request(
            models=tuple(dict.fromkeys(given["models"])),
            devices=tuple(dict.fromkeys(given["devices"])),
            backends=given["backends"],
            accelerators=tuple(dict.fromkeys(given["accelerators"])),
            variants=tuple(dict.fromkeys(given["variants"])),
            eras=tuple(dict.fromkeys(given["eras"])),
            threads=tuple(dict.fromkeys(given["threads"])),
            options=options_of(given),
            shapes=dict(parse_shape(text) for text in given["shapes"]),
        ),
        config,
    )


def options_of(given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """--option, and its shorthands --batch and --streams; 1 says that the case is without. Raises UsageError."""
    options = parse_options(given["options"])
    for key in MULTIPLIERS:
        numbers = given[key]
        if numbers and key in options:
            raise UsageError(f"--{key} and --option {key}=...", "They say the same.", "Take one.")
        if numbers:
            options[key] = tuple("" if number == 1 else str(number) for number in dict.fromkeys(numbers))
    return options


def parse_options(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`KEY=VALUE` each; a key that stands there several times has several values. Raises UsageError.

    batch=1 and streams=1 are the case without: it must not have another key.
    """
    options: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise UsageError(
                f"--option {text}", "is not of the form KEY=VALUE", "For example: --option kernels=builtin"
            )
        kept = "" if key in MULTIPLIERS and value == "1" else value
        options[key] = (*options.get(key, ()), kept)
    return options


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`input=1,256,256,3` or `1,256,256,3` (the only input). Raises UsageError."""
    name, equals, sizes = text.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
        if min(shape) < 1 or (equals and not name):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--shape {text}", "is not of the form INPUT=N,N,...", "For example: --shape input=1,256,256,3"
        ) from None
    return name, shape
