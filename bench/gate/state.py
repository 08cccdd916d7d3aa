"""Whether the device changed under a block, so that it does not count. Pure; never looks at the block's result."""

from __future__ import annotations

from bench.records.types import Conditions, Reading

# Counters of slowing down: any rise inside of a block. Not a CPU quota's: it stops both arms all day.
_RISES = {"throttle.count": "cores were slowed down for their heat"}
# Limits and settings: any other value, save what a driver's rounding makes of a clock.
_SETTINGS = (
    "cpu.clock_limit", "gpu.clock_limit", "cpu.allowed", "cgroup.cpu_quota", "cpu.boost", "thermal.status",
    "throttled.now", "throttled.since_boot", "power_mode", "jetson_clocks",
)  # fmt: skip
_SETTING_ENDS = (".clock_limit", ".governor")
_SETTING_BEGINS = ("power.limit",)
_KEPT = 0.02
# What must be the same at both looks before a comparison: the clocks' settings, not their present values.
CLOCK_STATE = (
    "cpu.governor", "cpu.boost", "cpu.allowed", "cgroup.cpu_quota", "battery.saver", "pin", "power_mode",
    "jetson_clocks",
)  # fmt: skip


def changed(before: Conditions, after: Conditions) -> str:
    """Why the block between two readings does not count; empty where nothing says so, or nothing can be read."""
    for name, what in _RISES.items():
        one, other = _number(before.get(name)), _number(after.get(name))
        if one is not None and other is not None and other > one:
            return f"{what} ({name} rose by {other - one:g})"
    for reading in before.readings:
        name = reading.name
        if name in _SETTINGS or name.endswith(_SETTING_ENDS) or name.startswith(_SETTING_BEGINS):
            text = _moved(reading, after.get(reading.name))
            if text:
                return text
    return ""


def _number(reading: Reading | None) -> float | None:
    value = None if reading is None else reading.value
    return float(value) if isinstance(value, int | float) else None


def _moved(before: Reading, after: Reading | None) -> str:
    if after is None or before.value is None or after.value is None or before.value == after.value:
        return ""
    one, other = _number(before), _number(after)
    if one is not None and other is not None and abs(other - one) <= _KEPT * max(abs(one), abs(other)):
        return ""
    return f"{before.name} changed from {_text(before)} to {_text(after)}"


def _text(reading: Reading) -> str:
    return f"{reading.value} {reading.unit}".strip()


def clock_state(conditions: Conditions) -> dict[str, str]:
    """The settings that two arms must share, as far as they can be read."""
    readings = (conditions.get(name) for name in CLOCK_STATE)
    return {reading.name: _text(reading) for reading in readings if reading is not None and reading.value is not None}
