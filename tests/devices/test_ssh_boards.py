"""Kinds of boards: what they tell of themselves and how their clocks are held, over SSH and on the board itself.

No board is here: the programs are stand-ins that print what real ones print, and keep what they are told in files.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from boards import jetson_programs
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import NotMeasuredError, UsageError
from bench.devices import coral_board, jetson, raspberry_pi
from bench.devices.bulk import Bulk
from bench.devices.linux_files import UnreadableError
from bench.devices.registry import open_device
from bench.records.types import Reading

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any
Make = Callable[..., Board]
RELEASE = (
    "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref, EABI: aarch64, DATE: Sat Feb 19 17:07:00 UTC 2022"
)


def values(device: Any) -> dict[str, Any]:
    return {one.name: one.value for one in device.conditions("before").readings}


class TestJetson:
    def test_facts_and_conditions_over_ssh(self, ssh_board: Make) -> None:
        board = ssh_board()
        jetson_programs(board)
        device = open_device("tx2", {**board.table, "kind": "jetson"})
        identity = device.identify()
        assert identity.kind == "jetson"
        assert {name: identity.facts.get(name) for name in ("jetpack", "tensorrt", "cudnn")} == {
            "jetpack": "4.6.1-b110",
            "tensorrt": "8.2.1-1+cuda10.2",
            "cudnn": "8.2.1.32",
        }
        assert "cuda-cudart" in identity.unavailable["cuda"]
        found = values(device)
        assert (found["power_mode"], found["jetson_clocks"]) == ("MODE (3)", "free")
        assert (found["rail.vdd_in"], found["gpu.freq"], found["temp.gpu"]) == (1.759, 114_000_000, 36)
        assert board.nothing_runs("tegrastats")

    def test_clocks_are_held_and_put_back(self, ssh_board: Make) -> None:
        board = ssh_board()
        jetson_programs(board)
        device = open_device("tx2", {**board.table, "kind": "jetson", "power_mode": 0})
        with device.lock(0):
            with device.pin() as readings:
                assert readings == (Reading(name="pin", value="pinned"),)
                assert (values(device)["power_mode"], values(device)["jetson_clocks"]) == ("MODE (0)", "held")
            assert (values(device)["power_mode"], values(device)["jetson_clocks"]) == ("MODE (3)", "free")

    def test_a_lost_connection_puts_them_back(self, ssh_board: Make) -> None:
        board = ssh_board()
        jetson_programs(board)
        device = open_device("tx2", {**board.table, "kind": "jetson", "power_mode": 0})
        with device.pin():
            board.cut()
            assert board.nothing_runs("jetson_clocks")
            assert (board.folder / "state" / "held").read_text() == "no\n"
            assert (board.folder / "state" / "mode").read_text() == "3\n"

    def test_what_was_left_pinned_is_put_back_by_the_next_run(self, ssh_board: Make) -> None:
        board = ssh_board()
        jetson_programs(board)
        table = {**board.table, "kind": "jetson"}
        with open_device("tx2", table).pin():
            for process in board.running("jetson_clocks"):
                process.kill()
            assert board.nothing_runs("jetson_clocks")
        assert (board.folder / "state" / "held").read_text() == "yes\n"
        with open_device("tx2", table).lock(5):
            assert (board.folder / "state" / "held").read_text() == "no\n"

    def test_without_root_nothing_is_pinned_and_the_reason_is_told(self, ssh_board: Make) -> None:
        board = ssh_board()
        jetson_programs(board)
        board.program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
        board.program("id", "echo 1000")
        with open_device("tx2", {**board.table, "kind": "jetson"}).pin() as readings:
            assert "sudo asks for a password" in readings[0].unavailable
        assert (board.folder / "state" / "held").read_text() == "no\n"

    def test_on_the_board_itself(self, ssh_board: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        board = ssh_board()
        jetson_programs(board)
        monkeypatch.setenv("PATH", f"{board.bin}:/usr/bin:/bin")
        device = open_device("here", {"kind": "jetson", "python": sys.executable})
        assert device.identify().facts["jetpack"] == "4.6.1-b110"
        with device.lock(5), device.pin() as readings:
            assert readings[0].value == "pinned"
            assert values(device)["jetson_clocks"] == "held"
        assert values(device)["jetson_clocks"] == "free"

    def test_releases(self) -> None:
        assert jetson.release(RELEASE) == "32.7.1"
        assert jetson.release("# R36 (release), REVISION: 4.3, GCID: 38968081") == "36.4.3"
        assert jetson.power_mode("NVPM WARN: fan mode is not set!\nNV Power Mode: MODE_15W_6CORE\n2\n") == (
            "MODE_15W_6CORE (2)"
        )

    @given(st.text())
    def test_any_text_is_a_value_or_a_reason(self, text: str) -> None:
        for read in (jetson.release, jetson.power_mode, jetson.clocks_held, lambda t: raspberry_pi.throttled(t, True)):
            with contextlib.suppress(UnreadableError):
                assert read(text)

    @pytest.mark.parametrize("mode", ["MAXN", True])
    def test_a_power_mode_is_a_number(self, mode: object) -> None:
        with pytest.raises(UsageError, match="power_mode"):
            open_device("tx2", {"kind": "jetson", "host": "tx2", "power_mode": mode})


class TestOthers:
    def test_a_raspberry_pi(self, ssh_board: Make) -> None:
        board = ssh_board()
        board.program(
            "vcgencmd",
            'case "$*" in get_throttled) echo throttled=0x50005;; measure_temp) echo "temp=48.3\'C";; '
            '"measure_clock arm") echo "frequency(48)=1500398464";; "measure_clock core") echo "frequency(1)=5";; '
            'version) printf "Mar 17 2023 10:50:39 \\nCopyright (c) 2012 Broadcom\\n";; esac',
        )
        device = open_device("pi", {**board.table, "kind": "raspberry-pi"})
        assert device.identify().facts["firmware"] == "Mar 17 2023 10:50:39"
        found = values(device)
        assert found["throttled.now"] == "under-voltage, throttled"
        assert found["throttled.since_boot"] == "under-voltage, throttled"
        assert (found["temp.firmware"], found["clock.arm"]) == (48.3, 1500398464)

    def test_without_its_program_all_has_a_reason(self, ssh_board: Make) -> None:
        device = open_device("pi", {**ssh_board().table, "kind": "raspberry-pi"})
        reasons = {one.name: one.unavailable for one in device.conditions("before").readings if one.value is None}
        assert "there is no program vcgencmd" in reasons["throttled.now"]
        assert "there is no program vcgencmd" in device.identify().unavailable["firmware"]

    def test_bits(self) -> None:
        assert raspberry_pi.throttled("throttled=0x0\n", since_boot=False) == "no"
        assert raspberry_pi.throttled("throttled=0x80000\n", since_boot=True) == "soft temperature limit"
        assert raspberry_pi.throttled("throttled=0x80000\n", since_boot=False) == "no"

    def test_an_edge_tpu_is_found_on_pcie_and_usb(self) -> None:
        usb = "/sys/bus/usb/devices"
        bulk = Bulk(
            {
                "/sys/class/apex/apex_0/temp": "45300",
                f"{usb}/2-1/idVendor": "18d1",
                f"{usb}/2-1/idProduct": "9302",
                f"{usb}/1-1/idVendor": "1a6e",
                f"{usb}/1-1/idProduct": "0001",
            },
            {},
            {"packages": "libedgetpu1-max 16.0"},
        )
        facts = {name: read() for name, read in coral_board.read_facts(bulk).items()}
        assert facts == {"edgetpu": "PCIe apex_0, USB 2-1", "libedgetpu": "16.0", "edgetpu_clock": "max"}
        assert [(one.name, one.value) for one in coral_board.read_readings(bulk)] == [("temp.edgetpu", 45.3)]

    @pytest.mark.parametrize("kind", ["coral-board", "x86", "raspberry-pi", "jetson"])
    def test_each_kind_can_be_used_with_nothing_of_it_there(self, ssh_board: Make, kind: str, tmp_path: Path) -> None:
        device = open_device("board", {**ssh_board().table, "kind": kind})
        with device.lock(5), device.pin() as readings:
            assert device.identify().facts["logical_cores"]
            assert readings[0].value == "pinned" or readings[0].unavailable.startswith("unpinned")
            assert all(one.value is not None or one.unavailable for one in device.conditions("before").readings)
            (tmp_path / "x").write_text("x")
            assert device.push(tmp_path / "x")

    def test_what_cannot_be_reached_is_not_pinned(self, ssh_board: Make) -> None:
        board = ssh_board()
        device = open_device("tx2", {**board.table, "kind": "jetson"})
        board.stop()
        with pytest.raises(NotMeasuredError):
            device.identify()
