"""What went wrong on the way to a board, in words: what was found, and the command that mends it. Pure."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple


class Target(NamedTuple):
    """How a board is reached, as `[devices.NAME]` says; what is empty (0) is left to the user's ssh configuration."""

    host: str
    user: str = ""
    port: int = 0
    key: str = ""

    @property
    def address(self) -> str:
        """As the command `ssh` takes it."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def ssh(self) -> str:
        """The command that a person would try."""
        port = f" -p {self.port}" if self.port else ""
        key = f" -i {self.key}" if self.key else ""
        return f"ssh{port}{key} {self.address}"


class HostKey(NamedTuple):
    """The key that a board showed, and was not known by. known: whether others are known for it.

    host, port: as they stand in known_hosts.
    """

    algorithm: str
    fingerprint: str
    known: bool
    host: str
    port: int


def host_key_words(key: HostKey, target: Target) -> tuple[str, str]:
    """(found, todo)."""
    shown = f"{key.algorithm} {key.fingerprint}".strip()
    name = key.host if key.port in (0, 22) else f"[{key.host}]:{key.port}"
    if key.known:
        return (
            f"its host key has changed: {shown or 'none of those in known_hosts'}",
            "If the board was set up anew, take the old key away and look at the new one; else somebody stands "
            f"in between:\n  ssh-keygen -R '{name}' && {target.ssh()} exit",
        )
    port = "" if key.port in (0, 22) else f" -p {key.port}"
    return (
        f"its host key is not known here: {shown}",
        f"Compare it with what the board says of itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and let "
        f"ssh keep it:\n  {target.ssh()} exit\nor, where nobody can stand in between:\n"
        f"  ssh-keyscan{port} {key.host} >> ~/.ssh/known_hosts",
    )


def refused_words(target: Target, user: str) -> tuple[str, str]:
    """(found, todo) when the board takes none of our keys."""
    which = f"the key {target.key}" if target.key else "any key of the agent, the ssh configuration or ~/.ssh"
    return (
        f"it does not let {user or 'us'} in with {which}; passwords are not asked for, so that no run waits for one",
        f"Bring your key there once, with the password:\n  {copy_id(target)}",
    )


def copy_id(target: Target) -> str:
    port = f" -p {target.port}" if target.port else ""
    key = f" -i {target.key}" if target.key else ""
    return f"ssh-copy-id{port}{key} {target.address}"


def protected_words(key: str) -> tuple[str, str]:
    """(found, todo) for a key that only a passphrase opens."""
    return (
        f"the key {key} is protected by a passphrase, which is not asked for",
        f"Let the agent hold it: eval $(ssh-agent); ssh-add {key}",
    )


def network_words(error: OSError, host: str, port: int) -> tuple[str, str]:
    """(found, todo) of what the network says. host, port: that the ssh configuration gave."""
    where = f"{host}, port {port}"
    if isinstance(error, socket.gaierror):
        return (
            f"no host of the name {host} is known",
            "Check its spelling in bench.toml and ~/.ssh/config, or name its address: host = ...",
        )
    if isinstance(error, ConnectionRefusedError):
        return (
            f"{where}: nobody listens there (connection refused)",
            "Start its SSH server (sudo systemctl enable --now ssh), or name its port.",
        )
    said = error.strerror or str(error) or type(error).__name__
    if error.errno and not error.strerror:
        said = os.strerror(error.errno)
    return f"{where}: {said}", "Is it switched on, and in the same network?"


def slow_words(target: Target, seconds: float) -> tuple[str, str]:
    """(found, todo) when no connection comes about in time."""
    return (
        f"it did not answer within {seconds:g} s",
        f"Is it switched on, and in the same network? Try: {target.ssh()} exit",
    )
