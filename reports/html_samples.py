"""Figures of the samples themselves: latency over time, thinned but with every extreme, and the distribution."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.types import Invocation, Record
from bench.reports import invocation_text
from bench.reports.html_figures import SYMBOLS, Figure, colour, layout, ms

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SAMPLES_SHOWN = 2000
STEPS_SHOWN = 160


def thinned(points: Sequence[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """At most `limit` of the points, in order: of each bucket the smallest and the largest, so no extreme is lost."""
    if len(points) <= limit:
        return list(points)
    buckets = max(1, limit // 2)
    kept: list[tuple[int, int]] = []
    for index in range(buckets):
        bucket = points[index * len(points) // buckets : (index + 1) * len(points) // buckets]
        if bucket:
            ends = {min(bucket, key=lambda point: point[1]), max(bucket, key=lambda point: point[1])}
            kept += sorted(ends)
    return kept


def samples(record: Record) -> tuple[Figure, int, int]:
    """Latency over time within each invocation; and how many samples are shown, of how many."""
    busy = [one for one in record.invocations if one.turns]
    limit = max(2, SAMPLES_SHOWN // max(1, len(busy)))
    traces, shown, total = [], 0, 0
    for index, invocation in enumerate(busy):
        points = invocation_text.sample_times(invocation)
        kept = thinned(points, limit)
        shown, total = shown + len(kept), total + len(points)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"invocation {index + 1}",
                "x": [float(f"{at / 1e9:.6g}") for at, _ in kept],
                "y": [ms(sample) for _, sample in kept],
                "hovertemplate": f"%{{y}} ms at %{{x:.3f}} s<extra>invocation {index + 1}</extra>",
                "marker": {"size": 5, "opacity": 0.75, "color": colour(index), "symbol": SYMBOLS[index % 6]},
            }
        )
    titles = {"yaxis": {"title": {"text": "latency, ms"}}, "xaxis": {"rangemode": "normal"}}
    page = layout(320, "s since the invocation began", showlegend=False, **titles)
    return Figure({"data": traces, "layout": page}, 320, "Latency of each sample over time."), shown, total


def _steps(invocation: Invocation) -> tuple[list[float], list[float]]:
    """Latencies (ms) and the share of samples (%) that took no longer, at evenly spaced ranks with both ends."""
    ordered = sorted(invocation.samples_ns)
    last = len(ordered) - 1
    count = min(STEPS_SHOWN, len(ordered))
    ranks = sorted({round(step * last / max(1, count - 1)) for step in range(count)})
    return [ms(ordered[rank]) for rank in ranks], [round(100 * (rank + 1) / len(ordered), 2) for rank in ranks]


def distribution(record: Record) -> Figure:
    """The empirical distribution, a line for each invocation: lines that lie apart are invocations that differ."""
    traces = []
    for index, invocation in enumerate(one for one in record.invocations if one.turns):
        latencies, shares = _steps(invocation)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{index + 1}",
                "x": latencies,
                "y": shares,
                "hovertemplate": f"%{{y}} % within %{{x}} ms<extra>invocation {index + 1}</extra>",
                "line": {"shape": "hv", "width": 1.8, "color": colour(index), "dash": DASHES[index % 6]},
            }
        )
    titles = {"yaxis": {"title": {"text": "samples within, %"}, "range": [0, 101]}, "xaxis": {"rangemode": "normal"}}
    page = layout(320, "latency, ms", showlegend=True, **titles)
    return Figure({"data": traces, "layout": page}, 320, "Share of samples that took no longer than a latency.")
