"""A Linux machine behind a shell: one round trip brings the files that its identity and conditions are read from.

The readers are those of this host; only the way to the files differs. `self` in /proc is the session's server there:
all that we start on the board descends from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.devices.bulk import Bulk, Shell, ask, script
from bench.devices.linux_conditions import NAMES, LinuxConditions, unavailable
from bench.devices.linux_files import Tree, UnreadableError
from bench.records.types import Reading

__all__ = ["NAMES", "LinuxOverShell", "look"]

_CPU = "/sys/devices/system/cpu"
_CONDITIONS = (
    *(f"{_CPU}/cpufreq/policy*/scaling_{name}" for name in ("governor", "driver", "cur_freq", "max_freq")),
    *(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_{name}" for name in ("governor", "driver", "cur_freq", "max_freq")),
    *(f"{_CPU}/cpufreq/boost", f"{_CPU}/intel_pstate/no_turbo"),
    f"{_CPU}/cpu[0-9]*/thermal_throttle/core_throttle_count",
    *("/proc/self/status", "/proc/loadavg", "/proc/meminfo", "/proc/pressure/cpu", "/proc/pressure/memory"),
    *("/sys/class/thermal/thermal_zone*/type", "/sys/class/thermal/thermal_zone*/temp"),
    "/sys/class/hwmon/hwmon*/name",
)
_IDENTITY = (
    *("/proc/cpuinfo", "/etc/os-release", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/arch"),
    *(f"{_CPU}/cpu[0-9]*/topology/{name}" for name in ("core_cpus_list", "thread_siblings_list")),
    *(f"{_CPU}/cpu[0-9]*/topology/physical_package_id", f"{_CPU}/present", "/sys/hypervisor/type", "/proc/1/cgroup"),
    *(f"/sys/class/dmi/id/{name}" for name in ("product_name", "sys_vendor", "bios_vendor")),
    "/sys/devices/system/clocksource/clocksource0/available_clocksource",
)
# The first lines of /proc/stat only: those of interrupts are long.
_COMMANDS = {
    "stat": "grep -e '^cpu' /proc/stat",
    # Temperatures of chips inside CPUs only: asking a disk for its own wakes it up.
    "hwmon": (
        "for f in /sys/class/hwmon/hwmon*; do case $(cat $f/name) in coretemp|k10temp|zenpower|via_cputemp|cpu_thermal|"
        "soc_thermal|scpi_sensors) grep -H '' $f/temp*_input;; esac; done"
    ),
    # Our own group and all above it. In a container the path may be the host's.
    "cgroup": (
        "cat /proc/self/cgroup; while IFS=: read -r n k p; do "
        "case ,$k, in ,,) ms='/sys/fs/cgroup /sys/fs/cgroup/unified';; ,cpu,) ms=/sys/fs/cgroup/cpu;; "
        '*,cpu,*) ms="/sys/fs/cgroup/$k /sys/fs/cgroup/cpu";; *) continue;; esac; p=${p%/}; while :; do '
        "for m in $ms; do for f in cpu.max cpu.stat cpu.cfs_quota_us cpu.cfs_period_us cgroup.controllers; do "
        '[ -f "$m$p/$f" ] && grep -H "" "$m$p/$f"; done; done; '
        '[ -n "$p" ] || break; p=${p%/*}; done; done </proc/self/cgroup 2>/dev/null'
    ),
    # Process by process from the session's server on: `PID STAT-LINE`, then `PID : CHILDREN`.
    "ours": (
        't=$PPID; while [ -n "${t# }" ]; do n=; for p in $t; do read -r s 2>/dev/null </proc/$p/stat && '
        'echo "$p $s" || continue; c=$(cat /proc/$p/task/*/children 2>/dev/null) || c=none; '
        'echo "$p : $c"; [ "$c" = none ] || n="$n $c"; done; t=$n; done'
    ),
}
_IDENTITY_COMMANDS = {
    "tree": (
        "for f in model serial-number; do printf '%s: ' $f; tr '\\0' ' ' </proc/device-tree/$f; echo; done 2>/dev/null"
    ),
    "marks": "ls -d /.dockerenv /run/.containerenv 2>/dev/null",
}


class _Latest(Tree):
    """The tree of the last round trip, for readers that keep counters from one to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.bulk: Bulk = Bulk({}, {}, {}, broken="nothing was read yet")

    def text(self, path: str) -> str:
        return self.bulk.text(path)

    def names(self, path: str, prefix: str = "") -> list[str]:
        return self.bulk.names(path, prefix)

    def exists(self, path: str) -> bool:
        return self.bulk.exists(path)


class LinuxOverShell:
    """Identity's tree and conditions' readings; shares of CPU time are since the last round trip of either."""

    def __init__(self, shell: Shell, files: tuple[str, ...] = (), commands: Mapping[str, str] | None = None) -> None:
        """files, commands: of a kind of board beyond those of every Linux, asked for in the same round trip."""
        self._shell = shell
        self._files = files
        self._commands = dict(commands or {})
        self._latest = _Latest()
        self._conditions: LinuxConditions | None = None

    def identity(self, commands: Mapping[str, str] | None = None) -> Bulk:
        """The tree for `linux_identity.gather`. commands: more of them, such as for the Python there."""
        extra = {**_IDENTITY_COMMANDS, **(commands or {})}
        bulk = look(self._shell, (*_IDENTITY, *_CONDITIONS, *self._files), {**extra, **_COMMANDS, **self._commands})
        self._take(bulk)
        return bulk

    def readings(self) -> tuple[tuple[Reading, ...], Bulk]:
        """All of NAMES and the temperatures, and what they were read from."""
        bulk = look(self._shell, (*_CONDITIONS, *self._files), {**_COMMANDS, **self._commands})
        if bulk.broken:
            return unavailable(bulk.broken), bulk
        self._take(bulk)
        assert self._conditions is not None
        return self._conditions.readings(), bulk

    def _take(self, bulk: Bulk) -> None:
        if bulk.broken:
            return
        self._latest.bulk = bulk
        if self._conditions is None:
            self._conditions = LinuxConditions(self._latest)


def look(shell: Shell, files: tuple[str, ...], commands: Mapping[str, str]) -> Bulk:
    """One round trip; what commands read instead of `grep` is put where the readers look for it."""
    bulk = ask(shell, script(files, commands))
    if not bulk.broken:
        bulk.add(_found(bulk))
    return bulk


def _found(bulk: Bulk) -> dict[str, str]:
    def said(name: str) -> list[str]:
        try:
            return bulk.said(name).splitlines()
        except UnreadableError:
            return []

    files = {"/proc/stat": "\n".join(said("stat"))}
    for line in said("hwmon"):
        path, colon, value = line.partition(":")
        if colon and path.startswith("/sys/"):
            files[path] = value
    groups = []
    for line in said("cgroup"):
        path, _, value = line.partition(":")
        if path.startswith("/sys/fs/cgroup/"):
            files[path] = f"{files[path]}\n{value}" if path in files else value
        else:
            groups.append(line)
    files["/proc/self/cgroup"] = "\n".join(groups)
    files |= _ours(said("ours"))
    for line in said("tree"):
        name, _, value = line.partition(": ")
        if value.strip():
            files[f"/proc/device-tree/{name}"] = value.strip()
    files |= {line: "there" for line in said("marks") if line.startswith("/")}
    return {path: text for path, text in files.items() if text}


def _ours(lines: list[str]) -> dict[str, str]:
    """The session's server as /proc/self, and what descends from it: `stat` and `children` of each."""
    files: dict[str, str] = {}
    first = lines[0].partition(" ")[0] if lines else ""
    for line in lines:
        process, _, rest = line.partition(" ")
        folder = "/proc/self" if process == first else f"/proc/{process}"
        if rest.startswith(": "):
            if rest != ": none":
                files[f"{folder}/task/{process}/children"] = rest[2:] or " "
        elif rest != ":":
            files[f"{folder}/stat"] = rest
        else:
            files[f"{folder}/task/{process}/children"] = " "
    return files
