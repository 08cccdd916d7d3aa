"""Boards behind a real SSH server on loopback: each its own sshd, host key, authorized keys and home folder.

They need OpenSSH's server (`apt-get install openssh-server`); without it tests skip. Root is not needed: the
server then lets in the user that runs it.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication {password}
KbdInteractiveAuthentication no
PermitRootLogin yes
PrintMotd no
Subsystem sftp /bin/false
SetEnv HOME={folder}/home PATH={folder}/bin:{path}
{more}
"""


def missing() -> str:
    """Why there can be no board here; empty when there can be one."""
    if sys.platform == "win32":
        return "the boards of the tests run POSIX programs"
    if _sshd() is None or shutil.which("ssh-keygen") is None:
        return "needs an SSH server: apt-get install openssh-server"
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    return ""


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    path.unlink(missing_ok=True)
    arguments = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "bench", "-f", str(path)]
    subprocess.run(arguments, check=True, stdin=subprocess.DEVNULL)
    return path


class Board:
    """One board. client: a home folder for us, with a key that it lets in and a known_hosts that knows it."""

    def __init__(self, folder: Path, *, shell: str = "", password: bool = False, more: str = "") -> None:
        """shell: the login shell's program, else the user's own."""
        self.folder = folder
        self.home, self.bin, self.client = folder / "home", folder / "bin", folder / "client"
        for each in (self.home, self.bin, self.client / ".ssh"):
            each.mkdir(parents=True)
        (self.client / ".ssh").chmod(0o700)
        self.user = getpass.getuser()
        self.key = _keygen(self.client / ".ssh" / "id_ed25519")
        _keygen(folder / "host_key")
        shutil.copy(f"{self.key}.pub", folder / "authorized_keys")
        if shell:  # what sshd itself does with the shell of passwd
            more += f'\nForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"'
        self._more, self._password = more, password
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._server = 0
        self.start()
        self.know()

    def start(self) -> None:
        """Listen; on a restart at the same port."""
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            self.port = int(listener.getsockname()[1])
        text = _CONFIG.format(
            port=self.port,
            folder=self.folder,
            password="yes" if self._password else "no",
            path=os.environ["PATH"],
            more=self._more,
        )
        (self.folder / "config").write_text(text)
        command = [str(_sshd()), "-D", "-e", "-f", str(self.folder / "config")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._server = self._process.pid
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.02)

    def know(self) -> None:
        """Let the client's known_hosts have the board's key."""
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        (self.client / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def new_host_key(self, kind: str = "ed25519") -> None:
        self.stop()
        _keygen(self.folder / "host_key", kind)
        self.start()

    def protect_key(self) -> None:
        """Put a passphrase on the client's key."""
        change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(self.key)]
        subprocess.run(change, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    @property
    def table(self) -> dict[str, Any]:
        """As `[devices.NAME]` of bench.toml has it."""
        return {"kind": "ssh", "host": "127.0.0.1", "port": self.port, "user": self.user, "python": sys.executable}

    def program(self, name: str, body: str) -> None:
        """A stand-in for a program that is nowhere here."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def processes(self) -> list[psutil.Process]:
        """What runs there below no server: by its home folder in its environment."""
        mark = f"{self.folder}/home"
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("HOME") == mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def running(self, word: str) -> list[psutil.Process]:
        """Those with that word in their command line."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if word in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def cpu_s(self, word: str) -> float:
        """CPU time of those with that word in their command line."""
        used = 0.0
        for process in self.running(word):
            with contextlib.suppress(psutil.Error):
                used += sum(process.cpu_times()[:2])
        return used

    def nothing_runs(self, word: str = "", within_s: float = 60.0) -> bool:
        """Whether nothing comes to be there; a killed process takes a moment to go."""
        end = time.monotonic() + within_s
        while self.running(word):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def connections(self) -> list[psutil.Process]:
        """The servers of the connections that are open."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name().startswith("sshd") and process.ppid() == self._server:
                    found.append(process)
        return found

    def cut(self) -> None:
        """Every connection breaks; what runs on the board goes on."""
        for process in self.connections():
            with contextlib.suppress(psutil.Error):
                for each in [*process.children(recursive=True), process]:
                    with contextlib.suppress(psutil.Error):
                        if "sshd" in each.name():
                            each.kill()

    def stop(self) -> None:
        """Listen no more; connections stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def close(self) -> None:
        self.cut()
        self.stop()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)


MakeBoard = Callable[..., Board]


@pytest.fixture
def ssh_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeBoard]:
    """ssh_board(shell="", password=False, more=""): a board of its own; our home is its client's from then on."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    boards: list[Board] = []

    def make(**wishes: Any) -> Board:
        board = Board(tmp_path / f"board{len(boards)}", **wishes)
        boards.append(board)
        monkeypatch.setenv("HOME", str(board.client))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        return board

    yield make
    for board in boards:
        board.close()
