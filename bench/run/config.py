"""bench.toml: found upward from the working directory, every key validated, the defaults in one place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from bench.base.errors import UsageError, did_you_mean
from bench.base.paths import find_upward

FILE_NAME = "bench.toml"
TOOLS = ("edgetpu_compiler", "benchmark_model", "benchmark_litert_model", "trtexec")


class RunDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[run]`: what `bench run` does when the command line does not say. `_s`: seconds.

    time_s: measuring per case, spread over the invocations; warmup_s: at most, per invocation; limit_s: for one
    invocation, then its processes are ended; wait_s: for a device that another job holds. cool_c: wait before each case
    until the device is no hotter, 0: do not; cool_wait_s: at most. pin: hold the device's clocks still. results:
    folder for records, relative to bench.toml; empty: the user's data folder.
    """

    device: str = "local"
    backend: str = ""
    accelerator: str = ""
    variant: str = "fp32"
    threads: int = 1
    time_s: float = 10.0
    invocations: int = 5
    warmup_s: float = 10.0
    limit_s: float = 300.0
    wait_s: float = 600.0
    profile: bool = True
    cool_c: float = 0.0
    cool_wait_s: float = 300.0
    pin: bool = False
    results: str = ""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("threads", 1, 1024), ("time_s", 0.01, 86_400), ("invocations", 1, 1000), ("warmup_s", 0.0, 3600),
            ("limit_s", 1.0, 86_400), ("wait_s", 0.0, 86_400), ("cool_c", 0.0, 125.0), ("cool_wait_s", 0.0, 86_400),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, not {getattr(self, name)}")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. devices: name -> its table, which the device's kind validates. path: None without a file.

    tools: name of a native tool -> its absolute path; one that is not named is looked for on the PATH. gate: as
    `bench.gate.config` validates it.
    """

    run: RunDefaults = RunDefaults()
    devices: dict[str, dict[str, Any]] = {}
    tools: dict[str, str] = {}
    gate: dict[str, Any] = {}
    path: Path | None = None

    @property
    def results(self) -> Path | None:
        """The results folder that the file names, made absolute by the file's place."""
        if not self.run.results:
            return None
        return _from(self.path, self.run.results)


def _from(path: Path | None, named: str) -> Path:
    """What the file names, made absolute by the file's place."""
    base = path.parent if path else Path.cwd()
    return base.absolute() / Path(named).expanduser()


def load(start: Path, explicit: Path | None = None) -> Config:
    """The configuration for a working directory; defaults where there is no bench.toml. Raises UsageError."""
    path = explicit or find_upward(FILE_NAME, start)
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows write a mark first
    except OSError as error:
        raise UsageError(f"cannot read {path}", str(error.strerror or error), "Name another with --config.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML", str(error), "") from None
    return parse(table, path)


def parse(table: dict[str, Any], path: Path) -> Config:
    """Validate a parsed file. Raises UsageError, which names the key."""
    if "path" in table:
        raise _unknown("path", "", path)
    for key, value in table.items():
        if key in RunDefaults.__struct_fields__ and not isinstance(value, dict):
            raise UsageError(f"{path}: {key} stands outside of its table", "", "Put it below [run].")
    devices = table.get("devices")
    for name, device in devices.items() if isinstance(devices, dict) else ():
        if not isinstance(device, dict):
            raise _wrong(f"[devices.{name}]", "Expected a table.", path)
    _check_tools(table.get("tools"), path)
    try:
        config = msgspec.convert(table, type=Config)
    except msgspec.ValidationError as error:
        raise _translate(str(error), path) from None
    tools = {name: str(_from(path, named)) for name, named in config.tools.items()}
    for device in config.devices.values():
        if isinstance(device.get("recording"), str):
            device["recording"] = str(_from(path, device["recording"]))
    return msgspec.structs.replace(config, path=path, tools=tools)


def _check_tools(table: Any, path: Path) -> None:
    for name, named in table.items() if isinstance(table, dict) else ():
        if name not in TOOLS:
            raise _unknown(name, "tools", path)
        if not isinstance(named, str) or not named:
            raise _wrong(f"[tools] {name}", "Expected the path of the tool.", path)


_KNOWN = {"": ("run", "devices", "tools", "gate"), "run": RunDefaults.__struct_fields__, "tools": TOOLS}


def _unknown(key: str, table: str, path: Path) -> UsageError:
    where = f"[{table}] {key}" if table else f"[{key}]"
    return UsageError(f"{path}: {where} is no known key", "", did_you_mean(key, _KNOWN.get(table, ())))


def _translate(message: str, path: Path) -> UsageError:
    """The validator's message in our words. `$.run.threads` is its way to say [run] threads."""
    text, _, place = message.partition(" - at ")
    keys = place.strip("`").removeprefix("$").strip(".").split(".") if place else []
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text)
    if unknown:
        return _unknown(unknown[1], ".".join(keys), path)
    where = f"[{keys[0]}] {'.'.join(keys[1:])}".strip() if keys and keys[0] else "the file"
    return _wrong(where, text.replace("`object`", "a table"), path)


def _wrong(where: str, found: str, path: Path) -> UsageError:
    return UsageError(f"{path}: {where} has a wrong value", found, "See the commented bench.toml in the documentation.")
