"""What Android's services print: parsed into values with units, or a reason; never a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.android_battery import Battery, screen, setting
from bench.devices.android_thermal import (
    constant,
    cool_readings,
    hal_temperatures,
    thermal_status,
    zone_temperatures,
)
from bench.devices.bulk import parse
from bench.devices.linux_files import Tree, UnreadableError
from bench.records.types import Reading

SAMPLES = Path(__file__).parents[3] / "shared" / "formats" / "samples"
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  level: 40
  scale: 50
  temperature: 312
"""
THERMAL = """IsStatusOverride: false
Thermal Status: 2
Current temperatures from HAL:
Temperature{mValue=41.5, mType=0, mName=BIG, mStatus=0}
"""


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("tsens_tz_sensor4", "412", ("temp.soc", 41.2)),  # tenths, as older kernels give them
        ("tsens_tz_sensor4", "41", ("temp.soc", 41.0)),
        ("mtktscpu", "41200", ("temp.cpu", 41.2)),
        ("gpu-usr", "41200", ("temp.gpu", 41.2)),
        ("quiet-therm-adc", "33000", ("temp.skin", 33.0)),
        ("battery", "300", ("temp.battery", 30.0)),
        ("soc", "87", None),  # the state of charge
        ("pm8150b-ibat-lvl0", "2000", None),
        ("pa-therm", "33000", None),
    ],
)
def test_zones(plant_zone: Callable[[str, str], Tree], kind: str, raw: str, expected: tuple[str, float] | None) -> None:
    tree = plant_zone(kind, raw)
    if expected is None:
        with pytest.raises(UnreadableError):
            zone_temperatures(tree)
    else:
        assert [(one.name, one.value) for one in zone_temperatures(tree)] == [expected]


@pytest.fixture
def plant_zone(tmp_path: Path) -> Callable[[str, str], Tree]:
    def planted(kind: str, raw: str) -> Tree:
        folder = tmp_path / "sys/class/thermal/thermal_zone0"
        folder.mkdir(parents=True)
        (folder / "type").write_text(kind)
        (folder / "temp").write_text(raw)
        return Tree(tmp_path)

    return planted


def test_a_status_set_by_hand_is_unknown() -> None:
    assert thermal_status(THERMAL) == "moderate"
    for dump in (THERMAL.replace("IsStatusOverride: false", "IsStatusOverride: true"), "Thermal Status: 9", ""):
        with pytest.raises(UnreadableError):
            thermal_status(dump)


def test_the_event_log_behind_a_battery_is_no_state() -> None:
    log = "[EventLogBuffer]\n08-11 18:34:14.721  Sending: level:72\n  temperature: 999\n  level: 1\n  health: 2\n"
    battery = Battery(BATTERY.replace("  temperature: 312\n", "") + log)
    assert battery.level_percent() == 80.0
    with pytest.raises(UnreadableError):
        battery.temperature_c()
    frozen = Battery(BATTERY.replace("state:\n", "state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n"))
    with pytest.raises(UnreadableError, match="by hand"):
        frozen.level_percent()


@pytest.mark.parametrize(
    ("dump", "expected"),
    [
        ("Display Power: state=ON", "on"),
        ("  mWakefulness=Asleep", "off"),
        ("  mWakefulness=Dozing\nDisplay Power: state=DOZE_SUSPEND", "doze"),
        ("  mWakefulness=Awake", "on"),
    ],
)
def test_screen(dump: str, expected: str) -> None:
    assert screen(dump) == expected


@given(st.text(max_size=200))
def test_no_dump_crashes_a_parser(text: str) -> None:
    for parser in (screen, thermal_status, hal_temperatures, lambda dump: setting(dump, "x")):
        for dump in (text, f"Current temperatures from HAL:\n{text}", f"Thermal Status: {text}"):
            try:
                parser(dump)
            except UnreadableError:
                continue
    battery = Battery(f"Current Battery Service state:\n  level: {text}\n  scale: 100\n{text}")
    for ask in (battery.level_percent, battery.status, battery.plugged, battery.temperature_c):
        try:
            ask()
        except UnreadableError:
            continue
    parse(text)


def test_a_link_that_mixes_stderr_into_stdout() -> None:
    bulk = parse("@@bench files\r\n/a:1\r\n/a:2\r\ngrep: /b: Permission denied\r\n/c:x:y\r\n@@bench end\r\n")
    assert (bulk.text("/a"), bulk.text("/c")) == ("1\n2", "x:y")
    with pytest.raises(UnreadableError, match="Permission denied"):
        bulk.text("/b")


def temps(**celsius: float | None) -> list[Reading]:
    return [
        Reading(name=f"temp.{name}", value=value, unit="C", unavailable="" if value is not None else "dead")
        for name, value in celsius.items()
    ]


def test_what_never_changes_is_unknown() -> None:
    moving = [temps(cpu=40.0 + n, battery=30.0) for n in range(3)]
    assert constant(moving) == {}  # a battery may stay as it is
    assert set(constant([temps(cpu=40.0, gpu=30.0 + n) for n in range(3)])) == {"temp.cpu"}
    assert set(constant([temps(skin=33.0, battery=30.0)] * 3)) == {"temp.skin", "temp.battery"}
    assert constant([temps(cpu=40.0)] * 2) == {}  # too few moments to tell
    assert constant([temps(cpu=None)] * 3) == {}
    assert "40 C in 4 readings" in constant([temps(cpu=40.0)] * 4)["temp.cpu"]


def test_the_temperature_to_wait_for() -> None:
    assert cool_readings(temps(cpu=41.0, battery=33.5, modem=70.0, usb_port=60.0)) == 41.0
    assert cool_readings(temps(cpu=None, skin=33.0)) == 33.0
    assert cool_readings(temps(cpu=None)) is None
    assert cool_readings([]) is None


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no corpus of samples beside the repository")
def test_real_dumps() -> None:
    thermal = (SAMPLES / "dumpsys_thermalservice_pixel_memfault.txt").read_text()
    found = {one.name: one.value for one in hal_temperatures(thermal)}
    assert found == {
        "temp.battery": 25.9,
        "temp.cpu": 32.3,
        "temp.gpu": 31.4,
        "temp.skin": 28.35,
        "temp.usb_port": 26.93,
    }
    assert thermal_status(thermal) == "none"
    plain = Battery((SAMPLES / "dumpsys_battery_plain.txt").read_text())
    told = (plain.level_percent(), plain.status(), plain.plugged(), plain.temperature_c())
    assert told == (100.0, "full", "usb", 27.4)
    samsung = Battery((SAMPLES / "dumpsys_battery_samsung_eventlog_trailer.txt").read_text())
    assert (samsung.level_percent(), samsung.temperature_c()) == (75.0, 35.7)
