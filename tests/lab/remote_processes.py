"""What holds of a process on every device that is elsewhere: its streams and ends, and that nothing of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bench.base.errors import NotMeasuredError
from bench.base.process import ChildEnded, ChildTimeout, Process, signal_name
from bench.devices.protocol import Device
from bench.devices.remote_jobs import JOB_VARIABLE

LONG_S = 60.0


@dataclass(frozen=True)
class Remote:
    """A device, and what its tests see from its other side.

    running: whether anything runs there; nothing_runs: whether that comes to an end within a generous limit.
    """

    device: Device
    running: Callable[[], object]
    nothing_runs: Callable[[], bool]


def lines_of(process: Process) -> tuple[list[bytes], ChildEnded]:
    """All lines, and how it ended."""
    lines = []
    while True:
        try:
            lines.append(process.read_line(LONG_S))
        except ChildEnded as ended:
            return lines, ended


class StreamsAndEnds:
    """The tests of each kind of device have a class below this one, and a fixture `remote`."""

    LINE_BYTES = 1_000_000

    def test_streams_environment_folder_and_exit_code(self, remote: Remote) -> None:
        said = 'it\'s "b" $HOME \\ !x'
        with remote.device.scratch() as folder:
            code = 'echo out; printf "%s\\n" "$A"; pwd; echo err >&2; read line; echo "<$line>"; exit 3'
            process = remote.device.spawn(["sh", "-c", code], env={"A": said}, cwd=Path(folder))
            assert [process.read_line(LONG_S) for _ in range(2)] == [b"out", said.encode()]
            assert process.read_line(LONG_S).endswith(folder.encode())
            process.write_line(b"a line")
            lines, ended = lines_of(process)
            assert (lines, ended.returncode, process.stderr_tail()) == ([b"<a line>"], 3, "err")
            assert process.close() == 3

    def test_a_segfault_is_a_signal(self, remote: Remote) -> None:
        process = remote.device.spawn(["sh", "-c", "kill -SEGV $$"])
        _, ended = lines_of(process)
        assert signal_name(ended.returncode) == "SIGSEGV"
        process.close()

    def test_a_long_line_there_and_back(self, remote: Remote) -> None:
        process = remote.device.spawn(["cat"])
        process.write_line(b"x" * self.LINE_BYTES)
        assert process.read_line(LONG_S) == b"x" * self.LINE_BYTES
        assert process.close(grace_s=LONG_S) == 0

    def test_a_deadline_is_a_timeout_and_the_process_goes_on(self, remote: Remote) -> None:
        process = remote.device.spawn(["cat"])
        with pytest.raises(ChildTimeout):
            process.read_line(0.05)
        process.write_line(b"still here")
        assert process.read_line(LONG_S) == b"still here"
        process.close()
        with pytest.raises(ChildEnded):
            process.write_line(b"anybody?")

    @pytest.mark.parametrize("program", ["/no/such/program", "no-such-program"])
    def test_what_is_not_there_cannot_be_started(self, remote: Remote, program: str) -> None:
        with pytest.raises(NotMeasuredError, match=f"cannot start {program}") as caught:
            remote.device.spawn([program])
        assert "no such" in caught.value.found


class NothingGoesOn:
    """As StreamsAndEnds."""

    def test_close_ends_it_and_what_it_started(self, remote: Remote) -> None:
        code = "trap '' HUP TERM; sleep 100 & setsid sleep 100 & echo up; wait"
        process = remote.device.spawn(["sh", "-c", code])
        assert process.read_line(LONG_S) == b"up"
        assert process.close() == -signal.SIGKILL
        assert process.close() == -signal.SIGKILL
        assert remote.nothing_runs()

    def test_close_ends_what_outlived_its_parent(self, remote: Remote) -> None:
        code = "(trap '' HUP; exec sleep 100) >/dev/null 2>&1 </dev/null & exit 0"
        process = remote.device.spawn(["sh", "-c", code])
        assert lines_of(process)[1].returncode == 0
        assert remote.running()
        assert process.close() == 0
        assert remote.nothing_runs()

    def test_close_ends_a_child_that_has_lost_its_environment(self, remote: Remote) -> None:
        process = remote.device.spawn(["sh", "-c", "trap '' HUP; env -i sleep 100 & echo $!; wait"])
        child = psutil.Process(int(process.read_line(LONG_S)))
        process.close()
        gone, alive = psutil.wait_procs([child], timeout=LONG_S)
        assert gone or alive[0].status() == psutil.STATUS_ZOMBIE

    def test_the_processes_of_others_are_left_alone(self, remote: Remote) -> None:
        others = subprocess.Popen(["sleep", "100"], env={**os.environ, JOB_VARIABLE: "another/device"})
        try:
            remote.device.spawn(["cat"]).close()
            with remote.device.lock(0):
                assert others.poll() is None
        finally:
            others.kill()
            others.wait()
