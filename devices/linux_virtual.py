"""Whether a Linux machine is real: `no`, the hypervisor's or container's name, or why that is not known."""

from __future__ import annotations

from bench.devices.linux_files import Tree, UnreadableError

# What hypervisors write into the firmware tables (/sys/class/dmi/id), in lower case.
_FIRMWARE = {
    "vmware": "vmware",
    "virtualbox": "virtualbox",
    "innotek": "virtualbox",
    "qemu": "kvm",
    "kvm": "kvm",
    "openstack": "kvm",
    "google compute engine": "kvm",
    "digitalocean": "kvm",
    "xen": "xen",
    "parallels": "parallels",
    "bhyve": "bhyve",
    "apple virtualization": "apple",
    "virtual machine": "hyperv",  # Microsoft's product name; its real machines are called Surface
}
# A paravirtual clock is offered by the hypervisor that it is named for.
_CLOCKS = {"kvm-clock": "kvm", "hyperv": "hyperv", "xen": "xen"}
_CONTAINERS = ("docker", "podman", "libpod", "kubepods", "containerd", "lxc")


def virtual(tree: Tree, cpus: list[dict[str, str]]) -> str:
    """`no`, `wsl`, `kvm`, `vmware`, ..., `hypervisor` (one without a name), or `container` on a real machine.

    cpus: /proc/cpuinfo. A container inside a virtual machine is called by the machine, which matters more.
    Raises UnreadableError where nothing tells.
    """
    flags = [set(cpu["flags"].split()) for cpu in cpus if "flags" in cpu]
    flagged = any("hypervisor" in names for names in flags)
    if "microsoft" in _text(tree, "/proc/sys/kernel/osrelease"):
        return "wsl"
    named = _named(tree)
    # x86 CPUs carry the flag on every hypervisor, so there its absence is proof; elsewhere only names tell.
    if flagged:
        return named or "hypervisor"
    if named and not flags:
        return named
    if _contained(tree):
        return "container"
    if flags or _real_board(tree):
        return "no"
    raise UnreadableError("this CPU has no flag for it, and neither firmware tables nor a device tree name the machine")


def _text(tree: Tree, path: str) -> str:
    try:
        return tree.text(path).lower()
    except UnreadableError:
        return ""


def _named(tree: Tree) -> str:
    hypervisor = _text(tree, "/sys/hypervisor/type")
    if hypervisor:
        return hypervisor.split()[0]
    board = _text(tree, "/proc/device-tree/model")
    if board.startswith("linux,dummy-virt"):
        return "kvm"
    firmware = [_text(tree, f"/sys/class/dmi/id/{name}") for name in ("product_name", "sys_vendor", "bios_vendor")]
    for text in firmware:
        for mark, name in _FIRMWARE.items():
            if mark in text:
                return name
    if "amazon ec2" in firmware[1:] and not firmware[0].endswith("metal"):
        return "kvm"
    clocks = _text(tree, "/sys/devices/system/clocksource/clocksource0/available_clocksource")
    return next((name for mark, name in _CLOCKS.items() if mark in clocks), "")


def _contained(tree: Tree) -> bool:
    if tree.exists("/.dockerenv") or tree.exists("/run/.containerenv"):
        return True
    if "container=" in _text(tree, "/proc/1/environ"):
        return True
    groups = _text(tree, "/proc/1/cgroup")
    return any(name in groups for name in _CONTAINERS)


def _real_board(tree: Tree) -> bool:
    return bool(_text(tree, "/proc/device-tree/model") or _text(tree, "/sys/class/dmi/id/product_name"))
