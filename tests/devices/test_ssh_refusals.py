"""What a person is told when a board cannot be reached or used, each with what mends it; on a real server."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.ssh import create

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any
Make = Callable[..., Board]


def refused(table: dict[str, Any], kind: type[NotMeasuredError | UsageError] = NotMeasuredError) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        create("pi", table).python()
    assert "cannot" in caught.value.asked
    return caught.value.found, caught.value.todo


class TestHostKey:
    def test_an_unknown_one_is_refused_with_the_commands_that_mend_it(self, ssh_board: Make) -> None:
        board = ssh_board()
        (board.client / ".ssh" / "known_hosts").unlink()
        found, todo = refused(board.table)
        shown = subprocess.run(
            ["ssh-keygen", "-lf", f"{board.folder}/host_key.pub"], capture_output=True, text=True, check=True
        ).stdout.split()[1]
        assert "not known here" in found
        assert shown in found
        assert f"ssh -p {board.port} {board.user}@127.0.0.1 exit" in todo
        scan = next(line.strip() for line in todo.splitlines() if "ssh-keyscan" in line)
        subprocess.run(["sh", "-c", scan.replace("~", str(board.client))], check=True, capture_output=True)
        assert create("pi", board.table).python() == sys.executable

    @pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
    def test_a_changed_one_is_refused(self, ssh_board: Make, kind: str) -> None:
        board = ssh_board()
        board.new_host_key(kind)
        found, todo = refused(board.table)
        assert "has changed" in found
        remove = todo.splitlines()[-1].strip().partition(" && ")[0]
        assert remove == f"ssh-keygen -R '[127.0.0.1]:{board.port}'"
        done = subprocess.run(
            ["sh", "-c", f"{remove} -f {board.client}/.ssh/known_hosts"], check=True, capture_output=True, text=True
        )
        assert "updated" in done.stdout + done.stderr
        assert "not known here" in refused(board.table)[0]

    def test_no_file_of_known_hosts_does_not_mean_that_everybody_is_believed(self, ssh_board: Make) -> None:
        board = ssh_board()
        (board.client / ".ssh" / "known_hosts").unlink()
        (board.client / ".ssh" / "config").write_text("Host *\n  UserKnownHostsFile none\n")
        assert "not known here" in refused(board.table)[0]


class TestKeys:
    def test_a_server_that_would_ask_for_a_password_is_not_waited_for(self, ssh_board: Make) -> None:
        board = ssh_board(password=True)
        (board.folder / "authorized_keys").write_text("")
        found, todo = refused(board.table)
        assert "passwords are not asked for" in found
        assert todo.endswith(f"ssh-copy-id -p {board.port} {board.user}@127.0.0.1")

    def test_a_key_with_a_passphrase_is_refused_and_taken_from_the_agent(
        self, ssh_board: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        board = ssh_board()
        board.protect_key()
        for table in (board.table, {**board.table, "key": "~/.ssh/id_ed25519"}):
            found, todo = refused(table)
            assert "passphrase" in found
            assert "ssh-add" in todo
        agent = tmp_path / "agent"
        server = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL)
        try:
            answer = tmp_path / "askpass"
            answer.write_text("#!/bin/sh\necho secret\n")
            answer.chmod(0o755)
            env = {
                **os.environ,
                "SSH_AUTH_SOCK": str(agent),
                "SSH_ASKPASS": str(answer),
                "SSH_ASKPASS_REQUIRE": "force",
            }
            while not agent.exists():
                assert server.poll() is None
            subprocess.run(["ssh-add", str(board.key)], env=env, check=True, capture_output=True)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
            assert create("pi", board.table).python() == sys.executable
            assert create("pi", {**board.table, "key": str(board.key)}).python() == sys.executable
        finally:
            server.kill()
            server.wait()

    def test_a_key_that_is_not_there(self, ssh_board: Make) -> None:
        found, _ = refused({**ssh_board().table, "key": "/none/id"}, UsageError)
        assert "No such file" in found


class TestNetwork:
    def test_nobody_listens(self, ssh_board: Make) -> None:
        board = ssh_board()
        board.stop()
        found, todo = refused(board.table)
        assert "connection refused" in found
        assert "systemctl enable" in todo

    def test_a_host_that_nobody_knows(self, ssh_board: Make) -> None:
        found, _ = refused({**ssh_board().table, "host": "no-such-host.invalid"})
        assert "no host of the name no-such-host.invalid" in found

    def test_a_host_that_does_not_answer(self, ssh_board: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        from bench.devices import ssh_connect

        monkeypatch.setattr(ssh_connect, "CONNECT_S", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            found, _ = refused({**ssh_board().table, "port": silent.getsockname()[1]})
        assert "did not answer within 0.3 s" in found

    def test_a_server_of_something_else(self, ssh_board: Make) -> None:
        import threading

        with socket.create_server(("127.0.0.1", 0)) as other:

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:  # it is asked twice: also for its key, which may be of another kind
                        connection, _ = other.accept()
                        connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(1 << 12):  # closed with something unread, it would be a reset
                            pass
                        connection.close()

            threading.Thread(target=serve, daemon=True).start()
            found, _ = refused({**ssh_board().table, "port": other.getsockname()[1]})
        assert "do not understand each other" in found


class TestShell:
    def test_what_a_profile_prints_breaks_nothing(self, ssh_board: Make, tmp_path: Path) -> None:
        board = ssh_board(shell="/bin/bash" if Path("/bin/bash").exists() else "")
        (board.home / ".bashrc").write_text("echo Welcome to the board; echo 17; echo warning >&2; printf 'no end'\n")
        device = create("pi", board.table)
        assert device._board().link.shell("echo $BASH_VERSION; true").returncode == 0
        assert device.identify().facts["logical_cores"] == os.cpu_count()
        with device.lock(1):
            (tmp_path / "data").write_bytes(bytes(range(256)) * 100)
            remote = device.push(tmp_path / "data")
            device.pull(remote, tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == (tmp_path / "data").read_bytes()
            process = device.spawn(["sh", "-c", "echo 1; echo 2 >&2"])
            assert process.read_line(60) == b"1"
            process.wait(60)
            assert process.stderr_tail() == "2"
            process.close()

    @pytest.mark.parametrize("shell", ["fish", "csh", "tcsh", "zsh", "dash"])
    def test_any_login_shell(self, ssh_board: Make, tmp_path: Path, shell: str) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"needs {shell}")
        device = create("pi", ssh_board(shell=shutil.which(shell)).table)
        assert device.identify().facts["logical_cores"] == os.cpu_count()
        odd = "it's \"q\" $HOME `x` !! !x \\ \\n \\' \\\\ \n line é * ? [a] {b,c} ~ # % ^ &;|<>()"
        process = device.spawn(["printf", "%s", odd + "\n"])
        assert b"\n".join(process.read_line(60) for _ in range(2)).decode() == odd
        process.close()
        long = "long " * 5000
        process = device.spawn(["printf", "%s", long + "\n"])
        assert process.read_line(60).decode() == long
        process.close()

    def test_an_account_without_a_shell(self, ssh_board: Make) -> None:
        board = ssh_board(more="ForceCommand echo This account is not available.; exit 1")
        found, _ = refused(board.table)
        assert "runs no command: This account is not available" in found


class TestPython:
    def test_none_there(self, ssh_board: Make) -> None:
        board = ssh_board()
        for name in ("python3", "python"):
            board.program(name, "exit 127")
        device = create("pi", {**board.table, "python": "/none/python"})
        with pytest.raises(NotMeasuredError) as caught:
            device.python()
        assert caught.value.found == "there is no /none/python; it takes a Python 3.8 or newer"
        assert device.identify().unavailable["python"]

    def test_an_old_one_does_not_do(self, ssh_board: Make) -> None:
        board = ssh_board()
        board.program("old", 'exec "$0.real" "$@"')
        board.program("old.real", "echo CPython 3.6.9; exit 1")  # as `sys.version_info < (3, 8)` makes it
        with pytest.raises(NotMeasuredError) as caught:
            create("pi", {**board.table, "python": "old"}).python()
        assert caught.value.found == f"{board.bin}/old is CPython 3.6.9; it takes a Python 3.8 or newer"


class TestConfiguration:
    def test_the_users_ssh_configuration_is_honoured(self, ssh_board: Make) -> None:
        board = ssh_board()
        board.key.rename(board.client / "elsewhere")
        (board.client / ".ssh" / "config").write_text(
            f"Host bench-pi\n  HostName 127.0.0.1\n  Port {board.port}\n  User {board.user}\n"
            f"  IdentityFile {board.client}/elsewhere\n  RequestTTY force\n  RemoteCommand false\n"
        )
        table = {"kind": "ssh", "host": "bench-pi", "python": sys.executable}
        assert create("pi", table).python() == sys.executable
        assert create("bench-pi", {"kind": "ssh", "python": sys.executable}).python() == sys.executable

    @pytest.mark.parametrize(
        ("key", "value"), [("port", "ssh"), ("port", True), ("port", 70000), ("host", 7), ("python", [])]
    )
    def test_a_wrong_value_is_named(self, key: str, value: object) -> None:
        with pytest.raises(UsageError, match=key):
            create("pi", {"kind": "ssh", key: value})
