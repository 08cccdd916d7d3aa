"""Times that cannot be: shorter than the work takes on anything, or looking as if the work was only handed over.

A runtime that returns when the work is queued, not when it is done, prints a time; and it is always the best one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.base.findings import Finding
from bench.models.cost_floor import Floor
from bench.records.stats.latency import invocation_medians
from bench.records.types import Case, DeviceIdentity, Invocation, Placement
from bench.run.ceilings import Ceiling, ceiling

# The clocks of a GPU span up to eightfold (Adreno 830: 160 to 1,100 MHz), so a sample can be that much faster.
FAR_BELOW = 10.0
# A context, compiled kernels and uploaded weights: nothing that we know of does that in less.
LEAST_INIT_NS = 1_000_000
ALIKE = 1.10
_CODE = "may-be-enqueue-only"
_REMEDY = (
    "Do not use this number. See `sync` in the record for how the end of an inference was told; compare with "
    "benchmark_model, which waits for the GPU, and check that outputs were compared."
)


def findings(
    identity: DeviceIdentity, case: Case, placement: Placement, invocations: Sequence[Invocation], floor: Floor | None
) -> tuple[Finding, ...]:
    """floor: the least work of the case's graph; None where it is not known, and for shapes that the user fixed."""
    medians = invocation_medians(invocations)
    if not medians:
        return ()
    found = _too_fast(case, placement, min(medians), floor, ceiling(identity, case)) if floor is not None else []
    if case.accelerator not in ("cpu", "auto"):
        found += _far_below(invocations)
    if case.accelerator == "gpu":
        found += _no_beginning(invocations, statistics.median(medians))
    return tuple(found)


def least_ns(floor: Floor, limit: Ceiling, whole: bool) -> tuple[float, str]:
    """The shortest time that the work can take at the limit, and what bounds it, in words with the numbers.

    whole: the accelerator took all of the graph, so that each op costs its start.
    """
    bounds = [
        (
            floor.multiplications / limit.macs_per_s * 1e9,
            f"{_count(floor.macs)} MACs (at least {_count(floor.multiplications)} multiplications) at "
            f"{_count(limit.macs_per_s)} a second",
        )
    ]
    if limit.bytes_per_s is not None:
        moved = f"{_count(floor.moved_bytes)}B of weights, inputs and outputs at {_count(limit.bytes_per_s)}B a second"
        bounds.append((floor.moved_bytes / limit.bytes_per_s * 1e9, moved))
    if limit.op_ns is not None and whole:
        bounds.append((floor.ops * limit.op_ns, f"{floor.ops} ops of {limit.op_ns / 1e3:g} us at the least"))
    return max(bounds)


def _too_fast(
    case: Case, placement: Placement, fastest_ns: float, floor: Floor, limit: Ceiling
) -> list[Finding]:  # fmt: skip
    least, why = least_ns(floor, limit, placement.kind == "full")
    if fastest_ns >= least:
        return []
    end = "" if case.accelerator == "cpu" else ", or the work was only handed over to it"
    return [
        Finding(
            code="implausible-fast",
            severity="error",
            what=f"{_time(fastest_ns)} an inference is less than the {_time(least)} that {limit.what} could need",
            why=f"The limit is {why}. Not all of the graph was computed{end}.",
            remedy=_REMEDY,
        )
    ]


def _far_below(invocations: Sequence[Invocation]) -> list[Finding]:
    for index, (low, median) in enumerate(map(_extent, invocations), 1):
        if low is not None and median is not None and low * FAR_BELOW < median:
            return [
                Finding(
                    code=_CODE,
                    severity="error",
                    what=f"in invocation {index} an inference took {_time(low)}, and the median is {_time(median)}",
                    why="No clock explains a factor above ten: some calls may have returned before the work was done.",
                    remedy=_REMEDY,
                )
            ]
    return []


def _extent(invocation: Invocation) -> tuple[float | None, float | None]:
    """The fastest inference and the median (a tool's mean, where it tells no more)."""
    if samples := invocation.samples_ns:
        return min(samples), statistics.median(samples)
    summary = invocation.summary
    return (summary.minimum_ns, summary.centre_ns) if summary is not None else (None, None)


def _no_beginning(invocations: Sequence[Invocation], median_ns: float) -> list[Finding]:
    loads = [each.load_ns for each in invocations if each.load_ns is not None]
    firsts = [each.first_inference_ns for each in invocations if each.first_inference_ns is not None]
    if not loads or not firsts:
        return []
    load, first = statistics.median(loads), statistics.median(firsts)
    if load >= LEAST_INIT_NS or first > ALIKE * median_ns:
        return []
    return [
        Finding(
            code=_CODE,
            severity="error",
            what=f"the first inference took {_time(first)}, later ones {_time(median_ns)}, the load {_time(load)}",
            why="A GPU is set up before it computes, which takes milliseconds: nothing of that is to be seen here.",
            remedy=_REMEDY,
        )
    ]


def _time(ns: float) -> str:
    factor, unit = next(((f, u) for f, u in ((1e9, "s"), (1e6, "ms"), (1e3, "us")) if ns >= f), (1.0, "ns"))
    return f"{ns / factor:.3g} {unit}"


def _count(value: float) -> str:
    factor, unit = next(((f, u) for f, u in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= f), (1.0, ""))
    return f"{value / factor:.3g} {unit}"
