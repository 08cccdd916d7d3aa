"""Identity from fake trees, and the fingerprint: the same machine after an update is the same machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.devices import linux_identity
from bench.devices.linux_files import Tree
from bench.devices.local import LocalDevice
from bench.records.types import DeviceIdentity

Plant = Callable[[dict[str, str]], Path]
BOARD_CORE = "processor\t: {n}\nFeatures\t: fp asimd asimddp i8mm\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"


def identify(root: Path) -> DeviceIdentity:
    return LocalDevice(root=root, system="Linux").identify()


def test_a_whole_machine(machine: dict[str, str], plant: Plant) -> None:
    identity = identify(plant(machine))
    facts = dict(identity.facts)
    assert str(facts.pop("python")).count(".") == 2
    assert facts == {
        "cpu_model": "Some CPU @ 2.40GHz",
        "architecture": "x86_64",
        "logical_cores": 4,
        "physical_cores": 2,
        "sockets": 1,
        "isa": ("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni"),
        "memory_bytes": 16252928 * 1024,
        "os": "Some Linux 12",
        "kernel": "6.1.0-test",
        "virtual": "no",
    }
    assert identity.unavailable == {}
    assert identity.title == "Some CPU @ 2.40GHz, 4 cores"


def test_nothing_there_is_unavailable_with_a_reason(tmp_path: Path) -> None:
    facts, missing = linux_identity.gather(Tree(tmp_path), "")
    assert facts == {}
    assert all(missing.values())
    assert {"cpu_model", "architecture", "logical_cores", "isa", "memory_bytes", "virtual"} <= missing.keys()
    assert len(identify(tmp_path).fingerprint) == 16


def test_an_arm_board(plant: Plant) -> None:
    cores = [BOARD_CORE.format(n=n, part="0xd05" if n < 4 else "0xd0b") for n in range(8)]
    files = {
        "/proc/cpuinfo": "".join(cores) + "Hardware\t: Some\n",
        "/proc/device-tree/model": "Some Board 5\0",
        "/proc/sys/kernel/arch": "aarch64",
    }
    for n in range(8):
        files[f"/sys/devices/system/cpu/cpu{n}/topology/core_cpus_list"] = f"{n}"
        files[f"/sys/devices/system/cpu/cpu{n}/topology/physical_package_id"] = "-1"
    facts, missing = linux_identity.gather(Tree(plant(files)), "x86_64")
    assert facts["cpu_model"] == "Cortex-A76 x4 + Cortex-A55 x4"
    assert facts["board"] == "Some Board 5"
    assert facts["architecture"] == "aarch64"
    assert facts["isa"] == ("asimd", "asimddp", "i8mm")
    assert facts["physical_cores"] == 8
    assert facts["virtual"] == "no"
    assert "-1" in missing["sockets"]


def test_an_unlisted_arm_core_keeps_its_numbers(plant: Plant) -> None:
    files = {"/proc/cpuinfo": BOARD_CORE.format(n=0, part="0xfff")}
    assert linux_identity.gather(Tree(plant(files)), "aarch64")[0]["cpu_model"] == "ARM core 0x41:0xfff"


def test_a_flag_counts_when_every_core_has_it(machine: dict[str, str], plant: Plant) -> None:
    machine["/proc/cpuinfo"] = machine["/proc/cpuinfo"].replace(" avx512f", "", 1)
    isa = identify(plant(machine)).facts["isa"]
    assert isinstance(isa, tuple)
    assert "avx512f" not in isa
    assert "avx512_vnni" in isa


DMI = "/sys/class/dmi/id"
CLOCKS = "/sys/devices/system/clocksource/clocksource0/available_clocksource"


@pytest.mark.parametrize(
    ("flagged", "files", "virtual"),
    [
        (False, {}, "no"),
        (True, {}, "hypervisor"),
        (True, {f"{DMI}/sys_vendor": "QEMU"}, "kvm"),
        (True, {f"{DMI}/product_name": "VMware7,1"}, "vmware"),
        (True, {f"{DMI}/product_name": "Virtual Machine", f"{DMI}/sys_vendor": "Microsoft Corporation"}, "hyperv"),
        (True, {f"{DMI}/sys_vendor": "Amazon EC2", f"{DMI}/product_name": "c7i.large"}, "kvm"),
        (True, {CLOCKS: "tsc kvm-clock"}, "kvm"),
        (True, {"/sys/hypervisor/type": "xen"}, "xen"),
        (True, {"/proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2"}, "wsl"),
        (True, {"/.dockerenv": "", CLOCKS: "kvm-clock"}, "kvm"),
        (False, {"/.dockerenv": ""}, "container"),
        (False, {"/proc/1/environ": "PATH=/bin\0container=podman\0"}, "container"),
        (False, {"/proc/1/cgroup": "0::/docker/abcdef"}, "container"),
        (False, {f"{DMI}/sys_vendor": "QEMU"}, "no"),
    ],
)
def test_virtual(machine: dict[str, str], plant: Plant, flagged: bool, files: dict[str, str], virtual: str) -> None:
    if flagged:
        machine["/proc/cpuinfo"] = machine["/proc/cpuinfo"].replace(": fpu", ": fpu hypervisor")
    assert identify(plant({**machine, **files})).facts["virtual"] == virtual


def test_a_cpu_without_flags_and_without_names_leaves_it_open(plant: Plant) -> None:
    identity = identify(plant({"/proc/cpuinfo": BOARD_CORE.format(n=0, part="0xd05")}))
    assert "virtual" not in identity.facts
    assert identity.unavailable["virtual"]


@pytest.mark.parametrize("model", ["linux,dummy-virt", "Some Board"])
def test_a_device_tree_tells_a_board_from_a_guest(plant: Plant, model: str) -> None:
    files = {"/proc/cpuinfo": BOARD_CORE.format(n=0, part="0xd05"), "/proc/device-tree/model": model}
    assert identify(plant(files)).facts["virtual"] == ("no" if model == "Some Board" else "kvm")


class TestFingerprint:
    @pytest.mark.parametrize(
        ("path", "old", "new"),
        [
            ("/proc/sys/kernel/osrelease", "6.1.0-test", "6.12.3-other"),
            ("/etc/os-release", "Some Linux 12", "Some Linux 13"),
            ("/proc/loadavg", "0.25", "9.75"),
            ("/proc/cpuinfo", "2400.0", "3100.5"),
            ("/proc/meminfo", "MemTotal:       16252928", "MemTotal:       16201728"),
            ("/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "3000000", "800000"),
        ],
    )
    def test_stays(self, machine: dict[str, str], plant: Plant, path: str, old: str, new: str) -> None:
        assert self.changed(machine, plant, path, old, new) is False

    @pytest.mark.parametrize(
        ("path", "old", "new"),
        [
            ("/proc/cpuinfo", "Some CPU", "Other CPU"),
            ("/proc/cpuinfo", " avx512_vnni", ""),
            ("/proc/cpuinfo", ": fpu", ": fpu hypervisor"),
            ("/sys/devices/system/cpu/present", "0-3", "0-7"),
            ("/proc/meminfo", "MemTotal:       16252928", "MemTotal:       32505856"),
            ("/proc/sys/kernel/arch", "x86_64", "aarch64"),
        ],
    )
    def test_changes(self, machine: dict[str, str], plant: Plant, path: str, old: str, new: str) -> None:
        assert self.changed(machine, plant, path, old, new) is True

    def changed(self, machine: dict[str, str], plant: Plant, path: str, old: str, new: str) -> bool:
        first = identify(plant(machine)).fingerprint
        assert old in machine[path]
        return identify(plant({path: machine[path].replace(old, new)})).fingerprint != first
