"""How fast anything of a kind could be at the very most: what a measured time is held against. Data with reasons.

Generous on purpose: a time below such a limit is not a fast one but a wrong one, and no honest time may be called so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.devices.phones import Phone, known
from bench.records.types import Case, DeviceIdentity

# Numbers of vendors are for the clock and the type of their choice; a boosted clock or a second pipe is not in them.
_SPARE = 2.0


@dataclass(frozen=True)
class Ceiling:
    """macs_per_s: multiply-accumulates, whatever their type; bytes_per_s: of the nearest memory that holds a model.

    op_ns: no op that does work takes less in a graph that is wholly there. None: no limit that we could stand up for.
    """

    what: str
    macs_per_s: float
    bytes_per_s: float | None = None
    op_ns: float | None = None


# Twice what the fastest phones of 2026 are said to do with 8-bit integers; caches four times as fast as 85 GB/s of
# LPDDR5X at 10.6 GT/s. An op: a delegate that fuses two ops into one kernel starts that in no less than 4 us; kernels
# that a phone's delegate timed itself took 80 us and more.
_PHONE_GPU = Ceiling("the fastest phone GPU", 32e12, 4 * 85e9, 2_000.0)
_PHONE_NPU = Ceiling("the fastest NPU of a phone or a laptop", _SPARE * 50e12)
# 10^16 8-bit operations in a second, sparse ones included, and 8 TB/s behind caches four times as fast.
_PC_GPU = Ceiling("the fastest GPU there is", _SPARE * 5e15, 4 * 8e12)
# A systolic array of 64 x 64 at 480 MHz: the 4 TOPS on its data sheet.
_EDGETPU = Ceiling("an Edge TPU", 64 * 64 * 480e6)

# Lanes for float32 FMA per core and clock: Arm's Mali datasheet of 2021 (G76: 24, G78: 32), AnandTech on Mali-G710
# (64); four 8-bit products fit into a lane. Adrenos: as many MACs of float16 as published GFLOPS of float32 (an FMA is
# two, and float16 has twice the rate): 530: 498.5 GFLOPS, 30 GB/s; 618: 435.2 GFLOPS, 15 GB/s.
_GPUS = {
    "Adreno 530": Ceiling("", 498.5e9, 4 * 30e9),
    "Adreno 612": Ceiling("", 435.2e9, 4 * 15e9),  # below the 618
    "Adreno 618": Ceiling("", 435.2e9, 4 * 15e9),
    "Mali-G76 MC4": Ceiling("", 24 * 4 * 4 * 0.8e9),
    "Mali-G76 MP12": Ceiling("", 24 * 4 * 12 * 0.7e9),
    "Mali-G78 MP20": Ceiling("", 32 * 4 * 20 * 0.85e9),
    "Mali-G710 MP7": Ceiling("", 64 * 4 * 7 * 0.85e9),
}

# Of one core in one clock, 8-bit: AMX multiplies tiles of 16 x 64 x 16 in 16 clocks (Intel's optimization manual); SME
# units of phones and Macs do no more. Without such a unit: two pipes of 512 bit, and as much again to spare.
_TILES_PER_CLOCK, _VECTORS_PER_CLOCK = 1024, 256
_TILE_FLAGS = ("amx_tile", "amx_int8", "amx_bf16", "amx_fp16", "sme")
_HERTZ = 6e9  # no CPU is sold with more
_LOADED_PER_CLOCK = 3 * 64  # three loads of 64 bytes, from the first cache


def ceiling(identity: DeviceIdentity, case: Case) -> Ceiling:
    """What bounds a case: the phone's own GPU where its name tells that, else the fastest of the accelerator's kind."""
    if case.accelerator == "cpu":
        return _cpu(identity, case.threads)
    if case.accelerator == "edgetpu":
        return _EDGETPU
    phone = identity.nature == "android"
    if case.accelerator == "gpu":
        return _phone_gpu(identity) if phone else _PC_GPU
    # nnapi, external and auto may run anywhere; a graph on them need not be one of kernels.
    return _PHONE_NPU if phone or case.accelerator in ("npu", "hexagon") else _PC_GPU


def _cpu(identity: DeviceIdentity, threads: int) -> Ceiling:
    isa = identity.facts.get("isa")
    tiles = not isinstance(isa, tuple) or any(flag in _TILE_FLAGS for flag in isa)
    if identity.nature == "android":
        tiles = _phone(identity) is None  # kernels of phones do not always tell of an SME unit; the known have none
    per_clock = _TILES_PER_CLOCK if tiles else _VECTORS_PER_CLOCK
    name = f"{threads} CPU core{'s' if threads != 1 else ''} at 6 GHz"
    return Ceiling(name, per_clock * _HERTZ * threads, _LOADED_PER_CLOCK * _HERTZ * threads)


def _phone(identity: DeviceIdentity) -> Phone | None:
    return known(str(identity.facts.get("model", "")), str(identity.facts.get("device", "")))


def _phone_gpu(identity: DeviceIdentity) -> Ceiling:
    phone = _phone(identity)
    name = phone.gpu.value if phone is not None and phone.gpu is not None else str(identity.facts.get("gpu", ""))
    own = _GPUS.get(name)
    if own is None:
        return _PHONE_GPU
    return replace(
        _PHONE_GPU,
        what=f"an {name}" if name.startswith("A") else f"a {name}",
        macs_per_s=_SPARE * own.macs_per_s,
        bytes_per_s=own.bytes_per_s or _PHONE_GPU.bytes_per_s,
    )
