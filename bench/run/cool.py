"""Waiting until a device has cooled down, and holding its clocks still: what is done before a case, if asked for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from bench.base.findings import Finding
from bench.devices.android_thermal import cool_readings
from bench.devices.protocol import Device
from bench.records.types import Reading

POLL_S = 2.0
_PINNED = "pinned"


def wait(
    device: Device, target_c: float, limit_s: float, tell: Callable[[float, float], None],
    sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic,
) -> list[Finding]:  # fmt: skip
    """Return when the hottest chip, skin or battery is at or below the target, or after `limit_s`; at once where it is.

    tell(C now, s left of the limit): before each pause. What was not reached, or not known, is a finding.
    """
    begun, paused_s = clock(), 0.0
    if device.kind == "replay":
        sleep = _do_not_sleep  # what was waited for is in the recording
    while True:
        readings = device.conditions("before").readings
        now_c = cool_readings(readings)
        if now_c is None:
            return [_unknown(target_c, readings)]
        left_s = limit_s - max(clock() - begun, paused_s)
        if now_c <= target_c:
            return []
        if left_s <= 0:
            return [_still_hot(now_c, target_c, limit_s)]
        tell(now_c, left_s)
        pause_s = min(POLL_S, left_s)
        sleep(pause_s)
        paused_s += pause_s


def _do_not_sleep(seconds: float) -> None:
    pass


def _unknown(target_c: float, readings: Sequence[Reading]) -> Finding:
    temperatures = (one for one in readings if one.name == "temp" or one.name.startswith("temp."))
    reasons = dict.fromkeys(one.unavailable for one in temperatures if one.unavailable)
    return Finding(
        code="cooling-unknown",
        severity="warning",
        what=f"not waited until {target_c:g} C: the device's temperature is not known",
        why=f"{'; '.join(reasons) or 'no sensor of it says what it measures'}.",
        remedy="Pause between the cases by other means, and read the clocks.",
    )


def _still_hot(now_c: float, target_c: float, limit_s: float) -> Finding:
    return Finding(
        code="not-cooled",
        severity="warning",
        what=f"the device was still at {now_c:g} C after {limit_s:g} s of waiting, not at {target_c:g} C",
        why="The case began on a warmer device than was asked for.",
        remedy="Wait longer (--cool-wait), cool it, or ask for a temperature that it reaches at rest (--cool).",
    )


@contextlib.contextmanager
def pinned(device: Device, asked: bool) -> Iterator[tuple[tuple[Reading, ...], list[Finding]]]:
    """Hold the device's clocks within the block, if asked: what was pinned, and a finding where nothing could be."""
    if not asked:
        yield (), []
        return
    with device.pin() as readings:
        told = next((one for one in readings if one.name == "pin"), None)
        held = told is not None and str(told.value).startswith(_PINNED)
        yield readings, [] if held else [_not_pinned(told)]


def _not_pinned(told: Reading | None) -> Finding:
    why = told.unavailable if told is not None and told.unavailable else "the device does not say why"
    return Finding(
        code="not-pinned",
        severity="warning",
        what="the clocks were not pinned, which was asked for",
        why=f"{why.rstrip('.')}.",
        remedy="Leave --pin out, or hold the clocks by other means before the run.",
    )
