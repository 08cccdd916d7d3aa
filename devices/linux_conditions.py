"""The conditions of a Linux machine at one moment, from /proc and /sys alone: a few milliseconds for a call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TypeVar

from bench.devices.linux_cgroup import cpu_quota, throttled_periods
from bench.devices.linux_files import (
    Tree,
    UnreadableError,
    decimal,
    memory_bytes,
    parse_cpu_list,
    parse_meminfo,
    parse_pressure,
    reading,
)
from bench.devices.linux_shares import Shares
from bench.devices.linux_thermal import temperatures
from bench.records.types import Reading

_CPU = "/sys/devices/system/cpu"
_KHZ = 1000
T = TypeVar("T")

# Every name that a call gives, temperatures apart (those are named after the sensors that are there).
NAMES: dict[str, str] = {
    "cpu.governor": "",
    "cpu.driver": "",
    "cpu.clock_min": "Hz",
    "cpu.clock_max_now": "Hz",
    "cpu.clock_limit": "Hz",
    "cpu.boost": "",
    "cpu.allowed": "cpus",
    "throttle.count": "",
    "load.1min": "",
    "steal": "%",
    "cpu.busy_other": "%",
    "pressure.cpu.some_avg10": "%",
    "pressure.memory.some_avg10": "%",
    "memory.available": "bytes",
    "memory.swap_used": "bytes",
    "cgroup.cpu_quota": "cpus",
    "cgroup.throttled": "",
}


class LinuxConditions:
    """Takes readings; keeps the counters of its last call, since `steal` and `cpu.busy_other` are differences."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._shares = Shares(tree)
        # Read once now, so that the first conditions of a job already know what happened since it began.
        self._shares.since_last()

    def readings(self) -> tuple[Reading, ...]:
        """All of NAMES and one `temp.SENSOR` for each kind of sensor; each has a value or a reason."""
        tree = self._tree
        meminfo = _memory(tree)
        read: dict[str, Callable[[], float | int | str]] = {
            **_clocks(tree),
            "cpu.boost": lambda: _boost(tree),
            "cpu.allowed": lambda: _allowed(tree),
            "throttle.count": lambda: _throttle_count(tree),
            "load.1min": lambda: decimal((tree.text("/proc/loadavg").split() or [""])[0], "/proc/loadavg"),
            **self._shares.since_last(),
            "pressure.cpu.some_avg10": lambda: _pressure(tree, "cpu"),
            "pressure.memory.some_avg10": lambda: _pressure(tree, "memory"),
            "memory.available": lambda: memory_bytes(meminfo(), "MemAvailable"),
            "memory.swap_used": lambda: _swap_used(meminfo()),
            "cgroup.cpu_quota": lambda: cpu_quota(tree),
            "cgroup.throttled": lambda: throttled_periods(tree),
        }
        general = tuple(reading(name, unit, read[name]) for name, unit in NAMES.items())
        return general + temperatures(tree)


def unavailable(reason: str) -> tuple[Reading, ...]:
    """All of NAMES and `temp`, none of them known, for one reason."""
    return tuple(Reading(name=name, unit=unit, unavailable=reason) for name, unit in {**NAMES, "temp": "C"}.items())


def _memory(tree: Tree) -> Callable[[], dict[str, int]]:
    kept: list[dict[str, int]] = []

    def meminfo() -> dict[str, int]:
        if not kept:
            kept.append(parse_meminfo(tree.text("/proc/meminfo")))
        return kept[0]

    return meminfo


def _swap_used(meminfo: dict[str, int]) -> int:
    used = memory_bytes(meminfo, "SwapTotal") - memory_bytes(meminfo, "SwapFree")
    if used < 0:
        raise UnreadableError("/proc/meminfo has more SwapFree than SwapTotal")
    return used


def _clocks(tree: Tree) -> dict[str, Callable[[], float | int | str]]:
    """Clocks over all frequency policies: lowest and highest current clock, and the lowest upper limit."""
    folders = [f"{_CPU}/cpufreq/{name}" for name in tree.names(f"{_CPU}/cpufreq", "policy")]
    if not folders:  # kernels before 4.3 have no policy folders
        cpus = (name for name in tree.names(_CPU, "cpu") if name[3:].isdigit())
        folders = [f"{_CPU}/{name}/cpufreq" for name in cpus if tree.exists(f"{_CPU}/{name}/cpufreq")]

    @functools.cache  # lowest and highest are of the same moment
    def numbers(file: str) -> list[int]:
        found, reason = _collect(tree.integer, (f"{folder}/{file}" for folder in folders))
        found = [number for number in found if number > 0]
        if not found:
            raise UnreadableError(reason or f"every {file} is 0")
        return found

    def words(file: str) -> str:
        found, reason = _collect(tree.text, (f"{folder}/{file}" for folder in folders))
        if not any(found):
            raise UnreadableError(reason or f"{file} is empty")
        return ", ".join(sorted(set(found) - {""}))

    def hidden() -> str:
        raise UnreadableError(f"no {_CPU}/cpufreq/policy0: no clock driver; a hypervisor mostly hides the clocks")

    names = ("cpu.governor", "cpu.driver", "cpu.clock_min", "cpu.clock_max_now", "cpu.clock_limit")
    if not folders:
        return dict.fromkeys(names, hidden)
    return {
        "cpu.governor": lambda: words("scaling_governor"),
        "cpu.driver": lambda: words("scaling_driver"),
        "cpu.clock_min": lambda: min(numbers("scaling_cur_freq")) * _KHZ,
        "cpu.clock_max_now": lambda: max(numbers("scaling_cur_freq")) * _KHZ,
        "cpu.clock_limit": lambda: min(numbers("scaling_max_freq")) * _KHZ,
    }


def _collect(read: Callable[[str], T], paths: Iterable[str]) -> tuple[list[T], str]:
    """What could be read, and the first reason for what could not."""
    found: list[T] = []
    reason = ""
    for path in paths:
        try:
            found.append(read(path))
        except UnreadableError as error:
            reason = reason or str(error)
    return found, reason


def _boost(tree: Tree) -> str:
    """`on` or `off`: the generic switch, or Intel's, which says it the other way round."""
    try:
        return "on" if _switch(tree, f"{_CPU}/cpufreq/boost") else "off"
    except UnreadableError:
        pass
    try:
        return "off" if _switch(tree, f"{_CPU}/intel_pstate/no_turbo") else "on"
    except UnreadableError:
        raise UnreadableError("neither cpufreq/boost nor intel_pstate/no_turbo can be read") from None


def _switch(tree: Tree, path: str) -> bool:
    number = tree.integer(path)
    if number not in (0, 1):
        raise UnreadableError(f"{path} is neither 0 nor 1")
    return number == 1


def _allowed(tree: Tree) -> int:
    """CPUs that this process, and what it starts, may run on."""
    for line in tree.text("/proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == "Cpus_allowed_list":
            return parse_cpu_list(value)
    raise UnreadableError("/proc/self/status has no Cpus_allowed_list")


def _throttle_count(tree: Tree) -> int:
    """How often any core was slowed down for its heat, since boot, summed over cores."""
    cpus = [name for name in tree.names(_CPU, "cpu") if name[3:].isdigit()]
    paths = (f"{_CPU}/{name}/thermal_throttle/core_throttle_count" for name in cpus)
    counts, reason = _collect(tree.integer, paths)
    if not counts:
        raise UnreadableError(reason or f"no {_CPU}/cpu0")
    return sum(counts)


def _pressure(tree: Tree, resource: str) -> float:
    return parse_pressure(tree.text(f"/proc/pressure/{resource}"), "some", "avg10")
