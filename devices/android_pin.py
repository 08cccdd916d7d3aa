"""Holding a phone's clocks still for a run, and putting everything back: also when the run is cut off.

Anybody may switch on Android's fixed-performance mode (Android 11 up, where the vendor built it: clocks at a level that
can be kept up, not at the highest). With root, governors and the GPU's power level are held too.
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
import threading
from collections.abc import Iterator, Sequence

from bench.base.errors import NotMeasuredError
from bench.devices import android_gpu
from bench.devices.android_conditions import CLUSTERS, PIN_FOLDER, cluster_folders
from bench.devices.android_pin_script import (
    FIXED_ON,
    RESTORE,
    Change,
    apply_command,
    install_command,
    restore_script,
    watch_command,
    writable,
)
from bench.devices.bulk import Bulk, Shell, ask, script
from bench.devices.linux_files import UnreadableError
from bench.records.types import Reading

SILENCE_S = 90.0
_BEATS = 3  # within the silence that the watch allows
_CPU = "/sys/devices/system/cpu"
_CPU_FILES = tuple(f"{_CPU}/$p/scaling_{name}" for name in ("governor", "available_governors"))
_KGSL_FILES = tuple(
    f"{android_gpu.KGSL}/{name}" for name in ("force_clk_on", "idle_timer", "min_pwrlevel", "max_pwrlevel")
)
_GPU_GOVERNORS = tuple(
    f"{folder}/{name}"
    for folder in (f"{android_gpu.KGSL}/devfreq", f"{android_gpu.DEVFREQ}/*mali*", f"{android_gpu.DEVFREQ}/*.gpu")
    for name in ("governor", "available_governors")
)
_IDLE_MS = "1000000"  # a quarter of an hour: longer than any case runs


@contextlib.contextmanager
def pin(
    shell: Shell, *, root: str = "", folder: str = PIN_FOLDER, silence_s: float = SILENCE_S
) -> Iterator[tuple[Reading, ...]]:
    """Hold clocks within the block. Yields `pin.WHAT` for each thing tried, and `pin`: `pinned: ...`, or why not.

    A thread calls `shell` three times in `silence_s`; when it falls silent the phone puts all back by itself within
    twice that. root: where the phone's /proc, /sys and `folder` lie (tests). Raises nothing of its own.
    """
    pinned = _Pinned(shell, root, root + folder, silence_s)
    try:
        yield pinned.begin()
    finally:
        pinned.end()


def _exists(shell: Shell, path: str) -> bool:
    return shell(f"[ -e {path} ] && echo left").stdout.strip() == "left"


def restore_leftover(shell: Shell, *, root: str = "", folder: str = PIN_FOLDER) -> bool:
    """Put back what a run that was cut off left pinned; whether there was such a thing. Raises NotMeasuredError."""
    place = f"{root}{folder}/{RESTORE}"
    if not _exists(shell, place):
        return False
    _as_root(shell, _root_prefix(shell))(f"sh {place}")
    return True


def _root_prefix(shell: Shell) -> list[str] | None:
    """What stands before a command to run it as root: nothing, a form of su, or None where there is no root.

    A su that must ask the phone's owner does so on the screen; until then, and when refused, it answers nothing.
    """
    answer = shell(
        'if [ "$(id -u)" = 0 ]; then echo plain; elif ! command -v su >/dev/null; then echo none; '
        "elif [ \"$(su -c 'id -u' 2>/dev/null </dev/null)\" = 0 ]; then echo c; "
        'elif [ "$(su 0 id -u 2>/dev/null </dev/null)" = 0 ]; then echo zero; else echo none; fi'
    ).stdout.strip()
    return {"plain": [], "c": ["su", "-c"], "zero": ["su", "0", "sh", "-c"]}.get(answer)


def _as_root(shell: Shell, prefix: list[str] | None) -> Shell:
    if not prefix:
        return shell
    return lambda command: shell(f"{shlex.join(prefix)} {shlex.quote(command)}")


class _Pinned:
    """One pinning: begin, keep alive, end."""

    def __init__(self, shell: Shell, root: str, folder: str, silence_s: float) -> None:
        self._shell = shell
        self._privileged = shell
        self._root = root
        self._folder = folder
        self._silence_s = silence_s
        self._installed = False
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="pin-heartbeat", daemon=True)

    def begin(self) -> tuple[Reading, ...]:
        try:
            return self._begin()
        except NotMeasuredError as error:
            return (_unpinned("; ".join(part for part in (error.asked, error.found) if part)),)

    def _begin(self) -> tuple[Reading, ...]:
        restore_leftover(self._shell, folder=self._folder)
        if _exists(self._shell, f"{self._folder}/{RESTORE}"):
            return (_unpinned(f"an earlier run's changes could not be put back; see {self._folder}/{RESTORE}"),)
        prefix = _root_prefix(self._shell)
        self._privileged = _as_root(self._shell, prefix)
        planned = _plan(self._look(), self._root) if prefix is not None else []
        changes = [change for change in planned if writable(change)]
        token = secrets.token_hex(8)
        text = restore_script(changes, folder=self._folder, token=token, silence_s=self._silence_s, fixed=True)
        self._installed = True
        installed = self._shell(install_command(text, self._folder))
        if installed.returncode != 0:
            return (_unpinned(f"cannot write {self._folder}: {installed.stderr.strip()[:200]}"),)
        if "watching" not in self._privileged(watch_command(self._folder, token)).stdout:
            return (_unpinned("the watch that would put all back did not start, so nothing was changed"),)
        fixed = self._fix()
        if changes:
            self._privileged(apply_command(changes))
        held = (fixed, *_held(planned, self._look(), self._root)) if planned else (fixed,)
        if all(one.value is None for one in held):
            self.end()
            clocks = held[-1].unavailable if planned else "no root" if prefix is None else "no clocks to be seen"
            return (*held, _unpinned(f"{clocks}; {fixed.unavailable}"))
        self._heart.start()
        told = ", ".join(f"{one.name.removeprefix('pin.')}={one.value}" for one in held if one.value is not None)
        return (*held, Reading(name="pin", value=f"pinned: {told}"))

    def _fix(self) -> Reading:
        answer = self._shell(FIXED_ON)
        if answer.returncode == 0 and "Failed" not in answer.stdout + answer.stderr:
            return Reading(name="pin.fixed_performance", value="on")
        said = (answer.stderr or answer.stdout).strip().partition("\n")[0][:160]
        reason = f"no fixed-performance mode: {said or f'exit code {answer.returncode}'}"
        return Reading(name="pin.fixed_performance", unavailable=reason)

    def _look(self) -> Bulk:
        text = script((*_CPU_FILES, *_KGSL_FILES, *_GPU_GOVERNORS), {}, self._root)
        return ask(self._privileged, f"{CLUSTERS.format(root=self._root)}\n{text}", self._root)

    def _beat(self) -> None:
        while not self._stop.wait(self._silence_s / _BEATS):
            with contextlib.suppress(NotMeasuredError):
                # Only while it is held: a beat after the watch has put all back would look as if it still were.
                self._shell(f"[ -e {self._folder}/{RESTORE} ] && : > {self._folder}/beat")

    def end(self) -> None:
        """Put all back; when the phone cannot be reached, its watch does."""
        self._stop.set()
        if self._heart.is_alive():
            self._heart.join(5.0)
        if self._installed:
            self._installed = False
            with contextlib.suppress(NotMeasuredError):
                place = f"{self._folder}/{RESTORE}"
                self._privileged(f"[ ! -e {place} ] || sh {place}")


def _unpinned(reason: str) -> Reading:
    return Reading(name="pin", unavailable=f"unpinned: {reason}")


def _plan(tree: Bulk, root: str) -> list[Change]:
    """What is to be written, in that order; nothing where the phone shows no clocks."""
    changes: list[Change] = []

    def add(name: str, path: str, new: str) -> None:
        with contextlib.suppress(UnreadableError):
            changes.append(Change(name, root + path, tree.text(path), new))

    def governor(name: str, path: str) -> None:
        with contextlib.suppress(UnreadableError):
            if "performance" in tree.text(f"{path}available_governors").split():
                add(name, f"{path}governor", "performance")

    for core, folder in cluster_folders(tree).items():
        governor(f"{core}.governor", f"{folder}/scaling_")
    if tree.names(android_gpu.KGSL):
        kgsl = android_gpu.KGSL
        governor("gpu.governor", f"{kgsl}/devfreq/")
        add("gpu.force_clk_on", f"{kgsl}/force_clk_on", "1")
        add("gpu.idle_timer", f"{kgsl}/idle_timer", _IDLE_MS)
        with contextlib.suppress(UnreadableError):
            add("gpu.min_pwrlevel", f"{kgsl}/min_pwrlevel", tree.text(f"{kgsl}/max_pwrlevel"))
    elif mali := android_gpu.mali_folder(tree):
        governor("gpu.governor", f"{mali}/")
    return changes


def _held(planned: Sequence[Change], tree: Bulk, root: str) -> list[Reading]:
    """What stands there after writing: a vendor's daemon, or the kernel, may have other plans."""
    found = []
    for change in planned:
        name = f"pin.{change.name}"
        try:
            now = tree.text(change.path.removeprefix(root))
        except UnreadableError as error:
            found.append(Reading(name=name, unavailable=str(error)))
            continue
        if not writable(change):
            found.append(Reading(name=name, unavailable=f"left alone: its old value is {change.old[:40]!r}"))
        elif now == change.new:
            found.append(Reading(name=name, value=now))
        else:
            found.append(Reading(name=name, unavailable=f"the phone keeps {now[:40]} instead of {change.new}"))
    return found
