"""What every device that is not this host has: a shell on it, asked one short command at a time."""

from __future__ import annotations

from typing import NamedTuple, Protocol

SHORT_S = 20.0  # for an answer that takes a moment; a stalled link must not hold us


class ShellResult(NamedTuple):
    """What a short command on a device gave. returncode: as subprocess has it (negative: ended by that signal)."""

    stdout: str
    stderr: str
    returncode: int


class Remote(Protocol):
    """The way to one device. title: what a person calls it."""

    title: str

    def shell(self, command: str, timeout_s: float = SHORT_S) -> ShellResult:
        """Run a command in its shell. Raises NotMeasuredError when the way to it fails, not when the command does."""
        ...
