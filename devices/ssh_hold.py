"""Holding a board: one measuring job at a time, whatever host it comes from, by a lock on the board itself."""

from __future__ import annotations

import getpass
import os
import platform
import shlex
import time
from collections.abc import Callable

from bench.base.errors import NotMeasuredError
from bench.base.process import ChildEnded, ChildTimeout
from bench.devices.protocol import Tell
from bench.devices.remote import SHORT_S
from bench.devices.ssh_process import SshProcess

# The lock belongs to the open file: it is free when the shell and what it started are gone, whatever ends them.
_SCRIPT = """\
exec 9>>{file} || exit 3
command -v flock >/dev/null || {{ echo none; exec cat >/dev/null; }}
flock -n 9 || {{ echo "busy $(cat {file})"; flock 9 || exit 4; }}
echo {who} >{file}
echo held
cat >/dev/null
: >{file}
"""


def hold(
    spawn: Callable[[list[str]], SshProcess], file: str, title: str, wait_s: float, tell: Tell | None
) -> SshProcess:
    """The process that holds the board until its input ends. file: there, its folder too.

    Raises NotMeasuredError after `wait_s` seconds, naming the holder.
    """
    who = shlex.quote(f"process {os.getpid()} of {_user()}@{platform.node()}")
    process = spawn(["/bin/sh", "-c", _SCRIPT.format(file=shlex.quote(file), who=who)])
    try:
        _wait(process, title, wait_s, tell)
    except BaseException:
        process.close()
        raise
    return process


def _wait(process: SshProcess, title: str, wait_s: float, tell: Tell | None) -> None:
    asked = f"cannot measure on {title}"
    end = time.monotonic() + wait_s
    holder = ""
    try:
        answer = process.read_line(SHORT_S).decode("utf-8", "replace")
        if answer.startswith("busy"):
            holder = answer.removeprefix("busy").strip() or "another process"
            if tell is not None and wait_s > 0:
                tell(f"{holder} is measuring on {title}; waiting up to {wait_s:g} s")
            answer = process.read_line(end - time.monotonic()).decode()
        if answer == "none" and tell is not None:
            tell(f"{title} has no flock, so nothing keeps another job away while this one measures")
    except ChildTimeout:
        found = f"no answer within {SHORT_S:g} s"
        if holder:
            found = f"{holder} is measuring there, and two at a time would slow each other down; waited {wait_s:g} s"
        raise NotMeasuredError(asked, found, "Wait until it has finished, or end it." if holder else "") from None
    except ChildEnded:
        raise NotMeasuredError(asked, process.stderr_tail(3) or "its lock cannot be taken") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
