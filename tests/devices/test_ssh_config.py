"""The user's ~/.ssh/config is honoured: what `ssh NAME` reaches, bench reaches; what is wrong in it is told by its
words. On real servers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.ssh import create

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any
Make = Callable[..., Board]
TABLE = {"kind": "ssh", "python": sys.executable}


def configure(board: Board, host: str = "pi", **more: str) -> None:
    """~/.ssh/config with one host, which knows the board."""
    lines = {"HostName": "127.0.0.1", "Port": str(board.port), "User": board.user, **more}
    text = "".join(f"  {key} {value}\n" for key, value in lines.items() if value)
    with (board.client / ".ssh" / "config").open("a") as config:
        config.write(f"Host {host}\n{text}")


def refused(name: str = "pi", kind: type[NotMeasuredError | UsageError] = NotMeasuredError) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        create(name, TABLE).python()
    assert caught.value.asked == f"cannot reach {name}"
    return caught.value.found, caught.value.todo


def test_known_hosts_of_another_place(ssh_board: Make) -> None:
    board = ssh_board()
    known = board.client / ".ssh" / "known_hosts"
    known.rename(board.client / "boards")
    configure(board, UserKnownHostsFile=f"{board.client}/none {board.client}/boards")
    assert create("pi", TABLE).python() == sys.executable
    board.new_host_key()
    assert "has changed" in refused()[0]
    board.new_host_key("ecdsa")  # a server that has no key of the kind that is known
    assert "has changed" in refused()[0]


def test_the_name_that_the_key_is_kept_by(ssh_board: Make) -> None:
    board = ssh_board()
    known = board.client / ".ssh" / "known_hosts"
    known.write_text(known.read_text().replace("127.0.0.1", "the-board"))
    configure(board)
    assert "not known here" in refused()[0]
    (board.client / ".ssh" / "config").unlink()
    configure(board, HostKeyAlias="the-board")
    assert create("pi", TABLE).python() == sys.executable
    board.new_host_key("ecdsa")
    found, todo = refused()
    assert "has changed" in found
    assert f"ssh-keygen -R '[the-board]:{board.port}'" in todo


def test_a_way_through_another_host(ssh_board: Make) -> None:
    inner, outer = ssh_board(), ssh_board()  # our home is the outer one's client
    keys = f"{outer.client}/.ssh/known_hosts"
    known = [(board.client / ".ssh" / "known_hosts").read_text() for board in (inner, outer)]
    (outer.client / ".ssh" / "known_hosts").write_text("".join(known))
    configure(outer, "outer", UserKnownHostsFile=keys)
    text = f"Host pi\n  HostName 127.0.0.1\n  Port {inner.port}\n  User {inner.user}\n  IdentityFile {inner.key}\n"
    with (outer.client / ".ssh" / "config").open("a") as config:
        config.write(f"{text}  ProxyJump outer\n")
    device = create("pi", TABLE)
    assert device.python() == sys.executable
    assert outer.connections()
    assert device.push(outer.key)


def test_key_files_that_are_not_there_are_passed_over(ssh_board: Make) -> None:
    board = ssh_board()
    board.key.rename(board.client / "elsewhere")
    configure(board, IdentityFile=f"{board.client}/none\n  IdentityFile {board.client}/elsewhere")
    assert create("pi", TABLE).python() == sys.executable
    (board.client / ".ssh" / "config").unlink()
    configure(board, IdentityFile=f"{board.client}/none")
    found, todo = refused()
    assert f"does not let {board.user} in" in found
    assert todo.endswith("ssh-copy-id pi")


def test_a_key_with_a_passphrase_is_named(ssh_board: Make) -> None:
    board = ssh_board()
    board.protect_key()
    board.key.rename(board.client / "protected")
    configure(board, IdentityFile=f"{board.client}/protected", IdentitiesOnly="yes")
    found, todo = refused()
    assert f"the key {board.client}/protected is protected by a passphrase" in found
    assert f"ssh-add {board.client}/protected" in todo


def test_words_tell_where_it_leads(ssh_board: Make) -> None:
    board = ssh_board()
    configure(board, User="somebody-else")
    assert "does not let somebody-else in" in refused()[0]
    board.stop()
    assert f"127.0.0.1, port {board.port}: nobody listens there" in refused()[0]
    configure(board, "elsewhere", HostName="no-such-host.invalid")
    found, todo = refused("elsewhere")
    assert found == "no host of the name no-such-host.invalid is known"
    assert "~/.ssh/config" in todo


def test_a_line_that_cannot_be_read_is_named(ssh_board: Make) -> None:
    board = ssh_board()
    configure(board, ConnectTimeout="soon")
    found, todo = refused(kind=UsageError)
    assert "line 5" in found
    assert "ConnectTimeout" in found
    assert "line" in todo
