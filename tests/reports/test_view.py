from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.types import Conditions, Invocation, Memory, Reading, Record, Turn, Warmup
from bench.reports import invocation_text, view, words
from bench.reports.conditions import condition_table, unknown_conditions
from bench.reports.html_samples import thinned
from bench.reports.jsonout import run_json
from bench.reports.op_groups import OP_GROUPS, op_group


@given(st.text())
def test_plain_text_is_one_printable_line(text: str) -> None:
    assert words.plain(text).isprintable()


@given(st.text(max_size=80), st.integers(min_value=1, max_value=40))
def test_a_shortened_name_fits(text: str, width: int) -> None:
    assert len(words.shorten(text, width)) <= width
    assert len(words.shorten_op(text, width)) <= width


def test_what_sets_a_case_apart_is_told(make: Any) -> None:
    case = make(era="modern", shapes={"input": (1, 8, 8, 3)}, options={"b": "2", "a": "1"}, threads=2).case
    assert view.model_text(case) == "prisma_256 fp32 era=modern input=1x8x8x3"
    assert view.how_text(case) == "litert cpu · 2 threads · a=1 · b=2"


@pytest.mark.parametrize(
    ("name", "text"),
    [("good", "ok 2.1e-06"), ("gap", "DIFFERS 0.031"), ("hostile", "— not compared")],
)
def test_agreement_in_words(kinds: dict[str, Record], name: str, text: str) -> None:
    assert view.agreement_text(kinds[name]) == text


def test_a_comparison_that_was_not_made_says_why(make: Any, kinds: dict[str, Record]) -> None:
    agreement = kinds["good"].agreement
    assert agreement is not None
    skipped = msgspec.structs.replace(agreement, ok=None, max_abs_diff=None, reason="no reference for a user's file")
    assert view.agreement_text(make(agreement=skipped)) == "— no reference for a user's file"


def test_unknown_memory_is_never_zero(make: Any) -> None:
    known = make().invocations[0]
    lost = msgspec.structs.replace(known, memory=Memory(reason="no VmHWM on this system"))
    record = make(invocations=(lost,))
    summary = view.numbers(record)
    assert summary is not None
    assert view.peak_text(record, summary) == "— no VmHWM on this system"
    assert run_json([record])["cases"][0]["latency"]["peak_memory"] == {
        "value_bytes": None,
        "growth_bytes": None,
        "reason": "no VmHWM on this system",
    }


def test_samples_follow_one_another_within_a_turn() -> None:
    warmup = Warmup(inferences=1, duration_ns=1, window_medians_ns=(), steady=True)
    turns = (Turn(start_ns=100, samples_ns=(10, 20)), Turn(start_ns=500, samples_ns=(30,)))
    one = Invocation(
        started="", spawn_ns=1, load_ns=1, first_inference_ns=1, warmup=warmup, turns=turns, memory=Memory()
    )
    assert invocation_text.sample_times(one) == [(100, 10), (110, 20), (500, 30)]


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=500), st.integers(2, 50))
def test_thinning_keeps_the_extremes_and_the_order(values: list[int], limit: int) -> None:
    points = list(enumerate(values))
    kept = thinned(points, limit)
    assert len(kept) <= limit
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    assert min(value for _, value in kept) == min(values)
    assert max(value for _, value in kept) == max(values)


@pytest.mark.parametrize(
    ("op_type", "group"),
    [
        ("CONV_2D", "Conv"),
        ("Conv", "Conv"),
        ("Convolution", "Conv"),
        ("Convolution (NHWC, F32) IGEMM", "Conv"),
        ("DEPTHWISE_CONV_2D", "DepthwiseConv"),
        ("RESIZE_BILINEAR", "Resize"),
        ("Interpolate", "Resize"),
        ("TFLite_Detection_PostProcess", "TFLite_Detection_PostProcess"),
    ],
)
def test_op_types_of_several_runtimes_meet(op_type: str, group: str) -> None:
    assert op_group(op_type) == group


def test_no_op_type_is_in_two_groups() -> None:
    from bench.reports.op_groups import _folded

    folded = [(_folded(name), group) for group, names in OP_GROUPS.items() for name in names]
    by_name = dict(folded)
    assert all(by_name[name] == group for name, group in folded)


def test_conditions_of_all_cores_in_one_row(kinds: dict[str, Record]) -> None:
    rows = {row.name: row for row in condition_table(kinds["good"])}
    assert rows["cpu*.frequency"].before == "2.2 to 2.23 GHz"
    assert "cpu*.governor" not in rows
    assert unknown_conditions(kinds["good"]) == [("no cpufreq in this guest", "cpu*.governor")]
    assert rows["steal"].during == "4.1 %"


def test_a_condition_nobody_looked_at_is_not_read(make: Any) -> None:
    before = Conditions(phase="before", at="", readings=(Reading(name="battery", value=0, unit="%"),))
    rows = condition_table(make(conditions=(before,), invocations=()))
    assert [(row.name, row.before, row.during, row.after) for row in rows] == [
        ("battery", "0 %", "not read", "not read")
    ]


def test_json_of_every_kind(records: list[Record]) -> None:
    answer = json.loads(json.dumps(run_json(records, ["a.json"]), allow_nan=False))
    cases = answer["cases"]
    assert [case["measured"] for case in cases] == [record.measured for record in records]
    good, failed, few = cases[0], cases[4], cases[3]
    assert good["record"] == "a.json"
    assert good["key"] == records[0].case_key
    assert good["latency"]["median_ns"] > 3e7
    assert good["latency"]["samples"] == 250
    assert good["placement"]["text"] == "full (XNNPACK)"
    assert len(good["profile"]["top_ops"]) == 8
    assert good["profile"]["gap_share"] == pytest.approx(0.03)
    assert few["latency"]["p90"] == {"value_ns": None, "reason": "n=37 < 44"}
    assert few["latency"]["interval_95"]["reason"] == "1 invocation < 3"
    assert few["profile"] == {"reason": "--no-profile"}
    assert failed["latency"] is None
    assert failed["error"]["signal"] == "SIGSEGV"
    assert failed["record"] is None
