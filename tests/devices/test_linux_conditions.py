"""Conditions from fake trees: right values in right units, and a reason, never 0, for what is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.devices.linux_conditions import NAMES, LinuxConditions
from bench.devices.linux_files import Tree, UnreadableError
from bench.devices.linux_shares import LEAST_TICKS, Shares, own_ticks
from bench.records.types import Reading

CPU = "/sys/devices/system/cpu"
Plant = Callable[[dict[str, str]], Path]


def read(root: Path) -> dict[str, Reading]:
    return {reading.name: reading for reading in LinuxConditions(Tree(root)).readings()}


def test_a_whole_machine(machine: dict[str, str], plant: Plant) -> None:
    readings = read(plant(machine))
    values = {name: reading.value for name, reading in readings.items() if reading.value is not None}
    assert values == {
        "cpu.governor": "performance, powersave",
        "cpu.driver": "intel_pstate",
        "cpu.clock_min": 1_000_000_000,
        "cpu.clock_max_now": 1_300_000_000,
        "cpu.clock_limit": 2_999_997_000,
        "cpu.boost": "off",
        "cpu.allowed": 3,
        "throttle.count": 0 + 1 + 2 + 3,
        "load.1min": 0.25,
        "pressure.cpu.some_avg10": 1.5,
        "pressure.memory.some_avg10": 0.25,
        "memory.available": 8126464 * 1024,
        "memory.swap_used": 1024 * 1024,
        "cgroup.cpu_quota": "unlimited",
        "cgroup.throttled": 3,
        "temp.coretemp": 47.5,
        "temp.x86_pkg_temp": 45.0,
    }
    assert readings["cpu.clock_limit"].unit == "Hz"
    assert readings["temp.coretemp"].unit == "C"
    assert "temp.nvme" not in readings  # asking a disk wakes it up


def test_nothing_there_is_unavailable_never_zero(tmp_path: Path) -> None:
    readings = read(tmp_path)
    assert set(readings) == {*NAMES, "temp"}
    for reading in readings.values():
        assert reading.value is None
        assert reading.unavailable


def test_what_a_container_may_not_read_is_unavailable(machine: dict[str, str], plant: Plant) -> None:
    """A folder in a file's place fails on reading, as a file without permission does, also for root."""
    root = plant(machine)
    for path in machine:
        (root / path.lstrip("/")).unlink()
        (root / path.lstrip("/")).mkdir()
    assert all(reading.value is None and reading.unavailable for reading in read(root).values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_a_broken_file_breaks_no_other_reading(
    data: st.DataObject, machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = read(_plant(tmp_path_factory, machine))
    path = data.draw(st.sampled_from(sorted(machine)))
    text = data.draw(st.sampled_from(["", "garbage", "-", "nan", "max", "1 2 3", "-1", "9" * 5000, ":::", "0::/../.."]))
    broken = read(_plant(tmp_path_factory, {**machine, path: text}))
    for reading in broken.values():
        assert (reading.value is None) == bool(reading.unavailable)
    changed = {name for name in whole.keys() & broken.keys() if whole[name] != broken[name]}
    # meminfo, stat and the control group's list serve two readings, a clock file of one policy up to two
    assert len(changed) <= 2, changed


def _plant(factory: pytest.TempPathFactory, files: dict[str, str]) -> Path:
    root = factory.mktemp("root")
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize("milli", ["-99900", "0", "-273200", "127500", "85 C", ""])
def test_implausible_temperatures(machine: dict[str, str], plant: Plant, milli: str) -> None:
    machine["/sys/class/thermal/thermal_zone0/temp"] = milli
    reading = read(plant(machine))["temp.x86_pkg_temp"]
    assert reading.value is None
    assert reading.unavailable


def test_one_dead_sensor_does_not_hide_the_hottest(machine: dict[str, str], plant: Plant) -> None:
    machine["/sys/class/hwmon/hwmon0/temp1_input"] = "-99900"
    assert read(plant(machine))["temp.coretemp"].value == 47.5


def test_zones_of_one_kind_give_their_hottest(machine: dict[str, str], plant: Plant) -> None:
    machine |= {
        "/sys/class/thermal/thermal_zone1/type": "x86_pkg_temp",
        "/sys/class/thermal/thermal_zone1/temp": "51000",
    }
    assert read(plant(machine))["temp.x86_pkg_temp"].value == 51.0


def test_hidden_clocks_say_why(machine: dict[str, str], plant: Plant) -> None:
    readings = read(plant({path: text for path, text in machine.items() if "cpufreq" not in path}))
    for name in ("cpu.governor", "cpu.clock_min", "cpu.clock_max_now", "cpu.clock_limit"):
        assert readings[name].value is None
        assert "hypervisor" in readings[name].unavailable


def test_clocks_of_zero_are_no_clocks(machine: dict[str, str], plant: Plant) -> None:
    readings = read(plant({path: "0" if path.endswith("scaling_cur_freq") else text for path, text in machine.items()}))
    assert readings["cpu.clock_min"].value is None
    assert "0" in readings["cpu.clock_min"].unavailable


def test_old_kernels_keep_clocks_with_each_cpu(machine: dict[str, str], plant: Plant) -> None:
    moved = {path.replace("cpufreq/policy0/", "cpu0/cpufreq/"): text for path, text in machine.items()}
    moved = {path: text for path, text in moved.items() if "cpufreq/policy" not in path}
    assert read(plant(moved))["cpu.clock_max_now"].value == 1_000_000_000


@pytest.mark.parametrize(
    ("path", "text", "boost"),
    [
        (f"{CPU}/intel_pstate/no_turbo", "0", "on"),
        (f"{CPU}/cpufreq/boost", "1", "on"),
        (f"{CPU}/cpufreq/boost", "0", "off"),
    ],
)
def test_boost(machine: dict[str, str], plant: Plant, path: str, text: str, boost: str) -> None:
    assert read(plant({**machine, path: text}))["cpu.boost"].value == boost


class TestShares:
    def stat(self, user: int, idle: int, steal: int) -> dict[str, str]:
        return {"/proc/stat": f"cpu  {user} 0 0 {idle} 0 0 0 {steal} 0 0\n"}

    def own(self, ticks: int) -> dict[str, str]:
        return {"/proc/self/stat": f"77 (python) R 1 77 77 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 555 0 0\n"}

    def test_the_first_sample_has_no_share(self, machine: dict[str, str], plant: Plant) -> None:
        readers = Shares(Tree(plant(machine))).since_last()
        for name in ("steal", "cpu.busy_other"):
            with pytest.raises(UnreadableError, match="needs two samples"):
                readers[name]()

    def test_shares_of_the_time_since_the_last_sample(self, machine: dict[str, str], plant: Plant) -> None:
        shares = Shares(Tree(plant({**machine, **self.stat(1000, 8000, 50), **self.own(100)})))
        shares.since_last()
        plant({**self.stat(1300, 8680, 70), **self.own(300)})
        readers = shares.since_last()
        assert readers["steal"]() == pytest.approx(2.0)
        assert readers["cpu.busy_other"]() == pytest.approx(10.0)  # 300 ticks, of which 200 were ours
        plant(self.stat(1400, 8680, 70))
        assert shares.since_last()["cpu.busy_other"]() == pytest.approx(100.0)

    def test_samples_that_are_too_close_have_no_share(self, machine: dict[str, str], plant: Plant) -> None:
        shares = Shares(Tree(plant({**machine, **self.stat(1000, 8000, 50)})))
        shares.since_last()
        plant(self.stat(1000, 8000 + LEAST_TICKS - 1, 50))
        with pytest.raises(UnreadableError, match="ticks apart"):
            shares.since_last()["steal"]()

    def test_a_sample_too_close_to_the_last_one_counts_from_the_one_before(
        self, machine: dict[str, str], plant: Plant
    ) -> None:
        shares = Shares(Tree(plant({**machine, **self.stat(1000, 8000, 50), **self.own(100)})))
        shares.since_last()
        plant({**self.stat(1300, 8680, 70), **self.own(300)})
        shares.since_last()
        plant({**self.stat(1301, 8680, 70), **self.own(301)})
        readers = shares.since_last()
        assert readers["steal"]() == pytest.approx(2.0, abs=0.01)
        assert readers["cpu.busy_other"]() == pytest.approx(10.0, abs=0.02)

    def test_counters_that_went_backwards(self, machine: dict[str, str], plant: Plant) -> None:
        shares = Shares(Tree(plant({**machine, **self.stat(1000, 8000, 50)})))
        shares.since_last()
        plant(self.stat(10, 80, 5))
        with pytest.raises(UnreadableError, match="backwards"):
            shares.since_last()["steal"]()

    def test_own_time_is_that_of_all_our_processes(self, machine: dict[str, str], plant: Plant) -> None:
        assert own_ticks(Tree(plant(machine))) == 100 + 20 + 30 + 40 + 5 + 5

    def test_a_child_that_ended_meanwhile_is_no_error(self, machine: dict[str, str], plant: Plant) -> None:
        machine["/proc/self/task/77/children"] = "78 79"
        assert own_ticks(Tree(plant(machine))) == 200

    def test_without_lists_of_children_ours_cannot_be_told_apart(self, machine: dict[str, str], plant: Plant) -> None:
        del machine["/proc/self/task/77/children"]
        machine["/proc/self/task/77/comm"] = "python"
        with pytest.raises(UnreadableError, match="children"):
            own_ticks(Tree(plant(machine)))


class TestQuota:
    def test_the_least_quota_above_us_counts(self, machine: dict[str, str], plant: Plant) -> None:
        machine["/sys/fs/cgroup/user.slice/cpu.max"] = "150000 100000"
        machine["/sys/fs/cgroup/user.slice/bench/cpu.max"] = "400000 100000"
        assert read(plant(machine))["cgroup.cpu_quota"].value == 1.5

    def test_version_1(self, machine: dict[str, str], plant: Plant) -> None:
        files = {path: text for path, text in machine.items() if "/sys/fs/cgroup" not in path}
        files["/proc/self/cgroup"] = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n"
        # within a container the host's path does not exist; our group is the mount's root
        files["/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us"] = "50000\n"
        files["/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us"] = "100000\n"
        files["/sys/fs/cgroup/cpu,cpuacct/cpu.stat"] = "nr_periods 9\nnr_throttled 7\n"
        readings = read(plant(files))
        assert readings["cgroup.cpu_quota"].value == 0.5
        assert readings["cgroup.throttled"].value == 7

    @pytest.mark.parametrize("text", ["", "0 100000", "100000 0", "much 100000", "100000"])
    def test_a_quota_that_cannot_be_read_is_not_unlimited(
        self, machine: dict[str, str], plant: Plant, text: str
    ) -> None:
        machine["/sys/fs/cgroup/user.slice/bench/cpu.max"] = text
        assert read(plant(machine))["cgroup.cpu_quota"].unavailable
