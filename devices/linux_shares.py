"""Shares of CPU time between two calls: stolen by the hypervisor, and used by processes that are not ours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bench.devices.linux_files import CpuTimes, Tree, UnreadableError, parse_process_stat, parse_stat

# The counters tick a hundred times a second for each CPU; with fewer ticks one of them is over 2 %.
LEAST_TICKS = 50
KEPT = 3  # snapshots: a case ends and the next one begins within a tick
_FIRST = "needs two samples: the counters are sums since boot"


class _Snapshot(NamedTuple):
    """The counters at one call; None with the reason where they could not be read."""

    cpu: CpuTimes | None
    why_cpu: str
    own: int | None
    why_own: str


class Shares:
    """Keeps the counters of the last calls."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._earlier: deque[_Snapshot] = deque(maxlen=KEPT)

    def since_last(self) -> dict[str, Callable[[], float]]:
        """Readers of `steal` and `cpu.busy_other` in percent of all CPUs' time since the last call.

        Where that was too short ago, as between a case's end and the next one's start, since the one before it.
        """
        now = self._snapshot()
        before = self._reference(now)
        self._earlier.append(now)

        def steal() -> float:
            total, first, last = _interval(before.cpu if before else None, now.cpu, now.why_cpu)
            return 100.0 * _within(last.steal - first.steal, total)

        def busy_other() -> float:
            total, first, last = _interval(before.cpu if before else None, now.cpu, now.why_cpu)
            if now.own is None:
                raise UnreadableError(now.why_own)
            if before is None or before.own is None:
                raise UnreadableError(_FIRST)
            return 100.0 * _within(last.busy - first.busy - max(now.own - before.own, 0), total)

        return {"steal": steal, "cpu.busy_other": busy_other}

    def _snapshot(self) -> _Snapshot:
        cpu, own, why_cpu, why_own = None, None, "", ""
        try:
            cpu = parse_stat(self._tree.text("/proc/stat"))
        except UnreadableError as error:
            why_cpu = str(error)
        try:
            own = own_ticks(self._tree)
        except UnreadableError as error:
            why_own = str(error)
        return _Snapshot(cpu, why_cpu, own, why_own)

    def _reference(self, now: _Snapshot) -> _Snapshot | None:
        """The newest snapshot that is long enough ago, else the last one, which says why there is no share."""
        for earlier in reversed(self._earlier):
            if now.cpu and earlier.cpu and now.cpu.total - earlier.cpu.total >= LEAST_TICKS:
                return earlier
            if earlier.cpu is None:
                break
        return self._earlier[-1] if self._earlier else None


def _interval(before: CpuTimes | None, now: CpuTimes | None, reason: str) -> tuple[int, CpuTimes, CpuTimes]:
    if now is None:
        raise UnreadableError(reason)
    if before is None:
        raise UnreadableError(_FIRST)
    total = now.total - before.total
    if total < 0:
        raise UnreadableError("the counters of /proc/stat went backwards")
    if total < LEAST_TICKS:
        raise UnreadableError(f"the samples are only {total} clock ticks apart; a share needs {LEAST_TICKS}")
    return total, before, now


def _within(part: int, total: int) -> float:
    """part / total, kept in 0 ... 1: the kernel counts processes more finely than CPUs, so a tick may be missing."""
    return min(max(part / total, 0.0), 1.0)


def own_ticks(tree: Tree) -> int:
    """CPU ticks since boot of this process and all that descend from it. Raises UnreadableError.

    A child that ended and was waited for is in its parent's count, with all its own: so the sum never loses one.
    """
    own = _first_pid(tree.text("/proc/self/stat"))
    ticks = 0
    seen: set[int] = set()
    waiting = [own]
    while waiting:
        pid = waiting.pop()
        if pid in seen:
            continue
        seen.add(pid)
        folder = "/proc/self" if pid == own else f"/proc/{pid}"
        try:
            children = _children(tree, folder)
            ticks += parse_process_stat(tree.text(f"{folder}/stat"))
        except UnreadableError:
            if pid == own:
                raise
            continue  # it ended while we looked: its parent will have its ticks
        waiting += children
    return ticks


def _first_pid(status: str) -> int:
    pid = status.partition(" ")[0]
    if not pid.isascii() or not pid.isdigit() or len(pid) > 10:
        raise UnreadableError("/proc/self/stat does not begin with a process id")
    return int(pid)


def _children(tree: Tree, folder: str) -> list[int]:
    """Children are listed by the thread that started them (kernels built with CONFIG_PROC_CHILDREN)."""
    threads = tree.names(f"{folder}/task")
    if not threads:
        raise UnreadableError(f"no {folder}/task")
    if not any(tree.exists(f"{folder}/task/{thread}/children") for thread in threads):
        raise UnreadableError("the kernel lists no children of processes, so ours cannot be told from others")
    words: list[str] = []
    for thread in threads:
        try:
            words += tree.text(f"{folder}/task/{thread}/children").split()
        except UnreadableError:
            continue  # a thread that ended
    return [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 10]
