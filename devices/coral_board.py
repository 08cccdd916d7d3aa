"""Google's Coral boards, and any board with an Edge TPU: which one, the driver's library, and its temperature.

/sys/class/apex/apex_N/temp in thousandths of a degree (PCIe); over USB 1a6e:089a before the first use, 18d1:9302 then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.devices.board_governor import PIN, RESTORE
from bench.devices.board_nature import Nature, package, packages, query
from bench.devices.bulk import Bulk
from bench.devices.identity import Fact
from bench.devices.linux_files import UnreadableError, reading
from bench.records.types import Reading

_USB = {("1a6e", "089a"), ("18d1", "9302")}


def _edgetpu(bulk: Bulk) -> str:
    found = [f"PCIe {name}" for name in bulk.names("/sys/class/apex", "apex_")]
    for name in bulk.names("/sys/bus/usb/devices"):
        folder = f"/sys/bus/usb/devices/{name}"
        try:
            if (bulk.text(f"{folder}/idVendor"), bulk.text(f"{folder}/idProduct")) in _USB:
                found.append(f"USB {name}")
        except UnreadableError:
            continue
    if not found:
        raise UnreadableError("neither /sys/class/apex/apex_0 nor a USB device 1a6e:089a or 18d1:9302")
    return ", ".join(found)


def _clock(bulk: Bulk) -> str:
    names = [name for name in packages(bulk) if name.startswith("libedgetpu1-")]
    if not names:
        raise UnreadableError("no package libedgetpu1-std or libedgetpu1-max is installed")
    return names[0].removeprefix("libedgetpu1-")


def read_facts(bulk: Bulk) -> Mapping[str, Callable[[], Fact]]:
    return {
        "edgetpu": lambda: _edgetpu(bulk),
        "libedgetpu": lambda: package(bulk, "libedgetpu1"),
        "edgetpu_clock": lambda: _clock(bulk),
    }


def read_readings(bulk: Bulk) -> tuple[Reading, ...]:
    """`temp.edgetpu` in C, of PCIe only: over USB it tells none."""
    names = bulk.names("/sys/class/apex", "apex_")
    if not names:
        return (Reading(name="temp.edgetpu", unit="C", unavailable="no /sys/class/apex: over USB it tells none"),)
    return tuple(
        reading("temp.edgetpu", "C", lambda name=name: bulk.integer(f"/sys/class/apex/{name}/temp") / 1000)  # type: ignore[misc]
        for name in names[:1]
    )


NATURE = Nature(
    kind="coral-board",
    files=("/sys/class/apex/apex_*/temp", "/sys/bus/usb/devices/*/idVendor", "/sys/bus/usb/devices/*/idProduct"),
    facts={"packages": query("libedgetpu1-*")},
    read_facts=read_facts,
    read_readings=read_readings,
    pin=lambda table: PIN,
    restore=RESTORE,
)
