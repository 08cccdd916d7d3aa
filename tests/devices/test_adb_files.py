"""Files on a phone: by content and never by size, below a limit, whole or not at all; on phones that run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import NotMeasuredError, StorageError
from bench.devices import adb_files, adb_sync
from bench.devices.adb_files import PhoneFiles
from bench.devices.android import AndroidDevice, create
from bench.records.types import Reading

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the phones of the tests run POSIX programs")

Phone = Any
Make = Callable[..., Phone]
MIB = 1 << 20


def there(made: Phone, remote: str) -> Path:
    """Where the phone's file lies here."""
    return Path(str(made.folder) + remote[remote.index("/data/") :])


def all_files(made: Phone) -> list[str]:
    return sorted(path.name for path in (made.tmp / "bench").rglob("*") if path.is_file())


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def fresh(handy: AndroidDevice, limit_bytes: int = adb_files.LIMIT_BYTES) -> PhoneFiles:
    """As the next run sees the phone."""
    return PhoneFiles(handy._phone().link, limit_bytes=limit_bytes)


class TestPush:
    def test_the_content_arrives_and_keeps_its_name(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        data = os.urandom(300_000)
        remote = handy.push(write(tmp_path / "model.tflite", data))
        assert remote.endswith("/model.tflite")
        assert there(made, remote).read_bytes() == data

    def test_a_program_can_be_executed(self, handy: AndroidDevice, tmp_path: Path) -> None:
        remote = handy.push(write(tmp_path / "tool", b"#!/bin/sh\necho ran $1\n"))
        process = handy.spawn([remote, "well"])
        assert process.read_line(60) == b"ran well"
        assert process.close(grace_s=60) == 0

    @pytest.mark.parametrize(
        "name", ["my model.tflite", 'it\'s "q" $HOME `x` (1),0.tflite', "ünï*?.bin", "-rf", "é" * 120 + ".bin"]
    )
    def test_any_name(self, made: Phone, handy: AndroidDevice, tmp_path: Path, name: str) -> None:
        remote = handy.push(write(tmp_path / name, name.encode()))
        assert name.endswith(there(made, remote).name)
        process = handy.spawn(["sh", "-c", 'cat "$0"; echo', remote])
        assert process.read_line(60) == name.encode()
        process.close()
        assert fresh(handy).push(tmp_path / name) == remote
        handy.pull(remote, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == name.encode()

    def test_what_is_there_is_not_sent_again(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        remote = handy.push(write(tmp_path / "m", b"content"))
        number = there(made, remote).stat().st_ino
        assert fresh(handy).push(tmp_path / "m") == remote
        assert there(made, remote).stat().st_ino == number

    @pytest.mark.parametrize("other", [b"CONTENT", b"conte"], ids=["another model of equal size", "a truncated push"])
    def test_another_content_under_the_name_is_replaced(
        self, made: Phone, handy: AndroidDevice, tmp_path: Path, other: bytes
    ) -> None:
        remote = handy.push(write(tmp_path / "m", b"content"))
        facts = there(made, remote).stat()
        there(made, remote).write_bytes(other)
        os.utime(there(made, remote), ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert fresh(handy).push(tmp_path / "m") == remote
        assert there(made, remote).read_bytes() == b"content"

    def test_a_changed_file_is_another_one(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        first = handy.push(write(tmp_path / "m", b"content"))
        second = handy.push(write(tmp_path / "m", b"CONTENT"))
        assert first != second
        assert there(made, second).read_bytes() == b"CONTENT"

    def test_a_phone_without_sha256sum(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        made.put_bin("sha256sum", "exit 127")
        remote = handy.push(write(tmp_path / "m", b"content"))
        there(made, remote).write_bytes(b"CONTENT")
        fresh(handy).push(tmp_path / "m")
        assert there(made, remote).read_bytes() == b"content"

    def test_what_arrives_changed_is_no_file(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        made.put_bin("sha256sum", "echo 0000  -")
        with pytest.raises(NotMeasuredError, match="cannot bring m") as caught:
            handy.push(write(tmp_path / "m", b"content"))
        assert "not what was sent" in caught.value.found
        assert all_files(made) == []

    def test_a_file_that_is_not_there(self, handy: AndroidDevice, tmp_path: Path) -> None:
        with pytest.raises(NotMeasuredError, match="cannot use"):
            handy.push(tmp_path / "none")

    def test_a_link_lost_while_pushing_leaves_no_half_file(
        self, made: Phone, handy: AndroidDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handy.push(write(tmp_path / "small", b"x"))
        send = adb_sync.put
        sent = 0

        def send_until_lost(wire: Any, word: bytes, data: bytes) -> None:
            nonlocal sent
            sent += 1
            if sent == 20:
                made.kill()
                made.wait_for("offline")
            send(wire, word, data)

        big = write(tmp_path / "big", os.urandom(8 * MIB))
        with monkeypatch.context() as patch:
            patch.setattr(adb_sync, "put", send_until_lost)
            with pytest.raises(NotMeasuredError) as caught:
                handy.push(big)
        assert "offline" in caught.value.found
        assert "big" not in all_files(made)
        made.restart()
        with handy.lock(0):
            assert all_files(made) == ["small"]


class TestRoom:
    def test_too_little_space_is_told_before(
        self, made: Phone, handy: AndroidDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made.put_bin("df", "echo Filesystem 1K-blocks Used Available Use% Mounted; echo /dev/x 99999 0 20480 0% /data")
        assert handy.free_bytes() == 20 * MIB
        with pytest.raises(NotMeasuredError) as caught:
            handy.push(write(tmp_path / "m", bytes(5 * MIB)))
        assert "5,242,880 bytes" in caught.value.found
        assert caught.value.todo
        assert all_files(made) == []

    def test_a_full_data_is_named_and_leaves_no_half_file(
        self, lab_phone: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = lab_phone()
        handy = create("handy", {"serial": made.serial})
        made.enter("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", "/data/local/tmp")
        monkeypatch.setattr(PhoneFiles, "free_bytes", lambda self: Reading(name="disk.free", unavailable="not asked"))
        with pytest.raises(NotMeasuredError) as caught:
            handy.push(write(tmp_path / "m", os.urandom(8 * MIB)))
        assert "/data is full" in caught.value.found
        assert "No space left" in caught.value.found
        left = handy._phone().link.shell("find /data/local/tmp -type f").stdout
        assert left == ""

    def test_a_scratch_folder_where_nothing_can_be_written(self, made: Phone, handy: AndroidDevice) -> None:
        made.put_bin("mkdir", "echo 'mkdir: x: No space left on device' >&2; exit 1")
        with pytest.raises(NotMeasuredError) as caught, handy.scratch():
            pass
        assert "full" in caught.value.found

    def test_what_was_used_least_recently_goes_and_this_run_s_files_stay(
        self, made: Phone, handy: AndroidDevice, tmp_path: Path
    ) -> None:
        for number, name in enumerate(("oldest", "old", "new")):
            remote = handy.push(write(tmp_path / name, name.encode() * 100_000))
            os.utime(there(made, remote), (1000 + number, 1000 + number))
        files = fresh(handy, limit_bytes=1_500_000)
        files.push(tmp_path / "oldest")  # used again: 600,000 bytes that must stay
        files.push(write(tmp_path / "next", b"next" * 100_000))
        assert all_files(made) == ["new", "next", "oldest"]

    def test_free_space_that_df_does_not_tell(self, made: Phone, handy: AndroidDevice) -> None:
        made.put_bin("df", "echo broken >&2; exit 1")
        free = handy.free_bytes()
        assert isinstance(free, Reading)
        assert "broken" in free.unavailable

    def test_clean_removes_all_of_ours(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        handy.push(write(tmp_path / "m", bytes(MIB)))
        (made.tmp / "of another").write_text("x")
        assert handy.clean() >= MIB
        assert [path.name for path in made.tmp.iterdir()] == ["of another"]
        assert handy.clean() == 0
        assert there(made, handy.push(tmp_path / "m")).stat().st_size == MIB


class TestPullAndScratch:
    def test_pull_of_what_is_not_there(self, handy: AndroidDevice, tmp_path: Path) -> None:
        with pytest.raises(NotMeasuredError, match="cannot fetch /data/local/tmp/none"):
            handy.pull("/data/local/tmp/none", tmp_path / "x")
        assert list(tmp_path.glob("*x")) == []

    def test_pull_to_where_nothing_can_be_written(self, made: Phone, handy: AndroidDevice, tmp_path: Path) -> None:
        (made.tmp / "f").write_text("x")
        write(tmp_path / "file", b"")
        with pytest.raises(StorageError):
            handy.pull("/data/local/tmp/f", tmp_path / "file" / "x")

    def test_scratch_is_empty_and_gone_afterwards_also_on_errors(self, made: Phone, handy: AndroidDevice) -> None:
        with pytest.raises(RuntimeError), handy.scratch() as folder:  # noqa: PT012
            write(there(made, folder) / "a b" / "c", b"x")
            raise RuntimeError
        assert not there(made, folder).exists()
        with handy.scratch() as another:
            assert another != folder
            assert list(there(made, another).iterdir()) == []
