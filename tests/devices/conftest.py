"""Fake trees of /proc and /sys for the devices' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
