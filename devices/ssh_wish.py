"""What `[devices.NAME]` says of a board behind SSH."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bench.base.errors import UsageError
from bench.devices.ssh_words import Target

CONFIG_KEYS = ("host", "user", "port", "key", "python", "folder")


class Wish(NamedTuple):
    """What `[devices.NAME]` says. python: there, empty: the one found; folder: there, for our files."""

    target: Target
    python: str = ""
    folder: str = ""


def wish_of(name: str, table: Mapping[str, object]) -> Wish:
    """From `[devices.NAME]`. Raises UsageError."""
    values: dict[str, str] = {}
    for key in CONFIG_KEYS:
        value = table.get(key, "")
        if key == "port":
            if (
                isinstance(value, bool)
                or not isinstance(value, int | str)
                or (value != "" and not str(value).isdigit())
            ):
                raise UsageError(f"[devices.{name}] port = {value!r}", "not a number", "Write port = 22.")
            value = str(value)
        if not isinstance(value, str):
            raise UsageError(f"[devices.{name}] {key} = {value!r}", "not a text", f'Write {key} = "...".')
        values[key] = value
    port = int(values["port"] or 0)
    if port > 65535:
        raise UsageError(f"[devices.{name}] port = {port}", "no such port", "Write port = 22.")
    target = Target(values["host"] or name, values["user"], port, values["key"])
    return Wish(target, values["python"], values["folder"])
