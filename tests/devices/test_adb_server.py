"""adb's server: finding it, starting it, and what its list says."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import BenchError, NotMeasuredError, UsageError
from bench.devices import adb_server, android, registry
from bench.devices.adb_link import Frames, frame, returncode
from bench.devices.adb_server import AttachedPhone, not_ready, parse_list
from bench.devices.adb_wire import server_address


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port where nothing listens, as that of adb's server."""
    for name in ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    return port


def message(caught: pytest.ExceptionInfo[BenchError]) -> str:
    """All of it, which has to say what was found."""
    assert caught.value.found
    return str(caught.value)


class TestServer:
    def test_what_is_no_adb_server_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listener.getsockname()[1]))

            def answer() -> None:
                for _ in range(2):  # the look whether anybody listens, and the request
                    other, _ = listener.accept()
                    with other, contextlib.suppress(ConnectionError):  # the first one does not read
                        other.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        other.settimeout(5)
                        while other.recv(100):
                            pass

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(NotMeasuredError) as caught:
                android.attached()
            thread.join()
        assert "does not speak the protocol" in message(caught)
        assert "ANDROID_ADB_SERVER_PORT" in caught.value.todo

    def test_no_adb_anywhere_says_how_to_install_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        broken = tmp_path / "adb"
        broken.write_text("#!/bin/sh\necho wrong machine >&2; exit 1\n")
        broken.chmod(0o755)
        monkeypatch.setattr(adb_server, "_programs", lambda: [str(tmp_path / "none"), str(broken)])
        with pytest.raises(NotMeasuredError) as caught:
            android.attached()
        assert "wrong machine" in message(caught)
        assert "apt-get install adb" in message(caught)
        assert registry.attached("x") is None

    def test_a_server_on_another_computer_is_not_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ADB_SERVER_SOCKET", "tcp:127.0.0.2:1")
        with pytest.raises(NotMeasuredError, match=r"127\.0\.0\.2:1"):
            android.attached()

    @pytest.mark.skipif(sys.platform == "win32", reason="the fallback of this test is a shell script")
    def test_one_is_started_with_the_first_adb_that_works(
        self, nowhere: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        works = [program for program in adb_server._programs() if runs(program)]
        if not works:
            pytest.skip("no adb can be executed here")
        monkeypatch.setenv("HOME", str(tmp_path))  # a key of its own
        monkeypatch.setenv("ADB_MDNS", "0")
        monkeypatch.setenv("ADB_LOCAL_TRANSPORT_MAX_PORT", "5553")
        broken = tmp_path / "adb"
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)
        monkeypatch.setattr(adb_server, "_programs", lambda: [str(broken), works[0]])
        try:
            with pytest.raises(NotMeasuredError, match="no adb server runs"):
                android.attached(start=False)
            assert isinstance(android.attached(), list)
            assert adb_server.version() == 41
        finally:
            subprocess.run([works[0], "-P", str(nowhere), "kill-server"], check=False, capture_output=True)


def runs(program: str) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run([program, "version"], capture_output=True, check=False).returncode == 0
    return False


class TestAddress:
    @pytest.mark.parametrize(
        ("environ", "address"),
        [
            ({}, "127.0.0.1:5037"),
            ({"ANDROID_ADB_SERVER_PORT": "15037"}, "127.0.0.1:15037"),
            ({"ANDROID_ADB_SERVER_ADDRESS": "10.0.0.5"}, "10.0.0.5:5037"),
            ({"ADB_SERVER_SOCKET": "tcp:host:99", "ANDROID_ADB_SERVER_PORT": "1"}, "host:99"),
            ({"ADB_SERVER_SOCKET": "tcp:99"}, "127.0.0.1:99"),
        ],
    )
    def test_as_adb_itself_has_it(self, environ: dict[str, str], address: str) -> None:
        assert str(server_address(environ)) == address

    @pytest.mark.parametrize(
        "environ",
        [
            {"ANDROID_ADB_SERVER_PORT": "usb"},
            {"ANDROID_ADB_SERVER_PORT": "70000"},
            {"ADB_SERVER_SOCKET": "localabstract:x"},
        ],
    )
    def test_what_is_no_port(self, environ: dict[str, str]) -> None:
        with pytest.raises(UsageError, match="=".join(*environ.items())):
            server_address(environ)


class TestList:
    def test_lines_as_adb_prints_them(self) -> None:
        text = (
            "0a388e93            device usb:1-1 product:OnePlus3 model:ONEPLUS_A3003 device:OnePlus3 transport_id:1\n"
            "emulator-5554          offline transport_id:3\n"
            "????????????           no permissions (user in plugdev group; are your udev rules wrong?); "
            "see [http://developer.android.com/tools/device.html] usb:1-2 transport_id:4\n"
            "192.168.0.9:5555\tunauthorized\n"
            "(no serial number)     device usb:1-3 transport_id:5\n"
        )
        assert parse_list(text) == [
            AttachedPhone("0a388e93", "device", "ONEPLUS_A3003", "OnePlus3"),
            AttachedPhone("emulator-5554", "offline"),
            AttachedPhone("????????????", "no permissions"),
            AttachedPhone("192.168.0.9:5555", "unauthorized"),
            AttachedPhone("(no serial number)", "device"),
        ]

    @given(st.text())
    def test_any_text_is_a_list(self, text: str) -> None:
        assert all(phone.serial and phone.state for phone in parse_list(text))

    @pytest.mark.parametrize("state", ["offline", "unauthorized", "no permissions", "recovery", "sideload", "device"])
    def test_every_state_says_what_to_do(self, state: str) -> None:
        for serial in ("0a388e93", "10.0.0.2:5555"):
            found, todo = not_ready(AttachedPhone(serial, state))
            assert found
            assert todo.endswith(".")
        assert ("adb connect 10.0.0.2:5555" in todo) == (state in ("offline", "device"))


class TestFrames:
    @given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40))), st.data())
    def test_frames_come_whole_however_the_stream_is_cut(
        self, frames: list[tuple[int, bytes]], data: st.DataObject
    ) -> None:
        stream = b"".join(frame(kind, content) for kind, content in frames)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
        parser = Frames()
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert [each for piece in pieces for each in parser.feed(piece)] == frames

    def test_exit_codes_are_those_of_subprocess(self) -> None:
        assert [returncode(bytes([code])) for code in (0, 1, 128, 139, 137, 255)] == [0, 1, 128, -11, -9, 255]
