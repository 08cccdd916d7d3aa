"""Reading Linux's /proc and /sys below a root of choice, and the syntax of the files that we use.

Formats: proc(5) and the kernel's Documentation/{filesystems/proc.rst,accounting/psi.rst,admin-guide/cgroup-v2.rst}.
A parser gives values or raises UnreadableError with a reason for people; it never guesses, nor raises anything else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.records.types import Reading

# /proc/cpuinfo of a host with hundreds of cores is the longest file we read.
_MOST_BYTES = 4 << 20
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", re.ASCII)


class UnreadableError(Exception):
    """Why a value is not known, in words for people."""


class Tree:
    """The files below a root; paths are absolute as on the machine (`/proc/stat`)."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._prefix = str(root).rstrip("/")

    def text(self, path: str) -> str:
        """A file's text, stripped. Raises UnreadableError."""
        try:
            data = _read(self._prefix + path)
        except FileNotFoundError:
            raise UnreadableError(f"no {path}") from None
        except (OSError, ValueError) as error:
            raise UnreadableError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
        return data.decode("utf-8", "replace").replace("\0", " ").strip()

    def integer(self, path: str) -> int:
        """A file that holds one integer. Raises UnreadableError."""
        return integer(self.text(path), path)

    def names(self, path: str, prefix: str = "") -> list[str]:
        """The sorted names in a folder that begin with `prefix`; empty when there is no such folder."""
        try:
            return sorted(name for name in os.listdir(self._prefix + path) if name.startswith(prefix))
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        return os.path.exists(self._prefix + path)


def _read(path: str) -> bytes:
    # Plain calls: of hundreds of small files a call reads, Python's file objects would take half the time.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        data = os.read(handle, 1 << 16)
        while len(data) < _MOST_BYTES and (more := os.read(handle, 1 << 16)):
            data += more
        return data
    finally:
        os.close(handle)


def reading(name: str, unit: str, read: Callable[[], float | int | str]) -> Reading:
    """What `read` gives, or its reason for giving nothing."""
    try:
        value = read()
    except UnreadableError as error:
        return Reading(name=name, unit=unit, unavailable=str(error))
    return Reading(name=name, value=value, unit=unit)


def integer(text: str, what: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise UnreadableError(f"{what} holds no whole number: {text[:40]!r}")
    return int(text)


def decimal(text: str, what: str) -> float:
    if not _DECIMAL.fullmatch(text.strip()):
        raise UnreadableError(f"{what} holds no number: {text[:40]!r}")
    return float(text)


class CpuTimes(NamedTuple):
    """Clock ticks of all CPUs since boot, from the first line of /proc/stat."""

    total: int
    busy: int  # without steal
    steal: int


def parse_stat(text: str) -> CpuTimes:
    """The `cpu` line: user nice system idle iowait irq softirq steal [guest guest_nice]; user includes guest."""
    fields = next((line.split() for line in text.splitlines() if line.startswith("cpu ")), None)
    if fields is None or len(fields) < 9:
        raise UnreadableError("/proc/stat has no cpu line with eight counters")
    user, nice, system, idle, iowait, irq, softirq, steal = (integer(field, "/proc/stat") for field in fields[1:9])
    busy = user + nice + system + irq + softirq
    return CpuTimes(total=busy + idle + iowait + steal, busy=busy, steal=steal)


def parse_process_stat(text: str) -> int:
    """/proc/PID/stat: the clock ticks of a process and of the children that it waited for.

    The command stands in brackets and may hold spaces and brackets itself.
    """
    fields = text.rpartition(")")[2].split()
    if len(fields) < 15:
        raise UnreadableError("/proc/PID/stat is shorter than 17 fields")
    # proc(5) counts from 1 and two fields stand before these: utime 14, stime 15, cutime 16, cstime 17
    return sum(integer(field, "/proc/PID/stat") for field in fields[11:15])


def parse_pressure(text: str, which: str, key: str) -> float:
    """A pressure stall file: `some avg10=0.00 avg60=... total=...`; the averages are percent of the time."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == which:
            for word in words[1:]:
                name, _, value = word.partition("=")
                if name == key:
                    return decimal(value, f"{which} {key}")
    raise UnreadableError(f"the pressure file has no `{which} {key}`")


def parse_meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes. Lines that are not `Name: N kB` are left out."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) == 2 and words[1] == "kB" and _INTEGER.fullmatch(words[0]):
            found[name.strip()] = int(words[0]) * 1024
    return found


def memory_bytes(meminfo: dict[str, int], name: str) -> int:
    if name not in meminfo:
        raise UnreadableError(f"/proc/meminfo has no {name}")
    return meminfo[name]


def parse_cpuinfo(text: str) -> list[dict[str, str]]:
    """/proc/cpuinfo as one mapping per logical CPU; blocks without `processor: N` are not CPUs (ARM's trailer)."""
    cpus: list[dict[str, str]] = []
    for block in re.split(r"\n[ \t\r]*\n", text):
        pairs = (line.partition(":") for line in block.split("\n"))
        fields = {key.strip(): value.strip() for key, colon, value in pairs if colon}
        if _INTEGER.fullmatch(fields.get("processor", "")):
            cpus.append(fields)
    return cpus


def parse_cpu_list(text: str) -> int:
    """How many CPUs a list such as `0-3,8` names."""
    count = 0
    for part in text.strip().split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise UnreadableError(f"not a list of CPUs: {text[:40]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UnreadableError(f"not a list of CPUs: {text[:40]!r}")
        count += last - first + 1
    return count
