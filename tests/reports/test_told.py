"""A native tool's record in every form: a summary is shown as one, and no sample is made up."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records.types import Invocation, Memory, Record, Summary, Warmup
from bench.reports import html, terminal
from bench.reports.jsonout import run_json

PROFILE_REASON = "benchmark_model's table of ops has no times"


def told(median_ns: float | None) -> Invocation:
    summary = Summary(
        count=90, mean_ns=1_210_000.0, median_ns=median_ns, minimum_ns=1_100_000.0, maximum_ns=1_500_000.0
    )
    return Invocation(
        started="2026-11-20T10:00:00.000Z", spawn_ns=None, load_ns=2_500_000, first_inference_ns=1_300_000, turns=(),
        warmup=Warmup(inferences=40, duration_ns=50_000_000), memory=Memory(growth_bytes=39_000_000), summary=summary,
    )  # fmt: skip


@pytest.fixture
def record(make: Any) -> Record:
    made: Record = make()
    invocations = tuple(told(1_200_000.0 + step) for step in (0, 1000, 2000))
    return msgspec.structs.replace(
        made, invocations=invocations, profile=None, profile_reason=PROFILE_REASON, op_names=("DELEGATE [out]:1",)
    )


def printed(record: Record) -> str:
    stream = io.StringIO()
    terminal.print_run([record], report=None, repeat="", stream=stream)
    terminal.show_record(record, stream=stream)
    return " ".join(stream.getvalue().split())


def test_the_terminal_says_whose_numbers_they_are(record: Record) -> None:
    text = printed(record)
    assert "270 in 3 inv., the tool's medians" in text
    assert "no samples" in text
    assert "+39.0 MB (growth)" in text
    assert "told as a summary" in text
    assert PROFILE_REASON in text
    assert "DELEGATE [out]:1" in text


def test_averages_are_not_called_medians(record: Record) -> None:
    averages = msgspec.structs.replace(record, invocations=(told(None), told(None), told(None)))
    text = printed(averages)
    assert "the tool's means" in text
    assert "the tool's medians" not in text
    assert "(mean)" in text


def test_the_page_draws_no_samples(record: Record, tmp_path: Path) -> None:
    page = html.render([record], "told", tmp_path)
    assert "the tool&#x27;s medians" in page or "the tool's medians" in page
    assert "no samples: there is no distribution to show" in page
    assert "Latency over time" not in page
    assert "DELEGATE [out]:1" in page


def test_json_says_it_too(record: Record) -> None:
    latency = run_json([record])["cases"][0]["latency"]
    assert (latency["of"], latency["samples"], latency["invocations"]) == ("medians", 270, 3)
    assert latency["p90"] == {"value_ns": None, "reason": "no samples"}
    assert latency["peak_memory"]["growth_bytes"] == 39_000_000
