"""NVIDIA's Jetson boards, TX1 to Orin: L4T, JetPack and TensorRT; tegrastats, power mode and clocks.

Formats: /etc/nv_tegra_release `# R32 (release), REVISION: 7.1, ...`; `nvpmodel -q`: `NV Power Mode: MAXN` and a line
with its number; `jetson_clocks --show`: `cpu0: Online=1 Governor=schedutil MinFreq=.. MaxFreq=.. CurrentFreq=..` in
kHz, `GPU MinFreq=..` in Hz, `EMC .. FreqOverride=0`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bench.base.errors import UsageError
from bench.devices import tegrastats
from bench.devices.board_nature import Nature, package, query, run
from bench.devices.bulk import Bulk
from bench.devices.identity import Fact
from bench.devices.linux_files import UnreadableError, reading
from bench.records.types import Reading

_RELEASE = re.compile(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")
_MODE = re.compile(r"NV Power Mode:\s*(\S+)\s*\n\s*(\d+)\b")
_CLOCK = re.compile(r"^(cpu\d+|GPU|EMC)\b:?(.*)$", re.MULTILINE)
_PART = re.compile(r"(\w+)=(\S+)")
_PIN = """\
mode={mode}
[ -e {stored} ] || jetson_clocks --store {stored} >/dev/null 2>&1
if [ -n "$mode" ] && [ ! -e {stored}.mode ]; then
  nvpmodel -q 2>/dev/null | tail -n 1 >{stored}.mode
  nvpmodel -m "$mode" </dev/null >/dev/null 2>&1
fi
jetson_clocks >/dev/null 2>&1 || refuse 'jetson_clocks failed'
"""


def release(text: str) -> str:
    """`32.7.1`, of /etc/nv_tegra_release. Raises UnreadableError."""
    match = _RELEASE.search(text)
    if match is None:
        raise UnreadableError(f"/etc/nv_tegra_release names no release: {text[:40]!r}")
    return f"{match[1]}.{match[2]}"


def power_mode(text: str) -> str:
    """`MAXN (0)`, of `nvpmodel -q`. Raises UnreadableError."""
    match = _MODE.search(text)
    if match is None:
        raise UnreadableError(f"nvpmodel -q says no mode: {text.strip()[-120:]!r}")
    return f"{match[1]} ({match[2]})"


def clocks_held(text: str) -> str:
    """`held` where every online core and the GPU have one clock, else `free`. Raises UnreadableError."""
    rows = [(match[1], dict(_PART.findall(match[2]))) for match in _CLOCK.finditer(text)]
    ranges = [
        (parts.get("MinFreq"), parts.get("MaxFreq"))
        for name, parts in rows
        if name != "EMC" and parts.get("Online") != "0" and "MinFreq" in parts
    ]
    if not ranges:
        raise UnreadableError(f"jetson_clocks --show says no clocks: {text.strip()[-120:]!r}")
    return "held" if all(least == most for least, most in ranges) else "free"


def read_facts(bulk: Bulk) -> Mapping[str, Callable[[], Fact]]:
    return {
        "l4t": lambda: release(bulk.text("/etc/nv_tegra_release")),
        "jetpack": lambda: package(bulk, "nvidia-jetpack"),
        "tensorrt": lambda: package(bulk, "libnvinfer-bin", "libnvinfer", "tensorrt"),
        "cuda": lambda: package(bulk, "cuda-cudart"),
        "cudnn": lambda: package(bulk, "libcudnn"),
        "trtexec": lambda: bulk.said("trtexec"),
    }


def read_readings(bulk: Bulk) -> tuple[Reading, ...]:
    """The power mode, whether clocks are held, and one line of tegrastats."""
    try:
        lines = bulk.said("tegrastats").splitlines()
        found = next((readings for line in lines if (readings := tegrastats.parse(line))), ())
        reason = "" if found else f"tegrastats says: {lines[0][:120]}"
    except UnreadableError as error:
        found, reason = (), str(error)
    general = (
        reading("power_mode", "", lambda: power_mode(bulk.said("nvpmodel"))),
        reading("jetson_clocks", "", lambda: clocks_held(bulk.said("jetson_clocks"))),
    )
    return (*general, *found) if found else (*general, Reading(name="tegrastats", unavailable=reason))


def pin_script(table: Mapping[str, object]) -> str:
    """Holds all clocks at the highest of the power mode. `power_mode`: the number of the mode to be set before."""
    mode = table.get("power_mode", "")
    if mode != "" and (isinstance(mode, bool) or not isinstance(mode, int)):
        raise UsageError(
            f"power_mode = {mode!r}", "no number of a mode", "Write one that `nvpmodel -p --verbose` lists."
        )
    return _PIN.replace("{mode}", str(mode))


RESTORE = """\
[ -e {stored} ] && { jetson_clocks --restore {stored} >/dev/null 2>&1; rm -f {stored}; }
[ -s {stored}.mode ] && { nvpmodel -m "$(cat {stored}.mode)" </dev/null >/dev/null 2>&1; rm -f {stored}.mode; }
"""
NATURE = Nature(
    kind="jetson",
    files=("/etc/nv_tegra_release",),
    facts={
        "packages": query("nvidia-jetpack", "libnvinfer*", "tensorrt", "cuda-cudart-*", "libcudnn*"),
        "trtexec": "command -v trtexec || ls /usr/src/tensorrt/bin/trtexec",
    },
    readings={
        "nvpmodel": run("nvpmodel -q"),
        "jetson_clocks": run("jetson_clocks --show").replace(
            "then ", "then sudo -n jetson_clocks --show 2>/dev/null || "
        ),
        # It never ends by itself; the first line comes after one interval.
        "tegrastats": run("tegrastats --interval 100 | head -n 1").replace("then ", "then timeout 3 "),
    },
    read_facts=read_facts,
    read_readings=read_readings,
    pin=pin_script,
    restore=RESTORE,
    tegrastats=True,
)
