"""Throughput beside latency, wherever records are shown; and nothing of it where nobody measured it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records.comparison import Axis, groups
from bench.records.types import Record, Throughput
from bench.reports import blocks, compare_json, compare_view, exports, jsonout, terminal
from bench.reports import format as fmt
from bench.reports.export_given import Given
from bench.reports.html import render
from bench.reports.op_groups import op_group


def with_rates(record: Record, rates: Sequence[float] = (99.0, 100.0, 101.0, 100.2, 99.8), **ways: Any) -> Record:
    told = {"streams": 2, "batch": 4, "how": "a stream each", **ways}
    invocations = tuple(
        msgspec.structs.replace(
            one, throughput=Throughput(inferences=40, duration_ns=round(40 * told["batch"] / rate * 1e9), **told)
        )
        for one, rate in zip(record.invocations, rates, strict=True)
    )
    return msgspec.structs.replace(record, invocations=invocations)


def printed(records: Sequence[Record], monkeypatch: pytest.MonkeyPatch, width: int) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    terminal.print_run(records, report=None, repeat="", stream=stream)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 220])
def test_the_terminal_has_it_where_some_record_has(make: Any, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    said = printed([with_rates(make()), make(threads=2)], monkeypatch, width)
    assert ("items/s [95 %]" in said) == (width > 200)
    for part in ("100.0", "[99.1, 100.9]", "2 streams"):
        assert part in said
    assert "items/s" not in printed([make(), make(threads=2)], monkeypatch, width)


def test_one_record_tells_all_of_it(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    stream = io.StringIO()
    terminal.show_record(with_rates(make()), stream=stream)
    assert "100.0 items/s [99.1, 100.9], 2 streams of batch 4" in stream.getvalue()
    assert "200 inferences in 5 inv.: a stream each" in stream.getvalue()


def test_the_page_has_it_in_its_table_and_with_the_case(make: Any, tmp_path: Path) -> None:
    page = render([with_rates(make()), make(threads=2)], title="t", cache=tmp_path)
    assert "Items/s [95 %]" in page
    assert "100.0 items/s [99.1, 100.9], 2 streams of batch 4" in page
    assert "Items/s" not in render([make()], title="t", cache=tmp_path)


def test_other_tools_get_the_numbers(make: Any) -> None:
    record = with_rates(make())
    found = jsonout.run_json([record, make()])["cases"]
    assert found[0]["throughput"]["items_per_s"] == pytest.approx(100.0)
    assert (found[0]["throughput"]["streams"], found[0]["throughput"]["batch"]) == (2, 4)
    assert found[1]["throughput"] is None
    given = Given(run="r", records=(record, make(threads=2)))
    with_it, without = json.loads(exports.render("bencher", given)).values()
    assert with_it["throughput"].keys() == {"value", "lower_value", "upper_value"}
    assert with_it["throughput"]["lower_value"] < with_it["throughput"]["value"] == pytest.approx(100.0)
    assert "throughput" not in without
    extra = [each["extra_info"] for each in json.loads(exports.render("pytest-benchmark", given))["benchmarks"]]
    assert extra[0]["items_per_s"] == pytest.approx(100.0)
    assert "items_per_s" not in extra[1]
    assert "100.0 items/s" in exports.render("markdown", given)


def compared(records: Sequence[Record], axes: Sequence[Axis]) -> tuple[str, Any]:
    stream = io.StringIO()
    together, alone = groups(records, axes, op_group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "140")
        blocks.print_blocks(compare_view.blocks(together, alone, axes), stream)
    return stream.getvalue(), compare_json.document(together, alone, axes, {})


def test_a_comparison_has_it_beside_the_medians_and_more_is_better(make: Any) -> None:
    base = with_rates(make())
    faster = with_rates(make(backend="openvino"), (149.0, 150.0, 151.0, 150.5, 149.5))
    said, document = compared([base, faster], ("backend",))
    assert "Throughput: more is better" in said
    assert "+50.0 %" in said
    assert document["groups"][0]["pairs"][0]["throughput_ratio"]["value"] == pytest.approx(1.5)
    said, document = compared([base, make(backend="openvino")], ("backend",))
    assert "Throughput" not in said
    assert document["groups"][0]["pairs"][0]["throughput_ratio"] is None


@pytest.mark.parametrize("key", ["batch", "streams", "sustain"])
def test_what_multiplies_the_work_stays_with_the_case(make: Any, key: str) -> None:
    many = make(options={key: "2", "kernels": "builtin"})
    together, alone = groups([make(), many, make(backend="openvino", options={key: "2"})], ("backend",), op_group)
    assert [[one.case.backend for one in group.records] for group in together] == [["litert", "openvino"]]
    assert [one.case.options for one in alone] == [{}]
    assert f"{key}=2" in compare_view.case_text(many, ("backend",))


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (1234.567, None, "1235 items/s"),
        (0.012345, None, "0.01235 items/s"),
        (84.23, (83.9, 84.5), "84.2 items/s"),
        (41234.0, (40000.0, 42000.0), "41234 items/s"),
    ],
)
def test_a_rate_has_the_digits_that_are_known(value: float, interval: tuple[float, float] | None, text: str) -> None:
    assert fmt.rate(value, interval).text(value) == text
