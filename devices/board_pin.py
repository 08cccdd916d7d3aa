"""Holding a board's clocks still, and putting all back: by a shell script there that does so when its input ends.

It needs root: as root itself, or by `sudo -n`, which never asks. What stood before lies in a file until it is put back,
so that a run that was cut off by the board's own end is put right by the next one.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator

from bench.base.errors import NotMeasuredError
from bench.base.process import ChildEnded, ChildTimeout, Process
from bench.records.types import Reading

_NOTHING = "exec </dev/null"
HOLD_S = 30.0  # nvpmodel takes some seconds
_AS_ROOT = (
    'if [ "$(id -u)" = 0 ]; then exec /bin/sh -c "$0"; fi; '
    'if sudo -n true 2>/dev/null; then exec sudo -n /bin/sh -c "$0"; '
    "else echo 'unpinned: it needs root, and sudo asks for a password'; fi"
)
_SCRIPT = """\
restore() {{
:
{restore}
}}
refuse() {{ echo "unpinned: $1"; restore; exit 1; }}
trap '' HUP INT PIPE
{pin}
[ -e {stored} ] || refuse "what was set before cannot be kept"
echo pinned
cat >/dev/null
exec >/dev/null 2>&1
restore
"""

Start = Callable[[list[str]], Process]


def argv(pin: str, restore: str, stored: str) -> list[str]:
    """The program that pins, says `pinned` or `unpinned: WHY`, and puts back when its input ends.

    pin, restore: shell text in which {stored} stands for the file; pin may call `refuse WHY`.
    """
    quoted = shlex.quote(stored)
    text = _SCRIPT.format(
        stored=quoted, pin=pin.replace("{stored}", quoted), restore=restore.replace("{stored}", quoted)
    )
    # By the user: what root makes in the user's folders, the user could not write to.
    folder = f"mkdir -p {shlex.quote(os.path.dirname(stored))}; "
    return ["/bin/sh", "-c", folder + _AS_ROOT, text]


@contextlib.contextmanager
def pinned(start: Start, pin: str, restore: str, stored: str) -> Iterator[tuple[Reading, ...]]:
    """Hold within the block. Yields the reading `pin`: `pinned`, or why not. Raises nothing of its own."""
    try:
        process = start(argv(pin, restore, stored))
    except NotMeasuredError as error:
        yield (Reading(name="pin", unavailable=f"unpinned: {error.asked}: {error.found}"),)
        return
    try:
        yield (_told(process),)
    finally:
        process.close(grace_s=HOLD_S)


def put_back(start: Start, restore: str, stored: str) -> None:
    """What a run that was cut off left pinned. Raises NotMeasuredError."""
    process = start(argv(_NOTHING, restore, stored))
    _told(process)
    process.close(grace_s=HOLD_S)


def _told(process: Process) -> Reading:
    try:
        line = process.read_line(HOLD_S).decode("utf-8", "replace").strip()
    except ChildTimeout:
        line = f"unpinned: no answer within {HOLD_S:g} s"
    except ChildEnded:
        line = f"unpinned: {process.stderr_tail(3) or 'the script ended'}"
    if line == "pinned":
        return Reading(name="pin", value=line)
    return Reading(name="pin", unavailable=line if line.startswith("unpinned") else f"unpinned: {line}")
