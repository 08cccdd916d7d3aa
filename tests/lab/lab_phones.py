"""Phones to test on that are none: Android's own adb daemon in a sandbox each, and adb's real server.

They need Linux, root (for mount namespaces), `apt-get install adb mksh` and the folder `shared/lab` beside the
repository; where something is missing, tests skip and say what.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from phone_folder import PhoneFolder, free_port, until

LAB = Path(__file__).resolve().parents[3] / "shared" / "lab"
_CPU = Path("/sys/devices/system/cpu")


def lab_missing() -> str:
    """Why there can be no lab here; empty when there can be one."""
    if not sys.platform.startswith("linux"):
        return "the phone lab needs Linux"
    if not (LAB / "phone").is_file():
        return f"the phone lab is not at {LAB}"
    if os.geteuid() != 0:
        return "the phone lab needs root, for mount namespaces"
    linked = subprocess.run(["ldd", str(LAB / "bin" / "adbd")], capture_output=True, text=True, check=False)
    if linked.returncode != 0 or "not found" in linked.stdout:
        return "the phone lab's daemon needs the libraries of `apt-get install adb`, on x86-64"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        return "the phone lab needs mount namespaces, which are not allowed here"
    return ""


class LabPhone(PhoneFolder):
    """One phone of the lab. serial: as adb lists it."""

    def __init__(
        self, lab: PhoneLab, folder: Path, props: Mapping[str, object], sysfs: Mapping[str, str] | None
    ) -> None:
        super().__init__(folder)
        self.lab = lab
        self.port = free_port()
        self.serial = f"127.0.0.1:{self.port}"
        self._props = dict(props)
        self._process: subprocess.Popen[bytes] | None = None
        if sysfs is not None:
            self._write_sysfs(sysfs)
        self._start()

    @property
    def own_serial(self) -> str:
        """Its ro.serialno."""
        return str(self._props.get("ro.serialno", f"LAB{self.port}"))

    def state(self) -> str:
        """As adb's server lists it; empty when it does not."""
        return self.lab.states().get(self.serial, "")

    def put_sys(self, path: str, text: str) -> None:
        """Write a file of the phone's /sys. Only on a phone that was made with `sysfs`."""
        assert (self.folder / "sys").is_dir(), "this phone has the host's /sys"
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def daemon(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def kill(self) -> None:
        """The phone's daemon dies, as when the cable is pulled: what it runs goes on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self, **props: object) -> None:
        """Start the daemon again, with other properties if given, and wait until adb can use it."""
        self._props |= props
        self._start()
        self.connect()

    def connect(self, state: str = "device") -> None:
        """Again where the server notices only now that an earlier link is gone, and takes the new one for that."""
        for _ in range(10):
            self.lab.connect(self.serial)
            with contextlib.suppress(AssertionError):
                return until(lambda: self.state() == state, state, 5.0)
        return self.wait_for(state)

    def stall(self) -> None:
        """The daemon stops answering, and the link stays open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def enter(self, *command: str) -> None:
        """Run a command in the phone's mount namespace, as the host's root."""
        assert self._process is not None
        subprocess.run(["nsenter", "-m", "-t", str(self._process.pid), *command], check=True, capture_output=True)

    def end(self) -> None:
        self.lab.ask("disconnect", self.serial)
        if self._process is not None:
            self.resume()
            self.kill()
        self.end_processes()

    def _start(self) -> None:
        props = [f"{key}={value}" for key, value in {"ro.serialno": self.own_serial, **self._props}.items()]
        command = [str(LAB / "phone"), str(self.folder), str(self.port), *props]
        if (self.folder / "sys").is_dir():
            mount = 'mount --bind "$0/sys" /sys && exec "$@"'
            command = ["unshare", "-m", "--propagation", "private", "sh", "-c", mount, str(self.folder), *command]
        with open(self.folder / "adbd.log", "ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._listens, f"adbd at port {self.port}; {(self.folder / 'adbd.log').read_text()[-500:]}")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def _write_sysfs(self, files: Mapping[str, str]) -> None:
        """A /sys of its own: the host's list of CPUs, which runtimes need, and the files that the test gives."""
        for path in (*_CPU.glob("*"), *_CPU.glob("cpu[0-9]*/topology/*"), *_CPU.glob("cpu[0-9]*/cache/index*/*")):
            with contextlib.suppress(OSError):
                if stat.S_ISREG(path.stat().st_mode):
                    copy = self.folder / str(path).lstrip("/")
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_text(path.read_text())
        (self.folder / "sys").mkdir(exist_ok=True)
        for name, text in files.items():
            self.put_sys(name, text)


class PhoneLab:
    """adb's real server on a port of its own; what it runs and starts ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.phones: list[LabPhone] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start_server(self) -> None:
        # In the foreground, so that it is ours to end. Without multicast, and without looking for emulators.
        environ = {"HOME": str(self.folder), "ADB_MDNS": "0", "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553"}
        with open(self.folder / "server.log", "ab") as log:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            command = [self.adb(), "-P", str(self.port), "nodaemon", "server"]
            self._process = subprocess.Popen(command, env={**os.environ, **environ}, **streams)
        until(lambda: self.ask("version"), "adb's server")

    def kill_server(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @staticmethod
    def adb() -> str:
        """adbutils' own adb, as the harness starts it."""
        return str(Path(importlib.import_module("adbutils.binaries").__path__[0]) / "adb")

    def ask(self, request: str, *arguments: str) -> str:
        """The server's answer to `host:REQUEST`; empty when there is none."""
        import adbutils

        with contextlib.suppress(OSError, adbutils.AdbError, ValueError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            with adbutils.AdbClient("127.0.0.1", self.port).make_connection(timeout=10) as connection:
                connection.send_command(":".join(("host", request, *arguments)))
                connection.check_okay()
                return str(connection.read_string_block())
        return ""

    def states(self) -> dict[str, str]:
        """serial -> state."""
        return dict(line.split("\t", 1) for line in self.ask("devices").splitlines() if "\t" in line)

    def connect(self, serial: str) -> None:
        if self.states().get(serial) == "offline":
            self.ask("disconnect", serial)
        until(lambda: "connected to" in self.ask("connect", serial) or serial in self.states(), f"a link to {serial}")

    def close(self) -> None:
        for phone in self.phones:
            phone.end()
        self.phones.clear()


@pytest.fixture(scope="session")
def phone_lab(no_adb_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneLab]:
    """adb's server for the whole session; ANDROID_ADB_SERVER_PORT leads to it. Skips where the lab cannot be had."""
    reason = lab_missing()
    if reason:
        pytest.skip(reason)
    lab = PhoneLab(tmp_path_factory.mktemp("phones"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(lab.port))
        patch.setenv("HOME", str(lab.folder))  # a key of its own: the user's is not touched
        for name in ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL"):
            patch.delenv(name, raising=False)
        lab.start_server()
        try:
            yield lab
        finally:
            lab.close()
            lab.kill_server()


@pytest.fixture
def lab_phone(phone_lab: PhoneLab, tmp_path: Path) -> Iterator[Callable[..., LabPhone]]:
    """lab_phone(name="phone", sysfs=None, state="device", **props) -> LabPhone: a phone for this test.

    props: properties over those of a OnePlus 3, such as **{"ro.product.model": "X"}; each has a serial of its own.
    sysfs: files of its own /sys (path -> text), else it has the host's. state: what adb lists it as at the end.
    """

    def start(
        name: str = "phone", *, sysfs: Mapping[str, str] | None = None, state: str = "device", **props: Any
    ) -> LabPhone:
        made = LabPhone(phone_lab, tmp_path / "phones" / name, props, sysfs)
        phone_lab.phones.append(made)
        made.connect(state)
        return made

    yield start
    phone_lab.close()


@pytest.fixture
def phone(lab_phone: Callable[..., LabPhone]) -> Callable[..., LabPhone]:
    """`lab_phone`, by a shorter name where none stands in the way."""
    return lab_phone
