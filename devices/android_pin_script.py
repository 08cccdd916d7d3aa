"""The script that puts a phone's clocks back, and watches over that: pure text, run by the phone's own shell.

It stands on the phone before anything is changed. While the harness lives it creates the file `beat` again and again;
the watch takes it away at each look, and where it finds none the harness is gone, and everything is put back. No clock
is read for that, since a phone's jumps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

RESTORE = "restore.sh"
_FIXED_OFF = "cmd power set-fixed-performance-mode-enabled false"
FIXED_ON = "cmd power set-fixed-performance-mode-enabled true"
_PLAIN = re.compile(r"[A-Za-z0-9_.,:+@/-]+")


class Change(NamedTuple):
    """One file to be written. name: of its reading (`cpu0.governor`); old: what stands there now."""

    name: str
    path: str
    old: str
    new: str


def writable(change: Change) -> bool:
    """Whether its parts can stand in a script as they are."""
    return all(_PLAIN.fullmatch(part) for part in (change.path, change.old, change.new))


_TEMPLATE = """\
#!/system/bin/sh
# Left by bench while it holds this phone's clocks still. It puts back what was there before:
#     sh {folder}/{restore}
# It also runs by itself once bench has been silent for {silence_s} to {silence_twice_s} seconds.
folder={folder}
token={token}

put_back() {{
  failed=
{lines}
  # what could not be put back (no root, say) can still be tried again
  [ -z "$failed" ] && rm -f "$folder/beat" "$folder/watched" "$folder/{restore}"
}}

if [ "$1" = watch ]; then
  echo "$token" > "$folder/watched"
  while sleep {silence_s}; do
    # put back meanwhile, or another bench has taken over
    [ "$(cat "$folder/watched" 2>/dev/null)" = "$token" ] || exit 0
    [ -e "$folder/beat" ] || break
    rm -f "$folder/beat"
  done
fi
put_back
"""


def restore_script(changes: Sequence[Change], *, folder: str, token: str, silence_s: float, fixed: bool) -> str:
    """The whole script. changes: in the order of writing; they are put back in the other. fixed: also end
    fixed-performance mode."""
    lines = [f"  echo {change.old} > {change.path} || failed=1" for change in reversed(changes)]
    if fixed:
        lines.append(f"  {_FIXED_OFF} >/dev/null 2>&1")
    return _TEMPLATE.format(
        folder=folder,
        token=token,
        restore=RESTORE,
        silence_s=f"{silence_s:g}",
        silence_twice_s=f"{2 * silence_s:g}",
        lines="\n".join(lines),
    )


def install_command(script: str, folder: str) -> str:
    """Write the script in one go: a shell reads a running script on, so it is never changed in its place."""
    return (
        f"mkdir -p {folder} && : > {folder}/beat && cat > {folder}/{RESTORE}.new <<'BENCH_END'\n{script}BENCH_END\n"
        f"mv {folder}/{RESTORE}.new {folder}/{RESTORE}"
    )


def watch_command(folder: str, token: str) -> str:
    """Start the watch so that it outlives the connection, and say `watching` when it is there (within 3 s)."""
    # `setsid` where there is one: adb's daemon may end a connection's whole group of processes.
    return (
        "s=$(command -v setsid) || s=nohup; "
        f"$s sh {folder}/{RESTORE} watch </dev/null >/dev/null 2>&1 & "
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do "
        f'[ "$(cat {folder}/watched 2>/dev/null)" = {token} ] && echo watching && break; sleep 0.2; done'
    )


def apply_command(changes: Sequence[Change]) -> str:
    return "\n".join(f"echo {change.new} > {change.path}" for change in changes)
