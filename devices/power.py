"""Which power rails a device has, and reading them beside a run. A device without any starts nothing."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from bench.base.errors import BenchError, NotMeasuredError
from bench.base.process import Process
from bench.devices import power_meters
from bench.devices.bulk import Bulk, Shell, ask, script
from bench.devices.energy import Rail
from bench.devices.linux_files import UnreadableError
from bench.devices.power_meters import BATTERY_GLOBS, GLOBS, MODEL, Files, Meter
from bench.devices.power_sampling import MeterFiles, MeterLines, NoRails, Tegrastats
from bench.devices.protocol import Sampler

INTERVAL_S: Final = 0.1
# A shell's loop starts a `sleep` for each reading: 1.4 ms of work on a desktop's core, more on a board's.
LOOP_INTERVAL_S: Final = 0.2
PHONE_INTERVAL_S: Final = 0.25
_FIRST_S = 3.0  # for the first reading of a process
Spawn = Callable[[list[str]], Process]
_Read = Callable[[str, list[Meter], dict[Rail, str]], Sampler]

# $1: seconds between readings; then the files. Only the shell's own words, `sleep` apart; some take no fractions. It
# ends when nobody takes its lines, at the latest.
_LOOP = """\
step=$1; shift
sleep "$step" || step=1
while :; do
  line=
  for f do v=; read -r v <"$f"; line="$line|$v"; done
  echo "$line" || exit
  sleep "$step" || exit
done 2>/dev/null
"""
# PATH=TEXT of a file's first line, PATH!REASON of one that cannot be read. Not grep: these paths have colons.
_FILES = """\
for f in {globs}; do
  v=; if read -r v <"$f" || [ -n "$v" ]; then echo "$f=$v"; else echo "$f!$(cat "$f" 2>&1 >/dev/null)"; fi
done 2>/dev/null; :"""
_MODEL = f"tr '\\0' ' ' <{MODEL} 2>/dev/null"  # it ends with a NUL


@contextlib.contextmanager
def beside(start: Callable[[], Sampler]) -> Iterator[Sampler]:
    """What `start` gives, stopped at the end; where a device refuses it, a sampler that says so. Never raises."""
    sampler: Sampler
    try:
        sampler = start()
    except BenchError as error:
        sampler = NoRails(f"{error.asked}: {error.found}")
    try:
        yield sampler
    finally:
        with contextlib.suppress(BenchError):
            sampler.stop()


def here(files: Files, spawn: Spawn | None = None) -> Sampler:
    """The rails of this host. spawn: where it may have tegrastats."""

    def read(source: str, meters: list[Meter], refused: dict[Rail, str]) -> Sampler:
        return MeterFiles(files, source, meters, refused, INTERVAL_S)

    return _found(files, spawn, power_meters.NONE, read)


def there(
    shell: Shell,
    spawn: Spawn,
    *,
    interval_s: float = LOOP_INTERVAL_S,
    tegrastats: bool = False,
    globs: Sequence[str] = GLOBS,
    none: Callable[[Bulk], str] = lambda _: power_meters.NONE,
) -> Sampler:
    """The rails of another device: one round trip finds them, one process there reads them.

    tegrastats: whether it may have one; none: the reason where no meter was found. Raises NotMeasuredError.
    """
    files = look(shell, globs)
    if files.broken:
        return NoRails(files.broken)

    def read(source: str, meters: list[Meter], refused: dict[Rail, str]) -> Sampler:
        paths = list(dict.fromkeys(path for meter in meters for path in meter.paths))
        process = spawn(["sh", "-c", _LOOP, "sh", f"{interval_s:g}", *paths])
        return _begun(MeterLines(process, source, paths, meters, refused))

    return _found(files, spawn if tegrastats else None, none(files), read)


def _found(files: Files, tegrastats: Spawn | None, none: str, read: _Read) -> Sampler:
    """tegrastats where it runs, else the meters that can be read; none: the reason where there is neither."""
    reason = ""
    if tegrastats is not None:
        try:
            return _tegrastats(tegrastats, _model(files))
        except UnreadableError as error:
            reason = f"{error}; "
    meters, refused, source = _readable(files)
    return read(source, meters, refused) if meters else _none(refused, reason + none)


def look(shell: Shell, globs: Sequence[str] = GLOBS) -> Bulk:
    """The device's model and the files that meters may have, by one round trip; `broken` where it gave no answer."""
    said = ask(shell, script((), {"meters": _FILES.format(globs=" ".join(globs)), "model": _MODEL}))
    found: dict[str, dict[str, str]] = {"=": {}, "!": {}}
    lines = []
    with contextlib.suppress(UnreadableError):
        lines = said.said("meters").splitlines()
    for line in lines:
        match = re.fullmatch(r"(/[^=!]+)([=!])(.*)", line)
        if match and "No such file" not in match[3]:
            found[match[2]][match[1]] = match[3]
    with contextlib.suppress(UnreadableError):
        found["="][MODEL] = said.said("model")
    why = {path: text.rpartition(": ")[2] or "it is empty" for path, text in found["!"].items()}
    return Bulk(found["="], why, {}, said.broken)


def _model(files: Files) -> str:
    try:
        return files.text(MODEL)
    except UnreadableError:
        return ""


def phone(shell: Shell, spawn: Spawn) -> Sampler:
    """A phone's fuel gauge. Raises NotMeasuredError."""
    return there(shell, spawn, interval_s=PHONE_INTERVAL_S, globs=BATTERY_GLOBS, none=_hidden)


def _hidden(bulk: Bulk) -> str:
    """Many phones hide their gauge from the shell's user."""
    folder = "/sys/class/power_supply"
    said = f"no battery below {folder} can be seen"
    for name in bulk.names(folder):
        for file in ("type", "current_now"):
            try:
                bulk.text(f"{folder}/{name}/{file}")
            except UnreadableError as error:
                said = str(error) if "cannot read" in str(error) else said
    return f"the shell may not read the fuel gauge ({said}), and `dumpsys battery` tells no current"


def _readable(files: Files) -> tuple[list[Meter], dict[Rail, str], str]:
    """The meters that can be read, why the others cannot, and what the first are."""
    readable, refused = [], {}
    for meter in power_meters.find(files):
        try:
            meter.read(files)
        except UnreadableError as error:
            refused[meter.rail] = str(error)
        else:
            readable.append(meter)
    return readable, refused, ", ".join(dict.fromkeys(meter.source for meter in readable))


def _none(refused: dict[Rail, str], reason: str) -> NoRails:
    told = "; ".join(f"{rail.name}: {why}" for rail, why in refused.items())
    return NoRails(told or reason, refused)


def _tegrastats(spawn: Spawn, model: str) -> Sampler:
    """Raises UnreadableError where there is none, or it names no rail: older ones name them for root only."""
    try:
        process = spawn(["tegrastats", "--interval", f"{INTERVAL_S * 1000:.0f}"])
    except NotMeasuredError as error:
        raise UnreadableError(f"{error.asked}: {error.found}") from None
    sampler = _begun(Tegrastats(process, model))
    if sampler.reason:
        raise UnreadableError(sampler.reason)
    return sampler


def _begun(sampler: Tegrastats | MeterLines) -> Sampler:
    """With its first reading; else, it is stopped again."""
    end = time.monotonic() + _FIRST_S
    try:
        while time.monotonic() < end and not sampler.readings() and not sampler.ended:
            time.sleep(0.02)
    except BaseException:  # Ctrl-C
        sampler.stop()
        raise
    if sampler.readings():
        return sampler
    sampler.stop()
    return NoRails(sampler.reason or f"{sampler.source} gave no reading within {_FIRST_S:g} s", sampler.refused())
