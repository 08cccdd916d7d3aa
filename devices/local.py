"""The kind `local`: this host. Linux tells all about itself; macOS and Windows say what the standard library knows."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from bench.base.errors import NotMeasuredError, UsageError
from bench.base.paths import cache_dir, storage_error
from bench.base.process import Child
from bench.devices import linux_identity, power
from bench.devices.hold import hold
from bench.devices.identity import Fact, abi_of, fingerprint
from bench.devices.linux_conditions import LinuxConditions, unavailable
from bench.devices.linux_files import Tree
from bench.devices.power_sampling import NoRails
from bench.devices.protocol import Sampler, Tell
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

CONFIG_KEYS = ("python", "sysfs")


class LocalDevice:
    """This host. It may have several names (`coral`: this host with a USB stick) and is still held as one."""

    kind = "local"

    def __init__(
        self, name: str = "local", *, python: str = "", root: Path = Path("/"), system: str | None = None
    ) -> None:
        """python: the agents' interpreter, ours when empty. root: where /proc and /sys are read. system: as
        platform.system() has it. Raises UsageError when `python` is no program.
        """
        self.name = name
        self._python = _interpreter(name, python)
        self._system = platform.system() if system is None else system
        self._tree = Tree(root)
        self._linux = LinuxConditions(self._tree) if self._system == "Linux" else None

    def identify(self) -> DeviceIdentity:
        if self._linux is not None:
            facts, missing = linux_identity.gather(self._tree, platform.machine())
        else:
            facts, missing = _portable_identity(self._system)
        if self._python == sys.executable:
            facts["python"] = f"{platform.python_implementation()} {platform.python_version()}"
        else:
            missing["python"] = "a configured interpreter; the agent reports its version"
        return DeviceIdentity(
            name=self.name, kind=self.kind, fingerprint=fingerprint(facts), facts=facts, unavailable=missing
        )

    def conditions(self, phase: Phase) -> Conditions:
        if self._linux is not None:
            readings = self._linux.readings()
        else:
            readings = unavailable(f"conditions are read from Linux's /proc and /sys; this is {self._system}")
        pin = Reading(name="pin", value="unpinned")
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Conditions(phase=phase, at=at, readings=(*readings, pin))

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        try:
            return Child.start(argv, env=env, cwd=cwd)
        except OSError as error:
            raise NotMeasuredError(
                f"cannot start {argv[0]}",
                error.strerror or str(error),
                "Check that the program is there and may be executed.",
            ) from None

    def push(self, local: Path) -> str:
        """The file's own path: it is there already."""
        if not local.is_file():
            raise NotMeasuredError(f"cannot use {local}", "no such file")
        return str(local.resolve())

    def pull(self, remote: str, to: Path) -> None:
        if not os.path.isfile(remote):
            raise NotMeasuredError(f"cannot fetch {remote}", "no such file")
        if to.exists() and os.path.samefile(remote, to):
            return
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(remote, to)
        except OSError as error:
            raise storage_error(to, error) from None

    def python(self) -> str:
        return self._python

    def abis(self) -> tuple[str, ...]:
        return (abi_of(platform.machine()),)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        try:
            folder = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        except OSError as error:
            raise storage_error(Path(tempfile.gettempdir()), error) from None
        with folder as name:
            yield name

    @contextlib.contextmanager
    def pin(self) -> Iterator[tuple[Reading, ...]]:
        """A computer's clocks are its owner's: nothing is changed."""
        yield (Reading(name="pin", unavailable="bench changes no clocks of the host; see `bench doctor`"),)

    def power(self) -> AbstractContextManager[Sampler]:
        return power.beside(self._rails)

    def _rails(self) -> Sampler:
        if self._linux is None:
            return NoRails(f"power rails are read from Linux's /sys; this is {self._system}")
        return power.here(self._tree)

    def clean(self) -> int:
        return 0  # files are used where they lie

    def free_bytes(self) -> int | Reading:
        folder = cache_dir().absolute()
        try:
            return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
        except (OSError, StopIteration) as error:
            return Reading(name="disk.free", unit="bytes", unavailable=f"cannot be read for {folder}: {error}")

    def lock(self, wait_s: float, tell: Tell | None = None) -> AbstractContextManager[None]:
        # By host, since a home folder may be shared between hosts; hashed, since its name may hold anything.
        host = hashlib.sha256(platform.node().encode()).hexdigest()[:12]
        return hold(cache_dir() / "locks" / f"local-{host}.lock", "this host", wait_s, tell)


def create(name: str, table: Mapping[str, object]) -> LocalDevice:
    """From `[devices.NAME]`: `python`, the agents' interpreter; `sysfs`, another root for /proc and /sys (tests)."""
    values: dict[str, str] = {}
    for key in CONFIG_KEYS:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise UsageError(f"[devices.{name}] {key} = {value!r}", "not a path", f'Write {key} = "PATH".')
        values[key] = value
    root = Path(values["sysfs"] or "/")
    if not root.is_dir():
        raise UsageError(f'[devices.{name}] sysfs = "{root}"', "no such folder")
    return LocalDevice(name, python=values["python"], root=root, system="Linux" if values["sysfs"] else None)


def _interpreter(name: str, chosen: str) -> str:
    """The path as it was given: a virtual environment's interpreter is a link that must not be followed."""
    if not chosen:
        return sys.executable
    found = shutil.which(os.path.expanduser(chosen))
    if found is None:
        raise UsageError(
            f'[devices.{name}] python = "{chosen}"',
            "no program of that name can be executed here",
            "Give the path of a Python interpreter, or leave the key out to use this one.",
        )
    return os.path.abspath(found)


def _portable_identity(system: str) -> tuple[dict[str, Fact], dict[str, str]]:
    """What the standard library knows on any system."""
    reason = f"read from Linux's /proc and /sys; this is {system or 'an unknown system'}"
    missing = dict.fromkeys(("physical_cores", "sockets", "isa", "virtual"), reason)
    facts: dict[str, Fact] = {}
    known: dict[str, str | int | None] = {
        "cpu_model": platform.processor(),
        "architecture": platform.machine(),
        "logical_cores": os.cpu_count(),
        "memory_bytes": _portable_memory(),
        "os": platform.platform(terse=True),
        "kernel": platform.release(),
    }
    for name, value in known.items():
        if value:
            facts[name] = value
        else:
            missing[name] = f"the standard library does not tell it on {system or 'this system'}"
    return facts, missing


def _portable_memory() -> int | None:
    if sys.platform == "win32":
        return None
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
