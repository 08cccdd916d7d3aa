"""From power readings to energy per inference. Pure: who reads, and when, is elsewhere (`power_meters`).

All times are of one clock (ns). Power between two readings is taken as running straight from one to the other
(trapezoids), and as its nearest reading's beyond the first and last one of a span; what a counter counted is spread
over the time since its reading before, so that nothing of it is lost or made up where readings come in bursts. Rails
are never added up: some feed others, and none of their names says so.

Turns of 25 ms are shorter than any meter's interval, so an invocation's turns are one span, and the pauses between them
a part of it: what is drawn in a pause is no inference's. It is taken at idle power, which makes the energy of an
inference a little too high where the device does not come to rest so soon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from bench.records.energy import Energy, RailEnergy, Scope

LEAST: Final = 3  # readings in a span, below which it has no mean
COVERED: Final = 0.5  # a span must be covered by readings to this part
NS: Final = 1e9

# The rail that NVIDIA's developer guides call the module's input, by device-tree model. Boards that have no such rail
# (AGX Xavier and AGX Orin feed their module over several) are not here. The first that fits.
_BOARD_RAILS: Final[tuple[tuple[str, str], ...]] = (
    ("jetson tx1", "vdd_in"),
    ("jetson-tx1", "vdd_in"),
    ("jetson tx2", "vdd_in"),
    ("jetson-tx2", "vdd_in"),
    ("quill", "vdd_in"),
    ("jetson nano", "pom_5v_in"),
    ("jetson-nano", "pom_5v_in"),
    ("xavier nx", "vdd_in"),
    ("orin nano", "vdd_in"),
    ("orin nx", "vdd_in"),
)


class Power(NamedTuple):
    """watts: at that time; of a counter the mean since its reading before."""

    time_ns: int
    watts: float


class Count(NamedTuple):
    """A meter that adds up."""

    time_ns: int
    joules: float


class Span(NamedTuple):
    """A timed part with so many inferences. busy_ns: what they took of it; the rest of it are pauses."""

    start_ns: int
    end_ns: int
    inferences: int
    busy_ns: int


class Rail(NamedTuple):
    """resolution_w: of one reading; None: the smallest step that was seen stands for it, if not counted.

    counted: the meter adds up, so that a power is the mean since its reading before.
    """

    name: str
    scope: Scope = "unknown"
    resolution_w: float | None = None
    counted: bool = False


def board_rail(model: str, rails: Sequence[str]) -> str:
    """The rail that is all of this device model; empty where none is known to be."""
    known = next((rail for words, rail in _BOARD_RAILS if words in model.lower()), "")
    return known if known in rails else ""


def powers(counts: Sequence[Count], wraps_at_j: float | None = None) -> list[Power]:
    """The mean power between each two readings of a counter, at the second one.

    wraps_at_j: where the counter starts again; a step back without it, or of a long gap, is left out.
    """
    found = []
    for before, after in pairwise(counts):
        passed_ns, joules = after.time_ns - before.time_ns, after.joules - before.joules
        if joules < 0 and wraps_at_j:
            joules += wraps_at_j
        if passed_ns > 0 and joules >= 0:
            found.append(Power(after.time_ns, joules / (passed_ns / NS)))
    return found


def joules(series: Sequence[Power], start_ns: int, end_ns: int, counted: bool = False) -> float | None:
    """Drawn from start to end; None where fewer than LEAST readings lie in it, or they cover less than half of it.

    series: in the order of time, with what was read before and behind; counted: see Rail.
    """
    inside = [power for power in series if start_ns <= power.time_ns <= end_ns]
    if len(inside) < LEAST or inside[-1].time_ns - inside[0].time_ns < COVERED * (end_ns - start_ns):
        return None
    if counted:
        return _counted(series, start_ns, end_ns)
    edges = [Power(start_ns, inside[0].watts), *inside, Power(end_ns, inside[-1].watts)]
    return sum((b.time_ns - a.time_ns) * (a.watts + b.watts) / 2 for a, b in pairwise(edges)) / NS


def _counted(series: Sequence[Power], start_ns: int, end_ns: int) -> float:
    """What was counted from start to end, and as much as on average where nothing was."""
    parts = [(min(b.time_ns, end_ns) - max(a.time_ns, start_ns), b.watts) for a, b in pairwise(series)]
    seen = [(passed_ns, watts) for passed_ns, watts in parts if passed_ns > 0]
    mean_w = sum(passed_ns * watts for passed_ns, watts in seen) / sum(passed_ns for passed_ns, _ in seen)
    return mean_w * (end_ns - start_ns) / NS


def mean_watts(series: Sequence[Power], counted: bool = False) -> float | None:
    """Over the time from the first reading to the last; None of fewer than LEAST."""
    if len(series) < LEAST or series[-1].time_ns <= series[0].time_ns:
        return None
    start, end = series[0].time_ns, series[-1].time_ns
    drawn = joules(series, start, end, counted)
    return None if drawn is None else drawn / ((end - start) / NS)


def assess(
    source: str,
    readings: Mapping[Rail, Sequence[Power]],
    spans: Sequence[Span],
    idle: tuple[int, int] | None,
    refused: Mapping[Rail, str] | None = None,
) -> Energy:
    """What each rail drew over the timed spans. idle: start and end of the moments before.

    readings: of each rail in the order of time, those of the idle moments among them. refused: why others have none.
    """
    refused = refused or {}
    without = tuple(RailEnergy(name=each.name, scope=each.scope, unavailable=why) for each, why in refused.items())
    if not readings:
        why = "; ".join(f"{each.name}: {each.unavailable}" for each in without)
        return Energy(source=source, rails=without, unavailable=why or "the device has no power rail that can be read")
    inferences = sum(span.inferences for span in spans)
    timed_ns, watched_ns = sum(span.busy_ns for span in spans), sum(span.end_ns - span.start_ns for span in spans)
    if watched_ns <= 0 or inferences <= 0:
        return Energy(source=source, unavailable="there is no timed part")
    whole = [rail.name for rail in readings if rail.scope == "board"]
    rails = tuple(_rail(rail, series, spans, idle) for rail, series in readings.items())
    return Energy(
        source=source,
        rails=(*rails, *without),
        board=whole[0] if len(whole) == 1 else "",
        inferences=inferences,
        timed_ns=timed_ns,
        watched_ns=watched_ns,
    )


def _rail(rail: Rail, series: Sequence[Power], spans: Sequence[Span], idle: tuple[int, int] | None) -> RailEnergy:
    timed = [power for span in spans for power in series if span.start_ns <= power.time_ns <= span.end_ns]
    seconds = sum(span.end_ns - span.start_ns for span in spans) / NS
    parts = [joules(series, span.start_ns, span.end_ns, rail.counted) for span in spans]
    drawn = sum(part for part in parts if part is not None)
    if None in parts:
        reason = f"{len(timed)} readings in {seconds:.3g} s of timed inferences are too few: measure longer (--time)"
        return RailEnergy(name=rail.name, scope=rail.scope, samples=len(timed), unavailable=reason)
    before = [power for power in series if idle is not None and idle[0] <= power.time_ns <= idle[1]]
    idle_w = mean_watts(before, rail.counted)
    mean_w = drawn / seconds
    net_w = None if idle_w is None else mean_w - idle_w
    count, paused = sum(span.inferences for span in spans), seconds - sum(span.busy_ns for span in spans) / NS
    return RailEnergy(
        name=rail.name,
        scope=rail.scope,
        mean_w=mean_w,
        idle_w=idle_w,
        joules=drawn,
        joules_per_inference=(drawn - paused * (mean_w if idle_w is None else idle_w)) / count,
        net_w=net_w,
        net_joules_per_inference=None if net_w is None else net_w * seconds / count,
        samples=len(timed),
        idle_samples=len(before),
        changes=sum(a.watts != b.watts for a, b in pairwise(timed)),
        rate_hz=len(timed) / seconds,
        resolution_w=_step(series) if rail.resolution_w is None and not rail.counted else rail.resolution_w,
        idle_reason="" if idle_w is not None else f"{len(before)} readings before the run are too few",
    )


def _step(series: Sequence[Power]) -> float | None:
    """The smallest step between values that were seen."""
    values = sorted({power.watts for power in series})
    return min((b - a for a, b in pairwise(values)), default=None)
