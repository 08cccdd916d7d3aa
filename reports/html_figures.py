"""Figures as plain dicts for plotly.js ({data, layout}): medians and ops. Times in ms.

The colours of text and grid come from the page, which has a light and a dark dress.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.records.stats import LatencySummary
from bench.records.types import Record
from bench.reports import format as fmt
from bench.reports import view, words
from bench.reports.op_groups import op_group

# Told apart by people who see colours differently (after Okabe and Ito 2008), and with a contrast of at least 3:1 on
# the light and on the dark page alike, which is why yellow and sky blue are not here.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b8609a", "#a07a00", "#5a7fd6")
GREY = "#868e96"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
OPS_SHOWN = 25
GROUPS_SHOWN = 12


@dataclass(frozen=True)
class Figure:
    """spec: for plotly; height: in CSS pixels; says: what the chart shows, in words, for who cannot see it."""

    spec: dict[str, Any]
    height: int
    says: str


def chart_text(text: str, width: int = 60) -> str:
    """Text for plotly, which reads a few tags of its own: those are taken away, and the middle of a long text."""
    shown = words.shorten(words.plain(text), width)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def ms(ns: float) -> float:
    return float(f"{ns / 1e6:.6g}")


def colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def layout(height: int, x_title: str, **more: Any) -> dict[str, Any]:
    """The layout that all figures share; `xaxis` and `yaxis` in `more` are laid over its axes."""
    axes: dict[str, dict[str, Any]] = {
        "xaxis": {"title": {"text": x_title}, "automargin": True, "zeroline": False, "rangemode": "tozero"},
        "yaxis": {"automargin": True, "zeroline": False},
    }
    common = {
        "height": height,
        "margin": {"l": 10, "r": 16, "t": 10, "b": 46},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        "hovermode": "closest",
    }
    laid = {name: {**axis, **more.pop(name, {})} for name, axis in axes.items()}
    return {**common, **laid, **more}


def _listed(labels: Sequence[str]) -> dict[str, Any]:
    """A y axis with one label for each position, the first at the top (equal labels stay apart)."""
    count = len(labels)
    return {"tickmode": "array", "tickvals": list(range(count)), "ticktext": list(labels), "range": [count - 0.4, -0.6]}


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 in each power of ten: with plotly's own ticks, 20 is written as a small 2."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    return [float(f"{step}e{power}") for power in powers for step in (1, 2, 5)]


def medians(records: Sequence[Record]) -> Figure | None:
    """Medians with their 95 % interval, one case a line; None with fewer than two measured cases."""
    measured = [(record, summary) for record in records if (summary := view.numbers(record)) is not None]
    if len(measured) < 2:
        return None
    device = view.several_devices(records)
    labels = []
    for record, _ in measured:
        model = f"{record.case.device}: {view.model_text(record.case)}" if device else view.model_text(record.case)
        model = f"replayed: {model}" if record.replayed else model
        labels.append(f"{chart_text(model, 26)}<br>{chart_text(view.how_text(record.case), 26)}")
    backends = list(dict.fromkeys(record.case.backend for record, _ in measured))
    traces = []
    for index, backend in enumerate(backends):
        rows = [row for row, (record, _) in enumerate(measured) if record.case.backend == backend]
        points = {"y": rows, **_median_points([measured[row] for row in rows], index)}
        traces.append({"type": "scatter", "mode": "markers", "name": chart_text(backend, 24), **points})
    low, high = (pick(summary.median_ns for _, summary in measured) / 1e6 for pick in (min, max))
    far = low > 0 and high / low > 20
    axis = {"type": "log", "tickmode": "array", "tickvals": _log_ticks(low, high)} if far else {}
    height = 46 * len(labels) + 110
    title = "median latency, ms (logarithmic)" if far else "median latency, ms"
    page = layout(height, title, xaxis=axis, yaxis=_listed(labels), showlegend=len(backends) > 1)
    says = "Medians with their 95 % intervals, as in the results table."
    return Figure({"data": traces, "layout": page}, height, says)


def _median_points(measured: Sequence[tuple[Record, LatencySummary]], index: int) -> dict[str, Any]:
    """Points and error bars of one backend; a hollow sign is a median without an interval."""
    summaries = [summary for _, summary in measured]
    known = [view.known_interval(one) or (one.median_ns, one.median_ns) for one in summaries]
    pairs = list(zip(summaries, known, strict=True))
    sign = SYMBOLS[index % len(SYMBOLS)]
    error = {
        "type": "data",
        "symmetric": False,
        "array": [ms(high - one.median_ns) for one, (_, high) in pairs],
        "arrayminus": [ms(one.median_ns - low) for one, (low, _) in pairs],
        "color": colour(index),
        "thickness": 2,
        "width": 6,
    }
    signs = [sign if one.low_ns is not None else f"{sign}-open" for one in summaries]
    words = [
        (view.case_text(record.case), " ".join([view.median_text(one), *view.marks(record)]), view.interval_text(one))
        for record, one in measured
    ]
    return {
        "x": [ms(one.median_ns) for one in summaries],
        "text": [f"{chart_text(case, 70)}<br>{chart_text(f'{median} {interval}')}" for case, median, interval in words],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 9, "color": colour(index), "symbol": signs},
        "error_x": error,
    }


def group_times(record: Record) -> dict[str, float]:
    """Op group -> time in ns per inference, of a record with a profile."""
    times: dict[str, float] = {}
    for row in record.profile.rows if record.profile is not None else ():
        group = op_group(row.op_type)
        times[group] = times.get(group, 0.0) + row.time_ns
    return times


def shown_groups(records: Sequence[Record]) -> list[str]:
    """The op groups that cost most over these records, dearest first."""
    sums: dict[str, float] = {}
    for record in records:
        for group, time_ns in group_times(record).items():
            sums[group] = sums.get(group, 0.0) + time_ns
    return sorted(sums, key=lambda group: -sums[group])[:GROUPS_SHOWN]


def other_times(records: Sequence[Record], groups: Sequence[str]) -> list[float]:
    """What the op groups beyond `groups` cost, in ns per inference, for each record."""
    times = [group_times(record) for record in records]
    return [sum(time_ns for group, time_ns in one.items() if group not in groups) for one in times]


def op_types(records: Sequence[Record]) -> Figure:
    """Time per op group, the cases side by side; what no op row explains is a hatched bar named `gap`."""
    groups = shown_groups(records)
    others = other_times(records, groups)
    labels = [chart_text(group, 22) for group in groups] + (["other types"] if any(others) else []) + ["gap"]
    traces = []
    for index, record in enumerate(records):
        assert record.profile is not None
        times = group_times(record)
        values = [times.get(group, 0.0) for group in groups]
        values += [others[index]] if any(others) else []
        values.append(record.profile.gap_ns)
        own, bars = colour(index), len(labels)
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": chart_text(view.how_text(record.case), 44),
                "x": [ms(value) for value in values],
                "y": list(range(bars)),
                "text": [
                    f"{label}: {fmt.short_duration(value)} ({fmt.percent(view.share(value, record.profile))})"
                    for label, value in zip(labels, values, strict=True)
                ],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {
                    "color": [own] * (bars - 1) + [GREY],
                    "pattern": {"shape": ["" if index < len(PALETTE) else "."] * (bars - 1) + ["/"], "fgopacity": 1},
                },
            }
        )
    height = max(180, len(labels) * (14 * len(records) + 14) + 100 + 18 * len(records))
    page = layout(height, "ms per inference (profiled run)", yaxis=_listed(labels), barmode="group", bargap=0.3)
    return Figure({"data": traces, "layout": page}, height, "Time per op type and backend, as in the table below.")


def ops(record: Record) -> Figure:
    """The dearest ops of one case, then the other ops and the gap."""
    profile = record.profile
    assert profile is not None
    best = view.top_ops(profile, OPS_SHOWN)
    labels = [chart_text(words.shorten_op(words.plain(row.name or row.op_type), 30)) for row in best.rows]
    values = [row.time_ns for row in best.rows]
    hovers = [f"{chart_text(row.name, 80)}<br>{chart_text(row.op_type)}, {row.calls:g} calls" for row in best.rows]
    if best.other_count:
        labels.append(f"other {fmt.counted(best.other_count, 'op')}")
        values.append(best.other_ns)
        hovers.append(labels[-1])
    labels.append("gap")
    values.append(profile.gap_ns)
    hovers.append("gap: in no op row")
    shares = [f"{fmt.short_duration(value)}, {fmt.percent(view.share(value, profile))}" for value in values]
    plain_bars = len(best.rows)
    extra = len(values) - plain_bars
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [ms(value) for value in values],
        "y": list(range(len(values))),
        "text": [f"{hover}<br>{part}" for hover, part in zip(hovers, shares, strict=True)],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [PALETTE[0]] * plain_bars + [GREY] * extra,
            "pattern": {"shape": [""] * (len(values) - 1) + ["/"], "fgopacity": 1},
        },
    }
    height = 20 * len(values) + 90
    page = layout(height, "ms per inference (profiled run)", yaxis=_listed(labels), showlegend=False, bargap=0.25)
    return Figure({"data": [trace], "layout": page}, height, "The ops that take the most time, as in the table below.")
