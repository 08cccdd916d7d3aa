"""A phone's temperatures in C by kind, and how far Android slows it down for them.

Formats: `dumpsys thermalservice` of Android 10 up; numbers of kinds and levels from the AIDL interface
android.hardware.thermal (TemperatureType, ThrottlingSeverity). Where the service has none, /sys/class/thermal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.devices.linux_files import Tree, UnreadableError, decimal, integer
from bench.devices.linux_thermal import COLDEST_C, HOTTEST_C
from bench.records.types import Reading

# By number, never by the sensor's name, which every vendor chooses. 6, 7 and 8 are the battery's voltage, current and
# charge, no temperatures; -1 is unknown.
KINDS = {
    **{0: "cpu", 1: "gpu", 2: "battery", 3: "skin", 4: "usb_port", 5: "power_amplifier", 9: "npu", 10: "tpu"},
    **{11: "display", 12: "modem", 13: "soc", 14: "wifi", 15: "camera", 16: "flashlight", 17: "speaker"},
    **{18: "ambient", 19: "pogo"},
}
# Where the work is done: under load these move within a second.
CHIP_KINDS = ("cpu", "gpu", "npu", "tpu", "soc")
_PERIPHERY = ("usb_port", "power_amplifier", "display", "modem", "wifi", "camera", "flashlight", "speaker", "pogo")
LEVELS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")

_HAL = "Current temperatures from HAL:"
_LINE = re.compile(r"\s*Temperature\{mValue=([^,]+), mType=(-?\d{1,4}), mName=(.*), mStatus=-?\d+\}\s*")
# Zones have names only. Left out: what a vendor calls otherwise, and zones that are no temperatures (`soc` is the
# battery's state of charge, `ibat` and `vbat` its current and voltage).
_ZONES = (
    ("", re.compile(r"^soc$|bcl|ibat|vbat|-lvl|level")),
    ("gpu", re.compile(r"gpu")),
    ("battery", re.compile(r"^batt|battery")),
    ("skin", re.compile(r"skin|quiet|^xo[-_]therm|^back[-_]therm|shell")),
    ("npu", re.compile(r"^(npu|nsp|apu)|mtktsapu")),
    ("tpu", re.compile(r"^tpu")),
    ("cpu", re.compile(r"cpu|^apc|^big$|^little$|^mid$")),
    ("soc", re.compile(r"^tsens_tz_sensor\d+$|^soc[-_]therm")),
)
_MOMENTS = 3


def thermal_status(dump: str) -> str:
    """The word of LEVELS for the `Thermal Status` line. Raises UnreadableError."""
    if re.search(r"^\s*IsStatusOverride: true", dump, re.MULTILINE):
        raise UnreadableError("the thermal status was set by hand; `adb shell cmd thermalservice reset` undoes it")
    match = re.search(r"^\s*Thermal Status:\s*(\d{1,2})\s*$", dump, re.MULTILINE)
    if match is None:
        raise UnreadableError(_no_service(dump) or "dumpsys thermalservice has no `Thermal Status`")
    level = int(match[1])
    if level >= len(LEVELS):
        raise UnreadableError(f"Android has no thermal status {level}")
    return LEVELS[level]


def _no_service(dump: str) -> str:
    first = dump.strip().partition("\n")[0][:120]
    return first if "service" not in first.lower() or "find service" in first else ""


def hal_temperatures(dump: str) -> tuple[Reading, ...]:
    """`temp.KIND`, the hottest sensor of each, from what the hardware says now. Raises UnreadableError.

    The block of cached values above it may be minutes old.
    """
    begun = dump.find(_HAL)
    if begun < 0:
        raise UnreadableError(_no_service(dump) or f"dumpsys thermalservice has no `{_HAL}`")
    found: dict[str, list[float]] = {}
    for line in dump[begun + len(_HAL) :].lstrip("\n").split("\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            break
        kind = KINDS.get(int(match[2]))
        if kind is not None:
            found.setdefault(kind, []).append(_number(match[1]))
    if not found:
        raise UnreadableError("the thermal service names no sensor of the hardware")
    return tuple(_hottest(kind, values) for kind, values in sorted(found.items()))


def _number(text: str) -> float:
    try:
        return decimal(text, "mValue")
    except UnreadableError:
        return float("nan")


def zone_temperatures(tree: Tree) -> tuple[Reading, ...]:
    """`temp.KIND`, the hottest zone of each kind that its name tells. Raises UnreadableError."""
    base = "/sys/class/thermal"
    found: dict[str, list[float]] = {}
    reason = f"no {base}/thermal_zone0"
    for zone in tree.names(base, "thermal_zone"):
        try:
            kind = _zone_kind(tree.text(f"{base}/{zone}/type").lower())
            if kind:
                found.setdefault(kind, []).append(_celsius(tree.integer(f"{base}/{zone}/temp")))
            elif not found:
                reason = "no thermal zone has a name that tells what it measures"
        except UnreadableError as error:
            reason = str(error)
    if not found:
        raise UnreadableError(reason)
    return tuple(_hottest(kind, values) for kind, values in sorted(found.items()))


def _zone_kind(name: str) -> str:
    return next((kind for kind, pattern in _ZONES if pattern.search(name)), "")


def _celsius(raw: int) -> float:
    """Zones give thousandths of a degree; drivers of older kernels tenths or whole ones.

    A chip that runs this is above 1 C, so below 1000 it cannot be thousandths, nor above 130 whole degrees.
    """
    if abs(raw) >= 1000:
        return raw / 1000
    return raw / 10 if abs(raw) > 130 else float(raw)


def plausible(celsius: float) -> bool:
    """A sensor that is not fed reports 0, -99.9 or something as far away."""
    return celsius != 0 and COLDEST_C <= celsius <= HOTTEST_C


def _hottest(kind: str, values: list[float]) -> Reading:
    fed = [value for value in values if plausible(value)]
    if not fed:
        reason = f"the sensor reports {values[0]:g} C, which it cannot mean"
        return Reading(name=f"temp.{kind}", unit="C", unavailable=reason)
    return Reading(name=f"temp.{kind}", value=round(max(fed), 2), unit="C")


def raw_battery_celsius(text: str) -> float:
    """`dumpsys battery` gives tenths of a degree. Raises UnreadableError."""
    celsius = integer(text, "the battery's temperature") / 10
    if not plausible(celsius):
        raise UnreadableError(f"the battery reports {celsius:g} C, which it cannot mean")
    return celsius


def cool_readings(readings: Sequence[Reading]) -> float | None:
    """The highest temperature in C of what heats up by measuring: chips, skin, battery; None where none is known.

    For waiting until a device has cooled down. Radios, ports and the like are left out.
    """
    left_out = {f"temp.{kind}" for kind in (*_PERIPHERY, "ambient")}
    known = [
        float(reading.value)
        for reading in readings
        if reading.name.startswith("temp.") and reading.name not in left_out and isinstance(reading.value, (int, float))
    ]
    return max(known, default=None)


def constant(moments: Sequence[Sequence[Reading]]) -> dict[str, str]:
    """Temperatures that cannot be believed, with the reason: they never changed although work was done.

    moments: the readings before, during and after the work, at least three. A chip's sensor is named when it stood
    still; a battery's or a skin's, which may, only when nothing else moved either.
    """
    series: dict[str, list[float]] = {}
    for readings in moments:
        for reading in readings:
            if reading.name.startswith("temp.") and isinstance(reading.value, (int, float)):
                series.setdefault(reading.name, []).append(float(reading.value))
    long = {name: values for name, values in series.items() if len(values) >= _MOMENTS}
    still = {name: values for name, values in long.items() if len(set(values)) == 1}
    all_still = len(still) == len(long)
    return {
        name: f"unknown: it stood at exactly {values[0]:g} C in {len(values)} readings while the device worked"
        for name, values in still.items()
        if all_still or name.removeprefix("temp.") in CHIP_KINDS
    }
