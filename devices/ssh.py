"""The kind `ssh`: a Linux machine behind an SSH server. asyncssh is imported when one is first used."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.errors import NotMeasuredError
from bench.devices import board_pin, linux_identity, power
from bench.devices.board_nature import Nature
from bench.devices.identity import abi_of, fingerprint
from bench.devices.linux_conditions import unavailable
from bench.devices.linux_files import UnreadableError
from bench.devices.protocol import Sampler, Tell
from bench.devices.remote_jobs import end_jobs
from bench.devices.ssh_wish import Wish, wish_of
from bench.records.types import Conditions, DeviceIdentity, Phase, Reading

if TYPE_CHECKING:
    from bench.devices.ssh_open import Opened
    from bench.devices.ssh_process import SshProcess

LINUX = Nature(kind="ssh")


class SshDevice:
    """A board. It is reached when it is first used: whatever needs it raises NotMeasuredError or UsageError then."""

    def __init__(self, name: str, wish: Wish, nature: Nature = LINUX, pin: str = "") -> None:
        """nature: of the kind; pin: the shell text that holds its clocks."""
        self.name = name
        self.kind = nature.kind
        self._nature = nature
        self._pin = pin
        self._wish = wish
        self._opened: Opened | None = None
        self._left: set[str] = set()  # the marks of jobs that could not be ended, since the board was out of reach
        self._holder: SshProcess | None = None

    def identify(self) -> DeviceIdentity:
        """Raises NotMeasuredError when the board cannot be reached."""
        board = self._board()
        bulk = board.linux.identity(self._nature.facts)
        if bulk.broken:
            raise NotMeasuredError(f"cannot measure on {board.link.title}", bulk.broken)
        facts, missing = linux_identity.gather(bulk, board.machine)
        if board.python:
            facts["python"] = board.python_version
        else:
            missing["python"] = ": ".join(filter(None, ("no Python 3.8 or newer was found there", board.other_python)))
        stable = fingerprint(facts)
        with contextlib.suppress(UnreadableError):
            facts["serial"] = bulk.text("/proc/device-tree/serial-number")
            stable = hashlib.sha256(f"{stable}\n{facts['serial']}".encode()).hexdigest()[:16]
        self._nature.add_facts(bulk, facts, missing)
        return DeviceIdentity(name=self.name, kind=self.kind, fingerprint=stable, facts=facts, unavailable=missing)

    def conditions(self, phase: Phase) -> Conditions:
        """A board that is out of reach for them has none that are known: that fails no measurement."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            readings, bulk = self._board().linux.readings()
        except NotMeasuredError as error:
            readings, bulk = unavailable(f"{error.asked}: {error.found}"), None
        more = self._nature.read_readings(bulk) if bulk is not None and not bulk.broken else ()
        # Two ways to one sensor: the kernel's own is the first.
        known = {one.name for one in readings if one.value is not None}
        by_name = {one.name: one for one in (*readings, *(one for one in more if one.name not in known))}
        pin = Reading(name="pin", value="unpinned")
        return Conditions(phase=phase, at=at, readings=(*by_name.values(), pin))

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> SshProcess:
        from bench.devices.ssh_process import SshProcess

        board = self._board()
        self._end_left(board)
        guard = board.keeper.guard()
        self._hold_again()
        job = f"{board.keeper.mark}/{secrets.token_hex(8)}"
        return SshProcess.start(
            board.link, argv, env=env, cwd=cwd, job=job, left=lambda: self._left.add(job), guard=guard
        )

    def push(self, local: Path) -> str:
        return self._board().files.push(local)

    def pull(self, remote: str, to: Path) -> None:
        self._board().files.pull(remote, to)

    def python(self) -> str:
        board = self._board()
        if not board.python:
            asked = f"cannot run a Python runtime on {board.link.title}"
            named = f"there is no {self._wish.python}" if self._wish.python else "there is no python3 on its PATH"
            raise NotMeasuredError(
                asked,
                f"{board.other_python or named}; it takes a Python 3.8 or newer",
                f"Install one, name it ([devices.{self.name}] python = ...), or use a native tool: -b benchmark_model",
            )
        return board.python

    def abis(self) -> tuple[str, ...]:
        board = self._board()
        return (abi_of(board.machine, board.bits),)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        files = self._board().files
        folder = files.make_folder()
        try:
            yield folder
        finally:
            with contextlib.suppress(NotMeasuredError):  # the link is gone: the next job removes it
                files.remove(folder, 5.0)

    @contextlib.contextmanager
    def pin(self) -> Iterator[tuple[Reading, ...]]:
        if not self._pin:
            reason = "bench changes no clocks of a machine of the kind ssh: name its kind of board"
            yield (Reading(name="pin", unavailable=reason),)
            return
        board = self._board()
        with board_pin.pinned(self._start_pin, self._pin, self._nature.restore, f"{board.home}.clocks") as readings:
            yield readings

    def _start_pin(self, argv: list[str]) -> SshProcess:
        """Not watched over, as other programs are: when we are gone it has to put back, not to be killed."""
        from bench.devices.ssh_process import SshProcess

        board = self._board()
        job = f"{board.key}/pin/{secrets.token_hex(8)}"
        return SshProcess.start(board.link, argv, env=None, cwd=None, job=job, left=lambda: None)

    def power(self) -> AbstractContextManager[Sampler]:
        return power.beside(
            lambda: power.there(self._board().link.shell, self.spawn, tegrastats=self._nature.tegrastats)
        )

    def clean(self) -> int:
        return self._board().files.clean()

    def free_bytes(self) -> int | Reading:
        return self._board().files.free_bytes()

    @contextlib.contextmanager
    def lock(self, wait_s: float, tell: Tell | None = None) -> Iterator[None]:
        """On the board itself. What jobs that were cut off left running or lying there goes first."""
        board = self._board()
        self._holder = self._hold(wait_s, tell)
        try:
            end_jobs(board.link, f"{board.key}/", spare=f"{board.keeper.mark}/")
            board.files.tidy()
            if self._pin and board.link.shell(f"[ -e {shlex.quote(board.home)}.clocks ]").returncode == 0:
                board_pin.put_back(self._start_pin, self._nature.restore, f"{board.home}.clocks")
            yield
        finally:
            holder, self._holder = self._holder, None
            with contextlib.suppress(NotMeasuredError):
                self._end_left(board)
            if holder is not None:
                holder.close()

    def _hold(self, wait_s: float, tell: Tell | None) -> SshProcess:
        from bench.devices.ssh_hold import hold

        board = self._board()
        board.link.shell(f"mkdir -p {shlex.quote(os.path.dirname(board.home))}")
        return hold(self.spawn, f"{board.home}.lock", board.link.title, wait_s, tell)

    def _hold_again(self) -> None:
        """The lock goes with the connection; whoever took it meanwhile has it. Raises NotMeasuredError."""
        holder = self._holder
        if holder is not None and holder.ended:
            self._holder = None
            self._holder = self._hold(0.0, None)

    def _end_left(self, board: Opened) -> None:
        for job in sorted(self._left):
            end_jobs(board.link, job)
            self._left.remove(job)

    def _board(self) -> Opened:
        if self._opened is None:
            from bench.devices.ssh_open import open_board

            self._opened = open_board(self.name, self._wish, self._nature)
        return self._opened


def create(name: str, table: Mapping[str, object]) -> SshDevice:
    """From `[devices.NAME]`: `host` (else the device's name, as ssh would look it up), `user`, `port`, `key`, `python`
    and `folder` there. Raises UsageError.
    """
    return SshDevice(name, wish_of(name, table))
