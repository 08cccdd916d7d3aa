"""Processes on a board behind a real SSH server: their streams and ends, and that none goes on without us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.base.errors import NotMeasuredError
from bench.base.process import ChildEnded, ChildTimeout, LinkLost, Process, signal_name
from bench.devices.remote_jobs import JOB_VARIABLE
from bench.devices.ssh import SshDevice, create

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
LONG_S = 30.0
Board = Any


@pytest.fixture
def board(ssh_board: Callable[..., Board]) -> Board:
    return ssh_board()


@pytest.fixture
def device(board: Board) -> SshDevice:
    return create("pi", board.table)


def lines_of(process: Process) -> tuple[list[bytes], ChildEnded]:
    """All lines, and how it ended."""
    lines = []
    while True:
        try:
            lines.append(process.read_line(LONG_S))
        except ChildEnded as ended:
            return lines, ended


class TestProcess:
    def test_streams_environment_folder_and_exit_code(self, device: SshDevice) -> None:
        with device.scratch() as folder:
            code = 'echo out; echo "$A"; pwd; echo err >&2; read line; echo "<$line>"; exit 3'
            process = device.spawn(["sh", "-c", code], env={"A": 'it\'s "b" $HOME \\ !x'}, cwd=Path(folder))
            assert [process.read_line(LONG_S) for _ in range(2)] == [b"out", b'it\'s "b" $HOME \\ !x']
            assert process.read_line(LONG_S).endswith(folder.encode())
            process.write_line(b"a line")
            lines, ended = lines_of(process)
            assert (lines, ended.returncode, process.stderr_tail()) == ([b"<a line>"], 3, "err")
            assert process.close() == 3

    def test_a_segfault_is_a_signal(self, device: SshDevice) -> None:
        process = device.spawn(["sh", "-c", "kill -SEGV $$"])
        _, ended = lines_of(process)
        assert signal_name(ended.returncode) == "SIGSEGV"
        process.close()

    def test_a_long_line_there_and_back(self, device: SshDevice) -> None:
        process = device.spawn(["cat"])
        process.write_line(b"x" * 10_000_000)
        assert process.read_line(LONG_S) == b"x" * 10_000_000
        assert process.close(grace_s=LONG_S) == 0

    def test_a_deadline_is_a_timeout_and_the_process_goes_on(self, device: SshDevice) -> None:
        process = device.spawn(["cat"])
        with pytest.raises(ChildTimeout):
            process.read_line(0.05)
        process.write_line(b"still here")
        assert process.read_line(LONG_S) == b"still here"
        process.close()
        with pytest.raises(ChildEnded):
            process.write_line(b"anybody?")

    @pytest.mark.parametrize("program", ["/usr/none", "no-such-program"])
    def test_what_is_not_there_cannot_be_started(self, device: SshDevice, program: str) -> None:
        with pytest.raises(NotMeasuredError, match=f"cannot start {program}") as caught:
            device.spawn([program])
        assert "no such" in caught.value.found

    def test_a_program_that_leaves_its_output_open_has_ended(self, board: Board, device: SshDevice) -> None:
        process = device.spawn(["sh", "-c", "echo up; sleep 100 & exit 4"])
        lines, ended = lines_of(process)
        assert (lines, ended.returncode) == ([b"up"], 4)
        process.close()
        assert board.nothing_runs("sleep 100")


class TestNothingGoesOn:
    def test_close_ends_it_and_what_it_started(self, board: Board, device: SshDevice) -> None:
        process = device.spawn(["sh", "-c", "trap '' HUP TERM; sleep 100 & setsid sleep 100 & echo up; wait"])
        assert process.read_line(LONG_S) == b"up"
        assert process.close() == -signal.SIGKILL
        assert process.close() == -signal.SIGKILL
        assert board.nothing_runs("sleep 100")

    def test_close_ends_a_child_that_has_lost_its_environment(self, device: SshDevice) -> None:
        process = device.spawn(["sh", "-c", "trap '' HUP; env -i sleep 100 & echo $!; wait"])
        child = psutil.Process(int(process.read_line(LONG_S)))
        process.close()
        gone, alive = psutil.wait_procs([child], timeout=LONG_S)
        assert gone or alive[0].status() == psutil.STATUS_ZOMBIE

    def test_a_cut_connection_is_no_end_of_the_process_but_the_board_ends_it(
        self, board: Board, device: SshDevice
    ) -> None:
        process = device.spawn(["sh", "-c", "trap '' HUP PIPE; setsid sleep 100 & echo up; while :; do sleep 1; done"])
        assert process.read_line(LONG_S) == b"up"
        board.cut()
        with pytest.raises(LinkLost) as lost:
            process.read_line(LONG_S)
        assert "cut" in lost.value.reason
        assert board.nothing_runs("sleep 100"), board.running("sleep 100")
        assert board.nothing_runs("while"), board.running("while")
        process.close()
        again = device.spawn(["echo", "back"])  # over a connection of its own
        assert again.read_line(LONG_S) == b"back"
        again.close()

    def test_a_harness_that_is_killed_leaves_nothing(self, board: Board) -> None:
        code = (
            "import json, sys; from bench.devices.ssh import create; d = create('pi', json.loads(sys.argv[1]));"
            "p = d.spawn(['sh', '-c', 'setsid sleep 100 & sleep 100 & echo up; wait']);"
            "print(p.read_line(30), flush=True); sys.stdin.read()"
        )
        table = repr(board.table).replace("'", '"')
        harness = subprocess.Popen(
            [sys.executable, "-c", code, table], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"b'up'\n"
        assert board.running("sleep 100")
        harness.kill()
        harness.communicate()
        assert board.nothing_runs("sleep 100")
        assert board.nothing_runs()  # the one that watched over them is gone as well

    def test_a_way_that_falls_silent_is_noticed_at_both_ends(
        self, board: Board, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ssh_way import Way

        from bench.devices import ssh_connect, ssh_keeper

        monkeypatch.setattr(ssh_connect, "KEEPALIVE_S", 0.3)
        monkeypatch.setattr(ssh_keeper, "BEAT_S", 0.2)
        monkeypatch.setattr(ssh_keeper, "SILENCE_S", 1)
        way = Way(board)
        device = create("pi", way.table)
        process = device.spawn(["sh", "-c", "echo up; exec sleep 100"])
        assert process.read_line(LONG_S) == b"up"
        time.sleep(2.5)
        assert board.running("sleep 100")  # it is heard of, so nothing is ended
        way.fall_silent()
        with pytest.raises(LinkLost) as lost:
            process.read_line(LONG_S)
        assert "no longer answers" in lost.value.reason
        assert board.nothing_runs("sleep 100")
        assert board.nothing_runs()
        way.close()

    def test_the_processes_of_others_are_left_alone(self, board: Board, device: SshDevice) -> None:
        others = subprocess.Popen(["sleep", "100"], env={**os.environ, JOB_VARIABLE: "another/board"})
        try:
            device.spawn(["cat"]).close()
            with device.lock(0):
                assert others.poll() is None
        finally:
            others.kill()
            others.wait()


class TestLock:
    def test_a_second_job_waits_and_is_told_for_whom(self, board: Board, device: SshDevice) -> None:
        told: list[str] = []
        with device.lock(0):
            with pytest.raises(NotMeasuredError) as caught, create("pi", board.table).lock(0.3, told.append):
                pass
            assert f"process {os.getpid()}" in caught.value.found
            assert "waited 0.3 s" in caught.value.found
        assert len(told) == 1
        with create("pi", board.table).lock(5, told.append):
            assert len(told) == 1

    def test_it_is_free_when_its_holder_is_cut_off(self, board: Board, device: SshDevice) -> None:
        with device.lock(0):
            board.cut()
            assert board.nothing_runs("flock")
            with create("pi", board.table).lock(5):
                pass

    def test_it_is_taken_again_after_the_connection_was_lost(self, board: Board, device: SshDevice) -> None:
        with device.lock(0):
            board.cut()
            assert board.nothing_runs("flock")
            device.spawn(["true"]).close()
            with pytest.raises(NotMeasuredError), create("pi", board.table).lock(0.2):
                pass

    def test_what_an_earlier_job_left_goes_first(self, board: Board, device: SshDevice) -> None:
        key = device._board().key
        left = subprocess.Popen(["sleep", "100"], env={**os.environ, JOB_VARIABLE: f"{key}/earlier/1"})
        folder = device._board().files.make_folder()
        with device.lock(0):
            assert left.wait(LONG_S) == -signal.SIGKILL
            assert not Path(folder).exists()
