"""The index is only a cache: it follows the files, and whatever happens to it, the files decide."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.base.errors import StorageError
from bench.records import index, store
from bench.records.stats import latency_summary
from bench.records.types import CaseError, Conditions, Reading, Record

Make = Callable[..., Record]
READ_ALL = (
    "import sys; from pathlib import Path; from bench.records import index\n"
    "print(len(index.rows(Path(sys.argv[1]), Path(sys.argv[2]), rebuild=sys.argv[3] == 'rebuild')))"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that the index read since it was last cleared."""
    names: list[str] = []

    def counted(path: Path) -> Record:
        names.append(path.name)
        return store.load(path)

    monkeypatch.setattr(index, "load", counted)
    return names


def of_run(record: Record, run: str) -> Record:
    return msgspec.structs.replace(record, run=msgspec.structs.replace(record.run, id=run))


def threads(rows: list[index.Row]) -> list[int]:
    return [row.threads for row in rows]


def test_a_row_says_what_the_record_says(make_record: Make, root: Path, cache: Path) -> None:
    record = make_record()
    path = store.save(record, root)
    summary = latency_summary(record)
    assert summary is not None
    (row,) = index.rows(root, cache)
    assert (row.path, row.run_id, row.case_key) == (str(path), record.run.id, record.case_key)
    assert (row.median_ns, row.low_ns, row.high_ns, row.n) == (
        summary.median_ns, summary.low_ns, summary.high_ns, 100,
    )  # fmt: skip
    assert (row.placement, row.error, row.damaged) == ("full (XNNPACK)", "", "")
    assert set(index.COLUMNS) == set(index.Row.__dataclass_fields__)


def test_a_row_says_what_a_series_has_in_common(make_record: Make, root: Path, cache: Path) -> None:
    record = make_record(
        conditions=(Conditions(phase="before", at="", readings=(Reading(name="pin", value="unpinned"),)),)
    )
    store.save(record, root)
    (row,) = index.rows(root, cache)
    assert (row.fingerprint, row.runtime, row.placement_kind) == ("f" * 16, "ai-edge-litert 2.3.0", "full")
    assert (row.clocks, row.artifact, row.kind, row.label) == ("pin unpinned", "ab" * 32, "local", record.case.label)
    assert (row.measured, row.replayed, row.schema) == (True, False, record.schema)
    assert dataclasses.replace(row, kind="replay").replayed


def test_only_rows_of_the_wanted_values_come_and_those_that_cannot_be_read(
    make_record: Make, root: Path, cache: Path
) -> None:
    for count in (1, 2):
        store.save(make_record(case_threads=count), root)
    store.save(make_record(case_threads=2, case_model="other"), root)
    assert threads(index.rows(root, cache, only={"threads": 2})) == [2, 2]
    assert threads(index.rows(root, cache, only={"threads": 2, "model": "other"})) == [2]
    assert index.rows(root, cache, only={"model": "nobody's"}) == []
    broken = store.save(make_record(case_threads=9), root)
    broken.write_bytes(b"{")
    assert [row.path for row in index.rows(root, cache, only={"model": "nobody's"})] == [str(broken)]
    with pytest.raises(ValueError, match="tuple"):
        index.rows(root, cache, only={"1 = 1 OR model": "x"})


def test_an_index_of_other_columns_is_left_for_the_bench_that_made_it(
    make_record: Make, root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(make_record(), root)
    before = index.rows(root, cache)
    monkeypatch.setattr(index, "VERSION", index.VERSION + 1)
    assert index.rows(root, cache) == before
    assert len(list(cache.glob("*.sqlite3"))) == 2


def test_a_failed_case_has_its_error_and_no_number(make_record: Make, root: Path, cache: Path) -> None:
    store.save(make_record(samples=[], error=CaseError(kind="crashed", message="it died")), root)
    (row,) = index.rows(root, cache)
    assert (row.error, row.median_ns, row.low_ns, row.n) == ("crashed", None, None, 0)


def test_only_new_and_changed_files_are_read(make_record: Make, root: Path, cache: Path, read: list[str]) -> None:
    assert index.rows(root, cache) == []
    paths = [store.save(make_record(case_threads=count), root) for count in (1, 2)]
    assert sorted(threads(index.rows(root, cache))) == [1, 2]
    assert sorted(read) == sorted(path.name for path in paths)
    read.clear()
    assert len(index.rows(root, cache)) == 2
    assert read == []
    new = store.save(make_record(case_threads=3), root)
    assert sorted(threads(index.rows(root, cache))) == [1, 2, 3]
    assert read == [new.name]


def test_a_changed_file_is_read_again(make_record: Make, root: Path, cache: Path, read: list[str]) -> None:
    path = store.save(make_record(), root)
    (before,) = index.rows(root, cache)
    path.write_bytes(store.encode(make_record(samples=[[7] * 9] * 5)))
    (after,) = index.rows(root, cache)
    assert (after.median_ns, after.n) == (7.0, 45)
    assert before.median_ns != after.median_ns
    read.clear()
    os.utime(path, ns=(1, 1))  # the same size, another time
    index.rows(root, cache)
    assert read == [path.name]


def test_a_removed_file_is_forgotten(make_record: Make, root: Path, cache: Path) -> None:
    paths = [store.save(make_record(case_threads=count), root) for count in (1, 2)]
    index.rows(root, cache)
    paths[0].unlink()
    assert threads(index.rows(root, cache)) == [2]
    paths[1].unlink()
    assert index.rows(root, cache) == []


def test_rebuild_reads_everything_of_this_folder_only(
    make_record: Make, root: Path, cache: Path, tmp_path: Path, read: list[str]
) -> None:
    other = tmp_path / "other"
    store.save(make_record(), root)
    store.save(make_record(case_threads=8), other)
    assert threads(index.rows(root, cache)) == [1]
    assert threads(index.rows(other, cache)) == [8]
    read.clear()
    assert threads(index.rows(root, cache, rebuild=True)) == [1]
    assert len(read) == 1
    assert threads(index.rows(other, cache)) == [8]
    assert len(read) == 1


def test_runs_come_oldest_first(make_record: Make, root: Path, cache: Path) -> None:
    for run in ("20260301T093000Z-3fa9", "20250101T000000Z-ffff", "20260301T093001Z-0000"):
        store.save(of_run(make_record(), run), root)
    assert [row.run_id[:15] for row in index.rows(root, cache)] == [
        "20250101T000000", "20260301T093000", "20260301T093001",
    ]  # fmt: skip


def test_a_damaged_record_is_a_row_with_the_reason(make_record: Make, root: Path, cache: Path) -> None:
    store.save(make_record(case_threads=2), root)
    path = store.save(make_record(), root)
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    by_path = {row.path: row for row in index.rows(root, cache)}
    assert len(by_path) == 2
    row = by_path[str(path)]
    assert "damaged" in row.damaged
    assert (row.median_ns, row.run_id) == (None, path.parent.name)
    path.write_bytes(whole)
    assert [row.damaged for row in index.rows(root, cache)] == ["", ""]


def database(cache: Path) -> Path:
    (path,) = cache.glob("*.sqlite3")
    return path


def junk(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def beheaded(path: Path) -> None:
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])


def rotten_pages(path: Path) -> None:
    """The head and the table's description are whole; the rows' pages are not."""
    data = path.read_bytes()
    size = int.from_bytes(data[16:18], "big")
    path.write_bytes(data[:size] + b"\xa5" * (len(data) - size))


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def other_columns(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE records (path PRIMARY KEY, something)")
    connection.close()


@pytest.mark.parametrize("harm", [junk, empty, beheaded, rotten_pages, cut, other_columns])
def test_a_damaged_index_is_made_anew(make_record: Make, root: Path, cache: Path, harm: Callable[[Path], Any]) -> None:
    for count in range(1, 41):
        store.save(make_record(case_threads=count), root)
    before = index.rows(root, cache)
    harm(database(cache))
    assert index.rows(root, cache) == before
    assert index.rows(root, cache) == before


def test_a_journal_of_a_damaged_index_goes_with_it(tmp_path: Path) -> None:
    # Left behind, it would be rolled back into the new database.
    for name in ("index.sqlite3", "index.sqlite3-journal", "other.sqlite3"):
        (tmp_path / name).write_text("x")
    for _ in range(2):
        index._forget(tmp_path / "index.sqlite3")
        assert os.listdir(tmp_path) == ["other.sqlite3"]


def test_an_index_that_another_process_holds_is_never_deleted(
    make_record: Make, root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(make_record(), root)
    index.rows(root, cache)
    store.save(make_record(case_threads=2), root)
    place = database(cache)
    inode = place.stat().st_ino
    monkeypatch.setattr(index, "LOCK_S", 0.05)
    holder = sqlite3.connect(place, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError) as caught:
        index.rows(root, cache)
    assert "locked" in caught.value.found
    holder.execute("ROLLBACK")
    holder.close()
    assert place.stat().st_ino == inode
    assert len(index.rows(root, cache)) == 2


def test_a_cache_that_cannot_be_written_is_a_storage_error(make_record: Make, root: Path, tmp_path: Path) -> None:
    store.save(make_record(), root)
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(StorageError):
        index.rows(root, tmp_path / "plain")
    blocked = tmp_path / "blocked"
    (blocked / f"index-{index.VERSION}.sqlite3").mkdir(parents=True)
    with pytest.raises(StorageError, match="index"):
        index.rows(root, blocked)


@pytest.mark.parametrize("damaged", [False, True])
def test_several_processes_at_once(make_record: Make, root: Path, cache: Path, damaged: bool) -> None:
    for count in range(1, 31):
        store.save(make_record(case_threads=count), root)
    if damaged:
        index.rows(root, cache)
        rotten_pages(database(cache))
    how = ("update", "rebuild", "update", "rebuild")
    argv = [[sys.executable, "-c", READ_ALL, str(root), str(cache), each] for each in how]
    started = [subprocess.Popen(each, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for each in argv]
    ended = [process.communicate(timeout=60) for process in started]
    assert [out for out, _ in ended] == ["30\n"] * 4, [error for _, error in ended]
    assert len(index.rows(root, cache)) == 30
