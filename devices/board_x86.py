"""An x86 machine: its power limits (powercap), as far as they may be read."""

from __future__ import annotations

import re
from functools import partial

from bench.devices.board_governor import PIN, RESTORE
from bench.devices.board_nature import Nature
from bench.devices.bulk import Bulk
from bench.devices.linux_files import reading
from bench.records.types import Reading

_CAPS = "/sys/class/powercap"
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def _watts(bulk: Bulk, path: str) -> float:
    return bulk.integer(path) / 1e6


def read_readings(bulk: Bulk) -> tuple[Reading, ...]:
    """`power.limit.ZONE` in W, the long-term limit of each RAPL zone."""
    found = []
    for zone in bulk.names(_CAPS, "intel-rapl:"):
        if not bulk.exists(f"{_CAPS}/{zone}/name"):
            continue
        name = _NOT_A_WORD.sub("_", bulk.text(f"{_CAPS}/{zone}/name").lower()).strip("_")
        path = f"{_CAPS}/{zone}/constraint_0_power_limit_uw"
        if bulk.exists(path):
            found.append(reading(f"power.limit.{name}", "W", partial(_watts, bulk, path)))
    if not found:
        return (Reading(name="power.limit", unit="W", unavailable=f"no power limit in {_CAPS}"),)
    return tuple(found)


NATURE = Nature(
    kind="x86",
    files=(f"{_CAPS}/intel-rapl:*/name", f"{_CAPS}/intel-rapl:*/constraint_0_power_limit_uw"),
    read_readings=read_readings,
    pin=lambda table: PIN,
    restore=RESTORE,
)
