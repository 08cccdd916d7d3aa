"""The conditions of a phone at one moment: one shell round trip, then the same readings as on any Linux machine.

Names are those of `linux_conditions` where the meaning is the same. What only a phone has: clocks of each cluster, its
GPU, the battery, the screen, power saving, and Android's own word on throttling.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.devices import android_gpu
from bench.devices.android_battery import Battery, screen, setting
from bench.devices.android_thermal import hal_temperatures, thermal_status, zone_temperatures
from bench.devices.bulk import Bulk, Shell, ask, script
from bench.devices.linux_conditions import NAMES as LINUX_NAMES
from bench.devices.linux_conditions import LinuxConditions
from bench.devices.linux_files import Tree, UnreadableError, decimal, reading
from bench.records.types import Reading

PIN_FOLDER = "/data/local/tmp/bench/pin"
_CPU = "/sys/devices/system/cpu"
_KHZ = 1000
# Shell: sets p to the glob of frequency policies. Kernels before 4.3 have no folder for each.
CLUSTERS = f"p='cpufreq/policy*'; [ -d {{root}}{_CPU}/cpufreq/policy0 ] || p='cpu[0-9]*/cpufreq'"

# Of Linux's. Not: shares of CPU time (a process there is not our child), swap (phones always use compressed memory),
# quotas (programs started over adb are in no group that has one).
_LINUX = (
    *("cpu.governor", "cpu.driver", "cpu.clock_min", "cpu.clock_max_now", "cpu.clock_limit", "cpu.allowed"),
    *("load.1min", "pressure.cpu.some_avg10", "pressure.memory.some_avg10", "memory.available"),
)
# Every name that a call gives, clusters and temperatures apart (those are named after what is there).
NAMES: dict[str, str] = {
    **{name: LINUX_NAMES[name] for name in _LINUX},
    **android_gpu.NAMES,
    "thermal.status": "",
    "battery.level": "%",
    "battery.status": "",
    "battery.plugged": "",
    "battery.saver": "",
    "screen": "",
    "airplane_mode": "",
    "uptime": "s",
    "pin": "",
}
_CLUSTER_FILES = {
    "governor": "scaling_governor",
    "clock_now": "scaling_cur_freq",
    "clock_limit": "scaling_max_freq",
    "clock_max": "cpuinfo_max_freq",
}
_FILES = (
    *(f"{_CPU}/$p/{name}" for name in (*_CLUSTER_FILES.values(), "scaling_driver")),
    *("/proc/self/status", "/proc/loadavg", "/proc/meminfo", "/proc/uptime"),
    *("/proc/pressure/cpu", "/proc/pressure/memory"),
    *android_gpu.FILES,
)


def conditions_script(root: str = "", pin_folder: str = PIN_FOLDER, zones: bool = False) -> str:
    """What is run on the phone. zones: ask for the kernel's zones even where the thermal service knows sensors."""
    # Dozens of zones, some behind slow buses, so only where the thermal service names nothing.
    ask_zones = f"grep -H '' {root}/sys/class/thermal/thermal_zone*/type {root}/sys/class/thermal/thermal_zone*/temp"
    unknown = 'case "$t" in *"temperatures from HAL:"*"Temperature{"*) false;; *) true;; esac'
    wanted = "true" if zones else unknown
    commands = {
        "thermalservice": 't=$(dumpsys thermalservice 2>&1); echo "$t"',
        "zones": f"if {wanted}; then {ask_zones}; fi",
        "battery": "dumpsys battery",
        "power": "dumpsys power | grep -e 'Display Power: state=' -e 'mWakefulness='",
        "low_power": "settings get global low_power",
        "airplane_mode_on": "settings get global airplane_mode_on",
        "pin": f"[ -e {root}{pin_folder}/restore.sh ] && echo pinned || echo unpinned",
    }
    return f"{CLUSTERS.format(root=root)}\n{script(_FILES, commands, root)}"


class AndroidConditions:
    """Takes readings of a phone. shell may be used from whichever thread calls `readings`."""

    def __init__(self, shell: Shell, *, root: str = "", pin_folder: str = PIN_FOLDER) -> None:
        """root: where the phone's /proc and /sys lie (tests). pin_folder: where `android_pin` keeps its script."""
        self._shell = shell
        self._root = root
        self._pin_folder = pin_folder
        self._zones = False

    def readings(self) -> tuple[Reading, ...]:
        """All of NAMES, `cpuN.KIND` for each cluster's first core, `temp.KIND` or one `temp`: value or reason."""
        bulk = ask(self._shell, conditions_script(self._root, self._pin_folder, self._zones), self._root)
        if bulk.broken:
            return unavailable(bulk.broken)
        linux = {one.name: one for one in LinuxConditions(bulk).readings() if one.name in _LINUX}
        readers = _readers(bulk)
        general = [linux.get(name) or reading(name, unit, readers[name]) for name, unit in NAMES.items()]
        return (*general, *_clusters(bulk), *self._temperatures(bulk))

    def _temperatures(self, bulk: Bulk) -> tuple[Reading, ...]:
        """The hardware's sensors, else the kernel's zones; the battery's from the battery service if it is known."""
        found: dict[str, Reading] = {}
        reasons: list[str] = []
        sources: tuple[Callable[[], tuple[Reading, ...]], ...] = (
            lambda: hal_temperatures(bulk.said("thermalservice")),
            lambda: zone_temperatures(bulk.printed("zones", self._root)),
        )
        for source in sources:
            if not any(one.value is not None for one in found.values()):
                try:
                    found = {one.name: one for one in source()}
                except UnreadableError as error:
                    reasons.append(str(error))
        # The service is there and knows nothing: from now on the zones are asked for at once.
        self._zones = self._zones or not any(one.value is not None for one in found.values())
        battery = reading("temp.battery", "C", lambda: Battery(bulk.said("battery")).temperature_c())
        if battery.value is not None:
            found["temp.battery"] = battery
        if not found:
            return (Reading(name="temp", unit="C", unavailable="; ".join(dict.fromkeys(reasons))),)
        return tuple(found[name] for name in sorted(found))


def unavailable(reason: str) -> tuple[Reading, ...]:
    """All of NAMES and `temp`, none of them known, for one reason."""
    return tuple(Reading(name=name, unit=unit, unavailable=reason) for name, unit in {**NAMES, "temp": "C"}.items())


def cluster_folders(tree: Tree) -> dict[str, str]:
    """The folder of each frequency policy by its first core: cpu0, cpu4, ..."""
    folders = {f"cpu{name[6:]}": f"{_CPU}/cpufreq/{name}" for name in tree.names(f"{_CPU}/cpufreq", "policy")}
    if folders:
        return folders
    cores = [name for name in tree.names(_CPU, "cpu") if name[3:].isdigit()]
    return {name: f"{_CPU}/{name}/cpufreq" for name in cores}


def _clusters(bulk: Bulk) -> tuple[Reading, ...]:
    """Governor and clocks in Hz of each frequency policy, named after its first core: cpu0, cpu4, ..."""

    def read(path: str, kind: str) -> Callable[[], int | str]:
        return lambda: bulk.text(path) if kind == "governor" else bulk.integer(path) * _KHZ

    return tuple(
        reading(f"{core}.{kind}", "" if kind == "governor" else "Hz", read(f"{folder}/{file}", kind))
        for core, folder in cluster_folders(bulk).items()
        for kind, file in _CLUSTER_FILES.items()
    )


def _readers(bulk: Bulk) -> dict[str, Callable[[], float | int | str]]:
    battery: list[Battery] = []

    def state() -> Battery:
        if not battery:
            battery.append(Battery(bulk.said("battery")))
        return battery[0]

    return {
        **android_gpu.readings(bulk),
        "thermal.status": lambda: thermal_status(bulk.said("thermalservice")),
        "battery.level": lambda: state().level_percent(),
        "battery.status": lambda: state().status(),
        "battery.plugged": lambda: state().plugged(),
        "battery.saver": lambda: setting(bulk.said("low_power"), "low_power"),
        "screen": lambda: screen(bulk.said("power")),
        "airplane_mode": lambda: setting(bulk.said("airplane_mode_on"), "airplane_mode_on"),
        "uptime": lambda: decimal((bulk.text("/proc/uptime").split() or [""])[0], "/proc/uptime"),
        "pin": lambda: bulk.said("pin"),
    }
