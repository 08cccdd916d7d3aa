"""Which Linux machine this is: CPU, cores, instruction sets, memory, system, and whether it is virtual."""

from __future__ import annotations

from collections.abc import Callable

from bench.devices.identity import Fact
from bench.devices.linux_files import (
    Tree,
    UnreadableError,
    integer,
    memory_bytes,
    parse_cpu_list,
    parse_cpuinfo,
    parse_meminfo,
)
from bench.devices.linux_virtual import virtual

# Instruction sets that inference kernels are chosen by; a change of one is a change of the machine.
ISA_FLAGS = (
    *(
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx_vnni",
        "avx_vnni_int8",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
    ),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("neon", "vfpv4", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "svei8mm", "svebf16", "sme"),
)

# ARM's cores give numbers only: part numbers from the cores' technical reference manuals (MIDR_EL1, implementer 0x41).
ARM_PARTS = {
    0xC07: "Cortex-A7",
    0xC09: "Cortex-A9",
    0xC0F: "Cortex-A15",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse N1",
    0xD0D: "Cortex-A77",
    0xD40: "Neoverse V1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD44: "Cortex-X1",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD48: "Cortex-X2",
    0xD49: "Neoverse N2",
    0xD4F: "Neoverse V2",
}
_ARM_LIMITED = 0x41


def gather(tree: Tree, machine: str) -> tuple[dict[str, Fact], dict[str, str]]:
    """Facts, and reasons for those that could not be read. machine: the architecture where the kernel names none."""
    facts: dict[str, Fact] = {}
    missing: dict[str, str] = {}
    cpus: list[dict[str, str]] = []
    no_cpus = "/proc/cpuinfo names no processor"
    try:
        cpus = parse_cpuinfo(tree.text("/proc/cpuinfo"))
    except UnreadableError as error:
        no_cpus = str(error)
    readers: dict[str, Callable[[], Fact]] = {
        "cpu_model": lambda: _cpu_model(cpus, no_cpus),
        "architecture": lambda: _architecture(tree, machine),
        "logical_cores": lambda: _logical_cores(tree, cpus, no_cpus),
        "physical_cores": lambda: _physical_cores(tree, cpus),
        "sockets": lambda: _sockets(tree, cpus),
        "isa": lambda: _isa(cpus, no_cpus),
        "memory_bytes": lambda: memory_bytes(parse_meminfo(tree.text("/proc/meminfo")), "MemTotal"),
        "os": lambda: _os(tree),
        "kernel": lambda: tree.text("/proc/sys/kernel/osrelease"),
        "virtual": lambda: virtual(tree, cpus),
    }
    for name, read in readers.items():
        try:
            facts[name] = read()
        except UnreadableError as error:
            missing[name] = str(error)
    # Only boards have one, so its absence is no loss.
    if tree.exists("/proc/device-tree/model"):
        try:
            facts["board"] = tree.text("/proc/device-tree/model")
        except UnreadableError as error:
            missing["board"] = str(error)
    return facts, missing


def _architecture(tree: Tree, machine: str) -> str:
    try:
        return tree.text("/proc/sys/kernel/arch")  # Linux 6.1 up
    except UnreadableError:
        if machine:
            return machine
        raise


def _cpu_model(cpus: list[dict[str, str]], no_cpus: str) -> str:
    """x86 names its model; ARM's cores are counted by part: `Cortex-A76 x4 + Cortex-A55 x4`."""
    if not cpus:
        raise UnreadableError(no_cpus)
    names: dict[str, int] = {}
    for cpu in cpus:
        # Newer first: only the part number tells ARM's clusters apart, and old kernels say just `ARMv7 Processor`.
        name = _arm_core(cpu) or cpu.get("model name") or cpu.get("uarch") or cpu.get("cpu model") or ""
        name = " ".join(name.split())
        if name:
            names[name] = names.get(name, 0) + 1
    if not names:
        raise UnreadableError("/proc/cpuinfo names no CPU model")
    if len(names) == 1:
        return next(iter(names))
    return " + ".join(
        f"{name} x{count}" for name, count in sorted(names.items(), key=lambda item: item[0], reverse=True)
    )


def _arm_core(cpu: dict[str, str]) -> str:
    try:
        implementer, part = int(cpu["CPU implementer"], 16), int(cpu["CPU part"], 16)
    except (KeyError, ValueError):
        return ""
    if implementer == _ARM_LIMITED and part in ARM_PARTS:
        return ARM_PARTS[part]
    return f"ARM core {implementer:#x}:{part:#x}"


def _logical_cores(tree: Tree, cpus: list[dict[str, str]], no_cpus: str) -> int:
    """Those that are present; /proc/cpuinfo lists only the ones that are switched on."""
    try:
        return parse_cpu_list(tree.text("/sys/devices/system/cpu/present"))
    except UnreadableError:
        if cpus:
            return len(cpus)
        raise UnreadableError(no_cpus) from None


def _topology(tree: Tree, file: str) -> set[str]:
    """The distinct contents of a topology file over all CPUs that have it."""
    base = "/sys/devices/system/cpu"
    found = set()
    for name in tree.names(base, "cpu"):
        if name[3:].isdigit():
            try:
                found.add(tree.text(f"{base}/{name}/topology/{file}"))
            except UnreadableError:
                continue
    return found


def _physical_cores(tree: Tree, cpus: list[dict[str, str]]) -> int:
    # `thread_siblings_list` is the older name of `core_cpus_list`: the logical CPUs of one physical core.
    for file in ("core_cpus_list", "thread_siblings_list"):
        if groups := _topology(tree, file):
            return len(groups)
    pairs = {(cpu["physical id"], cpu["core id"]) for cpu in cpus if "physical id" in cpu and "core id" in cpu}
    if pairs:
        return len(pairs)
    raise UnreadableError("neither /sys/devices/system/cpu/cpu0/topology nor /proc/cpuinfo tells the cores")


def _sockets(tree: Tree, cpus: list[dict[str, str]]) -> int:
    ids = _topology(tree, "physical_package_id") or {cpu["physical id"] for cpu in cpus if "physical id" in cpu}
    known = {text for text in ids if _integer_or(text, -1) >= 0}
    if not known:
        raise UnreadableError("the kernel names no package (-1)" if ids else "no CPU names its package")
    return len(known)


def _integer_or(text: str, default: int) -> int:
    try:
        return integer(text, "id")
    except UnreadableError:
        return default


def _isa(cpus: list[dict[str, str]], no_cpus: str) -> tuple[str, ...]:
    """Flags that every CPU has: a thread may run on any of them."""
    listed = [set((cpu.get("flags") or cpu.get("Features") or "").split()) for cpu in cpus]
    if not listed:
        raise UnreadableError(no_cpus)
    if not any(listed):
        raise UnreadableError("/proc/cpuinfo has neither `flags` nor `Features`")
    common = set.intersection(*listed)
    return tuple(flag for flag in ISA_FLAGS if flag in common)


def _os(tree: Tree) -> str:
    for line in tree.text("/etc/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME" and value.strip("\"' "):
            return value.strip("\"' ")
    raise UnreadableError("/etc/os-release has no PRETTY_NAME")
