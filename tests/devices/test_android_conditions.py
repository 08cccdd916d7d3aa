"""A phone's readings, asked by a real shell over a fake phone: right values, and a reason, never 0, for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from bench.base.errors import NotMeasuredError
from bench.devices.adb_link import ShellResult
from bench.devices.android_conditions import NAMES, AndroidConditions
from bench.records.types import Reading

CPU = "/sys/devices/system/cpu"
KGSL = "/sys/class/kgsl/kgsl-3d0"
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  level: 40
  scale: 50
  temperature: 312
"""
# The cached block is warmer, as it is long after a load; the power supply's sensors are no temperatures.
THERMAL = """IsStatusOverride: false
Thermal Status: 2
Cached temperatures:
Temperature{mValue=81.5, mType=0, mName=cpu0, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
Temperature{mValue=41.5, mType=0, mName=BIG, mStatus=0}
Temperature{mValue=43.25, mType=0, mName=LITTLE, mStatus=0}
Temperature{mValue=-99.9, mType=3, mName=skin, mStatus=0}
Temperature{mValue=38.0, mType=1, mName=cpu-but-not-by-type, mStatus=0}
Temperature{mValue=100.0, mType=8, mName=soc, mStatus=0}
Temperature{mValue=4012.0, mType=6, mName=vbat, mStatus=0}
Temperature{mValue=29.0, mType=2, mName=battery, mStatus=0}
Current cooling devices from HAL:
CoolingDevice{mValue=0, mType=2, mName=thermal-cpufreq-0}
Temperature{mValue=99.0, mType=0, mName=not-in-the-block, mStatus=0}
"""


def plant(phone: Any) -> None:
    files = {
        "/proc/loadavg": "7.25 6.00 5.00 3/2000 4242\n",
        "/proc/meminfo": "MemTotal: 5800000 kB\nMemAvailable: 2000000 kB\n",
        "/proc/uptime": "1234.50 4000.00\n",
        "/proc/self/status": "Name:\tgrep\nCpus_allowed_list:\t0-3\n",
        f"{KGSL}/gpuclk": "133000000\n",
        f"{KGSL}/gpu_available_frequencies": "624000000 401800000 133000000 \n",
        f"{KGSL}/max_pwrlevel": "0\n",
        f"{KGSL}/thermal_pwrlevel": "1\n",
        f"{KGSL}/devfreq/max_freq": "624000000\n",
        f"{KGSL}/devfreq/governor": "msm-adreno-tz\n",
    }
    for first, top in ((0, 1_593_600), (2, 2_150_400)):
        folder = f"{CPU}/cpufreq/policy{first}"
        files |= {
            f"{folder}/scaling_governor": "interactive\n",
            f"{folder}/scaling_driver": "msm\n",
            f"{folder}/scaling_cur_freq": f"{307200 + first}\n",
            f"{folder}/scaling_max_freq": f"{top - first * 100}\n",
            f"{folder}/cpuinfo_max_freq": f"{top}\n",
        }
    phone.files(files)
    phone.says("dumpsys_battery", BATTERY)
    phone.says("dumpsys_thermalservice", THERMAL)
    phone.says("dumpsys_power", "POWER MANAGER\n  mWakefulness=Awake\nDisplay Power: state=OFF\n")
    phone.says("settings_low_power", "1\n")


def read(phone: Any) -> dict[str, Reading]:
    return {one.name: one for one in AndroidConditions(phone, root=phone.root).readings()}


def values(readings: dict[str, Reading]) -> dict[str, float | int | str]:
    return {name: one.value for name, one in readings.items() if one.value is not None}


def test_a_whole_phone_in_one_round_trip(phone: Any) -> None:
    plant(phone)
    readings = read(phone)
    assert len(phone.calls) == 1
    assert values(readings) == {
        "cpu.governor": "interactive",
        "cpu.driver": "msm",
        "cpu.clock_min": 307_200_000,
        "cpu.clock_max_now": 307_202_000,
        "cpu.clock_limit": 1_593_600_000,
        "cpu.allowed": 4,
        "load.1min": 7.25,
        "memory.available": 2_000_000 * 1024,
        "gpu.clock_now": 133_000_000,
        "gpu.clock_limit": 624_000_000,
        "gpu.clock_max": 624_000_000,
        "gpu.level_limit": 1,
        "gpu.governor": "msm-adreno-tz",
        "thermal.status": "moderate",
        "battery.level": 80.0,
        "battery.status": "charging",
        "battery.plugged": "usb",
        "battery.saver": "on",
        "screen": "off",
        "airplane_mode": "off",
        "uptime": 1234.5,
        "pin": "unpinned",
        "cpu0.governor": "interactive",
        "cpu0.clock_now": 307_200_000,
        "cpu0.clock_limit": 1_593_600_000,
        "cpu0.clock_max": 1_593_600_000,
        "cpu2.governor": "interactive",
        "cpu2.clock_now": 307_202_000,
        "cpu2.clock_limit": 2_150_200_000,
        "cpu2.clock_max": 2_150_400_000,
        "temp.cpu": 43.25,
        "temp.gpu": 38.0,
        "temp.battery": 31.2,
    }
    assert "-99.9" in readings["temp.skin"].unavailable
    assert "/proc/pressure/cpu" in readings["pressure.cpu.some_avg10"].unavailable
    assert readings["gpu.clock_now"].unit == readings["cpu0.clock_max"].unit == "Hz"


def test_a_phone_that_hides_everything_gives_reasons(phone: Any) -> None:
    readings = read(phone)
    assert set(values(readings)) == {"pin", "airplane_mode", "battery.saver"}  # the last two: never switched on
    assert {*NAMES, "temp"} == set(readings)
    assert all(one.unavailable for one in readings.values() if one.value is None)
    assert "Can't find service" in readings["thermal.status"].unavailable


def test_without_a_link_all_is_unavailable_for_that_reason() -> None:
    def gone(command: str, /) -> ShellResult:
        raise NotMeasuredError("cannot reach the phone", "device offline")

    readings = AndroidConditions(gone).readings()
    assert {one.name for one in readings} == {*NAMES, "temp"}
    assert {one.unavailable for one in readings} == {"cannot reach the phone; device offline"}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_an_answer_that_was_cut_off_is_unknown(phone: Any, share: float) -> None:
    plant(phone)

    def cut(command: str, /) -> ShellResult:
        whole = phone(command)
        result: ShellResult = whole._replace(stdout=whole.stdout[: int(len(whole.stdout) * share)])
        return result

    assert all(one.value is None and one.unavailable for one in AndroidConditions(cut, root=phone.root).readings())


def test_old_kernels_have_clocks_by_core(phone: Any) -> None:
    for core in (0, 1):
        phone.files({f"{CPU}/cpu{core}/cpufreq/scaling_max_freq": "1593600\n"})
    readings = read(phone)
    assert readings["cpu1.clock_limit"].value == readings["cpu.clock_limit"].value == 1_593_600_000


def test_a_mali_is_read_by_devfreq(phone: Any) -> None:
    folder = "/sys/class/devfreq/13040000.mali"
    phone.files(
        {
            f"{folder}/cur_freq": "300000000\n",
            f"{folder}/max_freq": "650000000\n",
            f"{folder}/available_frequencies": "300000000 800000000\n",
            f"{folder}/governor": "simple_ondemand\n",
        }
    )
    known = values(read(phone))
    assert (known["gpu.clock_now"], known["gpu.clock_limit"], known["gpu.clock_max"]) == (3e8, 65e7, 8e8)
    assert known["gpu.governor"] == "simple_ondemand"
    assert "gpu.level_limit" not in known


def test_a_sleeping_gpu_has_no_clock(phone: Any) -> None:
    phone.files({f"{KGSL}/gpuclk": "0\n", f"{KGSL}/gpu_available_frequencies": "\n"})
    readings = read(phone)
    assert "sleeps" in readings["gpu.clock_now"].unavailable
    assert readings["gpu.clock_max"].unavailable


def test_zones_only_where_the_service_knows_nothing(phone: Any) -> None:
    zone = "/sys/class/thermal/thermal_zone3"
    phone.files({f"{zone}/type": "cpu-1-0\n", f"{zone}/temp": "51500\n"})
    phone.says("dumpsys_thermalservice", THERMAL)
    assert values(read(phone))["temp.cpu"] == 43.25
    phone.says("dumpsys_thermalservice", "Thermal Status: 0\nCurrent temperatures from HAL:\nHAL Ready: true\n")
    assert values(read(phone))["temp.cpu"] == 51.5
    # all of the service's sensors are dead: known only after the first call, and asked for from the second on
    phone.says(
        "dumpsys_thermalservice",
        "Current temperatures from HAL:\nTemperature{mValue=-99.9, mType=0, mName=c, mStatus=0}\n",
    )
    conditions = AndroidConditions(phone, root=phone.root)
    assert all(one.value is None for one in conditions.readings() if one.name.startswith("temp"))
    assert {one.name: one.value for one in conditions.readings()}["temp.cpu"] == 51.5
