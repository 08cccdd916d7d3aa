"""Reaching a board over SSH for the first time, and asking what must be known of it before all else."""

from __future__ import annotations

import hashlib
import shlex
from typing import NamedTuple

from bench.base.errors import NotMeasuredError
from bench.devices.board_nature import Nature
from bench.devices.ssh_conditions import LinuxOverShell
from bench.devices.ssh_files import SshFiles
from bench.devices.ssh_keeper import Keeper
from bench.devices.ssh_link import SshLink
from bench.devices.ssh_wish import Wish

# Prints the place of our files there, and the interpreter: the first that is new enough, else why the last is not it.
_HOME = 'case {folder} in "") h=${{XDG_CACHE_HOME:-$HOME/.cache}}/bench;; *) h={folder};; esac; echo "home:$h"'
_PYTHON = (
    "for p in {names}; do f=$(command -v $p) || continue; v=$($f -c 'import sys, platform as p; "
    "print(p.python_implementation(), p.python_version()); sys.version_info < (3, 8) and sys.exit(1)') && "
    '{{ echo "python:$f:$v"; break; }}; echo "other:$f is ${{v:-no Python that starts}}"; done 2>/dev/null'
)


class Opened(NamedTuple):
    """What belongs to one board while it is in use. home: of our files there.

    python: the interpreter and its version, or empty, and then other_python: what was found instead; machine:
    `uname -m`; bits: of the system's programs.
    """

    link: SshLink
    files: SshFiles
    linux: LinuxOverShell
    keeper: Keeper
    home: str
    key: str
    python: str
    python_version: str
    other_python: str
    machine: str
    bits: int


def open_board(name: str, wish: Wish, nature: Nature) -> Opened:
    """Reach the board and see that it can be used. Raises NotMeasuredError, UsageError."""

    target = wish.target
    title = name if name == target.host else f"{name} ({target.address})"
    link = SshLink(target, title)
    names = _path(wish.python) if wish.python else "python3 /usr/local/bin/python3 python"
    said = link.shell(
        f"{_HOME.format(folder=_path(wish.folder))}\n{_PYTHON.format(names=names)}\n"
        "[ -r /proc/self/stat ] && echo proc:; echo uname:$(uname -m):$(getconf LONG_BIT)"
    ).stdout
    told = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    home = told.get("home", "")
    if not home.startswith("/") or "proc" not in told:
        found = f"its folder for files is {home!r}" if "proc" in told else "it has no /proc: it is no Linux"
        raise NotMeasuredError(f"cannot measure on {title}", found, f"[devices.{name}] folder = an absolute path")
    python, _, version = told.get("python", "").partition(":")
    key = f"ssh-{hashlib.sha256(home.encode()).hexdigest()[:12]}"
    linux = LinuxOverShell(link.shell, nature.files, nature.readings)
    files, keeper = SshFiles(link, home=home), Keeper(link, key)
    machine, _, bits = told["uname"].partition(":")
    other = told.get("other", "")
    return Opened(link, files, linux, keeper, home, key, python, version, other, machine, 32 if bits == "32" else 64)


def _path(named: str) -> str:
    """As a word for the shell; a leading ~ is the home folder there."""
    if named == "~" or named.startswith("~/"):
        return f'"$HOME"{shlex.quote(named[1:])}'
    return shlex.quote(named)
