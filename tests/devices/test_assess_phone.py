"""Rules for phones: each fires beyond its threshold, stays quiet at it and where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.devices import assess_phone as rules
from bench.devices.assess import assess
from bench.records.types import Conditions, DeviceIdentity, Reading

Value = float | int | str | None
PHONE = DeviceIdentity(
    name="p", kind="android", fingerprint="0", facts={"logical_cores": 8, "memory_bytes": 6 << 30, "virtual": "no"}
)
QUIET: Mapping[str, Value] = {
    "cpu.clock_max_now": 1_000_000_000,
    "thermal.status": "none",
    "battery.level": 100.0,
    "battery.status": "full",
    "battery.saver": "off",
    "screen": "off",
    "load.1min": 9.0,
    "pin": "pinned",
    "cpu.governor": "schedutil",
    "cpu0.clock_limit": 1_800_000_000,
    "cpu0.clock_max": 1_800_000_000,
    "gpu.clock_limit": 600_000_000,
    "gpu.clock_max": 600_000_000,
    "gpu.level_limit": 0,
}


def seen(**changed: Value) -> Conditions:
    values = {**QUIET, **{name.replace("__", "."): value for name, value in changed.items()}}
    readings = [
        Reading(name=name, value=value, unavailable="" if value is not None else "hidden")
        for name, value in values.items()
    ]
    return Conditions(phase="before", at="2026-01-01T00:00:00Z", readings=tuple(readings))


def codes(*phases: Conditions) -> dict[str, str]:
    first, *others = phases
    *during, after = others or (None,)
    findings = assess(PHONE, first, [one for one in during if one], after, 1)
    for finding in findings:
        assert finding.what.endswith(".")
        assert finding.why.endswith(".")
        assert finding.remedy or finding.severity == "info"
        assert "sudo" not in finding.remedy
    assert len({one.code for one in findings}) == len(findings)
    return {finding.code: f"{finding.what} {finding.why} {finding.remedy}" for finding in findings}


def test_a_quiet_phone() -> None:
    assert codes(seen(), seen(), seen()) == {}


@pytest.mark.parametrize(
    ("name", "fine", "bad", "code"),
    [
        ("thermal__status", "none", "light", "thermal-status"),
        ("battery__level", rules.BATTERY_LOW_PERCENT, rules.BATTERY_LOW_PERCENT - 1, "battery-low"),
        ("temp__battery", rules.BATTERY_HOT_C, rules.BATTERY_HOT_C + 1, "battery-hot"),
        ("battery__saver", "off", "on", "battery-saver"),
        ("screen", "doze", "on", "screen-on"),
        ("cpu0__clock_limit", 1_790_000_000, 1_500_000_000, "clock-limit-lowered"),
        ("gpu__clock_limit", 599_000_000, 400_000_000, "gpu-clock-capped"),
        ("gpu__level_limit", 0, 1, "gpu-clock-capped"),
        ("pin", "pinned: x", "unpinned", "cpu-governor"),
    ],
)
def test_fires_beyond_its_threshold_only(name: str, fine: Value, bad: Value, code: str) -> None:
    assert codes(seen(**{name: fine})) == {}
    assert set(codes(seen(**{name: bad}))) == {code}
    unknown = set(codes(seen(**{name: None})))
    assert unknown == {"thermal__status": {"throttling-unseen"}, "pin": {"cpu-governor"}}.get(name, set())


def test_words_of_the_worst_level_and_the_state() -> None:
    told = codes(seen(thermal__status="light"), seen(thermal__status="severe"), seen())
    assert "severe" in told["thermal-status"]
    hot = codes(seen(temp__battery=44.0, battery__status="charging"))["battery-hot"]
    assert "44.0 C, charging" in hot
    assert "Stop charging" in hot
    assert "Stop charging" not in codes(seen(temp__battery=44.0, battery__status="discharging"))["battery-hot"]


def test_a_limit_that_falls_in_one_cluster_is_seen() -> None:
    """Also where the slow cluster's limit, the lowest of all, stays as it is."""
    first = seen(cpu4__clock_limit=2_800_000_000, cpu4__clock_max=2_800_000_000)
    fallen = seen(cpu4__clock_limit=2_000_000_000, cpu4__clock_max=2_800_000_000)
    told = codes(first, fallen, first)
    assert set(told) == {"clock-limit-fell"}
    assert "cpu4 from 2.80 to 2.00 GHz" in told["clock-limit-fell"]


def test_a_temperature_that_never_changes_is_unknown() -> None:
    still = seen(temp__cpu=40.0, thermal__status=None)
    told = codes(still, still, still)
    assert set(told) == {"temperature-unknown", "throttling-unseen"}
    assert "temp.cpu" in told["temperature-unknown"]
    assert codes(seen(temp__cpu=40.0), seen(temp__cpu=41.0), seen(temp__cpu=40.0)) == {}
    assert codes(still, still) == {}  # too few moments to tell


def test_a_pin_that_ends_during_the_run() -> None:
    loose = seen(pin="unpinned")
    assert "pin-lost" in codes(loose, seen(), loose, loose)
    assert "pin-lost" not in codes(loose, seen(), seen(), loose)  # before it began, and after it was put back
    assert "pin-lost" not in codes(loose, loose, loose)


def test_memory_and_heat_have_remedies_for_a_phone() -> None:
    assert "apps" in codes(seen(memory__available=1 << 20))["memory-low"]
    assert "case" in codes(seen(temp__cpu=99.0))["temperature-high"]


def test_the_load_of_a_computer_still_counts() -> None:
    computer = DeviceIdentity(name="c", kind="local", fingerprint="0", facts={"logical_cores": 4, "virtual": "no"})
    assert "busy-host" in {one.code for one in assess(computer, seen(), [], None, 1)}
