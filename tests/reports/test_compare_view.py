"""What a comparison says: names, numbers, and never a judgement."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from bench.records.comparison import Axis, groups
from bench.records.stats.differences import Ratio
from bench.records.types import Record
from bench.reports import blocks, compare_html, compare_json, compare_view
from bench.reports.op_groups import op_group

RUN: tuple[Axis, ...] = ("run",)


def later(record: Record, **changes: Any) -> Record:
    run = msgspec.structs.replace(record.run, id="20260302-093000-c3d4")
    return msgspec.structs.replace(record, run=run, **changes)


def text(records: Sequence[Record], axes: Sequence[Axis] = RUN, width: int = 120) -> str:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        blocks.print_blocks(compare_view.blocks(*groups(records, axes, op_group), axes), stream)
    return stream.getvalue()


def test_two_like_runs_are_told_in_numbers_with_the_warning(make: Any) -> None:
    said = text([make(), later(make(median_ns=40_000_000))])
    assert "Nothing that the records tell." in said
    assert "+4.1 %" in said or "+4.2 %" in said
    assert "[+" in said
    assert "use bench gate" in said
    assert "regressed" not in said
    assert "model/decoder/stage_0/block_0/conv_2d" in said


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_is_unlike_is_named_first_and_stops_the_comparison(make: Any, width: int) -> None:
    base, other = make(), make(median_ns=40_000_000)
    assert other.tool is not None
    other = later(other, tool=msgspec.structs.replace(other.tool, version="2.4.0"))
    told = text([base, other], width=width)
    said = " ".join(told.split())
    assert "ai-edge-litert2.4.0" in "".join(told.split()) or width < 80
    assert said.index("not comparable") < said.index("Medians")
    assert "another runtime" in said
    assert " 38." in said
    assert " 39.9" in said or " 40." in said
    assert " %" not in said.split("Medians")[1].replace("95 %", "")
    assert "Ops:" not in said


def test_devices_can_be_the_axis(make: Any) -> None:
    phone = make(device="oneplus3", median_ns=110_000_000)
    device = msgspec.structs.replace(phone.device, fingerprint="e" * 16, kind="android")
    phone = msgspec.structs.replace(phone, device=device)
    said = text([make(), phone], ("device",))
    assert "oneplus3" in said
    assert "2.86x" in said
    assert "not comparable" not in said
    void = text([make(), later(phone, case=make().case)])
    assert "--by device" in void


def test_failed_replayed_and_lonely_records_are_told_as_such(make: Any, kinds: dict[str, Record]) -> None:
    replayed = make(median_ns=40_000_000)
    replayed = later(replayed, device=msgspec.structs.replace(replayed.device, kind="replay"))
    assert "(replayed)" in text([make(), replayed])
    said = text([kinds["failed"], later(make(backend="openvino")), make(threads=4)])
    assert "not measured" in said
    assert "SIGSEGV" in said
    assert "Without a counterpart" in said
    assert "4 threads" in said


def test_ops_that_could_not_be_aligned_are_named(make: Any, kinds: dict[str, Record]) -> None:
    said = text([kinds["good"], kinds["onnx"]], ("backend",))
    assert "without a counterpart" in said
    less = later(make())
    assert less.profile is not None
    short = msgspec.structs.replace(less.profile, rows=less.profile.rows[:-1])
    assert "Only in the base: model/decoder/stage_6/block_3/add_n"[:24] in text(
        [make(), msgspec.structs.replace(less, profile=short)]
    )


def test_a_case_without_a_profile_says_why(kinds: dict[str, Record]) -> None:
    assert "--no-profile" in text([kinds["few"], later(kinds["few"])])


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Ratio(1.052, 1.011, 1.094), "+5.2 %\n[+1.1 %, +9.4 %]"),
        (Ratio(0.9, 0.8, 1.0), "-10.0 %\n[-20.0 %, 0.0 %]"),
        (Ratio(3.0, None, None, "1 invocation < 3"), "3x\n— (1 invocation < 3)"),
        (None, "—"),
    ],
)
def test_ratios_in_words(ratio: Ratio | None, said: str) -> None:
    assert compare_view.ratio_text(ratio) == said


def test_the_json_has_all_in_units(make: Any) -> None:
    base, other = make(), later(make(median_ns=40_000_000))
    found = compare_json.document(*groups([base, other], RUN, op_group), RUN, {id(base): "a.json"})
    (group,) = json.loads(json.dumps(found))["groups"]
    assert [each["record"] for each in group["records"]] == ["a.json", None]
    (pair,) = group["pairs"]
    assert pair["other"] == 1
    assert pair["verdict"] is None
    assert pair["ratio"]["low"] < pair["ratio"]["value"] < pair["ratio"]["high"]
    assert len(pair["ops"]["pairs"]) == 40
    assert pair["ops"]["pairs"][0]["base_ns"] > 0


def test_hostile_names_stay_text(make: Any, kinds: dict[str, Record]) -> None:
    hostile = kinds["hostile"]
    page = compare_html.render(
        compare_view.blocks(*groups([hostile, later(hostile)], RUN, op_group), RUN), RUN, generated="now"
    )
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in text([hostile, later(hostile)])
    assert page.startswith("<!DOCTYPE html>")
