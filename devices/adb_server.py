"""adb's server on this computer: starting one where none runs, which phones it has, and what their states mean.

A server that somebody runs is used as it is, whatever its version, and never ended.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.base.errors import NotMeasuredError
from bench.devices.adb_wire import SHORT_S, AdbTrouble, Address, NoServer, Refused, Strange, Wire, server_address

_START_S = 20.0
_SETTLE_S = 5.0  # what a phone that has just been connected over TCP takes to become usable
_LOCAL = ("127.0.0.1", "localhost", "::1")
_INSTALL = (
    "Install adb (Debian and Ubuntu: `apt-get install adb`; else the platform tools of "
    "https://developer.android.com/tools/releases/platform-tools) so that `adb devices` works."
)
_LINE = re.compile(r"(?P<serial>.*?)\s+(?P<state>no permissions\b.*?|\S+)(?P<tags>(?:\s+[a-z_]+:\S*)*)\s*")


class AttachedPhone(NamedTuple):
    """One line of adb's list. state: `device` when it can be used, `offline`, `unauthorized`, `no permissions`, ...

    model and product: as adb writes them, with _ for a space; empty where adb does not know.
    """

    serial: str
    state: str
    model: str = ""
    product: str = ""

    def __str__(self) -> str:
        return "  ".join(part for part in (self.serial, self.state, self.model) if part)


def attached(*, start: bool = True, timeout_s: float = SHORT_S) -> list[AttachedPhone]:
    """The phones that adb's server sees, in any state. start: start a server where none runs.

    Raises NotMeasuredError.
    """
    return parse_list(ask("host:devices-l", start=start, timeout_s=timeout_s))


def parse_list(text: str) -> list[AttachedPhone]:
    """The answer to `host:devices-l`. Lines that are none of adb's are left out."""
    phones = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or not match["serial"]:
            continue
        tags = dict(tag.split(":", 1) for tag in match["tags"].split())
        state = "no permissions" if match["state"].startswith("no permissions") else match["state"]
        phones.append(AttachedPhone(match["serial"], state, tags.get("model", ""), tags.get("product", "")))
    return phones


def version(timeout_s: float = SHORT_S) -> int | None:
    """The running server's version (41 for 1.0.41); None when none runs or it does not say."""
    try:
        return int(ask("host:version", start=False, timeout_s=timeout_s), 16)
    except (NotMeasuredError, ValueError):
        return None


def connect(where: str, timeout_s: float = SHORT_S) -> None:
    """Have the server connect to a phone over TCP (`HOST:PORT`). Raises NotMeasuredError."""
    answer = ask(f"host:connect:{where}", timeout_s=timeout_s)
    # failed to authenticate: it is in the list now, as unauthorized, which says more
    if not re.match(r"(already )?connected to|failed to authenticate", answer):
        raise NotMeasuredError(
            f"cannot connect to the phone at {where}",
            answer.strip(),
            f"Is it in the same network, with adb over TCP on (`adb tcpip 5555` over USB)? Try `adb connect {where}`.",
        )
    end = time.monotonic() + _SETTLE_S
    while time.monotonic() < end:
        states = [phone.state for phone in attached() if phone.serial in (where, f"{where}:5555")]
        if states and states[0] not in ("offline", "connecting", "authorizing"):
            return
        time.sleep(0.1)


def ask(request: str, *, start: bool = True, timeout_s: float = SHORT_S) -> str:
    """The text that the server answers to a request about itself. Raises NotMeasuredError."""
    address = server_address()
    try:
        with open_wire(address, timeout_s, start=start) as wire:
            wire.request(request)
            return wire.block()
    except Refused as error:
        raise NotMeasuredError(f"adb's server refuses {request}", str(error)) from None
    except AdbTrouble as error:
        raise server_error(address, error) from None


def open_wire(address: Address, timeout_s: float, *, start: bool = True) -> Wire:
    """A connection to the server; one is started where none runs. Raises AdbTrouble, NotMeasuredError."""
    try:
        return Wire(address, timeout_s)
    except NoServer:
        if not start:
            raise
    _start(address)
    return Wire(address, timeout_s)


def server_error(address: Address, error: AdbTrouble) -> NotMeasuredError:
    """What to tell when the server itself, not a phone, failed."""
    if isinstance(error, NoServer):
        return NotMeasuredError(f"no adb server runs at {address}", str(error), "Start it: `adb start-server`.")
    if isinstance(error, Strange):
        return NotMeasuredError(
            f"what listens at {address} does not speak the protocol of adb's server",
            f"{error}; it is another program, or an adb that is too old or too new",
            "See what listens there, and choose another port for adb with ANDROID_ADB_SERVER_PORT.",
        )
    return NotMeasuredError(
        f"adb's server at {address} does not answer",
        str(error),
        "Restart it when nobody needs it: `adb kill-server`, then `adb devices`.",
    )


def _start(address: Address) -> None:
    """Start a server with adbutils' own program, else with the one on PATH. Raises NotMeasuredError."""
    if address.host not in _LOCAL:
        raise NotMeasuredError(
            f"no adb server runs at {address}", "it is another computer, where none can be started from here"
        )
    tried = []
    for program in _programs():
        tried.append(f"{program}: {_start_with(program, address)}")
        if tried[-1].endswith(": "):
            return
    raise NotMeasuredError("cannot start adb's server", "\n".join(tried) or "there is no adb here", _INSTALL)


def _programs() -> list[str]:
    own = Path(importlib.import_module("adbutils.binaries").__path__[0]) / ("adb.exe" if os.name == "nt" else "adb")
    return [path for path in (str(own) if own.is_file() else None, shutil.which("adb")) if path]


def _start_with(program: str, address: Address) -> str:
    """Why it did not work; empty when it did."""
    # The server outlives the command, so it must hold neither a pipe of ours nor our terminal's Ctrl-C.
    apart: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    command = [program, "-P", str(address.port), "start-server"]
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=_START_S, check=False, **apart
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return getattr(error, "strerror", None) or f"did not finish within {_START_S:g} s"
        output.seek(0)
        said = output.read(4000).decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit code {done.returncode}")


def not_ready(phone: AttachedPhone) -> tuple[str, str]:
    """What a state other than `device` means and what to do about it."""
    over_tcp = re.search(r":\d+$", phone.serial) is not None
    again = f"`adb disconnect {phone.serial}`, then `adb connect {phone.serial}`" if over_tcp else "Replug its cable"
    known = {
        "device": ("it does not answer", f"Is it very busy, or its cable bad? {again}."),
        "unauthorized": (
            "it has not allowed this computer to debug it (unauthorized)",
            'Unlock it and accept "Allow USB debugging?"; where nothing is asked: revoke USB debugging '
            "authorisations in its developer options and replug it.",
        ),
        "offline": (
            "adb sees it but it does not answer (offline)",
            f"{again}, or restart it; with a bad cable or hub this comes back.",
        ),
        "no permissions": (
            "this user may not open the USB device (no permissions)",
            "On Linux: install udev rules for Android (Debian and Ubuntu: `apt-get install android-sdk-platform-tools-"
            "common`), join the group plugdev, replug it, and restart the adb server.",
        ),
    }
    mode = f"it is in the state {phone.state!r}, not running Android as usual"
    return known.get(phone.state, (mode, "Start Android on it, wait until adb lists it as `device`, and try again."))
