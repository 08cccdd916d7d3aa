"""A link that is lost or stalls while a process runs: it is told, and what ran is ended; on phones that run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from remote_processes import LONG_S, lines_of

from bench.base.errors import BenchError, NotMeasuredError
from bench.base.process import ChildTimeout, LinkLost
from bench.devices import adb_process, remote_process
from bench.devices.android import AndroidDevice, create

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the phones of the tests run POSIX programs")

Phone = Any
Make = Callable[..., Phone]


def message(caught: pytest.ExceptionInfo[BenchError]) -> str:
    """All of it, which has to say what was found."""
    assert caught.value.found
    return str(caught.value)


def out_of_reach(*_: object) -> None:
    raise NotMeasuredError("cannot ask", "out of reach")


class TestLostLink:
    @pytest.fixture
    def running(self, made: Phone, handy: AndroidDevice) -> Iterator[adb_process.AdbProcess]:
        """A process that does not go by itself when its phone is out of reach."""
        process = handy.spawn(["sh", "-c", "trap '' HUP; echo up; while :; do sleep 1; done"])
        assert process.read_line(LONG_S) == b"up"
        yield process
        process.close()

    def test_a_phone_pulled_out_is_no_end_of_the_process(
        self, made: Phone, running: adb_process.AdbProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote_process, "RECONNECT_S", 0.0)
        made.kill()
        _, ended = lines_of(running)
        assert isinstance(ended, LinkLost)
        assert ended.returncode is None
        assert "offline" in ended.reason
        assert running.wait(0) is None
        running.close()

    def test_it_is_ended_when_the_phone_is_soon_back(
        self, made: Phone, running: adb_process.AdbProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote_process, "RECONNECT_S", LONG_S)
        made.kill()
        lines_of(running)
        assert made.processes()
        back = threading.Thread(target=made.restart)
        back.start()
        running.close()
        back.join()
        assert made.nothing_runs()

    def test_it_is_ended_by_the_next_job_when_the_phone_is_back_later(
        self,
        made: Phone,
        handy: AndroidDevice,
        running: adb_process.AdbProcess,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(remote_process, "RECONNECT_S", 0.0)
        made.kill()
        assert running.close() is None
        made.restart()
        assert made.processes()
        with create("handy", {"serial": made.serial}).lock(0):
            assert made.nothing_runs()

    def test_the_same_run_ends_it_before_it_starts_anything_else(
        self,
        made: Phone,
        handy: AndroidDevice,
        running: adb_process.AdbProcess,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(remote_process, "RECONNECT_S", 0.0)
        made.kill()
        running.close()
        made.restart()
        assert made.processes()
        process = handy.spawn(["true"])
        assert made.nothing_runs()
        process.close()

    def test_only_what_was_left_is_ended_before_the_next(
        self, made: Phone, handy: AndroidDevice, running: adb_process.AdbProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left = handy.spawn(["sh", "-c", "trap '' HUP; echo up; sleep 100; echo"])
        assert left.read_line(LONG_S) == b"up"
        with monkeypatch.context() as patch:
            patch.setattr(remote_process, "RECONNECT_S", 0.0)
            patch.setattr(remote_process, "end_jobs", out_of_reach)
            left.close()
        assert [each for each in made.processes() if "sleep 100" in " ".join(each.cmdline())]
        handy.spawn(["true"]).close()
        assert not [each for each in made.processes() if "sleep 100" in " ".join(each.cmdline())]
        assert running.wait(0) is None
        assert made.processes()

    def test_a_killed_server_is_named(self, made: Phone, any_server: Any, running: adb_process.AdbProcess) -> None:
        any_server.kill_server()
        try:
            _, ended = lines_of(running)
            assert isinstance(ended, LinkLost)
            assert "server ended" in ended.reason
        finally:
            any_server.start_server()
            made.connect()
        running.close()
        assert made.nothing_runs()

    def test_a_server_of_another_version_in_its_place_is_named(self, fake_server: Any, fake_phone: Make) -> None:
        process = create("handy", {"serial": fake_phone().serial}).spawn(["cat"])
        fake_server.kill_server()
        fake_server.version = 39
        fake_server.start_server()
        _, ended = lines_of(process)
        process.close()
        assert isinstance(ended, LinkLost)
        assert "version 1.0.39 now and was 1.0.41" in ended.reason

    def test_a_server_that_was_restarted_is_named(self, fake_server: Any, fake_phone: Make) -> None:
        process = create("handy", {"serial": fake_phone().serial}).spawn(["cat"])
        fake_server.kill_server()
        fake_server.start_server()
        _, ended = lines_of(process)
        process.close()
        assert isinstance(ended, LinkLost)
        assert "restarted" in ended.reason

    def test_input_that_nobody_takes_is_a_lost_link(self, lab_phone: Make) -> None:
        made = lab_phone()
        process = create("handy", {"serial": made.serial}).spawn(["sleep", "100"])
        process._wire.limit(0.3)
        with pytest.raises(LinkLost) as caught:
            process.write_line(bytes(64 << 20))
        assert "no input" in caught.value.reason
        process.close()
        assert made.nothing_runs()

    def test_a_stalled_link_is_a_timeout_and_closing_takes_bounded_time(
        self,
        made: Phone,
        handy: AndroidDevice,
        running: adb_process.AdbProcess,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(remote_process, "KILL_S", 0.5)
        monkeypatch.setattr(remote_process, "RECONNECT_S", 0.5)
        made.stall()
        with pytest.raises(ChildTimeout):
            running.read_line(0.1)
        start = time.monotonic()
        assert running.close() is None
        assert time.monotonic() - start < 60
        made.resume()
        with handy.lock(0):
            assert made.nothing_runs()

    def test_a_stalled_phone_does_not_hold_a_short_command(self, made: Phone, handy: AndroidDevice) -> None:
        link = handy._phone().link
        made.stall()
        with pytest.raises(NotMeasuredError) as caught:
            link.shell("true", 0.3)
        made.resume()
        assert "did not answer in time" in message(caught)

    @pytest.mark.parametrize("command", ["exec sleep 100", "exec yes"])
    def test_a_command_that_does_not_end_is_ended(self, made: Phone, handy: AndroidDevice, command: str) -> None:
        with pytest.raises(NotMeasuredError):
            handy._phone().link.shell(command, 0.3)
        assert made.nothing_runs()
