"""What the phones of the tests have in common: a folder with their files and programs, and what runs on them."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

WAIT_S = 60.0


def until(true: Callable[[], object], what: str, limit_s: float = WAIT_S) -> None:
    """Wait for it; fails the test with `what` when it never comes."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class PhoneFolder:
    """folder: holds the phone's `data`, `bin` (first on its PATH) and, where it has one of its own, `sys`.

    All that runs on the phone has ADBD_PROPS=FOLDER/props in its environment.
    """

    serial: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        self.tmp.mkdir(parents=True)

    @property
    def tmp(self) -> Path:
        """What the phone has at /data/local/tmp."""
        return self.folder / "data/local/tmp"

    def put_bin(self, name: str, script: str) -> None:
        """A program (`dumpsys`, `settings`, ...) that comes first on the phone's PATH."""
        file = self.folder / "bin" / name
        file.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def state(self) -> str:
        """As adb's server lists it; empty when it does not."""
        raise NotImplementedError

    def wait_for(self, state: str) -> None:
        """Until adb lists it so."""
        until(lambda: self.state() == state, f"{self.serial} as {state}, it is {self.state()!r}")

    def daemon(self) -> int | None:
        """The process id of its adb daemon, if that is a process."""
        return None

    def processes(self) -> list[psutil.Process]:
        """What runs on the phone, without its daemon."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                alive = process.pid != self.daemon() and process.status() != psutil.STATUS_ZOMBIE
                if alive and process.environ().get("ADBD_PROPS") == f"{self.folder}/props":
                    found.append(process)
        return found

    def nothing_runs(self) -> bool:
        """Whether the phone comes to run nothing at all: a killed process takes a moment to go."""
        with contextlib.suppress(AssertionError):
            until(lambda: not self.processes(), "nothing runs")
        return not self.processes()

    def end_processes(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
