"""What differs between two records, what makes them not comparable, and how records are paired by an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from bench.records.comparison import Axis, clock_limits, clock_state, groups, pair, runtime_text, unlike
from bench.records.types import CaseError, Conditions, Phase, Reading, Record

Make = Callable[..., Record]
RUN: tuple[Axis, ...] = ("run",)


def of_run(record: Record, run: str) -> Record:
    return msgspec.structs.replace(record, run=msgspec.structs.replace(record.run, id=run))


def with_part(record: Record, part: str, **changes: Any) -> Record:
    return msgspec.structs.replace(record, **{part: msgspec.structs.replace(getattr(record, part), **changes)})


def with_readings(record: Record, before: dict[str, Any], during: dict[str, Any] | None = None) -> Record:
    def moment(phase: Phase, values: dict[str, Any]) -> Conditions:
        readings = tuple(
            Reading(name=name, unavailable="hidden") if value is None else Reading(name=name, value=value)
            for name, value in values.items()
        )
        return Conditions(phase=phase, at="2026-03-01T09:30:00Z", readings=readings)

    invocations = tuple(
        msgspec.structs.replace(one, during=moment("during", during or {})) for one in record.invocations
    )
    return msgspec.structs.replace(record, conditions=(moment("before", before),), invocations=invocations)


def told(base: Record, other: Record, axes: Sequence[Axis] = RUN) -> dict[str, bool]:
    return {one.what: one.void for one in unlike(base, other, axes)}


def test_equal_records_differ_in_nothing(make_record: Make) -> None:
    assert unlike(make_record(), of_run(make_record(), "another"), RUN) == ()


@pytest.mark.parametrize(
    ("part", "changes", "what", "void", "axis"),
    [
        ("device", {"fingerprint": "e" * 16}, "device", True, "device"),
        ("tool", {"version": "2.4.0"}, "runtime", True, "backend"),
        ("tool", {"binary_sha256": "9" * 64}, "runtime", True, "backend"),
        ("tool", {"sync": "event"}, "end of a sample", True, "backend"),
        ("placement", {"kind": "partial", "total": 3}, "placement", True, "accelerator"),
        ("placement", {"delegate": "NNAPI"}, "placement", True, "backend"),
        ("artifact", {"sha256": "0" * 64}, "artifact", False, "variant"),
        ("tool", {"settings": {"num_threads": "4"}}, "setting num_threads", False, "threads"),
        ("device", {"facts": {"cpu_model": "EPYC", "kernel": "6.2"}}, "kernel", False, "device"),
        ("device", {"kind": "replay"}, "replayed", False, "device"),
        ("run", {"bench_version": "0.2.0"}, "bench", False, "run"),
        ("agreement", {"ok": False}, "output", False, "variant"),
    ],
)
def test_a_difference_is_named_and_is_void_unless_it_is_the_axis(
    make_record: Make, part: str, changes: dict[str, Any], what: str, void: bool, axis: Axis
) -> None:
    base, other = make_record(), with_part(make_record(), part, **changes)
    assert told(base, other)[what] is void
    assert told(other, base)[what] is void
    assert told(base, other, (axis,))[what] is False
    assert pair(base, other, RUN).verdict == ("not comparable" if void else "")
    assert (pair(base, other, RUN).ratio is None) is void


@pytest.mark.parametrize(
    ("base", "other", "what", "void"),
    [
        ({"cpu.governor": "performance"}, {"cpu.governor": "powersave"}, "cpu.governor", True),
        ({"cpu.governor": "performance"}, {"cpu.governor": None}, "cpu.governor", True),
        ({"cpu4.clock_limit": 2.4e9}, {"cpu4.clock_limit": 2.0e9}, "cpu4.clock_limit", True),
        ({"pin": "pinned: 8 governors"}, {"pin": "unpinned"}, "pin", True),
        ({"battery.saver": "off"}, {"battery.saver": "on"}, "battery.saver", True),
        ({"power_mode": "MAXN (0)"}, {"power_mode": "5W (1)"}, "power_mode", True),
    ],
)
def test_another_clock_state_is_not_comparable(
    make_record: Make, base: dict[str, Any], other: dict[str, Any], what: str, void: bool
) -> None:
    left, right = with_readings(make_record(), base), with_readings(make_record(), other)
    assert told(left, right) == {what: void}
    assert told(left, right, ("device",)) == {what: False}


@pytest.mark.parametrize(
    ("base", "other"),
    [
        ({"cpu.governor": None}, {"cpu.governor": None}),
        ({"cpu4.clock_limit": 2.40e9}, {"cpu4.clock_limit": 2.39e9}),
        ({"pin": "pinned: 8 governors"}, {"pin": "pinned"}),
        ({"load.1min": 0.1, "cpu.clock_min": 1e9}, {"load.1min": 7.0, "cpu.clock_min": 2e9}),
    ],
)
def test_what_is_unknown_to_both_or_moves_by_itself_is_no_difference(
    make_record: Make, base: dict[str, Any], other: dict[str, Any]
) -> None:
    assert told(with_readings(make_record(), base), with_readings(make_record(), other)) == {}


def test_the_clock_state_is_that_while_measuring(make_record: Make) -> None:
    record = with_readings(
        make_record(),
        {"pin": "unpinned", "cpu.governor": "schedutil", "cpu.boost": "on"},
        {"pin": "pinned: cpu0", "cpu.clock_limit": 2e9},
    )
    assert clock_state(record) == {"cpu.boost": "on", "cpu.governor": "schedutil", "pin": "pinned"}
    assert clock_limits(record) == {"cpu.clock_limit": 2e9}


def test_a_native_tool_is_known_by_its_file_too(make_record: Make) -> None:
    tool = make_record().tool
    assert tool is not None
    assert runtime_text(tool) == "ai-edge-litert 2.3.0"
    assert runtime_text(msgspec.structs.replace(tool, binary_sha256="ab" * 32)) == "ai-edge-litert 2.3.0 (abababababab)"
    assert runtime_text(None) == "not known"


def test_records_are_paired_by_all_but_the_axis(make_record: Make) -> None:
    litert, four = make_record(), make_record(case_threads=4)
    onnx = make_record(case_backend="onnxruntime", case_format="onnx", case_options={"optimization": "all"})
    together, alone = groups([litert, four, onnx], ("backend",))
    assert [group.records for group in together] == [(litert, onnx)]
    assert alone == [four]
    together, alone = groups([litert, four, onnx], ("threads",))
    assert [group.records for group in together] == [(litert, four)]
    assert alone == [onnx]
    together, _ = groups([litert, four, onnx], ("threads", "backend"))
    assert [len(group.records) for group in together] == [3]
    assert [one.other for one in together[0].pairs] == [four, onnx]


def test_runs_are_paired_by_the_whole_case(make_record: Make) -> None:
    first, second = make_record(), of_run(make_record(), "20260302T093000Z-0000")
    builtin = of_run(make_record(case_options={"kernels": "xnnpack"}), "20260302T093000Z-0000")
    together, alone = groups([first, second, builtin], RUN)
    assert [group.records for group in together] == [(first, second)]
    assert alone == [builtin]


def test_a_failed_record_is_not_measured_and_nothing_is_computed(make_record: Make) -> None:
    failed = make_record(samples=[], error=CaseError(kind="crash", message="it died"))
    for one in (pair(make_record(), failed, RUN), pair(failed, make_record(), RUN)):
        assert (one.verdict, one.ratio, one.ops) == ("not measured", None, None)
