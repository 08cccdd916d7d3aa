"""The page of `bench history --plot`: each case's medians over time, one line a series, breaks and steps marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.records.foreign_history import dated
from bench.records.history import History, Series
from bench.reports import blocks, history_view
from bench.reports import format as fmt
from bench.reports.compare_view import signed_percent
from bench.reports.html import page
from bench.reports.html_bundle import Bundle, plotly_bundle
from bench.reports.html_cases import Charts
from bench.reports.html_figures import SYMBOLS, Figure, chart_text, colour, layout, ms
from bench.reports.html_tags import Html, join, tag

_HEIGHT = 360
_SAYS = "Medians over time with their 95 % intervals, as in the table below."


def render(found: Sequence[History], cache: Path, generated: str = "") -> str:
    """The whole page. cache: as for `html.render`; generated: when, ISO 8601 (else now)."""
    charts = Charts()
    at = generated or datetime.now(UTC).isoformat(timespec="seconds")
    parts = [tag("header", tag("h1", "bench history"))]
    parts += [_case(history, charts) for history in found]
    parts.append(tag("footer", tag("p", f"Made {at}")))
    return page("bench history", join(parts), charts, plotly_bundle(cache) if charts.specs else Bundle("", ""))


def _case(history: History, charts: Charts) -> Html:
    chart = charts.place(figure(history), "Medians over time") if history.series else Html("")
    title = tag("h2", history_view.case_text(history))
    return tag("section", title, chart, blocks.html(history_view.blocks([history])), class_="case")


def figure(history: History) -> Figure:
    """One line a series; a dashed line where the next series begins, with why; a dotted one at each step."""
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []

    def mark(at: str, text: str, dash: str, ink: str) -> None:
        ends = {"x0": at, "x1": at, "y0": 0, "y1": 1}
        shapes.append({"type": "line", "yref": "paper", **ends, "line": {"dash": dash, "color": ink, "width": 1}})
        # Turns, so that the texts of neighbours do not lie on each other.
        place = {"x": at, "y": 1 - 0.08 * (len(notes) % 6), "yref": "paper", "xanchor": "left", "showarrow": False}
        notes.append({**place, "text": chart_text(text, 48), "font": {"size": 11, "color": ink}})

    for number, series in enumerate(history.series):
        if series.breaks:
            mark(series.rows[0].started, f"break: {'; '.join(series.breaks)}", "dash", colour(number))
        for step in series.steps:
            mark(step.started, f"step {signed_percent(step.change)}", "dot", colour(number))
    traces = [_trace(series, number) for number, series in enumerate(history.series)]
    axes = {
        "xaxis": {"type": "date" if dated(history) else "category", "rangemode": "normal"},
        "yaxis": {"title": {"text": "median, ms"}},
    }
    page_layout = layout(
        _HEIGHT, "run started (UTC)" if dated(history) else "as given", **axes, shapes=shapes, annotations=notes
    )
    return Figure({"data": traces, "layout": {**page_layout, "showlegend": len(traces) > 1}}, _HEIGHT, _SAYS)


def _trace(series: Series, number: int) -> dict[str, Any]:
    points = [(row, row.median_ns) for row in series.rows if row.median_ns is not None]
    known = [(row.low_ns, row.high_ns) if row.low_ns and row.high_ns else (median, median) for row, median in points]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": chart_text(", ".join(filter(None, (series.identity.runtime, series.identity.placement))), 44),
        "x": [row.started for row, _ in points],
        "y": [ms(median) for _, median in points],
        "text": [f"{chart_text(row.run_id)}<br>{fmt.duration(median)}" for row, median in points],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour(number), "width": 1},
        "marker": {"size": 6, "color": colour(number), "symbol": SYMBOLS[number % len(SYMBOLS)]},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [ms(high - median) for (_, median), (_, high) in zip(points, known, strict=True)],
            "arrayminus": [ms(median - low) for (_, median), (low, _) in zip(points, known, strict=True)],
            "color": colour(number),
            "thickness": 1,
            "width": 2,
        },
    }
