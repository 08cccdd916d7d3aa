"""The kinds of devices that there are, and opening one by its name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from bench.base.errors import BenchError, UsageError, did_you_mean
from bench.devices.protocol import Device

DEFAULT_NAME = "local"


class Kind(NamedTuple):
    """factory: `module:function`, imported when used, of (name, table) -> Device; keys: its own keys in the table.

    backend: that measures there when none is named, empty: the run's; python: whether Python runtimes can be there;
    elsewhere: whether those are the device's own, and not those of this environment.
    """

    factory: str
    keys: tuple[str, ...]
    backend: str = ""
    python: bool = True
    elsewhere: bool = False


_SSH_KEYS = ("host", "user", "port", "key", "python", "folder")
KINDS: dict[str, Kind] = {
    "local": Kind("bench.devices.local:create", ("python", "sysfs")),
    "android": Kind(
        "bench.devices.android:create", ("serial", "model", "fingerprint", "connect"), "benchmark_model", python=False
    ),
    "ssh": Kind("bench.devices.ssh:create", _SSH_KEYS, elsewhere=True),
    **{
        kind: Kind("bench.devices.board:create", (*_SSH_KEYS, *more), elsewhere=True)
        for kind, more in {"jetson": ("power_mode",), "coral-board": (), "raspberry-pi": (), "x86": ()}.items()
    },
    "replay": Kind("bench.devices.replay:create", ("recording",)),
}
# Keys of every [devices.NAME] that say what to run there by default; the plan reads them, not the device.
_PLAN_KEYS = ("backend", "accelerator", "variant")


def kind_of(table: Mapping[str, object]) -> Kind:
    """The row of a device's table; this host's for one without a kind, or with one that open_device will refuse.

    What can run on a replay is what can run on the recorded device.
    """
    kind = str(table.get("kind", DEFAULT_NAME))
    if kind == "replay":
        kind = importlib.import_module("bench.devices.replay").recorded_kind(table)
    return KINDS.get(kind, KINDS[DEFAULT_NAME])


def attached(serial: str) -> dict[str, object] | None:
    """The table of a phone that adb knows by this serial number; None where there is none, or no adb."""
    android = importlib.import_module("bench.devices.android")
    try:
        known = {phone.serial for phone in android.attached()}
    except BenchError:
        return None
    return {"kind": "android", "serial": serial} if serial in known else None


def open_device(name: str, table: Mapping[str, object] | None = None, *, known: Iterable[str] = ()) -> Device:
    """The device of that name. table: `[devices.NAME]` of bench.toml; `local` needs none.

    known: names that bench.toml has, for the message on a mistyped one. Raises UsageError.
    """
    if not table and name != DEFAULT_NAME:
        raise UsageError(
            f"device {name!r}",
            "bench.toml has no such device",
            f"{did_you_mean(name, {DEFAULT_NAME, *known} - {name})} Or add [devices.{name}] with its kind, "
            'such as kind = "local".',
        )
    table = table or {}
    kind = table.get("kind", DEFAULT_NAME if name == DEFAULT_NAME else None)
    if kind is None:
        raise UsageError(f"[devices.{name}]", "has no `kind`", did_you_mean("", KINDS))
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"[devices.{name}] kind = {kind!r}", "no such kind", did_you_mean(str(kind), KINDS))
    row = KINDS[kind]
    allowed = ("kind", *_PLAN_KEYS, *row.keys)
    for key in table:
        if key not in allowed:
            raise UsageError(f"[devices.{name}] {key}", f"no key of the kind {kind}", did_you_mean(key, allowed))
    module, _, function = row.factory.partition(":")
    return cast(Device, getattr(importlib.import_module(module), function)(name, table))
