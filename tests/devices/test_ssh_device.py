"""A board behind a real SSH server: who it is, its conditions, and files by content; with this machine as the board."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import NotMeasuredError
from bench.devices.local import LocalDevice
from bench.devices.registry import open_device
from bench.devices.ssh import SshDevice, create

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any
Make = Callable[..., Board]
MIB = 1 << 20


@pytest.fixture
def board(ssh_board: Make) -> Board:
    return ssh_board()


@pytest.fixture
def device(board: Board) -> SshDevice:
    return create("pi", board.table)


@pytest.fixture
def trips(device: SshDevice, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that go to the board from now on."""
    link = device._board().link
    seen: list[str] = []
    shell = link._open

    async def counted(script: str, *arguments: Any) -> Any:
        seen.append(script)
        return await shell(script, *arguments)

    monkeypatch.setattr(link, "_open", counted)
    return seen


class TestIdentity:
    def test_it_is_this_machine_in_one_round_trip(self, device: SshDevice, trips: list[str]) -> None:
        found, here = device.identify(), LocalDevice().identify()
        assert len(trips) == 1
        for name in ("cpu_model", "architecture", "logical_cores", "isa", "memory_bytes", "os", "kernel", "virtual"):
            assert (found.facts.get(name), name in found.unavailable) == (
                here.facts.get(name),
                name in here.unavailable,
            ), name
        assert found.facts["python"] == here.facts["python"]
        assert (found.kind, found.name) == ("ssh", "pi")
        assert device.abis() == LocalDevice().abis()

    def test_the_registry_opens_it(self, board: Board) -> None:
        assert open_device("pi", board.table).kind == "ssh"

    def test_two_boards_of_one_make_are_told_apart_by_their_serial_number(self) -> None:
        from bench.devices.ssh_conditions import look

        def shell(number: str) -> Any:
            from bench.devices.remote import ShellResult

            text = f"@@bench files\n@@bench tree\nmodel: Some Board \nserial-number: {number} \n@@bench end\n"
            return lambda command: ShellResult(text, "", 0)

        from bench.devices.ssh_conditions import _IDENTITY_COMMANDS

        bulk = look(shell("0001"), (), _IDENTITY_COMMANDS)
        assert bulk.text("/proc/device-tree/model") == "Some Board"
        assert bulk.text("/proc/device-tree/serial-number") == "0001"


class TestConditions:
    def test_all_names_of_linux_with_the_values_of_this_machine(self, device: SshDevice, trips: list[str]) -> None:
        found, local = device.conditions("before"), LocalDevice().conditions("before")
        assert len(trips) == 1
        assert {one.name for one in found.readings} == {one.name for one in local.readings}
        for name in ("cpu.allowed", "cpu.governor", "cgroup.cpu_quota", "cpu.boost", "memory.swap_used"):
            mine, other = found.get(name), local.get(name)
            assert mine is not None
            assert other is not None
            assert (mine.value is None) == (other.value is None), (name, mine, other)
        available = found.get("memory.available")
        assert available is not None
        assert isinstance(available.value, int)

    def test_what_we_start_on_the_board_is_not_others(self, board: Board, device: SshDevice) -> None:
        device.conditions("before")
        process = device.spawn([sys.executable, "-c", "print('up', flush=True)\nwhile True: pass"])
        assert process.read_line(60) == b"up"
        own = device._board()
        for _ in range(600):
            time.sleep(0.1)
            ticks = own_ticks(device)
            if ticks > 100:
                break
        process.close()
        assert own is device._board()
        assert ticks > 100
        assert own_ticks(device) >= ticks  # of a process that ended, too

    def test_a_board_out_of_reach_has_conditions_that_are_not_known(self, board: Board, device: SshDevice) -> None:
        device.conditions("before")
        board.cut()
        board.stop()
        readings = device.conditions("after").readings
        assert all(one.value is None for one in readings if one.name != "pin")
        assert any("refused" in one.unavailable or "lost" in one.unavailable for one in readings)


def own_ticks(device: SshDevice) -> int:
    from bench.devices import linux_shares
    from bench.devices.ssh_conditions import _COMMANDS, look

    return linux_shares.own_ticks(look(device._board().link.shell, (), {"ours": _COMMANDS["ours"]}))


class TestFiles:
    @pytest.mark.parametrize("name", ["my model.tflite", 'it\'s "q" $HOME `x` !!.tflite', "ünï*?.bin", "-rf"])
    def test_the_content_arrives_and_comes_back(self, device: SshDevice, tmp_path: Path, name: str) -> None:
        data = os.urandom(300_000)
        (tmp_path / name).write_bytes(data)
        remote = device.push(tmp_path / name)
        assert Path(remote).read_bytes() == data
        assert Path(remote).name == name
        device.pull(remote, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data

    def test_it_lies_in_the_cache_of_the_user_there(self, board: Board, device: SshDevice, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("a")
        assert device.push(tmp_path / "a").startswith(f"{board.home}/.cache/bench/files/")
        there = create("pi", {**board.table, "folder": "~/my files"}).push(tmp_path / "a")
        assert there.startswith(f"{board.home}/my files/files/")

    def test_the_same_content_is_not_sent_again(self, board: Board, device: SshDevice, tmp_path: Path) -> None:
        (tmp_path / "model").write_bytes(os.urandom(MIB))
        remote = Path(device.push(tmp_path / "model"))
        inode = remote.stat().st_ino
        assert Path(create("pi", board.table).push(tmp_path / "model")).stat().st_ino == inode
        data = bytearray(remote.read_bytes())
        data[MIB // 2] ^= 1  # of the same size
        remote.write_bytes(data)
        assert (
            Path(create("pi", board.table).push(tmp_path / "model")).read_bytes() == (tmp_path / "model").read_bytes()
        )

    def test_a_program_can_be_executed(self, device: SshDevice, tmp_path: Path) -> None:
        (tmp_path / "tool").write_text("#!/bin/sh\necho ran $1\n")
        process = device.spawn([device.push(tmp_path / "tool"), "well"])
        assert process.read_line(60) == b"ran well"
        process.close()

    def test_a_file_that_is_not_there(self, device: SshDevice, tmp_path: Path) -> None:
        with pytest.raises(NotMeasuredError, match="cannot fetch") as caught:
            device.pull("/none/file", tmp_path / "x")
        assert "No such file" in caught.value.found
        assert list(tmp_path.glob("*.part")) == []

    @pytest.fixture
    def small_disk(self, board: Board) -> Iterator[Path]:
        folder = board.folder / "small"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            pytest.skip("needs root, to mount a small disk")
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)

    def test_a_full_disk_is_said_and_nothing_half_stays(
        self, board: Board, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = create("pi", {**board.table, "folder": f"{small_disk}/bench"})
        (tmp_path / "big").write_bytes(os.urandom(30 * MIB))
        with pytest.raises(NotMeasuredError) as caught:
            device.push(tmp_path / "big")
        assert "bytes free" in caught.value.found
        monkeypatch.setattr("bench.devices.remote_files.RemoteFiles._make_room", lambda *_: None)
        with pytest.raises(NotMeasuredError) as caught:
            device.push(tmp_path / "big")
        assert "disk is full" in caught.value.found
        assert [path for path in small_disk.rglob("*") if path.is_file()] == []

    def test_what_is_used_least_goes_when_the_limit_is_reached(
        self, board: Board, device: SshDevice, tmp_path: Path
    ) -> None:
        from bench.devices.ssh_files import SshFiles

        link, home = device._board().link, device._board().home
        paths = []
        for index in range(3):
            (tmp_path / f"f{index}").write_bytes(os.urandom(MIB))
            paths.append(Path(SshFiles(link, home=home, limit_bytes=2 * MIB).push(tmp_path / f"f{index}")))
            os.utime(paths[-1], (index, index))
        assert [path.exists() for path in paths] == [False, True, True]

    def test_scratch_clean_and_free_space(self, board: Board, device: SshDevice, tmp_path: Path) -> None:
        with device.scratch() as folder:
            assert Path(folder).is_dir()
        assert not Path(folder).exists()
        (tmp_path / "model").write_bytes(os.urandom(MIB))
        device.push(tmp_path / "model")
        free = device.free_bytes()
        assert isinstance(free, int)
        assert free > 0
        with device.lock(0):
            assert device.clean() >= MIB
            assert not (board.home / ".cache" / "bench").exists()
            with pytest.raises(NotMeasuredError), create("pi", board.table).lock(0.1):
                pass

    def test_a_slow_way_is_only_slow(self, board: Board, tmp_path: Path) -> None:
        from ssh_way import Way

        way = Way(board, delay_s=0.05)
        device = create("pi", way.table)
        (tmp_path / "model").write_bytes(os.urandom(3 * MIB))
        assert Path(device.push(tmp_path / "model")).read_bytes() == (tmp_path / "model").read_bytes()
        assert device.identify().facts["logical_cores"] == os.cpu_count()
        way.close()
