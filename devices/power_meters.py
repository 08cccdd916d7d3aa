"""Power meters of a Linux machine below /sys: INA chips in hwmon or iio, powercap's RAPL, a battery's fuel gauge.

Formats: the kernel's Documentation/hwmon/sysfs-interface.rst (mV, mA, µW), ABI/testing/sysfs-class-powercap (µJ),
ABI/testing/sysfs-class-power (µA, µV), and NVIDIA's older ina3221x driver (mW).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Protocol

from bench.devices.energy import Rail, board_rail
from bench.devices.linux_files import UnreadableError
from bench.records.energy import Scope

_HWMON, _CAPS, _SUPPLY = "/sys/class/hwmon", "/sys/class/powercap", "/sys/class/power_supply"
_INA_OLD = "/sys/bus/i2c/drivers/ina3221x"
_INAS: Final = ("ina2", "ina3", "ina7")
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")
_ZONE: Final = re.compile(r"intel-rapl:\d+(:\d+)?")
# No running phone draws so little, no battery has so little: then the gauge means mA, or mV; and mW alone.
_LEAST_UA, _LEAST_UV, _LEAST_UW = 5000, 1_000_000, 50_000
_FEEDS: Final = ("Mains", "USB", "Wireless")
MODEL: Final = "/proc/device-tree/model"
BATTERY_GLOBS: Final = tuple(
    f"{_SUPPLY}/*/{name}" for name in ("type", "scope", "status", "online", "current_now", "voltage_now", "power_now")
)
# All that `find` looks at, MODEL apart, and all that a meter reads.
GLOBS: Final = (
    *(f"{_HWMON}/hwmon*/{name}" for name in ("name", "in*_label", "in*_input", "curr*_input", "power*_input")),
    *(f"{_INA_OLD}/*/iio:device*/{name}" for name in ("rail_name_*", "in_power*_input")),
    *(f"{_CAPS}/intel-rapl:*/{name}" for name in ("name", "energy_uj", "max_energy_range_uj")),
    *BATTERY_GLOBS,
)
NONE: Final = "there is no power meter: no INA chip, no RAPL and no battery with a fuel gauge below /sys"


class Files(Protocol):
    """linux_files.Tree, or the same of another machine."""

    def text(self, path: str) -> str: ...

    def integer(self, path: str) -> int: ...

    def names(self, path: str, prefix: str = "") -> list[str]: ...

    def exists(self, path: str) -> bool: ...


@dataclass(frozen=True)
class Meter:
    """factors: paths whose numbers are multiplied, and then by `unit`, which gives W, or J of a counter.

    wraps_at_j: where a counter starts again, None of what is no counter. battery: the folder of a fuel gauge; feeding:
    files that tell whether something else feeds the device.
    """

    rail: Rail
    source: str
    factors: tuple[str, ...]
    unit: float
    counter: bool = False
    wraps_at_j: float | None = None
    battery: str = ""
    feeding: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that `read` reads."""
        return (*self.factors, f"{self.battery}/status", *self.feeding) if self.battery else self.factors

    def read(self, files: Files) -> float:
        """Watts, or joules of a counter. Raises UnreadableError."""
        if self.battery:
            _must_discharge(files, self.battery, self.feeding)
        try:
            numbers = [files.integer(path) for path in self.factors]
        except UnreadableError as error:
            if self.counter and "ermission denied" in str(error):
                hint = f"since Linux 5.10 only root may; until the next boot: sudo chmod a+r {self.factors[0]}"
                raise UnreadableError(f"{error} ({hint})") from None
            raise
        if self.battery:
            numbers = _drawn(numbers)
        product = 1
        for number in numbers:
            product *= number
        return product * self.unit


def _must_discharge(files: Files, folder: str, feeding: tuple[str, ...]) -> None:
    """The sign of a gauge is its maker's choice, so that only the state tells the direction.

    A weak cable leaves a battery discharging that then carries a part of the device only.
    """
    status = files.text(f"{folder}/status")
    if status != "Discharging":
        state = status.lower() or "in an unknown state"
        raise UnreadableError(f"the battery is {state}: its gauge tells what it is fed, so take it off its cable")
    for path in feeding:
        if files.integer(path):
            name = path.split("/")[-2]
            raise UnreadableError(f"{name} feeds the device beside its battery, so take it off its cable")


def _drawn(numbers: list[int]) -> list[int]:
    """µA and µV, or µW alone."""
    sizes = [abs(number) for number in numbers]
    known = ((_LEAST_UA, "µA"), (_LEAST_UV, "µV")) if len(sizes) > 1 else ((_LEAST_UW, "µW"),)
    for size, (least, unit) in zip(sizes, known, strict=True):
        if size < least:
            raise UnreadableError(
                f"the gauge says {size} {unit}, which is too little for a running device: its unit is unclear"
            )
    return sizes


def find(files: Files) -> tuple[Meter, ...]:
    """All meters that are there, whether or not they can be read; of two for one rail the first."""
    found: dict[str, Meter] = {}
    for meter in (*_ina(files), *_old_ina(files), *_rapl(files), *_gauges(files)):
        found.setdefault(meter.rail.name, meter)
    board = board_rail(_named(files, MODEL), list(found))
    if board:
        found[board] = replace(found[board], rail=found[board].rail._replace(scope="board"))
    return tuple(found.values())


def _word(name: str) -> str:
    return _NOT_A_WORD.sub("_", name.lower()).strip("_") or "unnamed"


def _named(files: Files, path: str) -> str:
    try:
        return files.text(path)
    except UnreadableError:
        return ""


def _ina(files: Files) -> list[Meter]:
    """powerN_input in µW, else currN_input in mA times inN_input in mV. The label of the voltage names the rail."""
    found = []
    for chip in files.names(_HWMON, "hwmon"):
        folder = f"{_HWMON}/{chip}"
        if not _named(files, f"{folder}/name").startswith(_INAS):
            continue
        channels = sorted({re.sub(r"\D", "", name) for name in files.names(folder) if _channel(name)})
        for number in channels:
            label = _named(files, f"{folder}/in{number}_label") or f"{_named(files, f'{folder}/name')} {chip} {number}"
            if label == "NC" or label.startswith("sum of"):
                continue
            factors: tuple[str, ...] = (f"{folder}/curr{number}_input", f"{folder}/in{number}_input")  # mA, mV
            if files.exists(f"{folder}/power{number}_input"):
                factors = (f"{folder}/power{number}_input",)  # µW
            found.append(Meter(Rail(_word(label)), "INA (hwmon)", factors, 1e-6))
    return found


def _channel(name: str) -> bool:
    return re.fullmatch(r"(curr|power)\d+_input", name) is not None


def _old_ina(files: Files) -> list[Meter]:
    found = []
    for chip in files.names(_INA_OLD):
        for device in files.names(f"{_INA_OLD}/{chip}", "iio:device"):
            folder = f"{_INA_OLD}/{chip}/{device}"
            for name in files.names(folder, "rail_name_"):
                number = name.removeprefix("rail_name_")
                rail = Rail(_word(_named(files, f"{folder}/{name}")), resolution_w=0.001)
                found.append(Meter(rail, "INA3221 (iio)", (f"{folder}/in_power{number}_input",), 1e-3))
    return found


def _rapl(files: Files) -> list[Meter]:
    found = []
    for zone in files.names(_CAPS, "intel-rapl"):  # AMD's driver uses the name, too
        if not _ZONE.fullmatch(zone):
            continue
        name = _named(files, f"{_CAPS}/{zone}/name") or zone
        # psys is all of the platform where the maker wired it so, and nobody tells whether he did
        scope: Scope = "package" if name.startswith("package") else "unknown" if name == "psys" else "part"
        parent = zone.count(":") > 1 and _named(files, f"{_CAPS}/{zone.rpartition(':')[0]}/name")
        wraps = _named(files, f"{_CAPS}/{zone}/max_energy_range_uj")
        found.append(
            Meter(
                Rail(_word(f"{parent} {name}" if parent else name), scope, counted=True),
                "RAPL (powercap)",
                (f"{_CAPS}/{zone}/energy_uj",),
                1e-6,
                counter=True,
                wraps_at_j=int(wraps) * 1e-6 if wraps.isdecimal() else None,
            )
        )
    return found


def _gauges(files: Files) -> list[Meter]:
    """A battery that feeds the device alone carries all of it. Of several, one called `battery` stands for all."""
    folders, feeding = [], []
    for name in files.names(_SUPPLY):
        folder = f"{_SUPPLY}/{name}"
        kind = _named(files, f"{folder}/type")
        if kind == "Battery" and _named(files, f"{folder}/scope") != "Device":  # a mouse's
            folders.append(folder)
        elif kind.startswith(_FEEDS) and _named(files, f"{folder}/online"):
            feeding.append(f"{folder}/online")
    found = []
    for folder in folders:
        name = folder.rpartition("/")[2]
        scope: Scope = "board" if len(folders) == 1 or name == "battery" else "part"
        rail = Rail(f"battery_{_word(name)}", scope)
        if files.exists(f"{folder}/current_now"):
            factors: tuple[str, ...] = (f"{folder}/current_now", f"{folder}/voltage_now")
            found.append(Meter(rail, "fuel gauge", factors, 1e-12, battery=folder, feeding=tuple(feeding)))
        elif files.exists(f"{folder}/power_now"):
            factors = (f"{folder}/power_now",)
            found.append(Meter(rail, "fuel gauge", factors, 1e-6, battery=folder, feeding=tuple(feeding)))
    return found
