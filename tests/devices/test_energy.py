"""Energy from readings: laws that any series obeys, spans that are too short, meters of a machine's files."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices import power_meters
from bench.devices.energy import (
    LEAST,
    Count,
    Power,
    Rail,
    Span,
    assess,
    board_rail,
    joules,
    mean_watts,
    powers,
)
from bench.devices.linux_files import Tree, UnreadableError
from bench.devices.local import LocalDevice
from bench.devices.power_sampling import beside, of_files

S = 1_000_000_000


def steady(watts: float, seconds: float, step_s: float = 0.1, start_s: float = 0.0) -> list[Power]:
    count = round(seconds / step_s) + 1
    return [Power(round((start_s + index * step_s) * S), watts) for index in range(count)]


def test_steady_power_is_power_times_time() -> None:
    series = [*steady(2.0, 5.0), *steady(5.0, 10.0, start_s=6.0)]
    found = assess("tegrastats", {Rail("vdd_in"): series}, [Span(6 * S, 16 * S, 100)], (0, 5 * S), "vdd_in")
    (rail,) = found.rails
    assert (rail.mean_w, rail.idle_w, rail.joules) == (pytest.approx(5), pytest.approx(2), pytest.approx(50))
    assert rail.joules_per_inference == pytest.approx(0.5)
    assert (rail.net_w, rail.net_joules_per_inference) == (pytest.approx(3), pytest.approx(0.3))
    assert (rail.samples, rail.idle_samples, rail.changes) == (101, 51, 0)
    assert rail.rate_hz == pytest.approx(10.1)
    assert rail.resolution_w == pytest.approx(3)
    assert (rail.scope, found.board, found.whole) == ("board", "vdd_in", rail)
    assert (found.inferences, found.timed_ns) == (100, 10 * S)


def test_a_ramp_is_read_between_its_readings() -> None:
    series = [Power(index * S, float(index)) for index in range(11)]
    assert joules(series, 0, 10 * S) == pytest.approx(50)
    assert mean_watts(series) == pytest.approx(5)


def test_rails_are_not_added_up_and_none_is_the_board_by_its_name() -> None:
    readings = {Rail("vdd_in"): steady(5.0, 2.0), Rail("vdd_cpu"): steady(1.0, 2.0)}
    found = assess("tegrastats", readings, [Span(0, 2 * S, 10)], None)
    assert (found.board, found.whole) == ("", None)
    assert [rail.scope for rail in found.rails] == ["unknown", "unknown"]
    assert [rail.mean_w for rail in found.rails] == [pytest.approx(5), pytest.approx(1)]
    assert found.rails[0].net_w is None
    assert "0 readings before" in found.rails[0].idle_reason


@pytest.mark.parametrize(
    ("model", "rail"),
    [("NVIDIA Jetson TX2 Developer Kit", "vdd_in"), ("NVIDIA Jetson Nano Developer Kit", "pom_5v_in"),
     ("NVIDIA Jetson Orin Nano Developer Kit", "vdd_in"), ("NVIDIA Jetson Xavier NX", "vdd_in"),
     ("Jetson-AGX", ""), ("NVIDIA Jetson AGX Orin", ""), ("some board", "")],
)  # fmt: skip
def test_a_boards_own_rail_is_known_by_board_and_name(model: str, rail: str) -> None:
    assert board_rail(model, ["vdd_in", "pom_5v_in", "vdd_cpu"]) == rail
    assert board_rail(model, ["vdd_cpu"]) == ""


@pytest.mark.parametrize("count", range(LEAST))
def test_too_few_readings_are_no_mean(count: int) -> None:
    found = assess("x", {Rail("a"): steady(1.0, 1.0)[:count]}, [Span(0, S, 5)], None)
    (rail,) = found.rails
    assert rail.mean_w is None
    assert f"{count} readings in 1 s" in rail.unavailable


def test_a_span_that_is_mostly_without_readings_has_none() -> None:
    assert joules(steady(1.0, 0.4), 0, S) is None
    assert joules(steady(1.0, 0.6), 0, S) == pytest.approx(1)


def test_no_rail_and_no_timed_part_are_reasons() -> None:
    assert "no power rail" in assess("", {}, [Span(0, S, 1)], None).unavailable
    assert "no timed part" in assess("", {Rail("a"): steady(1.0, 1.0)}, [], None).unavailable
    assert "no timed part" in assess("", {Rail("a"): steady(1.0, 1.0)}, [Span(0, S, 0)], None).unavailable


watts = st.floats(0, 500, allow_nan=False)
series_of = st.lists(watts, min_size=LEAST, max_size=40)


@given(series_of)
def test_the_mean_lies_between_the_least_and_the_most(values: list[float]) -> None:
    series = [Power(index * S // 10, value) for index, value in enumerate(values)]
    mean = mean_watts(series)
    assert mean is not None
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9


@given(series_of, st.floats(0.1, 10), st.integers(0, 10**15))
def test_energy_is_linear_in_power_and_does_not_know_what_time_it_is(
    values: list[float], factor: float, shift: int
) -> None:
    plain = [Power(index * S // 10, value) for index, value in enumerate(values)]
    other = [Power(power.time_ns + shift, power.watts * factor) for power in plain]
    end = plain[-1].time_ns
    first, second = joules(plain, 0, end), joules(other, shift, shift + end)
    assert first is not None
    assert second == pytest.approx(first * factor, rel=1e-9, abs=1e-9)


@given(series_of, st.integers(1, 38))
def test_two_halves_are_the_whole(values: list[float], cut: int) -> None:
    series = [Power(index * S // 10, value) for index, value in enumerate(values)]
    middle = series[min(cut, len(series) - 1)].time_ns
    halves = [joules(series, 0, middle), joules(series, middle, series[-1].time_ns)]
    if None not in halves:
        assert sum(half for half in halves if half) == pytest.approx(joules(series, 0, series[-1].time_ns), abs=1e-9)


@given(st.lists(st.floats(0, 50), min_size=4, max_size=30), st.floats(60, 1000))
def test_a_counter_that_wraps_gives_the_same_energy(steps: list[float], wraps: float) -> None:
    total, plain, wrapped = 0.0, [Count(0, 0.0)], [Count(0, 0.0)]
    for index, step in enumerate(steps, 1):
        total += step
        plain.append(Count(index * S, total))
        wrapped.append(Count(index * S, total % wraps))
    first, second = powers(plain), powers(wrapped, wraps)
    assert [power.time_ns for power in first] == [power.time_ns for power in second]
    assert [power.watts for power in first] == pytest.approx([power.watts for power in second], abs=1e-6)
    assert [power.watts for power in first] == pytest.approx(steps, abs=1e-6)


def lay(root: Path, files: dict[str, str]) -> Tree:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")
    return Tree(root)


HWMON = "sys/class/hwmon/hwmon2"
INA = {
    f"{HWMON}/name": "ina3221", f"{HWMON}/in1_label": "VDD_IN", f"{HWMON}/in1_input": "5000",
    f"{HWMON}/curr1_input": "936", f"{HWMON}/in2_label": "NC", f"{HWMON}/in2_input": "1", f"{HWMON}/curr2_input": "1",
    f"{HWMON}/in7_label": "sum of shunt voltages", "sys/class/hwmon/hwmon0/name": "nvme",
    "sys/class/hwmon/hwmon0/power1_input": "1",
}  # fmt: skip
RAPL = {
    "sys/class/powercap/intel-rapl/enabled": "1",
    "sys/class/powercap/intel-rapl:0/name": "package-0", "sys/class/powercap/intel-rapl:0/energy_uj": "2500000",
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
    "sys/class/powercap/intel-rapl:0:0/name": "core", "sys/class/powercap/intel-rapl:0:0/energy_uj": "1000000",
}  # fmt: skip
PHONE = {
    "sys/class/power_supply/battery/type": "Battery", "sys/class/power_supply/battery/status": "Discharging",
    "sys/class/power_supply/battery/current_now": "-500000", "sys/class/power_supply/battery/voltage_now": "4000000",
    "sys/class/power_supply/usb/type": "USB",
}  # fmt: skip
IIO = "sys/bus/i2c/drivers/ina3221x/1-0040/iio:device0"
OLD = {
    f"{IIO}/rail_name_0": "VDD_IN", f"{IIO}/in_power0_input": "9999",
    f"{IIO}/rail_name_1": "VDD_GPU", f"{IIO}/in_power1_input": "1183",
}  # fmt: skip


def test_meters_of_a_machine(tmp_path: Path) -> None:
    tree = lay(tmp_path, INA | RAPL | PHONE | OLD)
    found = {(meter.source, meter.rail.name): meter for meter in power_meters.find(tree)}
    assert {key: round(meter.read(tree), 6) for key, meter in found.items()} == {
        ("INA (hwmon)", "vdd_in"): 4.68,
        ("INA3221 (iio)", "vdd_gpu"): 1.183,
        ("RAPL (powercap)", "package_0"): 2.5,
        ("RAPL (powercap)", "package_0_core"): 1.0,
        ("fuel gauge", "battery_battery"): 2.0,
    }
    scopes = {name: meter.rail.scope for (_, name), meter in found.items()}
    assert scopes == {
        "vdd_in": "unknown", "vdd_gpu": "unknown", "package_0": "package", "package_0_core": "part",
        "battery_battery": "board",
    }  # fmt: skip
    package = found["RAPL (powercap)", "package_0"]
    assert package.counter
    assert package.wraps_at_j == pytest.approx(262143.32885)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("status", "Charging", "is charging"), ("current_now", "400", "unit is unclear"),
     ("voltage_now", "", "no whole number")],
)  # fmt: skip
def test_a_gauge_that_cannot_mean_it(tmp_path: Path, name: str, text: str, words: str) -> None:
    tree = lay(tmp_path, PHONE | {f"sys/class/power_supply/battery/{name}": text})
    (meter,) = power_meters.find(tree)
    with pytest.raises(UnreadableError, match=words):
        meter.read(tree)


def test_files_are_read_beside_a_run(tmp_path: Path) -> None:
    tree = lay(tmp_path, INA | PHONE | {"sys/class/power_supply/battery/status": "Full"})
    start = time.monotonic_ns()
    with of_files(tree, 0.01) as sampler:
        deadline = time.monotonic() + 10
        while len(sampler.readings().get(Rail("vdd_in"), [])) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
    ((rail, series),) = sampler.readings().items()
    assert rail.name == "vdd_in"
    assert {power.watts for power in series} == {4.68}
    assert all(start <= power.time_ns for power in series)
    assert "battery is full" in sampler.reason


def test_a_machine_without_meters_says_so(tmp_path: Path) -> None:
    with of_files(Tree(tmp_path), 0.01) as sampler:
        pass
    assert sampler.readings() == {}
    assert "no power rail" in assess(sampler.source, sampler.readings(), [Span(0, S, 1)], None).unavailable


TEGRASTATS = """#!{python}
# A stand-in for tegrastats, which only Jetsons have: it prints one line of an Orin's form again and again.
import sys, time
assert sys.argv[1:] == ["--interval", "20"], sys.argv
for _ in range({lines}):
    print("RAM 1/2MB CPU [1%@729] GPU@26C VDD_IN 4915mW/4900mW VDD_SOC 1431mW/1431mW", flush=True)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("lines", [10_000, 3])
def test_tegrastats_beside_a_run(tmp_path: Path, lines: int) -> None:
    program = tmp_path / "tegrastats"
    program.write_text(TEGRASTATS.format(python=sys.executable, lines=lines))
    program.chmod(0o755)
    with beside(LocalDevice(), str(program), 0.02) as sampler:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not sampler.reason.startswith("tegrastats ended"):
            if len(sampler.readings().get(Rail("vdd_in", resolution_w=0.001), [])) >= 5:
                break
            time.sleep(0.01)
    if lines == 3:
        assert (sampler.reason, sampler.readings()) == ("tegrastats ended by itself", {})
        return
    found = {rail.name: series for rail, series in sampler.readings().items()}
    assert set(found) == {"vdd_in", "vdd_soc"}
    assert {power.watts for power in found["vdd_in"]} == {4.915}
    assert sampler.reason == ""
