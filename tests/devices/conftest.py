"""Fake trees of /proc and /sys for the devices' tests."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.devices.adb_link import ShellResult
from bench.devices.android import AndroidDevice, create

CPUINFO = """processor\t: {n}
vendor_id\t: GenuineIntel
model name\t: Some CPU  @ 2.40GHz
cpu MHz\t\t: {mhz}
physical id\t: 0
core id\t\t: {core}
flags\t\t: fpu sse4_1 avx avx2 fma f16c avx512f avx512_vnni

"""
MEMINFO = """MemTotal:       16252928 kB
MemFree:         1000000 kB
MemAvailable:    8126464 kB
SwapTotal:       2097152 kB
SwapFree:        2096128 kB
HugePages_Total:       0
"""
CPU = "/sys/devices/system/cpu"


def desktop() -> dict[str, str]:
    """A real machine: two cores with two threads each, clocks, sensors, a cgroup v2 without a quota."""
    files = {
        "/proc/cpuinfo": "".join(CPUINFO.format(n=n, core=n % 2, mhz=2400.0 + n) for n in range(4)),
        "/proc/meminfo": MEMINFO,
        "/proc/loadavg": "0.25 0.20 0.10 1/200 4242\n",
        "/proc/stat": "cpu  1000 0 500 8000 100 0 0 50 0 0\ncpu0 1000 0 500 8000 100 0 0 50 0 0\nintr 1\n",
        "/proc/pressure/cpu": "some avg10=1.50 avg60=0.37 avg300=0.19 total=2760080\n",
        "/proc/pressure/memory": "some avg10=0.25 avg60=0 avg300=0 total=0\nfull avg10=9.00 avg60=0 avg300=0 total=0\n",
        "/proc/self/status": "Name:\tpython\nCpus_allowed:\tf\nCpus_allowed_list:\t0-2\n",
        "/proc/self/cgroup": "0::/user.slice/bench\n",
        "/proc/self/stat": "77 (py (x) y) R 1 77 77 0 -1 0 0 0 0 0 100 20 30 40 20 0 1 0 555 0 0\n",
        "/proc/self/task/77/children": "78 \n",
        "/proc/78/stat": "78 (child) R 77 77 77 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 600 0 0\n",
        "/proc/78/task/78/children": "",
        "/proc/sys/kernel/osrelease": "6.1.0-test\n",
        "/proc/sys/kernel/arch": "x86_64\n",
        "/etc/os-release": 'NAME="Some"\nPRETTY_NAME="Some Linux 12"\n',
        "/sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        "/sys/fs/cgroup/cpu.stat": "usage_usec 1\n",
        "/sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/user.slice/bench/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/user.slice/bench/cpu.stat": "usage_usec 10\nnr_periods 4\nnr_throttled 3\nthrottled_usec 9\n",
        "/sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
        "/sys/class/thermal/thermal_zone0/temp": "45000\n",
        "/sys/class/hwmon/hwmon0/name": "coretemp\n",
        "/sys/class/hwmon/hwmon0/temp1_input": "44000\n",
        "/sys/class/hwmon/hwmon0/temp2_input": "47500\n",
        "/sys/class/hwmon/hwmon1/name": "nvme\n",
        "/sys/class/hwmon/hwmon1/temp1_input": "30000\n",
        f"{CPU}/present": "0-3\n",
        f"{CPU}/intel_pstate/no_turbo": "1\n",
    }
    for n in range(4):
        files[f"{CPU}/cpu{n}/topology/core_cpus_list"] = f"{n % 2},{n % 2 + 2}\n"
        files[f"{CPU}/cpu{n}/topology/physical_package_id"] = "0\n"
        files[f"{CPU}/cpu{n}/thermal_throttle/core_throttle_count"] = f"{n}\n"
        files[f"{CPU}/cpufreq/policy{n}/scaling_governor"] = "powersave\n" if n else "performance\n"
        files[f"{CPU}/cpufreq/policy{n}/scaling_driver"] = "intel_pstate\n"
        files[f"{CPU}/cpufreq/policy{n}/scaling_cur_freq"] = f"{1000000 + n * 100000}\n"
        files[f"{CPU}/cpufreq/policy{n}/scaling_max_freq"] = f"{3000000 - n}\n"
    return files


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture
def machine() -> dict[str, str]:
    """Files of a whole machine, to be changed and then planted."""
    return desktop()


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Write files below a fresh root and give that root; later calls change the same tree."""
    return lambda files: write_tree(tmp_path / "root", files)


class FakePhone:
    """A phone's /proc, /sys and commands below a folder, asked by a real shell.

    user: what `id -u` says; calls: the commands that were run, one for each round trip.
    """

    def __init__(self, root: Path, sh: str = "sh") -> None:
        self.root = str(root)
        self.user = "2000"
        self.calls: list[str] = []
        self._sh = sh
        self._bin, self._says = root / "bin", root / "says"
        for folder in (self._bin, self._says):
            folder.mkdir(parents=True)
        for tool in ("cat", "grep", "mkdir", "mv", "nohup", "rm", "setsid", "sh", "sleep", "uname"):
            if found := shutil.which(tool):
                (self._bin / tool).symlink_to(found)
        says = shlex.quote(str(self._says))
        self.command("getprop", f"cat {says}/getprop")
        self.command("dumpsys", f'cat {says}/dumpsys_$1 2>/dev/null || echo "Can\'t find service: $1"')
        self.command("settings", f"cat {says}/settings_$3 2>/dev/null || echo null")
        self.command("cmd", f"{{ [ -e {says}/fixed_mode ] && echo $3 > {says}/fixed_mode; }} || exit 255")
        self.command("id", f"cat {says}/id")

    def command(self, name: str, body: str) -> None:
        path = self._bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def says(self, name: str, text: str) -> None:
        (self._says / name).write_text(text)

    def said(self, name: str) -> str:
        return (self._says / name).read_text()

    def files(self, files: dict[str, str]) -> None:
        write_tree(Path(self.root), files)

    def text(self, path: str) -> str:
        return Path(self.root + path).read_text().strip()

    def __call__(self, command: str, /) -> ShellResult:
        self.calls.append(command)
        self.says("id", self.user)
        env = {**os.environ, "PATH": str(self._bin)}  # no `su` or `cmd` of this machine
        done = subprocess.run(
            [shutil.which(self._sh) or self._sh, "-c", command], capture_output=True, text=True, env=env, check=False
        )
        return ShellResult(done.stdout, done.stderr, done.returncode)


@pytest.fixture(params=["sh", "mksh"])
def phone(request: pytest.FixtureRequest, tmp_path: Path) -> FakePhone:
    """Asked by this machine's shell, and by Android's own (mksh) where it is installed."""
    if sys.platform == "win32" or shutil.which(request.param) is None:
        pytest.skip(f"needs {request.param}")
    return FakePhone(tmp_path / "phone", request.param)


@pytest.fixture
def made(any_phone: Callable[..., Any]) -> Any:
    """A phone of either kind, as it is made where a test wishes for nothing else."""
    return any_phone()


@pytest.fixture
def handy(made: Any) -> AndroidDevice:
    return create("handy", {"serial": made.serial})
