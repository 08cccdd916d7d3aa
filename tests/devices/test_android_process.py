"""Processes on a phone: their streams and ends, and that nothing of them goes on; on phones that run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.base.errors import NotMeasuredError
from bench.base.process import ChildEnded, ChildTimeout, signal_name
from bench.devices import adb_process
from bench.devices.android import AndroidDevice, create

LONG_S = 30.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the phones of the tests run POSIX programs")

Phone = Any
Make = Callable[..., Phone]


@pytest.fixture
def made(any_phone: Make) -> Phone:
    return any_phone()


@pytest.fixture
def device(made: Phone) -> AndroidDevice:
    return create("handy", {"serial": made.serial})


def lines_of(process: adb_process.AdbProcess) -> tuple[list[bytes], ChildEnded]:
    """All lines, and how it ended."""
    lines = []
    while True:
        try:
            lines.append(process.read_line(LONG_S))
        except ChildEnded as ended:
            return lines, ended


class TestProcess:
    def test_streams_environment_folder_and_exit_code(self, device: AndroidDevice, tmp_path: Path) -> None:
        with device.scratch() as folder:
            code = 'echo out; echo "$A"; pwd; echo err >&2; read line; echo "<$line>"; exit 3'
            process = device.spawn(["sh", "-c", code], env={"A": 'it\'s "b" $HOME'}, cwd=Path(folder))
            assert [process.read_line(LONG_S) for _ in range(2)] == [b"out", b'it\'s "b" $HOME']
            assert process.read_line(LONG_S).endswith(folder.encode())
            process.write_line(b"a line")
            lines, ended = lines_of(process)
            assert (lines, ended.returncode, process.stderr_tail()) == ([b"<a line>"], 3, "err")
            assert process.close() == 3

    def test_a_segfault_is_a_signal(self, device: AndroidDevice) -> None:
        process = device.spawn(["sh", "-c", "kill -SEGV $$"])
        _, ended = lines_of(process)
        assert signal_name(ended.returncode) == "SIGSEGV"
        process.close()

    def test_a_long_line_there_and_back(self, device: AndroidDevice) -> None:
        process = device.spawn(["cat"])
        process.write_line(b"x" * 1_000_000)
        assert process.read_line(LONG_S) == b"x" * 1_000_000
        assert process.close(grace_s=LONG_S) == 0

    def test_a_deadline_is_a_timeout_and_the_process_goes_on(self, device: AndroidDevice) -> None:
        process = device.spawn(["cat"])
        with pytest.raises(ChildTimeout):
            process.read_line(0.05)
        process.write_line(b"still here")
        assert process.read_line(LONG_S) == b"still here"
        process.close()
        with pytest.raises(ChildEnded):
            process.write_line(b"anybody?")

    @pytest.mark.parametrize("program", ["/data/local/tmp/none", "no-such-program"])
    def test_what_is_not_there_cannot_be_started(self, device: AndroidDevice, program: str) -> None:
        with pytest.raises(NotMeasuredError, match=f"cannot start {program}"):
            device.spawn([program])

    def test_what_may_not_be_executed_cannot_be_started(self, made: Phone, device: AndroidDevice) -> None:
        (made.tmp / "text").write_text("no program")
        (made.tmp / "text").chmod(0o644)
        with pytest.raises(NotMeasuredError) as caught:
            device.spawn(["/data/local/tmp/text"])
        assert "executed" in caught.value.found

    def test_close_ends_it_and_what_it_started(self, made: Phone, device: AndroidDevice) -> None:
        process = device.spawn(["sh", "-c", "trap '' HUP TERM; sleep 100 & setsid sleep 100 & echo up; wait"])
        assert process.read_line(LONG_S) == b"up"
        assert process.close() == -signal.SIGKILL
        assert process.close() == -signal.SIGKILL
        assert made.nothing_runs()

    def test_close_ends_what_outlived_its_parent(self, made: Phone, device: AndroidDevice) -> None:
        process = device.spawn(["sh", "-c", "(trap '' HUP; exec sleep 100) >/dev/null 2>&1 </dev/null & exit 0"])
        assert lines_of(process)[1].returncode == 0
        assert made.processes()
        assert process.close() == 0
        assert made.nothing_runs()

    def test_close_ends_a_child_that_has_lost_its_environment(self, device: AndroidDevice) -> None:
        process = device.spawn(["sh", "-c", "trap '' HUP; env -i sleep 100 & echo $!; wait"])
        child = psutil.Process(int(process.read_line(LONG_S)))
        process.close()
        gone, alive = psutil.wait_procs([child], timeout=LONG_S)
        assert gone or alive[0].status() == psutil.STATUS_ZOMBIE

    def test_close_leaves_the_processes_of_others(self, made: Phone, device: AndroidDevice) -> None:
        others = subprocess.Popen(["sleep", "100"], env={**os.environ, adb_process.JOB_VARIABLE: "another/phone"})
        try:
            device.spawn(["cat"]).close()
            with device.lock(0):
                assert others.poll() is None
        finally:
            others.kill()
            others.wait()

    def test_ctrl_c_leaves_nothing_running_on_the_phone(self, made: Phone, tmp_path: Path) -> None:
        code = f"""
from bench.devices.android import create
device = create("handy", {{"serial": "{made.serial}"}})
with device.lock(0):
    process = device.spawn(["sh", "-c", "trap '' HUP INT; sleep 100 & echo up; wait"])
    try:
        print(process.read_line(30), flush=True)
        process.read_line(100)
    finally:
        process.close()
"""
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            assert run.stdout is not None
            assert b"up" in run.stdout.readline()
            assert made.processes()
            run.send_signal(signal.SIGINT)
            _, error = run.communicate(timeout=LONG_S)
        assert b"KeyboardInterrupt" in error
        assert made.nothing_runs()
