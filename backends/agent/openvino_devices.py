"""Which of OpenVINO's devices may take part, which took which ops, and its refusals in words. Pure."""

from __future__ import annotations

from typing import Dict, List

from .adapter import Json, Refused

DRIVERS = {
    "GPU": "An Intel GPU needs its compute driver (Debian, Ubuntu: intel-opencl-icd) and a user who may open /dev/dri.",
    "NPU": "An Intel NPU needs its driver (intel-driver-compiler-npu, intel-level-zero-npu) and /dev/accel.",
}


def wanted_devices(device: str, hetero: str, present: List[str]) -> List[str]:
    """The devices that may take part, the preferred first. device: OpenVINO's name, or AUTO or HETERO.

    hetero: names with commas between; empty: all that there are. Raises Refused for a device that is not there.
    """
    if device == "AUTO":
        return present
    wanted = (hetero.upper().split(",") if hetero else present) if device == "HETERO" else [device]
    for name in wanted:
        if not any(belongs(other, name) for other in present):
            todo = "Take one of those. %s" % DRIVERS.get(name.split(".")[0], "")
            found = ", ".join(present) or "none at all"
            raise Refused("OpenVINO has no device %s here; it has %s" % (name, found), todo.strip())
    return wanted


def belongs(name: str, device: str) -> bool:
    """Whether GPU.1 is a GPU."""
    return name == device or name.startswith(device + ".")


def spread_over(first: str, assigned: Dict[str, int], submodels: int, evidence: str) -> Json:
    """The placement of a graph that HETERO spread. first: the device that was to take what it can."""
    total = sum(assigned.values())
    taken = sum(count for name, count in assigned.items() if belongs(name, first))
    shares = ", ".join("%s %d" % item for item in sorted(assigned.items()))
    return {
        "kind": "full" if taken == total else "partial" if taken else "none",
        "delegate": first,
        "nodes": taken,
        "total": total,
        "partitions": submodels,
        "evidence": "%s; query_model: %s" % (evidence, shares),
        "reason": "" if taken else "%s took no op of the model" % first,
    }


def reason_of(message: str) -> str:
    """OpenVINO's message without the places in its own sources that it begins and wraps the reason with."""
    lines = [line.strip() for line in message.splitlines()]
    kept = [line for line in lines if line and not line.startswith("Exception from ")]
    return " ".join(kept) or message.strip()
