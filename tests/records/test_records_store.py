"""Records on disk: the same comes back, damage is named, and nothing is written by halves."""

from __future__ import annotations

import json
import os
import re
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, ExitCode, StorageError
from bench.records import store
from bench.records.store import RecordError
from bench.records.types import SCHEMA_VERSION, OpRow, Profile, Reading, Record

Make = Callable[..., Record]
HERE = Path("some/record.json")
BASIC: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
}


def any_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, made from the type itself: a new field is covered without a word here."""
    if annotation in BASIC:
        return BASIC[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([any_of(each) for each in inner])
    if origin is tuple:
        assert inner[1:] == (...,)
        return st.lists(any_of(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(any_of(inner[0]), any_of(inner[1]), max_size=2)
    hints = typing.get_type_hints(annotation)
    return st.builds(annotation, **{name: any_of(hints[name]) for name in annotation.__struct_fields__})


any_record = any_of(Record).map(lambda record: msgspec.structs.replace(record, schema=SCHEMA_VERSION))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_record)
def test_any_record_comes_back_as_it_was(record: Record) -> None:
    assert store.decode(store.encode(record), HERE) == record


def test_a_record_is_saved_below_its_run_and_loaded(make_record: Make, tmp_path: Path) -> None:
    record = make_record()
    path = store.save(record, tmp_path)
    assert path.parent == tmp_path / record.run.id
    assert store.load(path) == record
    assert store.load(path).case.key == record.case_key
    data = path.read_bytes()
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    assert os.listdir(path.parent) == [path.name]


def test_the_json_is_plain_and_leaves_nothing_out(make_record: Make) -> None:
    tree = json.loads(store.encode(make_record()))
    assert set(tree) == set(Record.__struct_fields__)
    assert tree["invocations"][0]["memory"] == {
        "peak_bytes": 81300000,
        "before_load_bytes": 42000000,
        "reason": "",
        "growth_bytes": None,
    }
    assert tree["conditions"][0]["readings"][1]["value"] is None


def test_a_record_cut_off_anywhere_is_damaged(make_record: Make) -> None:
    data = store.encode(make_record(samples=[[5]], profile=None))
    whole = len(data.rstrip())
    for length in range(whole):
        with pytest.raises(RecordError) as caught:
            store.decode(data[:length], HERE)
        assert str(HERE) in caught.value.asked
        assert "damaged" in caught.value.found
    assert store.decode(data[:whole], HERE).schema == SCHEMA_VERSION


@given(st.binary(max_size=200) | st.from_regex(rb'\{"schema":1,.{0,40}', fullmatch=True))
def test_garbage_is_damaged(data: bytes) -> None:
    with pytest.raises(RecordError, match="damaged"):
        store.decode(data, HERE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"schema":null}',
        b'{"schema":"1"}',
        b'{"schema":true}',
        b'{"schema":1}',
        b'{"schema":0}',
        b'{"schema":-1}',
        b'{"schema":1,"run":' + b"[" * 200_000,
        b'\xff\xfe{"schema":1}',
        b'{"schema":1,"case_key":"\xff"}',
    ],
)
def test_what_is_no_record_is_damaged(data: bytes) -> None:
    with pytest.raises(RecordError, match="damaged") as caught:
        store.decode(data, HERE)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.todo


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_byte_gives_a_record_or_an_error_that_is_ours(make_record: Make, data: st.DataObject) -> None:
    whole = bytearray(store.encode(make_record(samples=[[5]])))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found: Record | RecordError
    try:
        found = store.decode(bytes(whole), HERE)
    except RecordError as error:
        found = error
    assert isinstance(found, Record) or str(HERE) in found.asked


def changed(record: Record, **fields: Any) -> bytes:
    return json.dumps({**json.loads(store.encode(record)), **fields}).encode()


def test_a_schema_that_never_was_is_damage(make_record: Make) -> None:
    for schema in (0, -1):
        with pytest.raises(RecordError, match="damaged"):
            store.decode(changed(make_record(), schema=schema), HERE)


def test_a_newer_schema_says_so_whatever_else_it_changed(make_record: Make) -> None:
    for newer in (changed(make_record(), schema=SCHEMA_VERSION + 1), b'{"schema":99,"run":7}'):
        with pytest.raises(RecordError) as caught:
            store.decode(newer, HERE)
        assert str(HERE) in caught.value.asked
        assert "schema" in caught.value.found
        assert str(SCHEMA_VERSION) in caught.value.found
        assert "damaged" not in str(caught.value)
        assert "newer" in caught.value.todo


def test_fields_that_a_later_bench_added_are_passed_over(make_record: Make) -> None:
    record = make_record()
    tree = json.loads(store.encode(record))
    tree["weather"] = {"celsius": 1.5}
    tree["case"]["region"] = "eu"
    tree["invocations"][0]["turns"][0]["clock"] = [1, 2]
    assert store.decode(json.dumps(tree).encode(), HERE) == record


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(RecordError, match=re.escape(str(path))):
            store.load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True])
def test_what_would_not_come_back_is_not_written(make_record: Make, tmp_path: Path, value: float) -> None:
    row = OpRow(position=0, op_type="ADD", name="", time_ns=value)
    record = make_record(profile=Profile(source="", inferences=1, total_ns=1.0, rows=(row,)))
    with pytest.raises(BenchError) as caught:
        store.save(record, tmp_path)
    assert caught.value.exit_code == ExitCode.INTERNAL
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_leaves_nothing(make_record: Make, tmp_path: Path) -> None:
    blocked = tmp_path / "results"
    blocked.write_text("a file")
    with pytest.raises(StorageError):
        store.save(make_record(), blocked)
    assert blocked.read_text() == "a file"
    assert store.load(store.save(make_record(), tmp_path)) == make_record()


HOSTILE = [
    "../../x",
    "/etc/passwd",
    "..",
    ".hidden",
    "-rf",
    "my model (final) v2.tflite",
    "m" * 300,
    "модель.tflite",
    "模型",
    "a\nb\x00c\x1b[31m",
    "C:\\models\\x.onnx",
    "*?[x]",
    "",
]


@pytest.mark.parametrize("model", HOSTILE)
def test_file_names_are_safe_for_hostile_models(make_record: Make, tmp_path: Path, model: str) -> None:
    record = make_record(case_model=model)
    name = store.file_name(record)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}\.json", name)
    path = store.save(record, tmp_path)
    assert path.parent.parent == tmp_path
    assert list(store.files(tmp_path)) == [tmp_path / record.run.id / name]
    assert store.load_run(tmp_path, record.run.id) == ([(record, path)], [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.tuples(st.text(), st.text(), st.text(max_size=3)))
def test_file_names_are_safe_for_anything(make_record: Make, words: tuple[str, str, str]) -> None:
    model, variant, backend = words
    case = {"case_model": model, "case_variant": variant, "case_backend": backend, "case_accelerator": ""}
    name = store.file_name(make_record(**case))
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}\.json", name)


def test_distinct_cases_of_a_run_have_distinct_files(make_record: Make) -> None:
    changes: list[dict[str, Any]] = [{"case_model": model} for model in HOSTILE]
    changes += [{"case_threads": threads} for threads in range(1, 50)]
    changes += [{"case_options": {"kernels": kind}} for kind in ("xnnpack", "reference", "Xnnpack")]
    changes += [{"case_device": "pixel"}, {"case_era": "modern"}, {"case_shapes": {}}, {"case_format": "onnx"}]
    names = {store.file_name(make_record(**each)).casefold() for each in changes}
    assert len(names) == len(changes)


def test_files_come_run_by_run_and_only_records(make_record: Make, tmp_path: Path) -> None:
    runs = ("20260301T093000Z-3fa9", "20260101T093000Z-ffff")
    kept = []
    for run in runs:
        base = make_record()
        record = msgspec.structs.replace(base, run=msgspec.structs.replace(base.run, id=run))
        kept.append(store.save(record, tmp_path))
        for stray in ("._copied.json", ".1f.part", "notes.txt"):
            (tmp_path / run / stray).write_text("stray")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "old.json").write_text("{}")
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "empty run").mkdir()
    assert list(store.files(tmp_path)) == kept[::-1]
    assert store.load_run(tmp_path, runs[0]) == ([(store.load(kept[0]), kept[0])], [])
    assert list(store.files(tmp_path / "nowhere")) == []
    assert store.load_run(tmp_path, "nothing") == ([], [])
    with pytest.raises(RecordError, match="results folder"):
        list(store.files(tmp_path / "report.json"))


def test_one_damaged_file_does_not_take_the_others_with_it(make_record: Make, tmp_path: Path) -> None:
    paths = [store.save(make_record(case_threads=threads), tmp_path) for threads in (1, 2, 3)]
    paths[1].write_bytes(paths[1].read_bytes()[:1000])
    (paths[0].parent / "folder.json").mkdir()
    found, damaged = store.load_run(tmp_path, make_record().run.id)
    assert sorted(record.case.threads for record, _ in found) == [1, 3]
    assert [str(paths[1]) in error.asked or "folder.json" in error.asked for error in damaged] == [True, True]


def test_run_ids_sort_by_time_and_instants_are_utc() -> None:
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{4}", store.new_run_id())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", store.now())
    assert store.new_run_id()[:15] >= store.now()[:19].replace("-", "").replace(":", "")[:15]


def test_a_reading_without_a_value_stays_without(make_record: Make) -> None:
    reading = Reading(name="temp", unit="C", unavailable="no sensor")
    moment = msgspec.structs.replace(make_record().conditions[0], readings=(reading, Reading(name="n", value=1.0)))
    back = store.decode(store.encode(make_record(conditions=(moment,))), HERE).conditions[0].readings
    assert back[0] == reading
    assert type(back[1].value) is float
