"""Raspberry Pi: what its firmware says of voltage, heat and clocks (vcgencmd).

Format: `throttled=0x50005`; bits 0 to 3 hold now, 16 to 19 since boot (Raspberry Pi documentation, vcgencmd).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bench.devices.board_governor import PIN, RESTORE
from bench.devices.board_nature import Nature, run
from bench.devices.bulk import Bulk
from bench.devices.identity import Fact
from bench.devices.linux_files import UnreadableError, reading
from bench.records.types import Reading

_BITS = ("under-voltage", "clock capped", "throttled", "soft temperature limit")
_THROTTLED = re.compile(r"throttled=0x([0-9a-fA-F]{1,8})\b")
_TEMPERATURE = re.compile(r"temp=(-?\d{1,3}(?:\.\d+)?)'C")
_FREQUENCY = re.compile(r"frequency\(\d+\)=(\d{1,12})\b")


def throttled(text: str, since_boot: bool) -> str:
    """`no`, or what of it, in words. Raises UnreadableError."""
    bits = int(_match(_THROTTLED, text, "get_throttled"), 16) >> (16 if since_boot else 0)
    return ", ".join(word for index, word in enumerate(_BITS) if bits >> index & 1) or "no"


def _match(pattern: re.Pattern[str], text: str, what: str) -> str:
    match = pattern.search(text)
    if match is None:
        raise UnreadableError(f"vcgencmd {what} says: {text.strip()[:120]}")
    return match[1]


def read_readings(bulk: Bulk) -> tuple[Reading, ...]:
    """`throttled.now`, `throttled.since_boot`, `temp.firmware` in C, `clock.arm` and `clock.core` in Hz."""
    return (
        reading("throttled.now", "", lambda: throttled(bulk.said("throttled"), since_boot=False)),
        reading("throttled.since_boot", "", lambda: throttled(bulk.said("throttled"), since_boot=True)),
        reading("temp.firmware", "C", lambda: float(_match(_TEMPERATURE, bulk.said("temp"), "measure_temp"))),
        reading("clock.arm", "Hz", lambda: int(_match(_FREQUENCY, bulk.said("clock_arm"), "measure_clock arm"))),
        reading("clock.core", "Hz", lambda: int(_match(_FREQUENCY, bulk.said("clock_core"), "measure_clock core"))),
    )


def read_facts(bulk: Bulk) -> Mapping[str, Callable[[], Fact]]:
    return {"firmware": lambda: _first_line(bulk.said("firmware"))}


def _first_line(text: str) -> str:
    if "failed" in text or "no program" in text:
        raise UnreadableError(f"vcgencmd version says: {text.strip()[:120]}")
    return text.splitlines()[0].strip()


NATURE = Nature(
    kind="raspberry-pi",
    facts={"firmware": run("vcgencmd version")},
    readings={
        "throttled": run("vcgencmd get_throttled"),
        "temp": run("vcgencmd measure_temp"),
        "clock_arm": run("vcgencmd measure_clock arm"),
        "clock_core": run("vcgencmd measure_clock core"),
    },
    read_facts=read_facts,
    read_readings=read_readings,
    pin=lambda table: PIN,
    restore=RESTORE,
)
