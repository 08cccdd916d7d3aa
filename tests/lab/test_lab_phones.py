"""The phones of the lab are what they say, so that tests on them mean something."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from lab_phones import LAB, LabPhone, PhoneLab
from phone_folder import until

Start = Callable[..., LabPhone]


def shell(phone: LabPhone, command: str) -> str:
    adb = [PhoneLab.adb(), "-P", str(phone.lab.port), "-s", phone.serial, "shell", command]
    return subprocess.run(adb, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def names(phone: LabPhone) -> list[str]:
    """What runs there."""
    found = []
    for process in phone.processes():
        with contextlib.suppress(psutil.Error):
            found.append(process.name())
    return found


def test_two_phones_have_their_own_properties_files_and_programs(phone: Start) -> None:
    one, two = phone("one"), phone("two", **{"ro.product.model": "Pixel 9"})
    one.put_bin("dumpsys", "echo battery of one")
    assert shell(one, "getprop ro.product.model; dumpsys") == "ONEPLUS A3003\nbattery of one"
    assert shell(two, "getprop ro.product.model") == "Pixel 9"
    assert shell(one, "getprop ro.serialno") != shell(two, "getprop ro.serialno")
    shell(one, "echo mine > /data/local/tmp/file")
    assert (one.tmp / "file").read_text() == "mine\n"
    assert shell(two, "ls /data/local/tmp") == ""


def test_a_phone_with_a_sys_of_its_own_still_runs_the_real_tool(phone: Start) -> None:
    governor = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    made = phone(sysfs={governor: "interactive\n", "/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage": "3 %\n"})
    assert shell(made, f"cat {governor}; ls /sys/class") == "interactive\nkgsl"
    shell(made, f"echo performance > {governor}")
    assert (made.folder / governor.lstrip("/")).read_text() == "performance\n"
    tool = made.tmp / "benchmark_model"
    tool.write_bytes((LAB / "bin/benchmark_model").read_bytes())
    tool.chmod(0o755)
    assert "STARTING" in shell(made, "/data/local/tmp/benchmark_model --help; true")


def test_a_killed_daemon_leaves_its_processes_and_comes_back(phone: Start) -> None:
    made = phone()
    adb = [PhoneLab.adb(), "-P", str(made.lab.port), "-s", made.serial, "shell", "sleep 100"]
    with subprocess.Popen(adb) as client:
        until(lambda: names(made) == ["sleep"], "the program in its shell's place")
        made.kill()
        client.wait()
    assert names(made) == ["sleep"]
    made.restart()
    assert made.state() == "device"


@pytest.mark.parametrize("file", ["bin/benchmark_model", "bin/adbd"])
def test_the_programs_are_there(phone_lab: PhoneLab, file: str) -> None:
    assert Path(LAB / file).is_file()
