"""A sustained case in the HTML file: latency, temperature and clocks over time, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.records.stats.sustained import sustained_summary
from bench.records.sustained import Point, Sustained
from bench.records.types import Record
from bench.reports import sustained_text
from bench.reports.html_figures import GREY, SYMBOLS, Figure, colour, layout, ms
from bench.reports.html_tags import Html, definitions, details, join, number, table, tag

if TYPE_CHECKING:
    from bench.reports.html_cases import Charts

_HEIGHTS = {"latency": 300, "other": 200}


def section(record: Record, charts: Charts) -> Html:
    """Empty for a record of another kind."""
    run = record.sustained
    if run is None or not run.points:
        return Html("")
    figures = [charts.place(latency(run), "Latency while at work,", "one point per invocation.")]
    heat = [(point, point.temperature_c) for point in run.points if point.temperature_c is not None]
    if heat:
        figures.append(charts.place(_lines({"temperature": heat}, "C"), "Temperature", "of the hottest sensor."))
    clocks = {
        "CPU": [(point, point.cpu_hz / 1e9) for point in run.points if point.cpu_hz is not None],
        "GPU": [(point, point.gpu_hz / 1e9) for point in run.points if point.gpu_hz is not None],
    }
    known = {name: points for name, points in clocks.items() if points}
    if known:
        figures.append(charts.place(_lines(known, "GHz"), "Clocks,", "read right after each invocation."))
    rows = [
        tag("tr", tag("th", str(index), scope="row", class_="num"), map(number, sustained_text.cells(point)))
        for index, point in enumerate(run.points, 1)
    ]
    heads = [">#", ">At", ">Latency", ">Temperature", ">CPU clock", ">GPU clock"]
    return join(
        [
            tag("h4", "Sustained"),
            definitions((name[0].upper() + name[1:], value) for name, value in sustained_text.lines(record)),
            *figures,
            details("The same as a table", table("Latency, temperature and clocks while at work", heads, rows)),
        ]
    )


def _seconds(point: Point) -> float:
    return float(f"{point.at_ns / 1e9:.6g}")


def latency(run: Sustained) -> Figure:
    """Each invocation's median over time; lines at the first minute's and at the threshold above which it counts."""
    found = sustained_summary(run)
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "latency",
        "x": [_seconds(point) for point in run.points],
        "y": [ms(point.centre_ns) for point in run.points],
        "hovertemplate": "%{y} ms at %{x:.0f} s<extra></extra>",
        "line": {"width": 1.5, "color": colour(0)},
        "marker": {"size": 6, "color": colour(0)},
    }
    shapes = [
        {
            **{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": ms(level), "y1": ms(level)},
            "line": {"dash": dash, "width": 1.5, "color": GREY},
        }
        for level, dash in ((found.first_ns, "dot"), (found.throttling.threshold_ns, "dash"))
        if level is not None
    ]
    if found.throttling.at_s is not None:
        at = float(f"{found.throttling.at_s:.6g}")
        edge = {"type": "line", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1}
        shapes.append({**edge, "line": {"width": 2, "color": colour(1)}})
    height = _HEIGHTS["latency"]
    page = layout(
        height,
        "s at work",
        showlegend=False,
        shapes=shapes,
        yaxis={"title": {"text": "latency, ms"}, "rangemode": "normal"},
    )
    says = "Median latency of each invocation over time; dotted: the first minute, dashed: the threshold of throttling."
    return Figure({"data": [trace], "layout": page}, height, says)


def _lines(series: Mapping[str, Sequence[tuple[Point, float]]], unit: str) -> Figure:
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": [_seconds(point) for point, _ in points],
            "y": [float(f"{value:.6g}") for _, value in points],
            "hovertemplate": f"%{{y}} {unit} at %{{x:.0f}} s<extra>{name}</extra>",
            "line": {"width": 1.5, "color": colour(index)},
            "marker": {"size": 6, "color": colour(index), "symbol": SYMBOLS[index]},
        }
        for index, (name, points) in enumerate(series.items())
    ]
    height = _HEIGHTS["other"]
    page = layout(
        height, "s at work", showlegend=len(traces) > 1, yaxis={"title": {"text": unit}, "rangemode": "normal"}
    )
    return Figure({"data": traces, "layout": page}, height, f"{' and '.join(series)} over time, in {unit}.")
