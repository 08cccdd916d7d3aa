"""Energy from readings: laws that any series obeys, spans that are too short, meters of a machine's files."""

from __future__ import annotations

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

S = 1_000_000_000


def steady(watts: float, seconds: float, step_s: float = 0.1, start_s: float = 0.0) -> list[Power]:
    count = round(seconds / step_s) + 1
    return [Power(round((start_s + index * step_s) * S), watts) for index in range(count)]


def span(start_s: int, end_s: int, inferences: int) -> Span:
    """Without a pause in it."""
    return Span(start_s * S, end_s * S, inferences, (end_s - start_s) * S)


def test_steady_power_is_power_times_time() -> None:
    series = [*steady(2.0, 5.0), *steady(5.0, 10.0, start_s=6.0)]
    found = assess("tegrastats", {Rail("vdd_in", "board"): series}, [span(6, 16, 100)], (0, 5 * S))
    (rail,) = found.rails
    assert (rail.mean_w, rail.idle_w, rail.joules) == (pytest.approx(5), pytest.approx(2), pytest.approx(50))
    assert rail.joules_per_inference == pytest.approx(0.5)
    assert (rail.net_w, rail.net_joules_per_inference) == (pytest.approx(3), pytest.approx(0.3))
    assert (rail.samples, rail.idle_samples, rail.changes) == (101, 51, 0)
    assert rail.rate_hz == pytest.approx(10.1)
    assert rail.resolution_w == pytest.approx(3)
    assert (rail.scope, found.board, found.whole) == ("board", "vdd_in", rail)
    assert (found.inferences, found.timed_ns, found.watched_ns) == (100, 10 * S, 10 * S)


def test_what_is_drawn_in_pauses_is_no_inferences() -> None:
    """Half of the time at 5 W, pauses at 2 W: the readings say 3.5 W, an inference of 50 ms draws 250 mJ."""
    series = [*steady(2.0, 5.0), *steady(3.5, 10.0, start_s=6.0)]
    timed = [Span(6 * S, 16 * S, 100, 5 * S)]
    (rail,) = assess("x", {Rail("a"): series}, timed, (0, 5 * S)).rails
    assert (rail.mean_w, rail.joules) == (pytest.approx(3.5), pytest.approx(35))
    assert rail.joules_per_inference == pytest.approx(0.25)
    assert rail.net_joules_per_inference == pytest.approx(0.15)
    (blind,) = assess("x", {Rail("a"): series}, timed, None).rails
    assert (blind.joules_per_inference, blind.net_w) == (pytest.approx(3.5 * 0.05), None)


def test_a_rail_that_cannot_be_read_stands_beside_the_others() -> None:
    found = assess("x", {Rail("a"): steady(1.0, 2.0)}, [span(0, 2, 4)], None, {Rail("b", "part"): "no such file"})
    assert [(rail.name, rail.unavailable) for rail in found.rails] == [("a", ""), ("b", "no such file")]
    assert found.known == found.rails[:1]
    alone = assess("x", {}, [span(0, 2, 4)], None, {Rail("b", "part"): "no such file"})
    assert (alone.unavailable, [rail.name for rail in alone.rails]) == ("b: no such file", ["b"])


def test_two_rails_that_are_each_all_of_it_are_neither() -> None:
    readings = {Rail("a", "board"): steady(5.0, 2.0), Rail("b", "board"): steady(1.0, 2.0)}
    assert assess("x", readings, [span(0, 2, 10)], None).board == ""


def test_a_counter_has_no_step_of_power() -> None:
    series = [*steady(2.0, 2.0), *steady(2.1, 2.0, start_s=2.1)]
    rails = assess("x", {Rail("a", counted=True): series, Rail("b"): series}, [span(0, 4, 10)], None).rails
    assert [rail.resolution_w for rail in rails] == [None, pytest.approx(0.1)]


def test_a_ramp_is_read_between_its_readings() -> None:
    series = [Power(index * S, float(index)) for index in range(11)]
    assert joules(series, 0, 10 * S) == pytest.approx(50)
    assert mean_watts(series) == pytest.approx(5)


def test_rails_are_not_added_up_and_none_is_the_board_by_its_name() -> None:
    readings = {Rail("vdd_in"): steady(5.0, 2.0), Rail("vdd_cpu"): steady(1.0, 2.0)}
    found = assess("tegrastats", readings, [span(0, 2, 10)], None)
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
    found = assess("x", {Rail("a"): steady(1.0, 1.0)[:count]}, [span(0, 1, 5)], None)
    (rail,) = found.rails
    assert rail.mean_w is None
    assert f"{count} readings in 1 s" in rail.unavailable


def test_a_span_that_is_mostly_without_readings_has_none() -> None:
    assert joules(steady(1.0, 0.4), 0, S) is None
    assert joules(steady(1.0, 0.6), 0, S) == pytest.approx(1)


def test_no_rail_and_no_timed_part_are_reasons() -> None:
    assert "no power rail" in assess("", {}, [span(0, 1, 1)], None).unavailable
    assert "no timed part" in assess("", {Rail("a"): steady(1.0, 1.0)}, [], None).unavailable
    assert "no timed part" in assess("", {Rail("a"): steady(1.0, 1.0)}, [span(0, 1, 0)], None).unavailable


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


@given(st.lists(st.integers(1, 10**9), min_size=9, max_size=40), st.floats(1, 300))
def test_a_counter_whose_readings_come_in_bursts_counts_the_same(passed_ns: list[int], watts_then: float) -> None:
    """Each reading is late by chance, what is counted goes on: no energy is made up by two that come at once."""
    late = [sum(passed_ns[: index + 1]) for index in range(len(passed_ns))]
    counts = [Count(at, watts_then / 10 * index) for index, at in enumerate(late)]
    start, end = late[2], late[-2]
    found = joules(powers(counts), start, end, counted=True)
    if found is not None:
        assert found == pytest.approx(watts_then / 10 * (len(late) - 4), rel=1e-6)


def test_two_readings_at_once_are_no_peak() -> None:
    """20 W, read every 200 ms over a network that held some lines back and gave three of them within 40 µs."""
    times_ns = [200_000_000 * index for index in range(61)]
    times_ns[29:32] = [times_ns[31] - 40_000, times_ns[31] - 20_000, times_ns[31]]
    series = powers([Count(at, 4.0 * index) for index, at in enumerate(times_ns)])
    (rail,) = assess("x", {Rail("a", counted=True): series}, [span(2, 10, 100)], (0, 2 * S)).rails
    assert (rail.mean_w, rail.idle_w) == (pytest.approx(20), pytest.approx(20))
    assert rail.joules == pytest.approx(160)


def test_beyond_the_last_reading_of_a_counter_it_drew_as_before() -> None:
    """A last reading that came right behind another one says nothing of what follows."""
    series = [*steady(20.0, 4.0), Power(4 * S + 20_000, 50_000.0)]
    found = joules(series, S, 5 * S, counted=True)
    assert found == pytest.approx(20 * 4 + 4 / 3, rel=1e-3)  # the last one's 1 J stands for a quarter more


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
     ("status", "Not charging", "take it off its cable"), ("voltage_now", "", "no whole number"),
     ("voltage_now", "4000", "4000 µV, .* unit is unclear")],
)  # fmt: skip
def test_a_gauge_that_cannot_mean_it(tmp_path: Path, name: str, text: str, words: str) -> None:
    tree = lay(tmp_path, PHONE | {f"sys/class/power_supply/battery/{name}": text})
    (meter,) = power_meters.find(tree)
    with pytest.raises(UnreadableError, match=words):
        meter.read(tree)


def test_a_battery_that_a_cable_helps_is_not_all_of_the_device(tmp_path: Path) -> None:
    """A weak one feeds a part, and the battery discharges the rest."""
    tree = lay(tmp_path, PHONE | {"sys/class/power_supply/usb/online": "1"})
    (meter,) = power_meters.find(tree)
    with pytest.raises(UnreadableError, match="usb feeds the device beside its battery"):
        meter.read(tree)
    lay(tmp_path, {"sys/class/power_supply/usb/online": "0"})
    assert meter.read(tree) == pytest.approx(2.0)
    lay(tmp_path, {"sys/class/power_supply/BAT0/type": "Battery", "sys/class/power_supply/BAT0/power_now": "7300"})
    gauge = next(one for one in power_meters.find(tree) if one.rail.name == "battery_bat0")
    lay(tmp_path, {"sys/class/power_supply/BAT0/status": "Discharging"})
    with pytest.raises(UnreadableError, match=r"7300 µW, .* unit is unclear"):
        gauge.read(tree)


def test_the_boards_rail_is_known_by_the_device_tree(tmp_path: Path) -> None:
    tree = lay(tmp_path, INA | OLD | {"proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0"})
    assert {meter.rail.name: meter.rail.scope for meter in power_meters.find(tree)} == {
        "vdd_in": "board",
        "vdd_gpu": "unknown",
    }


def test_batteries(tmp_path: Path) -> None:
    """A mouse's is not ours; two that feed one machine are parts; power alone is enough."""
    supply = "sys/class/power_supply"
    tree = lay(tmp_path, {
        f"{supply}/BAT0/type": "Battery", f"{supply}/BAT0/status": "Discharging", f"{supply}/BAT0/power_now": "7300000",
        f"{supply}/mouse/type": "Battery", f"{supply}/mouse/scope": "Device", f"{supply}/mouse/current_now": "1",
    })  # fmt: skip
    (alone,) = power_meters.find(tree)
    assert (alone.rail.name, alone.rail.scope, alone.read(tree)) == ("battery_bat0", "board", pytest.approx(7.3))
    assert alone.paths == (f"/{supply}/BAT0/power_now", f"/{supply}/BAT0/status")
    lay(tmp_path, {f"{supply}/BAT1/type": "Battery", f"{supply}/BAT1/power_now": "0"})
    assert [meter.rail.scope for meter in power_meters.find(tree)] == ["part", "part"]


def test_rapl_that_only_root_may_read_says_what_to_do(tmp_path: Path) -> None:
    lay(tmp_path, RAPL)

    class Refused(Tree):
        def text(self, path: str) -> str:
            if path.endswith("energy_uj"):
                raise UnreadableError(f"cannot read {path}: Permission denied")
            return super().text(path)

    tree = Refused(tmp_path)
    with pytest.raises(UnreadableError, match=r"only root may; .*sudo chmod a\+r .*intel-rapl:0/energy_uj"):
        power_meters.find(tree)[0].read(tree)
