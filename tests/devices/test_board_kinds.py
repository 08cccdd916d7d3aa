"""What the kinds of boards add: findings of what their firmware says, governors held and put back, power limits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.base.findings import Finding
from bench.base.process import Child
from bench.devices import board_governor, board_pin, board_x86
from bench.devices.assess import assess
from bench.devices.bulk import Bulk
from bench.records.types import Conditions, DeviceIdentity, Reading


def findings(kind: str, before: dict[str, str], during: dict[str, str], after: dict[str, str]) -> dict[str, Finding]:
    def conditions(phase: str, words: dict[str, str]) -> Conditions:
        readings = tuple(Reading(name=name, value=value) for name, value in words.items())
        return Conditions(phase=phase, at="", readings=readings)  # type: ignore[arg-type]

    identity = DeviceIdentity(name="board", kind=kind, fingerprint="", facts={"logical_cores": 4})
    phases = conditions("before", before), [conditions("during", during)], conditions("after", after)
    return {one.code: one for one in assess(identity, *phases, threads=1)}


class TestRaspberryPi:
    FINE: dict[str, str] = {"throttled.now": "no", "throttled.since_boot": "no"}  # noqa: RUF012

    def test_nothing_to_say(self) -> None:
        assert findings("raspberry-pi", self.FINE, self.FINE, self.FINE) == {}

    def test_throttled_at_any_moment_of_the_run(self) -> None:
        hot = {"throttled.now": "under-voltage, throttled", "throttled.since_boot": "under-voltage, throttled"}
        found = findings("raspberry-pi", self.FINE, hot, {**self.FINE, "throttled.since_boot": "throttled"})
        assert list(found) == ["board-throttled"]
        assert found["board-throttled"].severity == "warning"
        assert "throttled, under-voltage" in found["board-throttled"].what
        assert "supply" in found["board-throttled"].remedy
        assert "heat sink" in found["board-throttled"].remedy

    def test_throttled_some_time_before(self) -> None:
        before = {**self.FINE, "throttled.since_boot": "under-voltage"}
        found = findings("raspberry-pi", before, before, before)
        assert list(found) == ["board-throttled-before"]
        assert found["board-throttled-before"].severity == "info"
        assert "heat sink" not in found["board-throttled-before"].remedy


class TestJetson:
    FREE: dict[str, str] = {"jetson_clocks": "free", "power_mode": "MAXN (0)", "cpu.governor": "schedutil"}  # noqa: RUF012

    def test_clocks_that_are_free(self) -> None:
        found = findings("jetson", self.FREE, self.FREE, self.FREE)
        assert list(found) == ["cpu-governor", "clocks-free"]
        assert "MAXN (0)" in found["clocks-free"].what
        assert all("--pin" in one.remedy for one in found.values())

    def test_clocks_that_are_held(self) -> None:
        held = {**self.FREE, "jetson_clocks": "held", "pin": "pinned"}
        assert findings("jetson", held, held, held) == {}

    def test_a_computer_is_told_of_its_own_command(self) -> None:
        found = findings("local", self.FREE, self.FREE, self.FREE)
        assert list(found) == ["cpu-governor"]
        assert "cpupower" in found["cpu-governor"].remedy


@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for a POSIX shell")
class TestGovernor:
    @pytest.fixture
    def policies(self, tmp_path: Path) -> list[Path]:
        found = []
        for number, governor in enumerate(("schedutil", "ondemand")):
            folder = tmp_path / "sys" / f"policy{number}"
            folder.mkdir(parents=True)
            (folder / "scaling_governor").write_text(f"{governor}\n")
            found.append(folder / "scaling_governor")
        return found

    def script(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
        """The script with a tree of ours in the place of /sys, by whoever runs the tests."""
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "id").write_text("#!/bin/sh\necho 0\n")
        (tmp_path / "bin" / "id").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
        pin = board_governor.PIN.replace("/sys/devices/system/cpu/cpufreq", f"{tmp_path}/sys")
        return pin, board_governor.RESTORE, f"{tmp_path}/stored"

    def test_held_and_put_back(self, tmp_path: Path, policies: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
        with board_pin.pinned(Child.start, *self.script(tmp_path, monkeypatch)) as readings:
            assert readings == (Reading(name="pin", value="pinned"),)
            assert [path.read_text() for path in policies] == ["performance\n"] * 2
        assert [path.read_text() for path in policies] == ["schedutil\n", "ondemand\n"]
        assert not (tmp_path / "stored").exists()

    def test_put_back_by_the_next_one(
        self, tmp_path: Path, policies: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pin, restore, stored = self.script(tmp_path, monkeypatch)
        child = Child.start(board_pin.argv(pin, restore, stored))
        assert child.read_line(30.0) == b"pinned"
        child.kill()
        child.close()
        assert policies[0].read_text() == "performance\n"
        with board_pin.pinned(Child.start, pin, restore, stored):  # does not take `performance` for what was before
            pass
        assert [path.read_text() for path in policies] == ["schedutil\n", "ondemand\n"]

    def test_one_that_does_not_change_is_refused(
        self, tmp_path: Path, policies: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pin, restore, stored = self.script(tmp_path, monkeypatch)
        deaf = pin.replace("echo performance >", f"[ $f = {policies[1]} ] || echo performance >")
        with board_pin.pinned(Child.start, deaf, restore, stored) as readings:
            assert readings[0].unavailable == f"unpinned: {policies[1]} stays at ondemand"
        assert policies[0].read_text() == "schedutil\n"

    def test_without_clocks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with board_pin.pinned(Child.start, *self.script(tmp_path, monkeypatch)) as readings:
            assert "there is no clock driver" in readings[0].unavailable


class TestX86:
    def test_power_limits(self) -> None:
        zone = "/sys/class/powercap/intel-rapl:0"
        files = {f"{zone}/name": "package-0", f"{zone}/constraint_0_power_limit_uw": "28000000"}
        (limit,) = board_x86.read_readings(Bulk(files, {}, {}))
        assert (limit.name, limit.value, limit.unit) == ("power.limit.package_0", 28.0, "W")

    def test_none_that_may_be_read(self) -> None:
        (limit,) = board_x86.read_readings(Bulk({}, {}, {}))
        assert "no power limit" in limit.unavailable
