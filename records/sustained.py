"""What a sustained run adds to a record: how latency, temperature and clocks went while it worked without a pause."""

from __future__ import annotations

from bench.records.parts import Part


class Point(Part, frozen=True, kw_only=True):
    """One invocation of a sustained run. at_ns: its middle, since the first one began, on a clock that never jumps.

    centre_ns: its median, or its mean where a tool tells no more. temperature_c: of the hottest chip, skin or battery;
    cpu_hz, gpu_hz: the highest clock; all read right after it, None where they are not known.
    """

    at_ns: int
    centre_ns: float
    temperature_c: float | None = None
    cpu_hz: float | None = None
    gpu_hz: float | None = None


class Sustained(Part, frozen=True, kw_only=True):
    """asked_s: for how long it was to work; took_s: until the last invocation ended; points: one for each."""

    asked_s: float
    took_s: float
    points: tuple[Point, ...]
