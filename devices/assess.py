"""What a device's conditions mean for a measurement: pure rules over identity and readings, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from bench.base.findings import Finding
from bench.devices import assess_board
from bench.devices.assess_phone import PHONE_RULES, REMEDIES
from bench.devices.remarks import info as _info
from bench.devices.remarks import warning as _warning
from bench.devices.view import View
from bench.records.types import Conditions, DeviceIdentity

# A stolen or foreign per cent shows up as about as much in the mean, and as far more in the slowest samples.
STEAL_PERCENT = 1.0
# An idle desktop uses a few per cent; from a tenth on a scheduler's choice decides whether we share a core.
BUSY_OTHER_PERCENT = 10.0
# Runnable tasks for each core; used only where the share of others is not known, since it counts our own too.
LOAD_PER_CORE = 0.3
# Share of the last 10 s in which some task had to wait for a CPU; an undisturbed run stays below.
CPU_PRESSURE_PERCENT = 10.0
# Waiting for memory at all means reclaim or swapping, which costs milliseconds at a time.
MEMORY_PRESSURE_PERCENT = 1.0
# CPUs begin to slow down between 85 and 105 C, boards at 80 to 85 C.
HOT_C = 85.0
# Some drivers round clocks; a limit that falls by more than this was lowered.
CLOCK_LIMIT_KEPT = 0.98
# A large model with its runtime needs this much; below, the kernel begins to drop files from memory.
MEMORY_LOW_BYTES = 512 << 20
MEMORY_LOW_SHARE = 0.1
# A long-running machine parks idle pages; more than this says that memory was short.
SWAP_USED_BYTES = 256 << 20
SWAP_ROSE_BYTES = 8 << 20
_COOL = "Let it cool down, improve the cooling, or measure fewer cases at a time with pauses."
# `userspace` holds one clock as well.
STEADY_GOVERNORS = ("performance", "userspace")


def assess(
    identity: DeviceIdentity,
    before: Conditions | None,
    during: Sequence[Conditions],
    after: Conditions | None,
    threads: int,
) -> tuple[Finding, ...]:
    """What a person should know about the machine that a case ran on, in the order of the rules below.

    What is unavailable gives no warning, save that hidden clocks are named. threads: of the case.
    """
    view = View(identity, before, tuple(during), after, threads)
    rules, remedies = _RULES, dict[str, str]()
    if identity.nature == "android":
        rules, remedies = (*_SHARED, *PHONE_RULES), REMEDIES
    elif identity.nature in assess_board.KINDS:
        rules, remedies = (*_RULES, *assess_board.BOARD_RULES), assess_board.REMEDIES
    found = (finding for rule in rules for finding in rule(view))
    return tuple(msgspec.structs.replace(one, remedy=remedies.get(one.code, one.remedy)) for one in found)


def _busy(view: View) -> str:
    """Who else was using the CPUs, in words with the number; empty when nobody was, or when it is not known."""
    other = view.highest("cpu.busy_other")
    if other is not None and other > BUSY_OTHER_PERCENT:
        return f"other programs used {other:.0f} % of all CPUs"
    # A phone's load counts drivers' threads that only wait, so it is never low there.
    load = view.first_before("load.1min") if view.identity.nature != "android" else None
    limit = LOAD_PER_CORE * (view.cores or 1)
    if other is None and load is not None and load > limit:
        return f"the load was {load:.2f} before the run (more than {limit:.1f} on {view.cores or 'unknown'} cores)"
    return ""


def _steal(view: View) -> Iterator[Finding]:
    steal = view.highest("steal")
    if steal is not None and steal > STEAL_PERCENT:
        yield _warning(
            "cpu-steal",
            f"The hypervisor gave {steal:.1f} % of our CPU time to others.",
            "Samples are longer by what was taken, at moments that differ between runs.",
            "Use a machine with CPUs of its own, or measure at a quieter hour with more invocations.",
        )


def _others(view: View) -> Iterator[Finding]:
    busy = _busy(view)
    if busy:
        yield _warning(
            "busy-host",
            f"{busy[0].upper()}{busy[1:]}.",
            "They take turns with us on the cores and share caches, memory bandwidth and the clock budget.",
            "End them (`top` names them) and measure again.",
        )
    pressure = view.highest("pressure.cpu.some_avg10")
    if pressure is not None and pressure > CPU_PRESSURE_PERCENT:
        yield _warning(
            "cpu-pressure",
            f"In {pressure:.0f} % of 10 s some task was waiting for a CPU.",
            "There were more runnable threads than cores, so ours may have waited too.",
            "End other programs (`top` names them) or use fewer threads.",
        )


def _threads(view: View) -> Iterator[Finding]:
    if not view.cores:
        return
    allowed = view.lowest("cpu.allowed")
    usable = min(view.cores, int(allowed)) if allowed is not None else view.cores
    if view.threads > usable:
        yield _warning(
            "threads-oversubscribed",
            f"{view.threads} threads on {usable} usable cores.",
            "Threads take turns on a core while the others wait for them at every op.",
            f"Use at most `--threads {usable}`.",
        )
    steal = view.highest("steal")
    stolen = steal is not None and steal > STEAL_PERCENT
    busy = _busy(view) or (f"the hypervisor took {steal:.1f} %" if stolen else "")
    if view.threads >= max(usable, 2) and busy:
        fewer = max(usable - 1, 1)
        yield _warning(
            "threads-on-busy-host",
            f"{view.threads} threads on {usable} cores while {busy}.",
            "An op ends with its slowest thread; when one must wait for its core the others spin, and a run has been "
            "seen to take 80 times as long.",
            f"Leave a core free: `--threads {fewer}`, or end what else runs.",
        )


def _governor(view: View) -> Iterator[Finding]:
    if any(text.startswith("pinned") for text in view.texts("pin")):
        return
    names = {name for text in view.texts("cpu.governor") for name in text.split(", ")}
    moving = sorted(names.difference(STEADY_GOVERNORS))
    if moving:
        drivers = view.texts("cpu.driver")
        driver = f" (driver {drivers[0]})" if drivers else ""
        yield _warning(
            "cpu-governor",
            f"The clock governor is {', '.join(moving)}{driver}, not performance.",
            "It changes the clock with the load, so short runs see other clocks than long ones; or keeps the lowest.",
            "sudo cpupower frequency-set -g performance",
        )


def _clocks(view: View) -> Iterator[Finding]:
    virtual = view.identity.facts.get("virtual")
    hidden = view.hidden("cpu.clock_max_now")
    if isinstance(virtual, str) and virtual not in ("no", "container"):
        clocks = ", and its clocks cannot be read" if hidden else ""
        yield _info(
            "virtual-machine",
            f"This is a virtual machine ({virtual}){clocks}.",
            "Neighbours on the same hardware and its clocks change the times without a trace here.",
            "Compare runs that were taken alternately; take absolute times from a machine of your own.",
        )
    elif hidden:
        yield _info(
            "clocks-unreadable",
            "The CPU's clocks cannot be read.",
            f"Slowing down for heat or power would go unseen: {hidden}.",
        )


def _throttling(view: View) -> Iterator[Finding]:
    why = "A slowed core makes later samples longer than earlier ones; the median depends on how long the run was."
    risen = view.rise("throttle.count")
    if risen:
        yield _warning("cpu-throttled", f"Cores were slowed down for their heat {risen:.0f} times.", why, _COOL)
    limits = view.numbers("cpu.clock_limit")
    if limits and min(limits) < CLOCK_LIMIT_KEPT * limits[0]:
        what = f"The clock limit fell from {limits[0] / 1e9:.2f} to {min(limits) / 1e9:.2f} GHz during the run."
        yield _warning("clock-limit-fell", what, why, _COOL)


def _heat(view: View) -> Iterator[Finding]:
    hottest = view.hottest()
    if hottest and hottest[1] > HOT_C:
        what = f"Sensor {hottest[0]} reached {hottest[1]:.0f} C (more than {HOT_C:.0f})."
        yield _warning("temperature-high", what, "CPUs lower their clock at about this temperature.", _COOL)


def _quota(view: View) -> Iterator[Finding]:
    quota = view.lowest("cgroup.cpu_quota")
    if quota is not None and quota < view.threads:
        yield _warning(
            "cpu-quota",
            f"The control group may use {quota:g} CPUs, fewer than the case's {view.threads} threads.",
            "When the quota of a period (mostly 100 ms) is spent, all threads stop until the next one.",
            f"Raise it (`docker run --cpus`, Kubernetes `limits.cpu`), or use `--threads {max(int(quota), 1)}`.",
        )
    risen = view.rise("cgroup.throttled")
    if risen:
        yield _warning(
            "quota-throttled",
            f"The CPU quota stopped us in {risen:.0f} periods.",
            "Each stop adds up to a whole period (mostly 100 ms) to the sample that it fell into.",
            "Raise or remove the quota (`docker run --cpus`, Kubernetes `limits.cpu`, systemd `CPUQuota=`).",
        )


def _memory(view: View) -> Iterator[Finding]:
    free = "End programs that hold memory (`ps aux --sort=-rss | head` names them)."
    available = view.lowest("memory.available")
    limit = float(MEMORY_LOW_BYTES)
    total = view.identity.facts.get("memory_bytes")
    if isinstance(total, int):
        limit = min(limit, MEMORY_LOW_SHARE * total)
    if available is not None and available < limit:
        what = f"Only {available / (1 << 20):.0f} MiB of memory were available."
        yield _warning("memory-low", what, "The kernel may drop the model's pages and read them again.", free)
    pressure = view.highest("pressure.memory.some_avg10")
    if pressure is not None and pressure > MEMORY_PRESSURE_PERCENT:
        what = f"In {pressure:.1f} % of 10 s some task was waiting for memory."
        yield _warning("memory-pressure", what, "Reclaiming pages stops a thread for milliseconds.", free)
    risen = view.rise("memory.swap_used") or 0.0
    used = view.highest("memory.swap_used") or 0.0
    if risen > SWAP_ROSE_BYTES:
        what = f"{risen / (1 << 20):.0f} MiB were swapped out during the run."
        yield _warning("swapping", what, "A page that must come back from swap costs milliseconds.", free)
    elif used > SWAP_USED_BYTES:
        what = f"{used / (1 << 20):.0f} MiB of swap are in use."
        yield _info("swap-used", what, "Memory was short before; it may be again.", "sudo swapoff -a && sudo swapon -a")


_RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    *(_steal, _others, _threads, _governor, _clocks, _throttling, _heat, _quota, _memory),
)
# What holds for a phone as well; its clocks are judged cluster by cluster in `assess_phone`.
_SHARED = (_others, _threads, _governor, _clocks, _heat, _memory)
