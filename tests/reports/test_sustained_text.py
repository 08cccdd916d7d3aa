"""What a sustained run says: in words, in the HTML file and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.records.types import Point, Record, Sustained
from bench.reports import html_sustained, sustained_text
from bench.reports.html import render
from bench.reports.html_cases import Charts


def point(index: int, centre_ms: float, **more: Any) -> Point:
    return Point(at_ns=int((index + 0.5) * 10e9), centre_ns=centre_ms * 1e6, **more)


def hot(minutes: int = 5) -> Sustained:
    """A phone that is slowed down after 100 s."""
    points = [
        point(
            index,
            12.0 if index < 10 else 15.0,
            temperature_c=35.0 + index,
            cpu_hz=2.4e9 if index < 10 else 1.8e9,
            gpu_hz=585e6,
        )
        for index in range(6 * minutes)
    ]
    return Sustained(asked_s=60.0 * minutes, took_s=60.0 * minutes, points=tuple(points))


def unknown() -> Sustained:
    return Sustained(asked_s=60, took_s=60, points=tuple(point(index, 12.0) for index in range(6)))


def test_the_line_says_the_ends_the_point_and_the_heat(make: Callable[..., Record]) -> None:
    assert sustained_text.line(make(sustained=hot())) == (
        "sustained 5:00 min of 5:00 min, 30 invocations: 12.0 ms in the first minute, 15.0 ms in the last: 1.25 times "
        "[1.25, 1.25]; throttling point at 105 s: the latency stayed more than 5% above the beginning's to the end; "
        "35 to 64 C"
    )


def test_what_is_not_known_is_said_so(make: Callable[..., Record]) -> None:
    said = dict(sustained_text.lines(make(sustained=unknown())))
    assert said["temperature"] == said["CPU clock"] == said["GPU clock"] == "— not known"
    assert said["throttling"] == "throttling point unknown: 2 invocations at the beginning < 3"
    assert "first 20 s" in said["slow-down"]
    assert "no interval (2 invocations at one end < 3)" in said["slow-down"]


def test_a_record_of_another_kind_says_nothing(make: Callable[..., Record]) -> None:
    good = make()
    assert sustained_text.lines(good) == []
    assert sustained_text.line(good) == ""
    assert sustained_text.as_json(good.sustained) is None
    assert html_sustained.section(good, Charts()) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (9.94, "9.9 s"), (10, "10 s"), (119.4, "119 s"), (120, "2:00 min"), (3599.4, "59:59 min"),
     (3600, "1:00:00 h"), (5405, "1:30:05 h")],
)  # fmt: skip
def test_times(seconds: float, text: str) -> None:
    assert sustained_text.clock(seconds) == text


def test_the_figures_have_every_point_and_the_levels(make: Callable[..., Record]) -> None:
    charts = Charts()
    html = html_sustained.section(make(sustained=hot()), charts)
    latency, heat, clocks = (spec["data"] for spec in charts.specs)
    assert [len(trace["x"]) for trace in (*latency, *heat, *clocks)] == [30] * 4  # type: ignore[misc]
    assert latency[0]["y"][:11] == [12.0] * 10 + [15.0]  # type: ignore[index]
    shapes = charts.specs[0]["layout"]["shapes"]  # type: ignore[index]
    assert [(shape["x0"], shape["y0"]) for shape in shapes] == [(0, 12.0), (0, 12.6), (105.0, 0)]
    assert html.count("<tr>") == 31
    assert "2.40 GHz" in html
    assert "585 MHz" in html


def test_what_no_invocation_knows_has_no_figure(make: Callable[..., Record]) -> None:
    charts = Charts()
    html = html_sustained.section(make(sustained=unknown()), charts)
    assert len(charts.specs) == 1
    assert "not known" in html


def test_it_stands_in_the_page(make: Callable[..., Record], tmp_path: Path) -> None:
    page = render([make(sustained=hot())], "title", tmp_path)
    assert "Latency while at work" in page
    assert "throttling point at 105 s" in page


def test_json_has_the_points_and_the_verdict() -> None:
    told = json.loads(json.dumps(sustained_text.as_json(hot())))
    assert told["throttling"]["at_s"] == 105
    assert told["slowdown"]["ratio"] == 1.25
    assert told["points"][0] == {
        "at_ns": 5_000_000_000, "centre_ns": 12e6, "temperature_c": 35.0, "cpu_hz": 2.4e9, "gpu_hz": 585e6,
    }  # fmt: skip
