"""Connecting to a board: the user's ~/.ssh/config, agent and known_hosts are honoured, and nothing is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import asyncssh

from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.ssh_words import (
    HostKey,
    Target,
    host_key_words,
    network_words,
    protected_words,
    refused_words,
    slow_words,
)

CONNECT_S = 15.0  # for the board to let us in
LOGIN_S = 20.0
KEEPALIVE_S, KEEPALIVE_COUNT = 15, 3
_KNOWN_HOSTS, _ALL_KNOWN_HOSTS = "~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"


class Client(asyncssh.SSHClient):
    """Remembers the key that was not trusted, and why the connection ended."""

    def __init__(self, known_hosts: list[str] | bytes) -> None:
        self._known_hosts = known_hosts
        self.connected = False
        self.untrusted: HostKey | None = None
        self.lost = asyncio.Event()
        self.why: Exception | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connected = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.why = exc
        self.lost.set()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        known = bool(_known(self._known_hosts, host, addr, port))
        self.untrusted = HostKey(key.get_algorithm(), key.get_fingerprint(), known, host, port)
        return False

    def knows(self, host: str, port: int, key: asyncssh.SSHKey) -> bool | None:
        """Whether that is a known key of the host; None where none is known."""
        known = _known(self._known_hosts, host, "", port)
        return key in known if known else None


def _known(known_hosts: list[str] | bytes, host: str, addr: str, port: int) -> list[Any]:
    """The keys that are known for a host."""
    try:
        found = asyncssh.match_known_hosts(known_hosts, host, addr, None if port == asyncssh.DEFAULT_PORT else port)
    except (OSError, ValueError):
        return []
    return list(found[0])


async def connect(target: Target) -> tuple[asyncssh.SSHClientConnection, Client]:
    """The connection and its client. Raises NotMeasuredError, UsageError."""
    asked = f"cannot reach {target.address}"
    options = _options(target, asked)
    known_hosts = _known_hosts(options.known_hosts)
    client = Client(known_hosts)
    patience_s = options.connect_timeout or CONNECT_S
    try:
        connection, _ = await asyncssh.create_connection(
            lambda: client, target.host, options=options, known_hosts=known_hosts, connect_timeout=patience_s
        )
    except TimeoutError:
        raise NotMeasuredError(asked, *slow_words(target, patience_s)) from None
    except (asyncssh.Error, OSError) as error:
        if client.connected and not isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.PermissionDenied):
            await _other_kind(client, target, options, patience_s)
        if isinstance(error, OSError) and client.untrusted is None:
            raise NotMeasuredError(asked, *network_words(error, options.host, options.port)) from None
        raise NotMeasuredError(asked, *_refusal(error, client, target, options)) from None
    return connection, client


async def _other_kind(
    client: Client, target: Target, options: asyncssh.SSHClientConnectionOptions, patience_s: float
) -> None:
    """Whether the server may have hung up since it has only keys of other kinds than known_hosts has for it.

    Only those kinds are asked for, so that a host with several keys shows the known one.
    """
    try:
        key = await asyncio.wait_for(asyncssh.get_server_host_key(target.host, options=options), patience_s)
    except (TimeoutError, OSError, asyncssh.Error, ValueError):
        return
    port, host = options.port or asyncssh.DEFAULT_PORT, options.host_key_alias or options.host
    if key is not None and client.knows(host, port, key) is False:
        client.untrusted = HostKey(key.get_algorithm(), key.get_fingerprint(), True, host, port)


def _known_hosts(configured: Any) -> list[str] | bytes:
    """The files that are there. Without one nobody is trusted: `UserKnownHostsFile none` does not mean everybody."""
    named = [_KNOWN_HOSTS] if configured == [] else configured or []
    files = [Path(name).expanduser() for name in (*named, _ALL_KNOWN_HOSTS)]
    return [str(path) for path in dict.fromkeys(files) if path.is_file()] or b""


def _options(target: Target, asked: str) -> asyncssh.SSHClientConnectionOptions:
    """What the user's configuration says, and what bench.toml says beyond it. Raises NotMeasuredError, UsageError."""
    given: dict[str, Any] = {}
    if target.user:
        given["username"] = target.user
    if target.port:
        given["port"] = target.port
    if target.key:
        path = Path(target.key).expanduser()
        try:
            path.read_bytes()
        except OSError as error:
            raise UsageError(asked, f"the key {target.key}: {error.strerror}", "Name another: key = ...") from None
        given |= {"client_keys": [str(path)], "ignore_encrypted": True}  # the agent may hold it
    # The user's configuration: left out, options that are made apart from their connection are made without it.
    given |= {"host": target.host, "config": ()}
    try:
        if not target.key:
            named = _named_keys(asyncssh.SSHClientConnectionOptions(**given, client_keys=None))
            if there := [str(path) for path in named if path.is_file()]:  # as ssh does, the others are passed over
                given |= {"client_keys": there, "ignore_encrypted": True}
            elif named:
                given["client_keys"] = []
        options = asyncssh.SSHClientConnectionOptions(
            preferred_auth=("publickey",),
            password=None,
            gss_auth=False,
            gss_kex=False,
            agent_forwarding=False,
            login_timeout=LOGIN_S,
            keepalive_interval=KEEPALIVE_S,
            keepalive_count_max=KEEPALIVE_COUNT,
            **given,
        )
    except asyncssh.ConfigParseError as error:
        raise UsageError(asked, f"the ssh configuration cannot be read: {error}", "Mend that line.") from None
    except (OSError, asyncssh.KeyImportError) as error:
        raise UsageError(asked, f"a key cannot be read: {error}", "Name another: key = ...") from None
    return options


def _refusal(
    error: Exception, client: Client, target: Target, options: asyncssh.SSHClientConnectionOptions
) -> tuple[str, str]:
    """(found, todo) of an error of the protocol."""
    if client.untrusted is not None:
        return host_key_words(client.untrusted, target)
    if isinstance(error, asyncssh.PermissionDenied):
        protected = next((key for key in _key_files(target, options) if _protected(key)), None)
        if protected is not None and (target.key or not options.client_keys):
            return protected_words(target.key or str(protected))
        return refused_words(target, str(options.username))
    said = str(error) or type(error).__name__
    if "timeout" in said.lower() or "expired" in said.lower():
        return slow_words(target, LOGIN_S)
    return f"its SSH server and bench do not understand each other: {said}", f"Try: {target.ssh()} exit"


def _named_keys(options: asyncssh.SSHClientConnectionOptions) -> list[Path]:
    """The key files that the user's ssh configuration names."""
    return [Path(name).expanduser() for name in cast(list[str], options.config.get("IdentityFile", []))]


def _key_files(target: Target, options: asyncssh.SSHClientConnectionOptions) -> list[Path]:
    if target.key:
        return [Path(target.key).expanduser()]
    if named := _named_keys(options):
        return named
    return [path for path in sorted((Path.home() / ".ssh").glob("id_*")) if path.suffix != ".pub"]


def _protected(path: Path) -> bool:
    try:
        asyncssh.read_private_key(path)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        return "assphrase" in str(error)
    except OSError:
        pass
    return False
