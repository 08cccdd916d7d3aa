"""Sustained cases: a case is kept at work for minutes, invocation after invocation, to see where it slows down.

Such a case has an option of its own in its key: its median is that of a hot device and must not stand in one series
with that of a fresh one. An option and not a field, since the key is the hash of the whole case: a new field would
change the key of every case there is.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from bench.backends.job import Job, Measured, Measures, Watch
from bench.devices.android_thermal import cool_readings
from bench.records.stats.latency import invocation_medians
from bench.records.sustained import Point, Sustained
from bench.records.types import Case, Conditions
from bench.run.plan import Plan
from bench.run.sofar import SoFar, refuse_fallback, take

OPTION = "sustain"
NO_PROFILE = "a sustained case is not profiled: measure it once more without --sustain"
# An invocation's share: long enough that starting the runtime, while the device rests, hardly counts; short enough for
# several points in the first minute.
_LEAST_SHARE_S, _MOST_SHARE_S = 5.0, 10.0
_POINTS, _LEAST_POINTS = 60, 12
_CPU_CLOCK, _GPU_CLOCK = "cpu.clock_max_now", "gpu.clock_now"


def planned(plan: Plan, seconds: float) -> Plan:
    """The same cases as sustained ones."""
    cases = (
        dataclasses.replace(
            each,
            case=msgspec.structs.replace(each.case, options={**each.case.options, OPTION: f"{seconds:g}s"}),
        )
        for each in plan.cases
    )
    return dataclasses.replace(plan, cases=tuple(cases))


def without(case: Case) -> Case:
    """The case as backends know it: no runtime has this option."""
    return msgspec.structs.replace(case, options={key: value for key, value in case.options.items() if key != OPTION})


def share_s(seconds: float) -> float:
    """Seconds of measuring in each invocation: 5 to 10, less where that would leave hardly any points."""
    return min(_MOST_SHARE_S, max(min(_LEAST_SHARE_S, seconds / _LEAST_POINTS), seconds / _POINTS))


def measure(
    driver: Measures, job: Job, seconds: float, found: SoFar, watch: Callable[[int, float], Watch],
) -> None:  # fmt: skip
    """Invocations back to back until the time is over; `found` has all that ended, also when one fails.

    watch(number from 0, seconds left): for one invocation. Raises InvocationFailed.
    """
    share = share_s(seconds)
    begun = time.monotonic_ns()
    points: list[Point] = []
    spent_ns = 0
    while not points or seconds - spent_ns / 1e9 >= share / 2:
        at_ns = max(time.monotonic_ns() - begun, spent_ns)  # the later one: a replay's
        measured = driver.measure(job, share, 0.0, watch(len(points), max(seconds - spent_ns / 1e9, 0.0)))
        ended_ns = time.monotonic_ns() - begun
        during = job.device.conditions("during")
        spent_ns = _recorded_ns(found, during) if job.device.kind == "replay" else ended_ns
        take(found, _unjudged(measured), during)
        refuse_fallback(job.case, found.placement, measured.invocation)
        points += _point((at_ns + spent_ns) // 2, measured, during)
        found.sustained = Sustained(asked_s=seconds, took_s=spent_ns / 1e9, points=tuple(points))


def _recorded_ns(found: SoFar, during: Conditions) -> int:
    """A replay answers at once: its time is that of the recorded conditions, since those before the case."""
    before = found.conditions[-1].at if found.conditions else during.at
    return max(round((datetime.fromisoformat(during.at) - datetime.fromisoformat(before)).total_seconds() * 1e9), 1)


def _unjudged(measured: Measured) -> Measured:
    """There was no warm-up to speak of, so whether it ended steady says nothing."""
    warmup = measured.invocation.warmup
    if warmup is None:
        return measured
    quiet = msgspec.structs.replace(warmup, steady=None)
    return dataclasses.replace(measured, invocation=msgspec.structs.replace(measured.invocation, warmup=quiet))


def _point(at_ns: int, measured: Measured, during: Conditions) -> list[Point]:
    def clock(name: str) -> float | None:
        reading = during.get(name)
        return float(reading.value) if reading is not None and isinstance(reading.value, int | float) else None

    return [
        Point(
            at_ns=at_ns,
            centre_ns=centre,
            temperature_c=cool_readings(during.readings),
            cpu_hz=clock(_CPU_CLOCK),
            gpu_hz=clock(_GPU_CLOCK),
        )
        for centre in invocation_medians([measured.invocation])
    ]
