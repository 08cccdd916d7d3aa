"""A phone's battery, screen and power saving, from `dumpsys battery`, `dumpsys power` and `settings get global`.

Numbers: android.os.BatteryManager (BATTERY_STATUS_*).
"""

from __future__ import annotations

import re

from bench.devices.android_thermal import raw_battery_celsius
from bench.devices.linux_files import UnreadableError, integer

# Samsung prints its event log behind the state, with lines that look like those of the state.
_LOG = re.compile(r"\s*(\[|\d\d-\d\d \d\d:\d\d)")
_STATE = re.compile(r"\s+([A-Za-z ]+): (.*)")
_STATUS = {2: "charging", 3: "discharging", 4: "not charging", 5: "full"}
_PLUGS = {"AC powered": "ac", "USB powered": "usb", "Wireless powered": "wireless", "Dock powered": "dock"}
_SCREEN = re.compile(r"\bDisplay Power: state=(\w+)")
_WAKE = re.compile(r"\bmWakefulness=(\w+)")
_SCREENS = {"on": "on", "vr": "on", "off": "off", "doze": "doze", "doze_suspend": "doze", "on_suspend": "doze"}
_WAKES = {"awake": "on", "dreaming": "on", "asleep": "off", "dozing": "doze"}


class Battery:
    """What `dumpsys battery` printed. Each value raises UnreadableError where it is not known."""

    def __init__(self, dump: str) -> None:
        self._values: dict[str, str] = {}
        self._reason = ""
        lines = iter(dump.split("\n"))
        if not any(line.strip() == "Current Battery Service state:" for line in lines):
            self._reason = f"dumpsys battery has no state: {dump.strip()[:80]!r}"
        for line in lines:
            if _LOG.match(line):
                break
            if "UPDATES STOPPED" in line:
                self._reason = "its values were set by hand; `adb shell dumpsys battery reset` undoes it"
            match = _STATE.fullmatch(line.rstrip())
            if match:
                self._values.setdefault(match[1], match[2].strip())

    def _value(self, name: str) -> str:
        if self._reason:
            raise UnreadableError(self._reason)
        if name not in self._values:
            raise UnreadableError(f"dumpsys battery has no `{name}`")
        return self._values[name]

    def level_percent(self) -> float:
        level, scale = (integer(self._value(name), f"the battery's {name}") for name in ("level", "scale"))
        if scale <= 0 or not 0 <= level <= scale:
            raise UnreadableError(f"the battery reports level {level} of {scale}")
        return 100.0 * level / scale

    def status(self) -> str:
        """`charging`, `discharging`, `not charging` (plugged in) or `full`."""
        number = integer(self._value("status"), "the battery's status")
        if number not in _STATUS:
            raise UnreadableError(f"the battery says that its status is unknown ({number})")
        return _STATUS[number]

    def plugged(self) -> str:
        """`ac`, `usb`, `wireless`, `dock`, several of them, or `none`."""
        told = {plug: self._value(name) for name, plug in _PLUGS.items() if name in self._values}
        if not told:
            raise UnreadableError(self._reason or "dumpsys battery does not tell whether it is plugged in")
        return ", ".join(plug for plug, answer in told.items() if answer == "true") or "none"

    def temperature_c(self) -> float:
        return raw_battery_celsius(self._value("temperature"))


def screen(dump: str) -> str:
    """`on`, `off` or `doze` from `dumpsys power`: the display's state, else whether the phone is awake."""
    for pattern, words in ((_SCREEN, _SCREENS), (_WAKE, _WAKES)):
        match = pattern.search(dump)
        if match and match[1].lower() in words:
            return words[match[1].lower()]
    raise UnreadableError(f"dumpsys power does not tell the display's state: {dump.strip()[:80]!r}")


def setting(text: str, name: str) -> str:
    """`on` or `off` from `settings get global NAME`; `null` is printed where nobody ever switched it on."""
    if text not in ("0", "1", "null"):
        raise UnreadableError(f"settings get global {name}: {text[:80]!r}")
    return "on" if text == "1" else "off"
