"""What a phone's conditions mean for a measurement: rules beside those of `assess` that hold for any Linux machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.base.findings import Finding
from bench.devices.android_thermal import LEVELS, constant
from bench.devices.remarks import info, warning
from bench.devices.view import View

# Android offers its battery saver at 20 %, and a weak battery cannot give the current of a full load.
BATTERY_LOW_PERCENT = 20.0
# Phones slow down charging, and then their chips, for the battery's heat between 40 and 45 C.
BATTERY_HOT_C = 40.0
# Some drivers round clocks; a limit that lies lower than this was lowered.
LIMIT_KEPT = 0.98

# What a person does about it on a phone, where the rule for any machine names a command of a computer.
REMEDIES = {
    "cpu-governor": "Let bench pin the clocks (fixed-performance mode from Android 11 up, or a rooted phone), or "
    "compare runs that were taken alternately.",
    "memory-low": "Close the apps in the background, or restart the phone.",
    "memory-pressure": "Close the apps in the background, or restart the phone.",
    "cpu-pressure": "Close the apps in the background (`adb shell top` names what runs), or use fewer threads.",
    "temperature-high": "Let the phone cool down: screen off, out of its case, and pauses between cases.",
}
_COOL = REMEDIES["temperature-high"]


def _clusters(view: View, kind: str) -> list[str]:
    names = {one.name for phase in view.phases for one in phase.readings}
    return sorted(
        name.removesuffix(f".{kind}") for name in names if name.startswith("cpu") and name.endswith(f".{kind}")
    )


def _thermal_status(view: View) -> Iterator[Finding]:
    levels = [LEVELS.index(word) for word in view.texts("thermal.status") if word in LEVELS]
    if levels and max(levels) > 0:
        yield warning(
            "thermal-status",
            f"Android reported throttling for heat: {LEVELS[max(levels)]}.",
            "The system lowers clocks at this level, so the times are those of a hot phone.",
            _COOL,
        )


def _cpu_limits(view: View) -> Iterator[Finding]:
    lowered, fallen = [], []
    for core in _clusters(view, "clock_limit"):
        limits = view.numbers(f"{core}.clock_limit")
        top = view.highest(f"{core}.clock_max")
        if limits and min(limits) < LIMIT_KEPT * limits[0]:
            fallen.append(f"{core} from {limits[0] / 1e9:.2f} to {min(limits) / 1e9:.2f} GHz")
        if limits and top is not None and limits[0] < LIMIT_KEPT * top:
            lowered.append(f"{core} {limits[0] / 1e9:.2f} of {top / 1e9:.2f} GHz")
    if fallen:
        what = f"The clock limit fell during the run: {', '.join(fallen)}."
        yield warning("clock-limit-fell", what, "Later samples are longer than earlier ones.", _COOL)
    if lowered:
        yield warning(
            "clock-limit-lowered",
            f"The CPU was not allowed its highest clock: {', '.join(lowered)}.",
            "Heat, battery saver or the vendor's power mode lowered the limit before the run.",
            f"Switch battery saver and power modes off. {_COOL}",
        )


def _gpu_limits(view: View) -> Iterator[Finding]:
    limits = view.numbers("gpu.clock_limit")
    top = view.highest("gpu.clock_max")
    level = view.highest("gpu.level_limit")
    capped = limits and top is not None and min(limits) < LIMIT_KEPT * top
    if capped or (level is not None and level > 0):
        limit = (
            f"{min(limits) / 1e6:.0f} of {top / 1e6:.0f} MHz" if capped and top is not None else f"level {level:.0f}"
        )
        yield warning(
            "gpu-clock-capped",
            f"The GPU was not allowed its highest clock ({limit}).",
            "GPU times then depend on the limit, which heat and power modes move.",
            f"Switch battery saver and power modes off. {_COOL}",
        )


def _battery(view: View) -> Iterator[Finding]:
    level = view.lowest("battery.level")
    if level is not None and level < BATTERY_LOW_PERCENT:
        yield warning(
            "battery-low",
            f"The battery was at {level:.0f} % (less than {BATTERY_LOW_PERCENT:.0f}).",
            "Phones save power at a low charge, and the voltage of a weak battery limits their highest clocks.",
            "Charge it, let it cool down, and measure again.",
        )
    heat = view.highest("temp.battery")
    if heat is not None and heat > BATTERY_HOT_C:
        status = ", ".join(dict.fromkeys(view.texts("battery.status")))
        yield warning(
            "battery-hot",
            f"The battery reached {heat:.1f} C{f', {status}' if status else ''} (more than {BATTERY_HOT_C:.0f}).",
            "At about this temperature phones slow down to protect it.",
            f"{'Stop charging. ' if 'charging' in status.split(', ') else ''}{_COOL}",
        )
    if "on" in view.texts("battery.saver"):
        yield warning(
            "battery-saver",
            "Battery saver was on.",
            "It lowers clocks and keeps work off the fast cores.",
            "adb shell settings put global low_power 0",
        )


def _screen(view: View) -> Iterator[Finding]:
    if "on" in view.texts("screen"):
        yield info(
            "screen-on",
            "The screen was on.",
            "Drawing takes a part of the GPU and of the memory's bandwidth, and the display heats the phone.",
            "adb shell input keyevent KEYCODE_SLEEP",
        )


def _unknown(view: View) -> Iterator[Finding]:
    """What would have told that the phone slowed down, and did not: never taken for good."""
    if not view.phases:
        return
    still = constant([phase.readings for phase in view.phases]) if view.during else {}
    if still:
        name, why = next(iter(still.items()))
        yield warning(
            "temperature-unknown",
            f"The temperature is not known: {', '.join(sorted(still))} never changed.",
            f"{name} is {why}; such a sensor is not fed, and says nothing about heat.",
            "Do not rely on it: watch the clocks, and compare runs that were taken alternately.",
        )
    known = [one.name for phase in view.phases for one in phase.readings if one.value is not None]
    if not view.texts("thermal.status") and not any(name.startswith("temp.") and name not in still for name in known):
        yield info(
            "throttling-unseen",
            "Neither temperatures nor Android's thermal status are known.",
            f"Slowing down for heat would go unseen{_reason(view)}.",
        )


def _reason(view: View) -> str:
    hidden = view.hidden("thermal.status").rstrip(".")
    return f": {hidden}" if hidden else ""


def _pin(view: View) -> Iterator[Finding]:
    words = [str(one.value) for phase in view.during if (one := phase.get("pin")) is not None and one.value is not None]
    held = [word.startswith("pinned") for word in words]
    if any(held) and not all(held[held.index(True) :]):
        yield warning(
            "pin-lost",
            "The phone took back what had been pinned, during the run.",
            "Its watch heard nothing of bench for too long, so clocks moved again from then on.",
            "Measure again; check the cable and that this computer does not go to sleep.",
        )


PHONE_RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    *(_thermal_status, _cpu_limits, _gpu_limits, _battery, _screen, _unknown, _pin),
)
