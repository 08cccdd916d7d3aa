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

import pytest
from remote_processes import LONG_S, NothingGoesOn, Remote, StreamsAndEnds, lines_of

from bench.base.errors import NotMeasuredError
from bench.base.process import LinkLost
from bench.devices.remote_jobs import JOB_VARIABLE
from bench.devices.ssh import SshDevice, create

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any


@pytest.fixture
def board(ssh_board: Callable[..., Board]) -> Board:
    return ssh_board()


@pytest.fixture
def device(board: Board) -> SshDevice:
    return create("pi", board.table)


@pytest.fixture
def remote(board: Board, device: SshDevice) -> Remote:
    """What watches over our processes stays with the connection."""
    return Remote(device, lambda: board.running("sleep 100"), lambda: board.nothing_runs("sleep 100"))


class TestProcess(StreamsAndEnds):
    LINE_BYTES = 10_000_000

    def test_a_program_that_leaves_its_output_open_has_ended(self, board: Board, device: SshDevice) -> None:
        process = device.spawn(["sh", "-c", "echo up; sleep 100 & exit 4"])
        lines, ended = lines_of(process)
        assert (lines, ended.returncode) == ([b"up"], 4)
        process.close()
        assert board.nothing_runs("sleep 100")


class TestNothingGoesOn(NothingGoesOn):
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
        monkeypatch.setattr(ssh_keeper, "SILENCE_S", 2)
        way = Way(board)
        device = create("pi", way.table)
        process = device.spawn(["sh", "-c", "echo up; exec sleep 100"])
        assert process.read_line(LONG_S) == b"up"
        time.sleep(3.5)
        assert board.running("sleep 100")  # it is heard of, so nothing is ended
        way.fall_silent()
        with pytest.raises(LinkLost) as lost:
            process.read_line(LONG_S)
        assert "no longer answers" in lost.value.reason
        assert board.nothing_runs("sleep 100")
        assert board.nothing_runs()
        way.close()


class TestLock:
    def test_a_second_job_waits_and_is_told_for_whom(self, board: Board, device: SshDevice) -> None:
        told: list[str] = []
        with device.lock(0):
            with pytest.raises(NotMeasuredError) as caught, create("pi", board.table).lock(0.3, told.append):
                pass
            assert f"process {os.getpid()}" in caught.value.found
            assert "waited 0.3 s" in caught.value.found
        assert len(told) == 1
        with create("pi", board.table).lock(60, told.append):
            assert len(told) == 1

    def test_it_is_free_when_its_holder_is_cut_off(self, board: Board, device: SshDevice) -> None:
        with device.lock(0):
            board.cut()
            assert board.nothing_runs("flock")
            with create("pi", board.table).lock(60):
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
