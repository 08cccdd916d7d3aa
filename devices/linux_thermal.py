"""Temperatures of the CPU and of the board around it, the hottest sensor of each kind."""

from __future__ import annotations

import re

from bench.devices.linux_files import Tree, UnreadableError
from bench.records.types import Reading

# Below and above these, and at exactly 0, a sensor is not fed: boards report -99.9, -273.2, 0 or 127.5 C then.
COLDEST_C = -40.0
HOTTEST_C = 125.0
# hwmon sensors inside CPUs. Others are left out: asking a disk or a radio for its temperature wakes it up.
_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "via_cputemp", "cpu_thermal", "soc_thermal", "scpi_sensors")
_RADIOS = ("iwlwifi", "ath", "mt79")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def temperatures(tree: Tree) -> tuple[Reading, ...]:
    """`temp.KIND` in C for each kind of sensor; one `temp` with the reason where there is none."""
    sensors = _zones(tree)
    for kind, paths in _hwmon(tree).items():
        sensors.setdefault(kind, []).extend(paths)
    if not sensors:
        reason = "no /sys/class/thermal/thermal_zone0 and no CPU sensor in /sys/class/hwmon"
        return (Reading(name="temp", unit="C", unavailable=reason),)
    return tuple(_hottest(tree, kind, paths) for kind, paths in sorted(sensors.items()))


def _zones(tree: Tree) -> dict[str, list[str]]:
    base = "/sys/class/thermal"
    found: dict[str, list[str]] = {}
    for zone in tree.names(base, "thermal_zone"):
        kind = _text(tree, f"{base}/{zone}/type")
        if not kind.startswith(_RADIOS):
            found.setdefault(_word(kind or zone), []).append(f"{base}/{zone}/temp")
    return found


def _hwmon(tree: Tree) -> dict[str, list[str]]:
    base = "/sys/class/hwmon"
    found: dict[str, list[str]] = {}
    for chip in tree.names(base, "hwmon"):
        kind = _text(tree, f"{base}/{chip}/name")
        if kind in _CPU_SENSORS:
            inputs = [name for name in tree.names(f"{base}/{chip}", "temp") if name.endswith("_input")]
            found.setdefault(_word(kind), []).extend(f"{base}/{chip}/{name}" for name in inputs)
    return {kind: paths for kind, paths in found.items() if paths}


def _hottest(tree: Tree, kind: str, paths: list[str]) -> Reading:
    values: list[float] = []
    reason = ""
    for path in paths:
        try:
            celsius = tree.integer(path) / 1000  # both interfaces give millidegrees
        except UnreadableError as error:
            reason = reason or str(error)
            continue
        if celsius != 0 and COLDEST_C <= celsius <= HOTTEST_C:
            values.append(celsius)
        else:
            reason = reason or f"the sensor reports {celsius:g} C, which it cannot mean"
    if not values:
        return Reading(name=f"temp.{kind}", unit="C", unavailable=reason)
    return Reading(name=f"temp.{kind}", value=max(values), unit="C")


def _text(tree: Tree, path: str) -> str:
    try:
        return tree.text(path)
    except UnreadableError:
        return ""


def _word(text: str) -> str:
    return _NOT_A_WORD.sub("_", text.lower()).strip("_") or "unnamed"
