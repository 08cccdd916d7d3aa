"""tegrastats: the lines of four boards read by hand, and lines made by its grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.tegrastats import OFF, parse, read

SAMPLES = Path(__file__).parents[3] / "shared" / "formats" / "samples"
MIB = 1 << 20
EXPECTED: dict[str, dict[str, float | str]] = {
    "tegrastats_tx2_jetpack3_4.txt": {
        "memory.used": 1710 * MIB, "memory.total": 7854 * MIB, "cpu0.freq": 499e6, "cpu0.load": 0, "cpu1.freq": OFF,
        "cpu2.load": OFF, "cpu5.freq": 498e6, "emc.freq": 665e6, "gpu.load": 0, "gpu.freq": 140e6, "ape.freq": 150e6,
        "temp.bcpu": 32, "temp.gpu": 32, "temp.tdiode": 29.25, "temp.thermal": 32, "rail.vdd_in": 1.183,
        "rail.vdd_in.mean": 1.183, "rail.vdd_gpu": 0.152, "rail.vdd_wifi": 0, "rail.vdd_ddr": 0.192,
    },
    "tegrastats_xavier_jetpack4.txt": {
        "memory.used": 2336 * MIB, "cpu3.freq": 1190e6, "cpu0.load": 2, "cpu7.freq": OFF, "emc.load": 0, "gpu.load": 0,
        "temp.gpu": 26, "temp.cpu": 27, "temp.ao": 25.5, "rail.gpu": 0.465, "rail.cpu": 0.31, "rail.soc": 1.242,
        "rail.cv": 0, "rail.sys5v": 1.776,
    },
    "tegrastats_orin_nano_jetpack5.txt": {
        "memory.used": 3503 * MIB, "memory.swap_used": 430 * MIB, "memory.swap_total": 3668 * MIB, "cpu3.load": 18,
        "cpu4.load": OFF, "emc.freq": 2133e6, "gpu.freq": 305e6, "gpu2.freq": OFF, "vic.freq": 115e6,
        "ape.freq": 174e6, "temp.cv0": 42.718, "temp.tj": 46.968, "temp.gpu": 41.343, "rail.vdd_in": 4.915,
        "rail.vdd_cpu_gpu_cv": 0.449, "rail.vdd_soc.mean": 1.431,
    },
    "tegrastats_orin_nano_jetpack6.txt": {
        "memory.swap_used": 0, "cpu5.freq": 729e6, "gpu.load": 0, "gpu.freq": 305e6, "nvdec.freq": OFF, "ofa.freq": OFF,
        "vic.freq": OFF, "ape.freq": 200e6, "temp.cpu": 47.5, "temp.tj": 47.5, "rail.vdd_in": 4.462,
        "rail.vdd_soc": 1.4,
    },
}  # fmt: skip


def found(line: str) -> dict[str, float | int | str]:
    return {each.name: each.unavailable if each.value is None else each.value for each in parse(line)}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_boards_of_the_samples(name: str) -> None:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"the samples are not at {SAMPLES}")
    line = path.read_text()
    told = found(line)
    assert {key: told[key] for key in EXPECTED[name]} == EXPECTED[name]
    assert read(line).strays == ()


def test_the_units_are_those_of_other_conditions() -> None:
    line = "RAM 1/2MB (lfb 1x1MB) CPU [1%@2] GR3D_FREQ 3%@4 GPU@26.5C GPU 465/470"
    units = {each.name: each.unit for each in parse(line)}
    assert units == {
        "memory.used": "bytes", "memory.total": "bytes", "cpu0.load": "%", "cpu0.freq": "Hz", "gpu.load": "%",
        "gpu.freq": "Hz", "temp.gpu": "C", "rail.gpu": "W", "rail.gpu.mean": "W",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("GR3D_FREQ 99%@[1300,918]", "gpu.freq", 1300e6),
        ("GR3D_FREQ @[305]", "gpu.freq", 305e6),
        ("GR3D_FREQ 7%", "gpu.load", 7),
        ("GR3D 76%@998", "gpu.freq", 998e6),
        ("EMC_FREQ @1600", "emc.freq", 1600e6),
        ("cpu [11%,off,3%]@518", "cpu2.freq", 518e6),
        ("cpu [11%,off,3%]@518", "cpu1.load", OFF),
        ("VIC_FREQ 0%@115", "vic.freq", 115e6),
        ("IRAM 0/252kB(lfb 252kB)", "iram.total", 252 * 1024),
        ("POM_5V_IN 2532/2480", "rail.pom_5v_in", 2.532),
        ("VDD_GPU_SOC 3100mW/3000mW", "rail.vdd_gpu_soc.mean", 3.0),
        ("CV0@-256C", "temp.cv0", "the sensor reports -256 C, which it cannot mean"),
        ("cpu@47.5C", "temp.cpu", 47.5),
        ("PMIC@100C", "temp.pmic", "there is no sensor: the driver always says 100 C"),
    ],
)
def test_forms_of_other_boards(text: str, name: str, value: float | str) -> None:
    assert found(text)[name] == value
    assert read(text).strays == ()


def test_what_is_not_known_is_counted() -> None:
    line = read("MTS fg 1% bg 5% EDP limit 1734 WHAT=3 RAM 1/2MB")
    assert line.strays == ("WHAT=3",)
    assert [each.name for each in line.readings] == ["memory.used", "memory.total"]


names = st.from_regex(r"[A-Za-z](_?[A-Za-z0-9]){0,10}", fullmatch=True)
rails = st.lists(
    st.tuples(names, st.integers(0, 90_000), st.booleans()), max_size=6, unique_by=lambda one: one[0].lower()
)
cores = st.lists(
    st.one_of(st.just("off"), st.builds("{}%@{}".format, st.integers(0, 100), st.integers(1, 2500))), max_size=12
)


@given(rails, cores, st.lists(st.tuples(names, st.integers(1, 110)), max_size=5, unique_by=lambda one: one[0].lower()))
def test_any_line_by_the_grammar(
    rail: list[tuple[str, int, bool]], core: list[str], warm: list[tuple[str, int]]
) -> None:
    words = [f"CPU [{','.join(core)}]"]
    words += [f"{name}@{celsius}C" for name, celsius in warm]
    words += [f"{name} {mw}mW/{mw}mW" if unit else f"{name} {mw}/{mw}" for name, mw, unit in rail]
    told = read(" ".join(words))
    assert told.strays == ()
    values = {each.name: each.value for each in told.readings}
    for name, mw, _ in rail:
        assert values[f"rail.{name.lower()}"] == pytest.approx(mw / 1000)
    for name, celsius in warm:
        if name.lower() != "pmic":
            assert values[f"temp.{name.lower()}"] == celsius
    for number, text in enumerate(core):
        mhz = None if text == "off" else int(text.partition("@")[2]) * 1_000_000
        assert values.get(f"cpu{number}.freq") == mhz or text == ""


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    for each in parse(text):
        assert (each.value is None) == bool(each.unavailable)
