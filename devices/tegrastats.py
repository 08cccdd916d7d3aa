"""A line of NVIDIA's tegrastats, from TX1 to Orin, as readings.

Its forms, each seen in some JetPack: cores `11%@729` or `off`; the GPU `GR3D_FREQ 0%@140`, `0%`, `0%@[305]` or
`@[305,305]` (a clock per cluster); rails `NAME now/mean` in mW, with the unit since JetPack 5; temperatures `NAME@26C`,
whose names may be those of rails (`GPU 465/465` beside `GPU@26C`); engines `VIC_FREQ 115`, `NVDEC off`. Names are in
upper or lower case. Clocks are in MHz.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bench.devices.linux_thermal import COLDEST_C, HOTTEST_C
from bench.records.types import Reading

OFF: Final = "it is switched off"
RAIL: Final = "rail."
MEAN: Final = ".mean"  # behind a rail's name: since tegrastats was started
RESOLUTION_W: Final = 0.001
_MHZ = 1_000_000
_BYTES: Final = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_MEMORY: Final = {"RAM": ("memory.used", "memory.total"), "SWAP": ("memory.swap_used", "memory.swap_total")}
_CLOCKED: Final = {"gr3d": "gpu", "gr3d2": "gpu2"}
_FAKE_PMIC_C = 100  # the driver of TX1 to Xavier has no sensor there and says this
_NAME: Final = r"(?P<name>[A-Za-z]\w*)"
_CLOCK: Final = r"@\[?(?P<clocks>\d+(?:,\d+)*)\]?"
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")
_CORE: Final = re.compile(r"(?P<load>\d+)%(?:@\[?(?P<mhz>\d+)\]?)?")


class Line(NamedTuple):
    """strays: words that are of no known form."""

    readings: tuple[Reading, ...]
    strays: tuple[str, ...]


def parse(line: str) -> tuple[Reading, ...]:
    """The readings of a whole line: `memory.*` and `cpuN.load`, `cpuN.freq`, `gpu.load`, `gpu.freq`, `emc.*` and other
    engines' `.freq`, `temp.NAME` in C, `rail.NAME` and `rail.NAME.mean` in W. Nothing of what is no such line.
    """
    return read(line).readings


def read(line: str) -> Line:
    """The readings, and what was not understood; never raises. The same name twice: the first one stands."""
    found: dict[str, Reading] = {}
    strays: list[str] = []
    position, text = 0, line.strip()
    while position < len(text):
        for pattern, make in _FORMS:
            match = pattern.match(text, position)
            if match:
                for reading in make(match):
                    found.setdefault(reading.name, reading)
                position = match.end()
                break
        else:
            end = text.find(" ", position)
            end = len(text) if end < 0 else end
            strays.append(text[position:end])
            position = end
        while position < len(text) and text[position].isspace():
            position += 1
    return Line(tuple(found.values()), tuple(strays))


def _word(name: str) -> str:
    return _NOT_A_WORD.sub("_", name.lower()).strip("_") or "unnamed"


def _engine(name: str) -> str:
    word = _word(name).removesuffix("_freq")
    return _CLOCKED.get(word, word)


def _memory(match: re.Match[str]) -> Iterator[Reading]:
    names = _MEMORY.get(match["name"], (f"{_word(match['name'])}.used", f"{_word(match['name'])}.total"))
    for name, amount in zip(names, (match["used"], match["total"]), strict=True):
        yield Reading(name=name, value=int(amount) * _BYTES[match["unit"]], unit="bytes")


def _cores(match: re.Match[str]) -> Iterator[Reading]:
    """`[11%@729,off]`, or all at one clock as TX1 writes it: `[11%,off]@518`."""
    for number, core in enumerate(match["cores"].split(",")):
        told = _CORE.fullmatch(core.strip())
        mhz = (told["mhz"] or match["all"]) if told else None
        reason = OFF if core.strip() == "off" else f"tegrastats says {core.strip()[:20]!r}"
        if told:
            yield Reading(name=f"cpu{number}.load", value=int(told["load"]), unit="%")
        else:
            yield Reading(name=f"cpu{number}.load", unit="%", unavailable=reason)
        if mhz:
            yield Reading(name=f"cpu{number}.freq", value=int(mhz) * _MHZ, unit="Hz")
        elif told is None:
            yield Reading(name=f"cpu{number}.freq", unit="Hz", unavailable=reason)


def _clocked(match: re.Match[str]) -> Iterator[Reading]:
    """Of several clocks (one per cluster of the GPU) the highest."""
    name, groups = _engine(match["name"]), match.groupdict()
    if groups.get("load"):
        yield Reading(name=f"{name}.load", value=int(groups["load"]), unit="%")
    if groups.get("clocks"):
        highest = max(int(mhz) for mhz in groups["clocks"].split(","))
        if highest:
            yield Reading(name=f"{name}.freq", value=highest * _MHZ, unit="Hz")
        else:
            yield Reading(name=f"{name}.freq", unit="Hz", unavailable=OFF)


def _off(match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(name=f"{_engine(match['name'])}.freq", unit="Hz", unavailable=OFF)


def _rail(match: re.Match[str]) -> Iterator[Reading]:
    name = f"{RAIL}{_word(match['name'])}"
    yield Reading(name=name, value=int(match["now"]) / 1000, unit="W")
    yield Reading(name=f"{name}{MEAN}", value=int(match["mean"]) / 1000, unit="W")


def _temperature(match: re.Match[str]) -> Iterator[Reading]:
    name, celsius = _word(match["name"]), float(match["celsius"])
    if name == "pmic" and celsius == _FAKE_PMIC_C:
        yield Reading(name="temp.pmic", unit="C", unavailable="there is no sensor: the driver always says 100 C")
    elif celsius == 0 or not COLDEST_C <= celsius <= HOTTEST_C:
        reason = f"the sensor reports {celsius:g} C, which it cannot mean"
        yield Reading(name=f"temp.{name}", unit="C", unavailable=reason)
    else:
        yield Reading(name=f"temp.{name}", value=celsius, unit="C")


def _nothing(match: re.Match[str]) -> Iterator[Reading]:
    return iter(())


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})(?=\s|$)", re.ASCII)


# The first that matches takes the words; a plain number comes last.
_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Iterator[Reading]]], ...]] = (
    (_form(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d"), _nothing),
    (_form(r"(?P<name>[A-Z]*RAM|SWAP) (?P<used>\d+)/(?P<total>\d+)(?P<unit>[kMG]B)(?: ?\([^)]*\))?"), _memory),
    (_form(r"(?:CPU|cpu) \[(?P<cores>[^\]]*)\](?:@(?P<all>\d+))?"), _cores),
    (_form(rf"{_NAME} (?P<load>\d+)%(?:{_CLOCK})?"), _clocked),
    (_form(rf"{_NAME} {_CLOCK}"), _clocked),
    (_form(rf"{_NAME} off"), _off),
    (_form(rf"{_NAME} (?P<now>\d+)(?:mW)?/(?P<mean>\d+)(?:mW)?"), _rail),
    (_form(rf"{_NAME}@(?P<celsius>-?\d+(?:\.\d+)?)C"), _temperature),
    (_form(r"MTS fg \d+% bg \d+%|EDP limit \d+"), _nothing),
    (_form(rf"{_NAME} (?P<clocks>\d+)"), _clocked),
)
