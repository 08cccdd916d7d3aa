"""Rules over conditions: each fires just above its threshold, stays quiet at it, and says the number."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.devices import assess as rules
from bench.devices.assess import assess
from bench.records.types import Conditions, DeviceIdentity, Reading

Value = float | int | str | None
REAL: dict[str, str | int | float | bool | tuple[str, ...]] = {
    "logical_cores": 4,
    "memory_bytes": 16 << 30,
    "virtual": "no",
}


def identity(**facts: str | int) -> DeviceIdentity:
    return DeviceIdentity(name="local", kind="local", fingerprint="0" * 16, facts={**REAL, **facts})


def seen(values: Mapping[str, Value] | None = None) -> Conditions:
    """Readings of these values, None being unavailable; where the clock is not named it can be read."""
    readings = [
        Reading(name=name, value=value, unavailable="" if value is not None else "no such file")
        for name, value in {"cpu.clock_max_now": 3_000_000_000, **(values or {})}.items()
    ]
    return Conditions(phase="before", at="2026-01-01T00:00:00Z", readings=tuple(readings))


def codes(
    before: Conditions | None = None,
    *during: Conditions,
    after: Conditions | None = None,
    threads: int = 1,
    device: DeviceIdentity | None = None,
) -> set[str]:
    findings = assess(device or identity(), before, during, after, threads)
    for finding in findings:
        assert finding.what.endswith(".")
        assert finding.why.endswith(".")
        assert finding.remedy or finding.severity == "info"
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code for finding in findings}


def test_a_quiet_machine_and_an_unknown_one_give_nothing() -> None:
    quiet: Mapping[str, Value] = {
        "steal": 0.0,
        "load.1min": 0.1,
        "cpu.busy_other": 1.0,
        "cpu.governor": "performance",
        "temp.cpu": 50.0,
    }
    assert codes(seen(quiet), seen(quiet), after=seen(quiet)) == set()
    assert codes() == set()
    blank = DeviceIdentity(name="x", kind="local", fingerprint="", facts={})
    assert codes(device=blank, threads=99) == set()


@pytest.mark.parametrize(
    ("name", "limit", "code"),
    [
        ("steal", rules.STEAL_PERCENT, "cpu-steal"),
        ("cpu.busy_other", rules.BUSY_OTHER_PERCENT, "busy-host"),
        ("load.1min", rules.LOAD_PER_CORE * 4, "busy-host"),
        ("pressure.cpu.some_avg10", rules.CPU_PRESSURE_PERCENT, "cpu-pressure"),
        ("pressure.memory.some_avg10", rules.MEMORY_PRESSURE_PERCENT, "memory-pressure"),
        ("temp.cpu_thermal", rules.HOT_C, "temperature-high"),
        ("memory.swap_used", rules.SWAP_USED_BYTES, "swap-used"),
    ],
)
def test_fires_above_its_threshold_only(name: str, limit: float, code: str) -> None:
    assert codes(seen({name: limit})) == set()
    assert codes(seen({name: limit * 1.01})) == {code}
    assert codes(seen({name: None})) == set()


def test_the_worst_phase_counts_and_its_number_is_told() -> None:
    findings = assess(identity(), seen({"steal": 0.0}), [seen({"steal": 7.25})], seen({"steal": 0.1}), 1)
    assert [finding.code for finding in findings] == ["cpu-steal"]
    assert "7.2 %" in findings[0].what


def test_a_known_share_of_others_outweighs_the_load_that_counts_ours() -> None:
    assert codes(seen({"load.1min": 4.0, "cpu.busy_other": 0.5})) == set()
    assert codes(seen({"load.1min": 4.0, "cpu.busy_other": None})) == {"busy-host"}
    assert codes(seen({"load.1min": 0.0}), seen({"load.1min": 4.0})) == set()  # that is ours


@pytest.mark.parametrize(
    ("governor", "fires"),
    [
        ("performance", False),
        ("userspace", False),
        ("powersave", True),
        ("ondemand", True),
        ("performance, schedutil", True),
    ],
)
def test_governor(governor: str, fires: bool) -> None:
    assert codes(seen({"cpu.governor": governor})) == ({"cpu-governor"} if fires else set())


def test_clocks_and_virtual_machines() -> None:
    hidden = seen({"cpu.clock_max_now": None})
    assert codes(hidden) == {"clocks-unreadable"}
    assert codes(hidden, device=identity(virtual="kvm")) == {"virtual-machine"}
    assert codes(seen(), device=identity(virtual="wsl")) == {"virtual-machine"}
    assert codes(seen(), device=identity(virtual="container")) == set()


@pytest.mark.parametrize(
    ("name", "code"), [("throttle.count", "cpu-throttled"), ("cgroup.throttled", "quota-throttled")]
)
def test_counters_matter_when_they_rise(name: str, code: str) -> None:
    assert codes(seen({name: 900}), after=seen({name: 900})) == set()
    assert codes(seen({name: 900})) == set()
    assert codes(seen({name: 900}), after=seen({name: 901})) == {code}
    assert codes(seen({name: None}), after=seen({name: 901})) == set()
    assert codes(seen({name: 900}), after=seen({name: 3})) == set()  # a restart


def test_a_falling_clock_limit() -> None:
    first = seen({"cpu.clock_limit": 3_000_000_000})
    assert codes(first, after=seen({"cpu.clock_limit": 2_990_000_000})) == set()
    assert codes(first, seen({"cpu.clock_limit": 1_500_000_000})) == {"clock-limit-fell"}


def test_quota() -> None:
    assert codes(seen({"cgroup.cpu_quota": "unlimited"}), threads=4) == set()
    assert codes(seen({"cgroup.cpu_quota": 2.0}), threads=2) == set()
    assert codes(seen({"cgroup.cpu_quota": 1.5}), threads=2) == {"cpu-quota"}


def test_threads() -> None:
    assert codes(seen(), threads=4) == set()
    assert codes(seen(), threads=5) == {"threads-oversubscribed"}
    assert codes(seen({"cpu.allowed": 2}), threads=3) == {"threads-oversubscribed"}
    assert codes(seen({"cpu.busy_other": 40.0}), threads=3) == {"busy-host"}
    assert codes(seen({"cpu.busy_other": 40.0}), threads=4) == {"busy-host", "threads-on-busy-host"}
    assert codes(seen({"steal": 5.0}), threads=4) == {"cpu-steal", "threads-on-busy-host"}
    assert codes(seen({"cpu.busy_other": 40.0}), threads=1, device=identity(logical_cores=1)) == {"busy-host"}


def test_memory() -> None:
    low = rules.MEMORY_LOW_BYTES
    assert codes(seen({"memory.available": low})) == set()
    assert codes(seen({"memory.available": low - 1})) == {"memory-low"}
    # a board with 1 GiB is not low at 400 MiB
    assert codes(seen({"memory.available": 400 << 20}), device=identity(memory_bytes=1 << 30)) == set()
    swapped = seen({"memory.swap_used": rules.SWAP_ROSE_BYTES + 1})
    assert codes(seen({"memory.swap_used": 0}), after=swapped) == {"swapping"}
