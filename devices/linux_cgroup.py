"""The CPU quota that a control group sets for us, and how often it stopped us (cgroup v1 and v2).

Formats: Documentation/admin-guide/cgroup-v2.rst (cpu.max, cpu.stat) and scheduler/sched-bwc.rst (cpu.cfs_*).
"""

from __future__ import annotations

from bench.devices.linux_files import Tree, UnreadableError, integer

UNLIMITED = "unlimited"
_MOUNT = "/sys/fs/cgroup"


def cpu_quota(tree: Tree) -> float | str:
    """CPUs' worth of time that we may use, the least over our group and those above it; or `unlimited`."""
    quotas: list[float] = []
    folders = _folders(tree)
    for folder, version in folders:
        quota = _quota_v2(tree, folder) if version == 2 else _quota_v1(tree, folder)
        if quota is not None:
            quotas.append(quota)
    return min(quotas) if quotas else UNLIMITED


def throttled_periods(tree: Tree) -> int:
    """Scheduling periods in which a quota stopped us, since the group was made, summed over our groups."""
    counts: list[int] = []
    for folder, _ in _folders(tree):
        if not tree.exists(f"{folder}/cpu.stat"):
            continue
        for line in tree.text(f"{folder}/cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            if name == "nr_throttled":
                counts.append(integer(value, f"{folder}/cpu.stat"))
    if not counts:
        raise UnreadableError("no cpu.stat of our control group counts stopped periods")
    return sum(counts)


def _folders(tree: Tree) -> list[tuple[str, int]]:
    """Folders of our CPU group and of all above it, each with the version of its hierarchy.

    In a container the path may be the host's and not exist here; then only the mount's root does.
    """
    found: dict[str, int] = {}
    for line in tree.text("/proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if number == "0" and not controllers:
            version, mounts = 2, (_MOUNT, f"{_MOUNT}/unified")
            marker = "cgroup.controllers"
        elif "cpu" in controllers.split(","):
            version, mounts = 1, (f"{_MOUNT}/{controllers}", f"{_MOUNT}/cpu")
            marker = "cpu.cfs_quota_us"
        else:
            continue
        for mount in mounts:
            if tree.exists(f"{mount}/{marker}"):
                found |= {folder: version for folder in _upward(mount, path) if tree.exists(folder)}
                break
    if not found:
        raise UnreadableError(f"/proc/self/cgroup names no CPU group that is mounted below {_MOUNT}")
    return list(found.items())


def _upward(mount: str, path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return ["/".join([mount, *parts[:count]]) for count in range(len(parts), -1, -1)]


def _quota_v2(tree: Tree, folder: str) -> float | None:
    """cpu.max: `QUOTA PERIOD` in microseconds, `max` for none. A root group has no such file, and no limit."""
    if not tree.exists(f"{folder}/cpu.max"):
        return None
    quota, _, period = tree.text(f"{folder}/cpu.max").partition(" ")
    return None if quota == "max" else _share(quota, period, f"{folder}/cpu.max")


def _quota_v1(tree: Tree, folder: str) -> float | None:
    """cpu.cfs_quota_us: -1 for none."""
    if not tree.exists(f"{folder}/cpu.cfs_quota_us"):
        return None
    quota = tree.text(f"{folder}/cpu.cfs_quota_us")
    return None if quota == "-1" else _share(quota, tree.text(f"{folder}/cpu.cfs_period_us"), folder)


def _share(quota: str, period: str, what: str) -> float:
    part, whole = integer(quota, what), integer(period, what)
    if part <= 0 or whole <= 0:
        raise UnreadableError(f"{what} holds no quota: {quota[:20]} of {period[:20]}")
    return part / whole
