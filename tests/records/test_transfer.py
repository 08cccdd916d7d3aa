"""Archives, merging and pruning: nothing is overwritten, nothing unreadable is lost, nothing leads outside."""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.base.errors import StorageError, UsageError
from bench.records import index, store, transfer
from bench.records.types import CaseError, Record

Make = Callable[..., Record]
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")


def of_run(record: Record, run: str, started: str = "2026-03-01T09:30:00.000Z") -> Record:
    return msgspec.structs.replace(record, run=msgspec.structs.replace(record.run, id=run, started=started))


def named(*records: Record) -> list[tuple[str, bytes]]:
    return [(f"{one.run.id}/{store.file_name(one)}", store.encode(one)) for one in records]


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_exported_is_imported_byte_for_byte(make_record: Make, tmp_path: Path, suffix: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    records = [make_record(), make_record(case_threads=2), of_run(make_record(), "20260302T000000.000Z-0001")]
    for record in records:
        store.save(record, here)
    archive = transfer.write_archive(tmp_path / f"a{suffix}", transfer.read_folder(here), lambda: {"records": 3})
    taken = transfer.take(transfer.read_archive(archive), there)
    assert (len(taken.added), taken.same, taken.refused, taken.unreadable) == (3, [], [], [])
    assert tree(there) == tree(here)
    again = transfer.take(transfer.read_archive(archive), there)
    assert (again.added, len(again.same), again.refused) == ([], 3, [])
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_an_archive_has_a_name_that_says_its_kind_and_a_place(make_record: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        transfer.write_archive(tmp_path / "a.rar", [], dict)
    with pytest.raises(StorageError):
        transfer.write_archive(tmp_path / "nowhere" / "a.zip", [], dict)


def test_a_failed_export_leaves_the_old_archive(make_record: Make, tmp_path: Path) -> None:
    path = transfer.write_archive(tmp_path / "a.zip", named(make_record()), dict)
    before = path.read_bytes()

    def breaking() -> Any:
        yield from named(make_record())
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="cannot write"):
        transfer.write_archive(path, breaking(), dict)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.zip"]


def test_another_record_of_the_same_run_and_case_is_refused(make_record: Make, tmp_path: Path) -> None:
    record = make_record()
    path = store.save(record, tmp_path)
    before = path.read_bytes()
    taken = transfer.take(
        named(msgspec.structs.replace(record, transcript=("another",)), make_record(case_threads=2)), tmp_path
    )
    assert [name for name, _ in taken.refused] == [f"{record.run.id}/{path.name}"]
    assert len(taken.added) == 1
    assert path.read_bytes() == before


def test_a_damaged_file_of_that_name_is_not_overwritten(make_record: Make, tmp_path: Path) -> None:
    path = store.save(make_record(), tmp_path)
    path.write_bytes(b"{")
    assert len(transfer.take(named(make_record()), tmp_path).refused) == 1
    assert path.read_bytes() == b"{"


def test_two_hosts_do_not_meet_even_in_the_same_millisecond(
    make_record: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frozen:
        @staticmethod
        def now(zone: Any) -> Any:
            return instant

    instant = store.datetime(2026, 11, 23, 10, 15, 30, 250_000, tzinfo=store.UTC)
    monkeypatch.setattr(store, "datetime", Frozen)
    ids = {store.new_run_id() for _ in range(64)}
    assert len(ids) > 60  # of 65,536; fewer than 61 of 64 come once in millions
    assert {each[:20] for each in ids} == {"20261123T101530.250Z"}
    assert all(re.fullmatch(r".{20}-[0-9a-f]{4}", each) for each in ids)
    records = [of_run(make_record(), each) for each in sorted(ids)]
    for folder, half in (("a", records[:30]), ("b", records[30:])):
        for record in half:
            store.save(record, tmp_path / folder)
    taken = transfer.take(transfer.read_folder(tmp_path / "b"), tmp_path / "a")
    assert (len(taken.added), taken.refused) == (len(ids) - 30, [])
    assert len(list(store.files(tmp_path / "a"))) == len(ids)


def test_unreadable_records_are_named_and_the_others_come(make_record: Make, tmp_path: Path) -> None:
    newer = store.encode(make_record()).replace(b'"schema":1', b'"schema":99', 1)
    records = [("r/cut.json", store.encode(make_record())[:300]), ("r/new.json", newer), *named(make_record())]
    taken = transfer.take(records, tmp_path)
    assert [name for name, _ in taken.unreadable] == ["r/cut.json", "r/new.json"]
    assert "damaged" in taken.unreadable[0][1]
    assert "schema 99" in taken.unreadable[1][1]
    assert len(taken.added) == 1


@pytest.mark.parametrize("run", ["..", "../../evil", "/etc", "a/b", "a\\b", "", ".hidden", "x" * 200, "a\0b"])
def test_no_record_leads_out_of_the_folder(make_record: Make, tmp_path: Path, run: str) -> None:
    taken = transfer.take([("r/x.json", store.encode(of_run(make_record(), run)))], tmp_path / "root")
    assert len(taken.refused) == 1
    assert list(tmp_path.rglob("*.json")) == []


def test_a_key_that_is_none_is_refused(make_record: Make, tmp_path: Path) -> None:
    record = msgspec.structs.replace(make_record(), case_key="../../x")
    assert len(transfer.take([("r/x.json", store.encode(record))], tmp_path).refused) == 1


def test_links_and_strange_members_are_passed_over(make_record: Make, tmp_path: Path) -> None:
    ((name, data),) = named(make_record())
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for kind, member in (
            (tarfile.SYMTYPE, "r/link.json"),
            (tarfile.FIFOTYPE, "r/pipe.json"),
            (tarfile.DIRTYPE, "r/d.json"),
        ):
            entry = tarfile.TarInfo(member)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        for member in ("../r/up.json", "/r/abs.json", "deep/r/x.json", "top.json", "r/._mac.json", name):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    assert [member for member, _ in transfer.read_archive(path)] == [name]


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut"])
def test_what_is_no_archive_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot read"):
        list(transfer.read_archive(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_off_archive_is_said(make_record: Make, tmp_path: Path, suffix: str) -> None:
    records = [of_run(make_record(), f"r{number}") for number in range(20)]
    path = transfer.write_archive(tmp_path / f"a{suffix}", named(*records), dict)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UsageError, match="cannot read"):
        list(transfer.read_archive(path))


def test_a_member_that_unpacks_to_too_much_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", 1000)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r/bomb.json", b" " * 10_000_000)
    ((name, data),) = transfer.read_archive(path)
    assert len(data) == 1001
    assert transfer.take([(name, data)], tmp_path / "root").unreadable[0][0] == name


@pytest.fixture
def many(make_record: Make, tmp_path: Path) -> Path:
    """Ten runs of one case, a day each; the third failed; another device has two."""
    root = tmp_path / "root"
    for day in range(1, 11):
        record = of_run(make_record(), f"202603{day:02d}T000000.000Z-0000", f"2026-03-{day:02d}T00:00:00.000Z")
        if day == 3:
            record = msgspec.structs.replace(record, invocations=(), error=CaseError(kind="crash", message="it died"))
        store.save(record, root)
        if day < 3:
            other = msgspec.structs.replace(record.device, fingerprint="e" * 16)
            changed = msgspec.structs.replace(
                record, device=other, run=msgspec.structs.replace(record.run, id=f"{record.run.id}b")
            )
            store.save(changed, root)
    return root


def days(doomed: transfer.Doomed) -> list[str]:
    return [row.run_id[6:8] + row.run_id[25:] for row in doomed.rows]


def choose(root: Path, tmp_path: Path, **options: Any) -> transfer.Doomed:
    given: dict[str, Any] = {"keep": None, "before": None, "pinned": lambda row: False}
    return transfer.choose(index.rows(root, tmp_path / "cache"), **(given | options))


def test_prune_keeps_the_newest_of_each_case_on_each_device(many: Path, tmp_path: Path) -> None:
    assert days(choose(many, tmp_path, keep=4)) == ["01", "02", "04", "05", "06"]
    assert days(choose(many, tmp_path, keep=1)) == ["01", "01b", "02", "04", "05", "06", "07", "08", "09"]
    assert days(choose(many, tmp_path, keep=100)) == []


def test_prune_by_age_and_by_both(many: Path, tmp_path: Path) -> None:
    before = "2026-03-04T12:00:00.000Z"
    assert days(choose(many, tmp_path, before=before)) == ["01", "01b", "02", "02b", "03", "04"]
    assert days(choose(many, tmp_path, before=before, keep=7)) == ["01", "02"]


def test_prune_spares_what_is_pinned_or_cannot_be_read(many: Path, tmp_path: Path) -> None:
    (broken,) = (many / "20260302T000000.000Z-0000").glob("*.json")
    broken.write_bytes(b"{")
    doomed = choose(many, tmp_path, keep=1, pinned=lambda row: row.run_id.startswith("20260301"))
    assert days(doomed) == ["04", "05", "06", "07", "08", "09"]
    assert len(doomed.pinned) == 2
    assert [row.path for row in doomed.unreadable] == [str(broken)]
    assert str(broken) not in [row.path for row in choose(many, tmp_path, before="2099").rows]
    asked = choose(many, tmp_path, keep=100, unreadable=True)
    assert [row.path for row in asked.rows] == [str(broken)]
    assert choose(many, tmp_path, before="2026-03-04", unreadable=True).unreadable  # it was written just now


def test_a_folder_goes_with_its_last_record_unless_something_else_lies_there(many: Path, tmp_path: Path) -> None:
    (many / "20260301T000000.000Z-0000" / "report.html").write_text("x")
    (many / "20260302T000000.000Z-0000" / "notes.txt").write_text("mine")
    transfer.delete(choose(many, tmp_path, before="2026-03-04").rows, many)
    left = sorted(path.name[6:8] for path in many.iterdir())
    assert left == ["02", "04", "05", "06", "07", "08", "09", "10"]
    assert [path.name for path in (many / "20260302T000000.000Z-0000").iterdir()] == ["notes.txt"]


def test_only_records_of_the_folder_are_deleted(many: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot delete"):
        transfer.delete(index.rows(many, tmp_path / "cache"), tmp_path / "elsewhere")
    assert len(list(store.files(many))) == 12
