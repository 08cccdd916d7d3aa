"""Processes on a phone: their streams and ends, and that nothing of them goes on; on phones that run."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest
from remote_processes import LONG_S, NothingGoesOn, Remote, StreamsAndEnds

from bench.base.errors import NotMeasuredError
from bench.devices.android import AndroidDevice

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the phones of the tests run POSIX programs")
Phone = Any


@pytest.fixture
def remote(made: Phone, handy: AndroidDevice) -> Remote:
    return Remote(handy, made.processes, made.nothing_runs)


class TestProcess(StreamsAndEnds):
    def test_what_may_not_be_executed_cannot_be_started(self, made: Phone, handy: AndroidDevice) -> None:
        (made.tmp / "text").write_text("no program")
        (made.tmp / "text").chmod(0o644)
        with pytest.raises(NotMeasuredError) as caught:
            handy.spawn(["/data/local/tmp/text"])
        assert "executed" in caught.value.found


class TestNothingGoesOn(NothingGoesOn):
    def test_ctrl_c_leaves_nothing_running_on_the_phone(self, made: Phone) -> None:
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
