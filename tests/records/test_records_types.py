"""The record's parts: the key of a case, texts, and the arithmetic of the profile's gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.records.types import (
    Case,
    CaseError,
    Conditions,
    DeviceIdentity,
    OpRow,
    Placement,
    Profile,
    Reading,
    Record,
    TensorSpec,
)

# The key joins a case's records of years: it must not move, whatever is done to the types.
KEY = "0a1d7346056198531af6b183e7f97d64728fc5b2f7327292031ae3c9c36b62d9"
OTHER: dict[str, Any] = {
    "device": "pixel",
    "backend": "onnxruntime",
    "accelerator": "gpu",
    "model": "prisma_512",
    "variant": "int8",
    "era": "modern",
    "format": "onnx",
    "threads": 2,
    "options": {"kernels": "xnnpack"},
    "shapes": {"input": (1, 512, 256, 3)},
}


def test_the_key_is_stable(make_case: Callable[..., Case]) -> None:
    assert make_case().key == KEY


def test_every_field_changes_the_key(make_case: Callable[..., Case]) -> None:
    assert set(OTHER) == set(Case.__struct_fields__)
    keys = {make_case().key} | {make_case(**{name: value}).key for name, value in OTHER.items()}
    assert len(keys) == len(OTHER) + 1


def test_the_key_knows_which_field_a_word_stands_in(make_case: Callable[..., Case]) -> None:
    swapped = make_case(model="fp32", variant="prisma_256")
    moved = make_case(options={}, shapes={"kernels": ()})
    empty = make_case(options={"kernels": ""}, shapes={})
    assert len({case.key for case in (make_case(), swapped, moved, empty)}) == 4


def test_the_key_does_not_depend_on_the_order_of_options(make_case: Callable[..., Case]) -> None:
    one = make_case(options={"a": "1", "b": "2"}, shapes={"x": (1,), "y": (2,)})
    two = make_case(options={"b": "2", "a": "1"}, shapes={"y": (2,), "x": (1,)})
    assert one.key == two.key


def test_hashes_and_versions_are_not_in_the_key(make_record: Callable[..., Record]) -> None:
    record = make_record()
    assert record.tool is not None
    newer = msgspec.structs.replace(record, tool=msgspec.structs.replace(record.tool, version="9.9"), artifact=None)
    assert newer.case.key == record.case.key


def test_the_label_is_one_line(make_case: Callable[..., Case]) -> None:
    assert make_case().label == "prisma_256 fp32 · litert cpu · 1 thread · kernels=builtin"
    many = make_case(threads=4, options={"b": "2", "a": "1"})
    assert many.label == "prisma_256 fp32 · litert cpu · 4 threads · a=1 · b=2"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"kind": "full", "delegate": "XNNPACK", "nodes": 5, "total": 5}, "full (XNNPACK)"),
        ({"kind": "full"}, "full"),
        ({"kind": "partial", "nodes": 539, "total": 548, "partitions": 19}, "partial 539/548 in 19 partitions"),
        ({"kind": "partial", "nodes": 5, "total": 6, "partitions": 1}, "partial 5/6 in 1 partition"),
        ({"kind": "partial", "nodes": 0, "total": 6, "delegate": "NNAPI"}, "partial 0/6 (NNAPI)"),
        ({"kind": "partial", "nodes": 5}, "partial"),
        ({"kind": "none", "delegate": "NNAPI"}, "none (NNAPI)"),
        ({"kind": "unknown", "delegate": "NNAPI", "reason": "it does not tell"}, "unknown"),
    ],
)
def test_placement_in_words(fields: dict[str, Any], text: str) -> None:
    assert Placement(**fields).text == text


def rows(*times_ns: float) -> tuple[OpRow, ...]:
    return tuple(OpRow(position=at, op_type="ADD", name="", time_ns=time) for at, time in enumerate(times_ns))


@pytest.mark.parametrize(
    ("total_ns", "times_ns", "gap_ns", "share"),
    [(100.0, (60.0, 30.0), 10.0, 0.1), (100.0, (), 100.0, 1.0), (100.0, (80.0, 40.0), -20.0, -0.2), (0.0, (), 0, 0)],
)
def test_the_gap_is_what_no_row_explains(
    total_ns: float, times_ns: tuple[float, ...], gap_ns: float, share: float
) -> None:
    profile = Profile(source="", inferences=1, total_ns=total_ns, rows=rows(*times_ns))
    assert profile.rows_ns == sum(times_ns)
    assert (profile.gap_ns, profile.gap_share) == (gap_ns, pytest.approx(share))


def test_measured_means_a_number_and_no_error(make_record: Callable[..., Record]) -> None:
    error = CaseError(kind="crashed", message="it died")
    assert make_record().measured
    assert make_record(samples=[[], [5]]).measured
    assert not make_record(samples=[[], []]).measured
    assert not make_record(samples=[]).measured
    assert not make_record(error=error).measured


def test_samples_are_those_of_all_turns_in_order(make_invocation: Callable[..., Any]) -> None:
    invocation = make_invocation(range(1, 13))
    assert len(invocation.turns) == 3
    assert invocation.samples_ns == list(range(1, 13))


def test_parts_are_frozen(make_record: Callable[..., Record]) -> None:
    with pytest.raises(AttributeError):
        make_record().case_key = "x"  # type: ignore[misc]


def test_small_questions_have_answers() -> None:
    assert TensorSpec(name="x", dtype="int8", shape=(1, -1)).dynamic
    assert not TensorSpec(name="x", dtype="int8", shape=()).dynamic
    steal = Reading(name="steal", value=0)
    moment = Conditions(phase="before", at="", readings=(steal,))
    assert (moment.get("steal"), moment.get("load")) == (steal, None)
    named = DeviceIdentity(name="a", kind="local", fingerprint="", facts={"cpu_model": "M1", "logical_cores": 8})
    bare = DeviceIdentity(name="a", kind="adb", fingerprint="", facts={})
    assert (named.title, bare.title) == ("M1, 8 cores", "adb")
