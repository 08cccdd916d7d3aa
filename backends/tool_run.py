"""One run of a native tool on a device: what it printed, how it ended."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.backends.client import InvocationFailed, ended_error
from bench.base.findings import Finding
from bench.base.process import STDERR_TAIL_LINES, ChildEnded, ChildTimeout, LinkLost, signal_name
from bench.devices.protocol import Device
from bench.records.types import CaseError

MORE_TIME = "Give it more time with --limit, or see what it waits for in the lines below."
OUT_OF_REACH = "See to its cable and to what else runs there; what was left running is ended by the next run."


@dataclass(frozen=True)
class Ran:
    """returncode: negative: ended by that signal; None: not known. lost: why the way to the device broke, or empty.

    elapsed_ns: on this host, the way to the device included. left: its time was over, and the device was out of reach
    for ending it.
    """

    argv: tuple[str, ...]
    stdout: str
    stderr: str
    returncode: int | None
    elapsed_ns: int
    timed_out: bool = False
    lost: str = ""
    left: bool = False

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if self.lost:
            return f"the way to the device broke: {self.lost}"
        if self.left:
            return "its time limit passed, and it could not be ended"
        if self.timed_out:
            return "it was ended after its time limit"
        name = signal_name(self.returncode)
        return f"ended by {name}" if name else f"exit code {self.returncode}"

    @property
    def transcript(self) -> str:
        """All of it: command line, both streams, end."""
        parts = [f"$ {shlex.join(self.argv)}", self.stdout.rstrip("\n")]
        if self.stderr:
            parts += ["--- stderr", self.stderr.rstrip("\n")]
        return "\n".join([*parts, f"--- {self.end}"])


def run(device: Device, argv: Sequence[str], limit_s: float, tell: Callable[[str], None] = lambda _: None) -> Ran:
    """Run to the end. tell: gets each line of stdout as it comes. Raises NotMeasuredError when it cannot be started."""
    begun = time.monotonic()
    process = device.spawn(list(argv))
    lines: list[str] = []
    code: int | None = None
    closed: int | None = None
    timed_out, lost = False, ""
    try:
        while True:
            line = process.read_line(limit_s - (time.monotonic() - begun)).decode("utf-8", "replace").rstrip("\r")
            lines.append(line)
            tell(line)
    except ChildTimeout:
        timed_out = True
    except LinkLost as ended:
        lost = ended.reason
    except ChildEnded as ended:
        code = ended.returncode
    finally:
        closed = process.close()
    return Ran(
        argv=tuple(argv),
        stdout="\n".join(lines) + "\n" * bool(lines),
        stderr=process.stderr_tail(STDERR_TAIL_LINES),
        returncode=code,
        elapsed_ns=int((time.monotonic() - begun) * 1e9),
        timed_out=timed_out,
        lost=lost,
        left=timed_out and closed is None,
    )


def must_have_ended(ran: Ran, limit_s: float, phase: str, transcript: str) -> None:
    """Raises InvocationFailed for a run that did not come to its own end. transcript: its last lines, for the error."""
    if ran.lost:
        raise InvocationFailed(
            CaseError(
                kind="link lost",
                message=f"the way to the device broke in the middle: {ran.lost}",
                todo="Plug it in again and repeat; what was left running there is ended then.",
                phase=phase,
                stderr_tail=transcript,
            )
        )
    if ran.timed_out:
        then = ", and the device did not answer" if ran.left else "; it was ended"
        raise InvocationFailed(
            CaseError(
                kind="timed out",
                message=f"it did not end within {limit_s:g} s{then}",
                todo=OUT_OF_REACH if ran.left else MORE_TIME,
                phase=phase,
                stderr_tail=transcript,
            )
        )
    if signal_name(ran.returncode):
        raise InvocationFailed(ended_error(ran.returncode, phase, transcript))


def run_findings(ran: Ran, unknown: int, unknown_lines: Sequence[str]) -> tuple[Finding, ...]:
    """What a person should know of a run whose numbers count. unknown: lines that were not understood."""
    told = []
    if ran.returncode != 0 or ran.lost or ran.timed_out:
        told.append(
            Finding(
                code="tool-end",
                severity="warning",
                what=f"the tool's numbers are whole, but it did not end well: {ran.end}",
                why="Drivers crash when they are put away; the numbers were printed before.",
                remedy="Compare with a run of another build of the tool or driver.",
            )
        )
    if unknown:
        told.append(
            Finding(
                code="tool-lines",
                severity="info",
                what=f"{unknown} lines of the tool's output were not understood: {unknown_lines[0]!r}",
                why="A newer tool may print things that matter.",
                remedy="They stand in the transcript: bench show.",
            )
        )
    return tuple(told)
