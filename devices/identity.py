"""What every kind of device shares when it says who it is: the fingerprint of its stable facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

Fact = str | int | float | bool | tuple[str, ...]

# Never the kernel, the system's version, the host's name or a clock: the same machine after an update is the same.
STABLE_FACTS = ("architecture", "cpu_model", "logical_cores", "isa", "virtual")
_GIB = 1 << 30
_ABIS = {"amd64": "x86_64", "aarch64": "arm64-v8a", "arm64": "arm64-v8a", "armv7l": "armeabi-v7a", "i686": "x86"}
_HALVES = {"arm64-v8a": "armeabi-v7a", "x86_64": "x86"}


def abi_of(machine: str, bits: int = 64) -> str:
    """Android's name of what programs are built for, of `uname -m`; bits: of the system's own programs.

    A 32-bit system may stand on a 64-bit kernel; its libraries are what counts.
    """
    abi = _ABIS.get(machine.lower(), machine)
    return _HALVES.get(abi, abi) if bits == 32 else abi


def fingerprint(facts: Mapping[str, Fact]) -> str:
    """16 hex digits of the sha256 of the canonical JSON of STABLE_FACTS and the memory in whole GiB.

    What is not known is null, so that learning a fact later makes another fingerprint.
    """
    stable: dict[str, object] = {name: facts.get(name) for name in STABLE_FACTS}
    memory = facts.get("memory_bytes")
    # The kernel and a graphics chip keep some of the fitted GiB for themselves, not the same with every version. Up,
    # since what is left of 16 GiB is often about 15.5, where rounding to the nearest would flip.
    stable["memory_gib"] = -(-memory // _GIB) if isinstance(memory, int) else None
    text = json.dumps(stable, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
