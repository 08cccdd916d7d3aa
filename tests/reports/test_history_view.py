"""What a history says: series side by side, never mixed; trends that do not make mountains of noise."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records import history, index, store
from bench.records.types import Record
from bench.reports import blocks, history_html, history_view

LEVELS = [38_000_000] * 14 + [41_000_000] * 8


def at(record: Record, number: int) -> Record:
    started = f"2026-03-{number + 1:02d}T09:30:00Z"
    return msgspec.structs.replace(
        record, run=msgspec.structs.replace(record.run, id=f"r{number:03d}", started=started)
    )


@pytest.fixture(scope="module")
def found(make: Any, tmp_path_factory: pytest.TempPathFactory) -> list[history.History]:
    """A case with a step, then a new runtime; one failed and one replayed record."""
    root = tmp_path_factory.mktemp("history")
    records = [at(make(median_ns=ns + number * 7_919 % 90_000), number) for number, ns in enumerate(LEVELS)]
    newer = make(median_ns=30_000_000)
    records += [at(msgspec.structs.replace(newer, tool=msgspec.structs.replace(newer.tool, version="2.4.0")), 23)]
    replayed = make(median_ns=1_000_000)
    device = msgspec.structs.replace(replayed.device, kind="replay")
    records += [at(msgspec.structs.replace(replayed, device=device), 24)]
    failed = make()
    records += [at(msgspec.structs.replace(failed, invocations=()), 25)]
    for record in records:
        store.save(record, root)
    return history.histories(index.rows(root, root / "cache"))


def text(found: Sequence[history.History], width: int = 100) -> str:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        blocks.print_blocks(history_view.blocks(found), stream)
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_series_breaks_and_steps_are_told(found: list[history.History], width: int) -> None:
    said = " ".join(text(found, width).split())
    assert "break: runtime: ai-edge-litert 2.4.0, before ai-edge-litert 2.3.0" in said
    assert "step +7.9 % at run r014" in said or "step +7.8 % at run r014" in said
    assert "1 of 12 runs" in said
    assert "failed, in no series: r025" in said
    assert "replayed from recordings, in no series: r024" in said


def series(found: list[history.History]) -> history.Series:
    return found[0].series[0]


def test_the_trend_shows_the_step(found: list[history.History]) -> None:
    before, after = history_view.spark(series(found)).split("│")
    assert len(before) == 1 + history_view.SPARKS - 8
    assert len(after) == 8
    assert max(map(history_view.BARS.index, before[1:])) < min(map(history_view.BARS.index, after))


def test_noise_does_not_look_like_mountains(found: list[history.History]) -> None:
    calm = history.histories(series(found).rows[:14])
    heights = list(map(history_view.BARS.index, history_view.spark(calm[0].series[0])))
    assert max(heights) - min(heights) <= 2


def test_a_long_trend_is_cut_at_its_beginning(found: list[history.History]) -> None:
    rows = list(series(found).rows) * 2
    trend = history_view.spark(history.Series(series(found).identity, tuple(rows), (), (), None))
    assert trend.startswith("…")
    assert len(trend) == history_view.SPARKS + 1


def test_the_answer_of_a_check_names_the_step(found: list[history.History]) -> None:
    (only,) = history.judge(found[0])
    assert only.word == "not measured"  # its latest run failed
    good = history.histories(series(found).rows)
    stream = io.StringIO()
    blocks.print_blocks(history_view.check_blocks(history.judge(good[0])), stream)
    assert "new step" in stream.getvalue()
    assert "r014" in stream.getvalue()


def test_the_json_has_every_run(found: list[history.History]) -> None:
    document = json.loads(json.dumps(history_view.document(found, history.judge(found[0]))))
    (case,) = document["cases"]
    assert [len(each["runs"]) for each in case["series"]] == [22, 1]
    assert case["series"][0]["steps"][0]["run_id"] == "r014"
    assert [run["run_id"] for run in case["failed"]] == ["r025"]
    assert document["check"][0]["word"] == "not measured"


def test_the_page_has_a_line_for_each_series_and_marks(found: list[history.History], tmp_path: Path) -> None:
    figure = history_html.figure(found[0])
    assert [len(trace["x"]) for trace in figure.spec["data"]] == [22, 1]
    assert [shape["line"]["dash"] for shape in figure.spec["layout"]["shapes"]] == ["dot", "dash"]
    page = history_html.render(found, tmp_path, generated="now")
    assert "ai-edge-litert 2.4.0" in page
    assert json.dumps(figure.spec["data"][1]["x"]) in page
