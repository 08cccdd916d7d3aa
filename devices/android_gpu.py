"""A phone's GPU: model, clocks and governor, where the driver shows them.

Formats: Qualcomm's kgsl driver (/sys/class/kgsl/kgsl-3d0: clocks in Hz, power level 0 the fastest) and the kernel's
devfreq (Documentation/ABI/testing/sysfs-class-devfreq, Hz), by which Arm's Mali driver is clocked.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bench.devices.linux_files import Tree, UnreadableError, integer

KGSL = "/sys/class/kgsl/kgsl-3d0"
DEVFREQ = "/sys/class/devfreq"
MALI_INFO = "/sys/class/misc/mali0/device/gpuinfo"
FILES = (
    *(f"{KGSL}/{name}" for name in ("gpuclk", "gpu_available_frequencies", "max_pwrlevel", "thermal_pwrlevel")),
    *(f"{KGSL}/devfreq/{name}" for name in ("governor", "max_freq")),
    *(
        f"{DEVFREQ}/{device}/{name}"
        for device in ("*mali*", "*.gpu")
        for name in ("cur_freq", "max_freq", "available_frequencies", "governor")
    ),
)
NAMES = {
    "gpu.clock_now": "Hz",
    "gpu.clock_limit": "Hz",
    "gpu.clock_max": "Hz",
    "gpu.level_limit": "",
    "gpu.governor": "",
}
_ADRENO = re.compile(r"Adreno\s*(?:\(TM\)\s*)?(\d+)", re.IGNORECASE)
_MALI = re.compile(r"(Mali-[A-Z]?\d+\S*)(?: (\d+) cores)?", re.IGNORECASE)


def model(tree: Tree) -> str:
    """`Adreno 530`, `Mali-G76 MC4`. Raises UnreadableError."""
    for path, pattern, form in (
        (f"{KGSL}/gpu_model", _ADRENO, "Adreno {0}"),
        (MALI_INFO, _MALI, "{0} MC{1}"),
    ):
        try:
            text = tree.text(path)
        except UnreadableError:
            continue
        match = pattern.match(text)
        if match is None:
            return text
        return form.format(*match.groups()) if all(match.groups()) else match[1]
    raise UnreadableError("neither kgsl's gpu_model nor Mali's gpuinfo can be read")


def mali_folder(tree: Tree) -> str:
    """The devfreq folder of a GPU that is not Qualcomm's; empty where there is none."""
    names = [name for name in tree.names(DEVFREQ) if "mali" in name or name.endswith(".gpu")]
    return f"{DEVFREQ}/{names[0]}" if names else ""


def readings(tree: Tree) -> dict[str, Callable[[], float | int | str]]:
    """A reader for each of NAMES; they raise UnreadableError."""
    if tree.names(KGSL):
        clocks, devfreq, table = f"{KGSL}/gpuclk", f"{KGSL}/devfreq", f"{KGSL}/gpu_available_frequencies"
    else:
        devfreq = mali_folder(tree)
        clocks, table = f"{devfreq}/cur_freq", f"{devfreq}/available_frequencies"
    if not devfreq:
        return dict.fromkeys(NAMES, _unknown)
    return {
        "gpu.clock_now": lambda: _clock(tree.text(clocks), clocks),
        "gpu.clock_limit": lambda: _clock(tree.text(f"{devfreq}/max_freq"), f"{devfreq}/max_freq"),
        "gpu.clock_max": lambda: max(_clock(word, table) for word in tree.text(table).split() or [""]),
        "gpu.level_limit": lambda: _level_limit(tree),
        "gpu.governor": lambda: tree.text(f"{devfreq}/governor"),
    }


def _unknown() -> str:
    raise UnreadableError(f"neither {KGSL} nor a Mali in {DEVFREQ} can be read")


def _clock(text: str, what: str) -> int:
    """Hz. A GPU that sleeps says 0: then its clock is not known, not zero."""
    clock = integer(text, what)
    if clock <= 0:
        raise UnreadableError(f"{what} is {clock}: the GPU sleeps")
    return clock


def _level_limit(tree: Tree) -> int:
    """The fastest power level that is allowed, 0 being the fastest there is; raised by users and for heat."""
    levels = []
    for name in ("max_pwrlevel", "thermal_pwrlevel"):
        try:
            levels.append(tree.integer(f"{KGSL}/{name}"))
        except UnreadableError:
            continue
    if not levels:
        raise UnreadableError("only Qualcomm's driver has power levels, and it shows none here")
    return max(levels)
