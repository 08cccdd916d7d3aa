"""Power rails of devices, read beside a run: this host's files, a board's over SSH, tegrastats, a phone's fuel gauge.

No rail is here: the files are laid out as kernels lay them out, tegrastats is a stand-in that prints its lines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.devices import power
from bench.devices.energy import Power, Rail
from bench.devices.linux_files import Tree
from bench.devices.local import LocalDevice
from bench.devices.power_meters import NONE, find
from bench.devices.protocol import Device, Sampler
from bench.devices.registry import open_device
from bench.devices.remote import ShellResult

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the devices of the tests run POSIX programs")
Make = Callable[..., Any]
HWMON = "sys/class/hwmon/hwmon2"
INA = {
    f"{HWMON}/name": "ina3221", f"{HWMON}/in1_label": "VDD_IN", f"{HWMON}/in1_input": "5000",
    f"{HWMON}/curr1_input": "936",
}  # fmt: skip
RAPL = {
    "sys/class/powercap/intel-rapl:0/name": "package-0", "sys/class/powercap/intel-rapl:0/energy_uj": "2500000",
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
}  # fmt: skip
SUPPLY = "sys/class/power_supply/battery"
BATTERY = {
    f"{SUPPLY}/type": "Battery\n", f"{SUPPLY}/status": "Discharging\n", f"{SUPPLY}/current_now": "-500000\n",
    f"{SUPPLY}/voltage_now": "4000000\n",
}  # fmt: skip
TEGRASTATS = """\
[ "$1 $2" = "--interval 100" ] || exit 2
while sleep 0.02 && echo 'RAM 1/2MB CPU [1%@729] GPU@26C VDD_IN 4915mW/4900mW VDD_SOC 1431mW/1431mW'; do :; done"""


def lay(root: Path, files: dict[str, str]) -> Tree:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")
    return Tree(root)


def series_of(sampler: Sampler, name: str, count: int = 5) -> tuple[Rail, list[Power]]:
    """A rail with so many readings, waited for."""
    deadline = time.monotonic() + 20
    while True:
        for rail, series in sampler.readings().items():
            if rail.name == name and (len(series) >= count or time.monotonic() > deadline):
                return rail, series
        assert time.monotonic() < deadline, (sampler.reason, sampler.refused())
        time.sleep(0.01)


class TestHere:
    def test_files_are_read_beside_a_run(self, tmp_path: Path) -> None:
        lay(tmp_path, INA | RAPL)
        lay(tmp_path, {path: text.strip() for path, text in (BATTERY | {f"{SUPPLY}/status": "Full"}).items()})
        start = time.monotonic_ns()
        with LocalDevice(root=tmp_path, system="Linux").power() as sampler:
            rail, series = series_of(sampler, "vdd_in")
            assert {power.watts for power in series} == {4.68}
            assert all(start <= power.time_ns for power in series)
            assert rail.scope == "unknown"
            (tmp_path / HWMON / "curr1_input").unlink()
            package, _ = series_of(sampler, "package_0")
            assert (package.scope, package.counted) == ("package", True)
        assert sampler.source == "INA (hwmon), RAPL (powercap)"
        refused = {rail.name: why for rail, why in sampler.refused().items()}
        assert "battery is full" in refused["battery_battery"]
        if "vdd_in" in refused:  # a reading came after the file had gone
            assert "vdd_in" not in {rail.name for rail in sampler.readings()}

    def test_a_machine_without_meters_starts_nothing(self, tmp_path: Path) -> None:
        with LocalDevice(root=tmp_path, system="Linux").power() as sampler:
            assert (sampler.reason, sampler.readings(), sampler.refused()) == (NONE, {}, {})
        with LocalDevice(system="Darwin").power() as sampler:
            assert "this is Darwin" in sampler.reason

    def test_meters_that_cannot_be_read_are_named(self, tmp_path: Path) -> None:
        lay(tmp_path, {**RAPL, "sys/class/powercap/intel-rapl:0/energy_uj": "nothing"})
        with LocalDevice(root=tmp_path, system="Linux").power() as sampler:
            assert "package_0: " in sampler.reason
            assert "no whole number" in sampler.reason
            assert [rail.name for rail in sampler.refused()] == ["package_0"]


def shell_here(command: str) -> ShellResult:
    import subprocess

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    return ShellResult(done.stdout, done.stderr, done.returncode)


def below(root: Path) -> Callable[[str], ShellResult]:
    """A shell whose /sys and /proc are those in a folder."""

    def shell(command: str) -> ShellResult:
        result = shell_here(command.replace("/sys/", f"{root}/sys/").replace("/proc/", f"{root}/proc/"))
        return result._replace(stdout=result.stdout.replace(str(root), ""))

    return shell


def test_what_one_round_trip_brings_is_enough_to_find_the_meters(tmp_path: Path) -> None:
    """All that `find` looks at is asked for: the same meters as in the tree itself."""
    iio = "sys/bus/i2c/drivers/ina3221x/1-0040/iio:device0"
    old = {f"{iio}/rail_name_0": "VDD_GPU", f"{iio}/in_power0_input": "1183"}
    tree = lay(tmp_path, INA | RAPL | old | {path: text.strip() for path, text in BATTERY.items()})
    bulk = power.look(below(tmp_path))
    assert find(bulk) == find(tree)
    assert len(find(bulk)) == 4
    assert [meter.read(bulk) for meter in find(bulk)] == [meter.read(tree) for meter in find(tree)]


class TestOverAShell:
    def there(self, root: Path) -> Sampler:
        def spawn(argv: list[str]) -> Any:
            return LocalDevice().spawn([word.replace("/sys/", f"{root}/sys/") for word in argv])

        return power.there(below(root), spawn, interval_s=0.05)

    @pytest.mark.parametrize("program", ["sh", "bash", "mksh", "busybox"])
    def test_one_process_reads_all(self, tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import shutil

        found = shutil.which(program)
        if found is None:
            pytest.skip(f"no {program} here")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "sh").write_text(f'#!/bin/sh\nexec {found}{" sh" if program == "busybox" else ""} "$@"\n')
        (tmp_path / "bin" / "sh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
        lay(tmp_path, INA | RAPL | {path: text.strip() for path, text in BATTERY.items()})
        sampler = self.there(tmp_path)
        try:
            assert {power.watts for power in series_of(sampler, "vdd_in")[1]} == {4.68}
            rail, series = series_of(sampler, "battery_battery")
            assert (rail.scope, {power.watts for power in series}) == ("board", {2.0})
            (tmp_path / SUPPLY / "status").write_text("Charging\n")
            deadline = time.monotonic() + 20
            while not sampler.refused() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert ["is charging" in why for why in sampler.refused().values()] == [True]
            assert "battery_battery" not in {rail.name for rail in sampler.readings()}
        finally:
            sampler.stop()

    def test_without_meters_no_process_is_started(self, tmp_path: Path) -> None:
        sampler = power.there(shell_here, lambda argv: pytest.fail(str(argv)), globs=())
        assert sampler.reason == NONE


class TestOverSsh:
    def jetson(self, board: Any, **more: Any) -> Device:
        return open_device("orin", {**board.table, "kind": "jetson", **more})

    @pytest.mark.parametrize("login", ["", "fish", "tcsh"])
    def test_tegrastats(self, ssh_board: Make, login: str) -> None:
        import shutil

        shell = shutil.which(login) if login else ""
        if shell is None:
            pytest.skip(f"no {login} here")
        board = ssh_board(shell=shell)
        board.program("tegrastats", TEGRASTATS)
        device = self.jetson(board)
        start = time.monotonic_ns()
        with device.power() as sampler:
            rail, series = series_of(sampler, "vdd_soc")
            assert (sampler.source, sampler.reason) == ("tegrastats", "")
            assert {power.watts for power in series} == {1.431}
            assert all(start <= power.time_ns <= time.monotonic_ns() for power in series)
            assert rail.resolution_w == 0.001
            assert {rail.name for rail in sampler.readings()} == {"vdd_in", "vdd_soc"}
        assert board.nothing_runs("tegrastats")

    def test_one_that_ends_has_no_readings(self, ssh_board: Make) -> None:
        board = ssh_board()
        board.program("tegrastats", f"timeout 1 sh -c '{TEGRASTATS.splitlines()[1].replace(chr(39), chr(34))}'")
        with self.jetson(board).power() as sampler:
            assert sampler.reason == ""
            deadline = time.monotonic() + 20
            while not sampler.reason and time.monotonic() < deadline:
                time.sleep(0.01)
            assert (sampler.reason, sampler.readings()) == ("tegrastats ended by itself", {})

    def test_a_jetson_without_it_and_without_meters(self, ssh_board: Make) -> None:
        board = ssh_board()
        with self.jetson(board).power() as sampler:
            assert "no such program there" in sampler.reason
            assert sampler.readings() == {}

    def test_one_that_names_no_rail_is_not_taken(self, ssh_board: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(power, "_FIRST_S", 0.5)
        board = ssh_board()
        board.program("tegrastats", "while echo 'RAM 1/2MB'; do sleep 0.05; done")
        with self.jetson(board).power() as sampler:
            assert "tegrastats named no rail" in sampler.reason
        assert board.nothing_runs("tegrastats")

    @pytest.mark.parametrize("login", ["", "fish", "tcsh"])
    def test_the_meters_of_a_board(self, ssh_board: Make, tmp_path: Path, login: str) -> None:
        import shutil

        shell = shutil.which(login) if login else ""
        if shell is None:
            pytest.skip(f"no {login} here")
        lay(tmp_path / "pi", INA | RAPL)
        board = ssh_board(shell=shell)
        device = open_device("pi", {**board.table, "kind": "raspberry-pi"})
        elsewhere = f"{tmp_path}/pi/sys/"
        sampler = power.there(
            below(tmp_path / "pi"), lambda argv: device.spawn([word.replace("/sys/", elsewhere) for word in argv])
        )
        assert {each.watts for each in series_of(sampler, "vdd_in")[1]} == {4.68}
        assert [word for word in ("sleep", elsewhere) if board.running(word)]
        sampler.stop()
        assert board.nothing_runs(elsewhere)

    def test_a_board_that_is_out_of_reach_is_a_reason(self, ssh_board: Make) -> None:
        board = ssh_board()
        device = self.jetson(board)
        board.stop()
        with device.power() as sampler:
            assert "cannot" in sampler.reason


class TestPhone:
    def test_its_fuel_gauge(self, lab_phone: Make) -> None:
        phone = lab_phone(sysfs=BATTERY)
        device = open_device("phone", {"kind": "android", "serial": phone.serial})
        with device.power() as sampler:
            rail, series = series_of(sampler, "battery_battery", 3)
            assert (rail.scope, sampler.source) == ("board", "fuel gauge")
            assert {power.watts for power in series} == {2.0}
            phone.put_sys(f"{SUPPLY}/status", "Charging\n")
            deadline = time.monotonic() + 20
            while not sampler.refused() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert "is charging" in next(iter(sampler.refused().values()))

    def test_one_on_its_cable_and_one_that_hides_it(self, lab_phone: Make) -> None:
        fed = lab_phone("fed", sysfs=BATTERY | {f"{SUPPLY}/status": "Charging\n"})
        with open_device("fed", {"kind": "android", "serial": fed.serial}).power() as sampler:
            assert "take it off its cable" in sampler.reason
        shy = lab_phone("shy", sysfs={"sys/x": ""})
        with open_device("shy", {"kind": "android", "serial": shy.serial}).power() as sampler:
            assert "the shell may not read the fuel gauge" in sampler.reason


def test_what_a_phone_refuses_is_told() -> None:
    path = "/sys/class/power_supply/battery/current_now"
    lines = ["@@bench files", "", "@@bench meters", f"{path}!cat: {path}: Permission denied", "@@bench model", ""]
    said = ShellResult("\n".join([*lines, "@@bench end"]), "", 0)
    sampler = power.phone(lambda _: said, lambda argv: pytest.fail(str(argv)))
    assert "battery/current_now: Permission denied" in sampler.reason
