"""`bench records`: what a real run leaves behind goes to another folder and back, and old ones go."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records import store

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def earlier(finished: Any, results_folder: Path) -> Path:
    shutil.copytree(finished.results, results_folder)
    return results_folder


def contents(root: Path) -> dict[str, bytes]:
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in store.files(root)}


@pytest.mark.parametrize("name", ["out.zip", "out.tar", "out.tar.gz"])
def test_export_and_import_give_the_same_records(bench: Bench, earlier: Path, tmp_path: Path, name: str) -> None:
    assert "records" in bench("records", "export", "last", "-o", name).stdout
    done = bench("records", "import", name, "--results", "there")
    assert f"{len(contents(earlier))} records added" in done.stdout
    assert contents(tmp_path / "there") == contents(earlier)
    again = json.loads(bench("records", "import", name, "--results", "there", "--json").stdout)
    assert (again["added"], len(again["same"])) == ([], len(contents(earlier)))
    bench("compare", "last", "--by", "backend", "--results", "there")


def test_redacted_exports_name_nobody_and_hold_together(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    for path in store.files(earlier):
        record = store.load(path)
        run = msgspec.structs.replace(record.run, command=("bench", "run", "/home/zacharias/m.tflite"))
        changed = msgspec.structs.replace(record, run=run, transcript=("zacharias@kiste9: 192.168.1.7:5555",))
        path.write_bytes(store.encode(changed))
    told = bench("records", "export", "last", "--redact", "-o", "out.tar").stdout
    assert "zacharias" in told  # the user is told what was replaced
    with tarfile.open(tmp_path / "out.tar") as archive:
        data = b"".join(stream.read() for entry in archive if (stream := archive.extractfile(entry)))
    for name in (b"zacharias", b"kiste9", b"192.168.1.7"):
        assert name not in data
    listed = json.loads(bench("records", "export", "last", "--redact", "-o", "again.tar", "--json").stdout)["redacted"]
    made = {each["stand_in"] for each in listed}
    assert all(each in told for each in made)
    bench("records", "import", "out.tar", "--results", "there")
    if getpass.getuser() == "root":
        assert all(record.case_key == record.case.key for record in map(store.load, store.files(tmp_path / "there")))


def test_another_record_of_the_same_name_is_refused(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    shutil.copytree(earlier, tmp_path / "other")
    (path,) = (tmp_path / "other").glob("*/*onnxruntime*.json")
    path.write_bytes(store.encode(msgspec.structs.replace(store.load(path), transcript=("not the same",))))
    before = contents(earlier)
    done = bench("records", "merge", "other", code=2)
    assert path.name in done.stderr
    assert "1 refused" in done.stdout
    assert contents(earlier) == before


def test_unreadable_ones_are_named_and_the_others_merged(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    (path,) = earlier.glob("*/*onnxruntime*.json")
    path.write_bytes(path.read_bytes().replace(b'"schema":1', b'"schema":99', 1))
    done = bench("records", "merge", earlier, "--results", "there", code=2)
    assert path.name in done.stderr
    assert "schema 99" in done.stderr
    assert len(contents(tmp_path / "there")) == len(contents(earlier)) - 1
    assert "itself" in bench("records", "merge", earlier, code=2).stderr
    (tmp_path / "empty").mkdir()
    assert "nothing" in bench("records", "merge", "empty", code=2).stderr


def test_prune_keeps_the_newest_the_pinned_and_the_unreadable(bench: Bench, earlier: Path) -> None:
    (old,) = {path.parent.name for path in store.files(earlier)}
    measured = [record for record in map(store.load, store.files(earlier)) if record.measured]
    for number in range(3):
        for record in measured:
            run = msgspec.structs.replace(
                record.run, id=f"2099010{number + 1}T000000.000Z-0000", started=f"2099-01-0{number + 1}"
            )
            store.save(msgspec.structs.replace(record, run=run), earlier)
    broken = earlier / "20990101T000000.000Z-0000" / "broken.json"
    broken.write_text("{")
    bench("history", "--pin", old)
    everything = contents(earlier)
    dry = bench("records", "prune", "--keep", "1", "--dry-run")
    assert f"{2 * len(measured)} records would be deleted" in dry.stdout
    assert str(broken) in dry.stderr
    assert contents(earlier) == everything
    document = json.loads(bench("records", "prune", "--keep", "1", "--json").stdout)
    assert len(document["deleted"]) == 2 * len(measured)
    assert len(document["pinned"]) == len(measured)
    left = {path.parent.name for path in store.files(earlier)}
    assert left == {old, "20990101T000000.000Z-0000", "20990103T000000.000Z-0000"}
    bench("records", "prune", "--keep", "1", "--unreadable")
    assert not broken.exists()
    assert "0 records deleted" in bench("records", "prune", "--older-than", "9w", "--keep", "1").stdout


def test_what_cannot_be_asked_is_said(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    assert "--keep" in bench("records", "prune", code=2).stderr
    assert "90d" in bench("records", "prune", "--older-than", "3y", code=2).stderr
    assert ".zip" in bench("records", "export", "last", "-o", "out.rar", code=2).stderr
    (tmp_path / "no.zip").write_text("no archive")
    assert "cannot read" in bench("records", "import", "no.zip", code=2).stderr
    bench("records", "import", "missing.zip", code=2)
