"""The doctor's step for a device that measures on an Edge TPU: whether its library is there and finds one.

Asked by the library's own C functions (edgetpu_c.h): `edgetpu_version`, `edgetpu_list_devices` (type 0: PCIe, 1: USB).
Whether the library matches the runtime shows in a run only.
"""

from __future__ import annotations

from bench.backends import tool_run
from bench.backends.agent.litert_edgetpu import GET_LIBRARY, LIBRARIES, NO_DEVICE
from bench.devices.protocol import Device

LIMIT_S = 30.0
_CODE = """
import ctypes, sys
class Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("path", ctypes.c_char_p)]
try:
    library = ctypes.CDLL(LIBRARIES.get(sys.platform, "libedgetpu.so.1"))
    library.edgetpu_version.restype = ctypes.c_char_p
    library.edgetpu_list_devices.restype = ctypes.POINTER(Device)
    count = ctypes.c_size_t()
    found = library.edgetpu_list_devices(ctypes.byref(count))
    print("version:" + library.edgetpu_version().decode())
    for each in found[:count.value] if count.value else []:
        print("device:" + ("USB " if each.type else "PCIe ") + (each.path or b"").decode())
except (OSError, AttributeError) as error:
    print("none:%s" % error)
""".replace("LIBRARIES", repr(LIBRARIES))


def look(device: Device) -> tuple[str, str]:
    """(what is there, what to do): the latter is empty where there is nothing to do. Raises NotMeasuredError."""
    ran = tool_run.run(device, [device.python(), "-c", _CODE], LIMIT_S)
    if ran.returncode != 0:
        return f"its library cannot be asked: {ran.end}", GET_LIBRARY
    return assess(ran.stdout)


def assess(said: str) -> tuple[str, str]:
    """The same, of what the program printed."""
    told = [line.split(":", 1) for line in said.splitlines() if ":" in line]
    reason = next((text for key, text in told if key == "none"), None)
    if reason is not None:
        return f"no library of the Edge TPU there: {reason}", GET_LIBRARY
    version = next((text for key, text in told if key == "version"), "")
    devices = [text for key, text in told if key == "device"]
    if not devices:
        return f"its library finds no Edge TPU ({version})", NO_DEVICE
    return f"{', '.join(devices)} ({version})", ""
