"""Which phone this is, from one shell round trip: its properties, its cores, its GPU, and whether it is rooted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial

from bench.devices import android_gpu, identity, linux_identity
from bench.devices.bulk import Bulk, Shell, ask, script
from bench.devices.identity import Fact
from bench.devices.linux_files import UnreadableError, integer
from bench.devices.phones import known

_CPU = "/sys/devices/system/cpu"
_FILES = (
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/sys/kernel/osrelease", f"{_CPU}/present"),
    *(f"{_CPU}/cpu[0-9]*/topology/{name}" for name in ("core_cpus_list", "thread_siblings_list")),
    *(f"{android_gpu.KGSL}/gpu_model", android_gpu.MALI_INFO),
)
_COMMANDS = {
    "getprop": "getprop",
    "uname -r": "uname -r",
    "uname -m": "uname -m",
    "id -u": "id -u",
    "su": "command -v su || echo none",
}
_PROPERTY = re.compile(r"\[([^\]]+)\]: \[(.*?)\]$", re.MULTILINE | re.DOTALL)
# The first that is set and means something; `ro.hardware` is often just `qcom`.
_SOC = ("ro.soc.model", "ro.board.platform", "ro.hardware")
_PROPERTIES: dict[str, tuple[str, ...]] = {
    "model": ("ro.product.model", "ro.product.vendor.model"),
    "device": ("ro.product.device", "ro.product.vendor.device"),
    "manufacturer": ("ro.product.manufacturer", "ro.product.vendor.manufacturer"),
    "android_version": ("ro.build.version.release",),
    "build_fingerprint": ("ro.build.fingerprint", "ro.vendor.build.fingerprint"),
    "build_type": ("ro.build.type",),
    "serial": ("ro.serialno", "ro.boot.serialno"),
    "soc": _SOC,
}
# Of an emulator; its times say nothing about a phone.
_EMULATORS = ("goldfish", "ranchu", "cutf", "vsoc")


def gather_identity(shell: Shell, *, root: str = "") -> tuple[dict[str, Fact], dict[str, str]]:
    """Facts, and reasons for those that are not known. root: where the phone's /proc and /sys lie (tests).

    Names as on Linux where the meaning is the same; `cpu_cores` is there `cpu_model`, since what a person calls a
    phone is its model.
    """
    bulk = ask(shell, script(_FILES, _COMMANDS, root), root)
    facts: dict[str, Fact] = {}
    missing: dict[str, str] = {}
    for name, read in _readers(bulk).items():
        try:
            facts[name] = read()
        except UnreadableError as error:
            missing[name] = bulk.broken or str(error)
    phone = known(str(facts.get("model", "")), str(facts.get("device", "")))
    if phone is not None:
        facts["phone"] = phone.name
        if "gpu" in missing and phone.gpu is not None:
            facts["gpu"] = phone.gpu.value
            missing.pop("gpu")
    return facts, missing


def fingerprint(facts: Mapping[str, Fact]) -> str:
    """16 hex digits over the stable facts, the serial number and the build.

    The build belongs to it: the drivers of GPU and DSP come with the system, so after an update the phone is another
    machine for a measurement.
    """
    stable = identity.fingerprint({**facts, "cpu_model": facts.get("cpu_cores", "")})
    text = "\n".join((stable, *(str(facts.get(name, "")) for name in ("serial", "build_fingerprint", "model"))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_properties(text: str) -> dict[str, str]:
    """`[name]: [value]`, one a line; a value may hold line breaks and brackets. A name's last value counts."""
    return {match[1]: match[2].strip() for match in _PROPERTY.finditer(text)}


def _readers(bulk: Bulk) -> dict[str, Callable[[], Fact]]:
    try:
        properties = parse_properties(bulk.said("getprop"))
        reason = "" if properties else "getprop names no property"
    except UnreadableError as error:
        properties, reason = {}, str(error)
    linux_facts, linux_missing = linux_identity.gather(bulk, "")

    def prop(names: tuple[str, ...]) -> str:
        value = next((properties[name] for name in names if properties.get(name, "unknown") != "unknown"), "")
        if not value:
            raise UnreadableError(reason or f"the phone has no property {' or '.join(names)}")
        return value

    def linux(name: str) -> Fact:
        if name not in linux_facts:
            raise UnreadableError(linux_missing[name])
        return linux_facts[name]

    return {
        **{name: partial(prop, names) for name, names in _PROPERTIES.items()},
        "os": lambda: f"Android {prop(_PROPERTIES['android_version'])}",
        "sdk": lambda: integer(prop(("ro.build.version.sdk",)), "ro.build.version.sdk"),
        "abis": lambda: _abis(prop(("ro.product.cpu.abilist", "ro.product.cpu.abi"))),
        "gpu": lambda: android_gpu.model(bulk),
        "architecture": lambda: bulk.said("uname -m"),
        "kernel": lambda: bulk.said("uname -r"),
        "cpu_cores": lambda: linux("cpu_model"),
        **{name: partial(linux, name) for name in ("logical_cores", "isa", "memory_bytes")},
        "virtual": lambda: _virtual(properties, reason, linux_facts.get("virtual")),
        "rooted": lambda: _rooted(bulk),
    }


def _abis(text: str) -> tuple[str, ...]:
    return tuple(abi.strip() for abi in text.split(",") if abi.strip())


def _virtual(properties: Mapping[str, str], reason: str, linux: Fact | None) -> Fact:
    """`emulator`, what an x86 CPU says of its hypervisor, else `no`: an emulator's system names itself."""
    if not properties:
        raise UnreadableError(reason)
    hardware = properties.get("ro.hardware", "")
    told = "1" in (properties.get("ro.kernel.qemu", ""), properties.get("ro.boot.qemu", ""))
    if told or hardware.startswith(_EMULATORS):
        return "emulator"
    return linux or "no"


def _rooted(bulk: Bulk) -> bool:
    """Whether adb's shell is root, or there is a `su` to become it."""
    return bulk.said("id -u") == "0" or bulk.said("su").startswith("/")
