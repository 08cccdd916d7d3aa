"""Programs on another device: how a shell there starts one, and how what is left of them is found again and ended.

A program and all that it starts carry JOB_VARIABLE in their environment, so that what a lost link left running can be
found again, and nothing but ours is ever ended.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from bench.base.errors import NotMeasuredError
from bench.devices.remote import Remote

JOB_VARIABLE = "BENCH_JOB"
KILL_S = 5.0  # for one attempt to end something there


def command_line(argv: list[str], env: Mapping[str, str], cwd: str | None, job: str) -> str:
    """What a shell there is given: it tells its process id in the first line and becomes the program.

    Exit code 126 or 127 before that line: it cannot be started.
    """
    program = shlex.quote(argv[0])
    if "/" in argv[0]:
        check = f"[ -f {program} ] || {{ echo 'no such file' >&2; exit 127; }}; "
        check += f"[ -x {program} ] || {{ echo 'it may not be executed' >&2; exit 126; }}; "
    else:
        check = f"command -v {program} >/dev/null || {{ echo 'no such program there' >&2; exit 127; }}; "
    folder = f"cd {shlex.quote(cwd)} || exit 126; " if cwd else ""
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in {**env, JOB_VARIABLE: job}.items())
    return f"{folder}{check}{exports}echo $$; exec {shlex.join(argv)}"


def end_jobs(link: Remote, mark: str, timeout_s: float = KILL_S, group: int | None = None, spare: str = "") -> None:
    """Kill every process there whose JOB_VARIABLE starts with `mark` but not with `spare`, and the group `group`.

    Raises NotMeasuredError when the device cannot be reached or something goes on in spite of it.
    """
    first = f"kill -9 -{group} 2>/dev/null; " if group else ""
    without = f'[ -z "$found" ] || found=$(grep -Lzs -e {pattern(spare)} $found); ' if spare else ""
    # A process may start another one while we look, and takes a moment to go.
    result = link.shell(
        f"{first}for i in 1 2 3 4 5 6 7 8 9; do {FIND.format(pattern=pattern(mark))}{without}"
        f'[ -n "$found" ] || exit 0; {KILL} sleep 0.1; done; exit 1',
        timeout_s,
    )
    if result.returncode != 0:
        raise NotMeasuredError(
            f"cannot end what an earlier run left on {link.title}",
            result.stderr.strip() or "it goes on in spite of being killed",
            "Restart it.",
        )


def pattern(mark: str) -> str:
    """What is looked for in a process's environment, for a shell: at a variable's start, since another variable may
    hold the very command that looks. mark: of plain signs.
    """
    return shlex.quote(f"^{JOB_VARIABLE}={mark}")


FIND = "found=$(grep -lzs -e {pattern} /proc/[0-9]*/environ); "
# Its whole group where it leads one: a program may take its children's environment away.
KILL = "for file in $found; do id=${file#/proc/}; id=${id%/environ}; kill -9 -$id $id 2>/dev/null; done;"
