"""What a machine is like for timing, beyond its conditions: its clock, how often it takes us off the CPU, its disks."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.base.findings import Finding
from bench.devices.linux_files import Tree, UnreadableError, memory_bytes, parse_meminfo

SPIN_S = 0.2
# Between two clock reads lie about 100 ns; a millisecond means that something else ran on our core.
GAP_NS = 1_000_000
_READS = 20_000
_CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"

# Small models take about 50 us; a coarser or dearer clock than this is over 1 % of two reads of it.
CLOCK_STEP_NS = 500
CLOCK_READ_NS = 500
LOST_SHARE = 0.01
# A whole time slice of the scheduler; one such gap is longer than most models' inference.
LONG_GAP_NS = 4_000_000
# A zoo of converted models, reference outputs and a long run's records fit into this.
FREE_BYTES = 1 << 30
# Read by a call into the kernel or from a slow chip, instead of from a register of the CPU.
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit", "xen")


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen; None stands beside a reason in `unavailable`, by the field's name.

    clock_step_ns: the smallest step of the clock that was seen; clock_read_ns: the least cost of one read (in Python).
    spin_ns, gaps, longest_gap_ns, lost_ns: how long we watched the clock, and the gaps over 1 ms in it.
    free_bytes: for each folder by its role; huge_pages: the mode of transparent huge pages.
    """

    clock_step_ns: int
    clock_read_ns: float
    spin_ns: int
    gaps: int
    longest_gap_ns: int
    lost_ns: int
    free_bytes: dict[str, int] = {}
    clocksource: str | None = None
    huge_pages: str | None = None
    swap_bytes: int | None = None
    unavailable: dict[str, str] = {}

    @property
    def lost_share(self) -> float:
        return self.lost_ns / self.spin_ns if self.spin_ns else 0.0


def gather(root: Path = Path("/"), folders: Mapping[str, Path] | None = None, spin_s: float = SPIN_S) -> MachineFacts:
    """Look at the machine; takes `spin_s` seconds of one core.

    root: where /proc and /sys are read. folders: role (`results`, `cache`) -> folder, which need not exist yet.
    """
    step_ns, read_ns = _clock()
    spin_ns, gaps = _spin(spin_s)
    missing: dict[str, str] = {}
    tree = Tree(root)
    return MachineFacts(
        clock_step_ns=step_ns,
        clock_read_ns=read_ns,
        spin_ns=spin_ns,
        gaps=len(gaps),
        longest_gap_ns=max(gaps, default=0),
        lost_ns=sum(gaps),
        free_bytes=_free(folders or {}, missing),
        clocksource=_text(tree, "clocksource", _CLOCKSOURCE, missing),
        huge_pages=_huge_pages(tree, missing),
        swap_bytes=_swap(tree, missing),
        unavailable=missing,
    )


def _clock() -> tuple[int, float]:
    """Smallest step between differing reads, and the least mean cost of a read over short series, in ns."""
    now = time.perf_counter_ns
    reads = [now() for _ in range(_READS)]
    steps = [later - earlier for earlier, later in itertools.pairwise(reads) if later > earlier]
    # Of many short series the quickest: what disturbs one makes it longer, never shorter.
    series = 100
    costs = [(reads[at + series] - reads[at]) / series for at in range(0, _READS - series, series)]
    return min(steps, default=reads[-1] - reads[0]), min(costs)


def _spin(spin_s: float) -> tuple[int, list[int]]:
    """Watch the clock for that long: the time watched, and every gap over GAP_NS between two reads, in ns."""
    gaps: list[int] = []
    collecting = gc.isenabled()
    gc.disable()  # a collection of ours would look like a gap
    try:
        now = time.perf_counter_ns
        last = start = now()
        end = start + int(spin_s * 1e9)
        while last < end:
            read = now()
            if read - last > GAP_NS:
                gaps.append(read - last)
            last = read
    finally:
        if collecting:
            gc.enable()
    return last - start, gaps


def _text(tree: Tree, name: str, path: str, missing: dict[str, str]) -> str | None:
    try:
        text = tree.text(path)
    except UnreadableError as error:
        missing[name] = str(error)
        return None
    if not text:
        missing[name] = f"{path} is empty"
    return text or None


def _huge_pages(tree: Tree, missing: dict[str, str]) -> str | None:
    """The word in brackets of `always [madvise] never`."""
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    text = _text(tree, "huge_pages", path, missing)
    if text is None:
        return None
    mode = text.partition("[")[2].partition("]")[0]
    if not mode:
        missing["huge_pages"] = f"{path} marks no mode"
    return mode or None


def _swap(tree: Tree, missing: dict[str, str]) -> int | None:
    try:
        return memory_bytes(parse_meminfo(tree.text("/proc/meminfo")), "SwapTotal")
    except UnreadableError as error:
        missing["swap_bytes"] = str(error)
        return None


def _free(folders: Mapping[str, Path], missing: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for role, folder in folders.items():
        absolute = Path(os.path.abspath(folder))
        existing = next((path for path in (absolute, *absolute.parents) if path.exists()), absolute)
        try:
            found[role] = shutil.disk_usage(existing).free
        except OSError as error:
            missing[f"free_bytes.{role}"] = error.strerror or str(error)
    return found


def assess(facts: MachineFacts) -> tuple[Finding, ...]:
    """What of it a person should mend before measuring."""
    return (*_assess_clock(facts), *_assess_gaps(facts), *_assess_disks(facts), *_assess_memory(facts))


def _assess_clock(facts: MachineFacts) -> list[Finding]:
    found: list[Finding] = []
    slow = facts.clocksource if facts.clocksource in SLOW_CLOCKS else None
    if slow or facts.clock_read_ns > CLOCK_READ_NS:
        named = f" (clock source {facts.clocksource})" if facts.clocksource else ""
        what = f"Reading the clock costs {facts.clock_read_ns:.0f} ns{named}."
        why = "Every sample holds one read; on small models that is a visible part, and it varies."
        remedy = (
            f"echo tsc | sudo tee {_CLOCKSOURCE} (where available_clocksource lists tsc)"
            if slow
            else "Measure models that take longer."
        )
        found.append(Finding(code="clock-slow", severity="warning", what=what, why=why, remedy=remedy))
    # A step as long as a read is no coarseness: the clock had moved on by then.
    if facts.clock_step_ns > max(CLOCK_STEP_NS, 2 * facts.clock_read_ns):
        what = f"The clock moves in steps of {facts.clock_step_ns} ns."
        why = "A sample is known only to a step; short samples fall on a few values."
        remedy = "Measure models that take a thousand times as long, or use another machine."
        found.append(Finding(code="clock-coarse", severity="warning", what=what, why=why, remedy=remedy))
    return found


def _assess_gaps(facts: MachineFacts) -> list[Finding]:
    if facts.lost_share <= LOST_SHARE and facts.longest_gap_ns <= LONG_GAP_NS:
        return []
    what = (
        f"Within {facts.spin_ns / 1e6:.0f} ms we were taken off the CPU {facts.gaps} times, for "
        f"{facts.longest_gap_ns / 1e6:.1f} ms at the longest, {100 * facts.lost_share:.1f} % in all."
    )
    why = "Whatever runs then makes some samples longer by as much."
    remedy = "End other programs (`top` names them); on a virtual machine choose one with CPUs of its own."
    return [Finding(code="timer-gaps", severity="warning", what=what, why=why, remedy=remedy)]


def _assess_disks(facts: MachineFacts) -> list[Finding]:
    remedies = {"results": "Free some space, or choose another folder: --results DIR."}
    other = "Free some space, or choose another folder: BENCH_CACHE_DIR."
    return [
        Finding(
            code="disk-low",
            severity="warning",
            what=f"The {role} folder's disk has {free / (1 << 20):.0f} MiB left.",
            why="A run that cannot write its record has no result.",
            remedy=remedies.get(role, other),
        )
        for role, free in facts.free_bytes.items()
        if free < FREE_BYTES
    ]


def _assess_memory(facts: MachineFacts) -> list[Finding]:
    if facts.huge_pages != "always":
        return []
    what = "Transparent huge pages are given to every program (always)."
    why = "The kernel merges pages while a model runs, so invocations may differ in speed by how far it got."
    remedy = "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"
    return [Finding(code="huge-pages", severity="info", what=what, why=why, remedy=remedy)]
