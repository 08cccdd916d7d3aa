"""What a record's energy says in words, in tables and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records.energy import RailEnergy
from bench.records.types import Energy, Record
from bench.reports import energy_text, jsonout
from bench.reports.html import render
from bench.reports.terminal import print_run

Make = Callable[..., Record]


def rail(name: str = "vdd_in", scope: Any = "board", **more: Any) -> RailEnergy:
    numbers = {
        "mean_w": 4.0, "idle_w": 3.0, "joules": 40.0, "joules_per_inference": 0.0102, "net_w": 1.0,
        "net_joules_per_inference": 0.00204, "samples": 101, "idle_samples": 20, "changes": 50, "rate_hz": 10.1,
        "resolution_w": 0.001,
    }  # fmt: skip
    return RailEnergy(name=name, scope=scope, **{**numbers, **more})


def energy(*rails: RailEnergy, **more: Any) -> Energy:
    facts = {"source": "tegrastats", "inferences": 980, "timed_ns": 9_900_000_000, "watched_ns": 10_000_000_000}
    board = next((each.name for each in rails if each.scope == "board"), "")
    return Energy(rails=rails, board=board, **{**facts, **more})


def test_the_boards_rail_stands_for_the_case(make: Make) -> None:
    record = make(energy=energy(rail(), rail("vdd_cpu", "part")))
    assert energy_text.lines(record) == ["10.2 mJ", "net 2.04 mJ", "4.00 W vdd_in"]
    assert energy_text.one_line(record) == "10.2 mJ an inference, net 2.04 mJ, 4.00 W vdd_in"
    said = dict(energy_text.details(record))
    assert said["energy vdd_in"] == (
        "all of the board; 10.2 mJ an inference, net 2.04 mJ; 4.00 W on average, 3.00 W at rest; 101 readings, 10.1 a "
        "second in steps of 1.00 mW, the value changed 50 times"
    )
    assert said["energy vdd_cpu"].startswith("a part of it; ")
    assert said["energy from"] == "tegrastats: 980 inferences in 10 s, 99.0 % of it at work"


@pytest.mark.parametrize(
    ("rails", "name"),
    [
        ((rail("package_0", "package"), rail("package_0_core", "part")), "package_0"),
        ((rail("package_0", "package"), rail("package_1", "package")), None),
        ((rail("package_0", "package"), rail("package_1", "package"), rail("psys", "unknown")), None),
        ((rail("vdd_in", "unknown"),), "vdd_in"),
        ((rail("vdd_in", "unknown"), rail("vdd_cpu", "unknown")), None),
        ((rail("core", "part"),), None),
        ((rail(unavailable="no such file"), rail("package_0", "package")), "package_0"),
    ],
)
def test_no_rail_stands_for_what_it_is_not(make: Make, rails: tuple[RailEnergy, ...], name: str | None) -> None:
    found = energy_text.chosen(make(energy=energy(*rails)))
    assert (found.name if found else None) == name


@pytest.mark.parametrize(("accelerator", "first"), [("cpu", "10.2 mJ"), ("gpu", "— 1 rail, none is the board's")])
def test_a_cpus_package_does_not_stand_for_a_gpu(make: Make, accelerator: str, first: str) -> None:
    record = make(energy=energy(rail("package_0", "package")))
    record = msgspec.structs.replace(record, case=msgspec.structs.replace(record.case, accelerator=accelerator))
    assert energy_text.lines(record)[0] == first
    assert dict(energy_text.details(record))["energy package_0"].startswith("the CPU's package; ")


def test_a_meter_that_hardly_moved_is_told_beside_its_number(make: Make) -> None:
    record = make(energy=energy(rail("battery_battery", changes=1)))
    assert energy_text.lines(record)[2:] == ["4.00 W battery_battery", "changed 1 time"]
    assert energy_text.one_line(record).endswith("4.00 W battery_battery, changed 1 time")


def test_what_is_not_known_is_said_so(make: Make) -> None:
    quiet = make(energy=energy(rail(idle_w=None, net_w=None, net_joules_per_inference=None, idle_reason="too few")))
    assert energy_text.lines(quiet)[1] == "net —"
    assert "at rest — (too few)" in dict(energy_text.details(quiet))["energy vdd_in"]
    many = make(energy=energy(rail("a", "unknown"), rail("b", "unknown")))
    assert energy_text.lines(many) == ["— 2 rails, none is the board's"]
    none = make(energy=Energy(unavailable="there is no power meter"))
    assert energy_text.details(none) == [("energy", "— there is no power meter")]
    assert not energy_text.asked([none, make()])
    assert energy_text.details(make()) == []
    assert energy_text.as_json(make()) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0102, "10.2 mJ"), (-57.9e-6, "-57.9 µJ"), (1.5, "1.50 J"), (0.9996, "1.00 J"), (2e-12, "0.002 nJ"),
     (0.0, "0 nJ"), (-3e-13, "0 nJ"), (None, "—"), (123.0, "123 J")],
)  # fmt: skip
def test_joules(value: float | None, text: str) -> None:
    assert energy_text.joules(value) == text


def test_tables_have_the_column_only_where_there_is_a_number(make: Make, tmp_path: Path) -> None:
    told, bare = make(energy=energy(rail())), make(energy=Energy(unavailable="there is no power meter"))
    for records, there in (([told, bare], True), ([bare], False)):
        out = io.StringIO()
        print_run(records, report=None, repeat="", stream=out)
        page = render(records, "energy", tmp_path)
        assert ("10.2 mJ" in out.getvalue()) == there
        assert (">Energy</th>" in page) == there
        assert "there is no power meter" in page


def test_the_json_has_units_in_its_names(make: Make) -> None:
    (case,) = json.loads(json.dumps(jsonout.run_json([make(energy=energy(rail()))])))["cases"]
    assert case["energy"]["rail"] == "vdd_in"
    assert case["energy"]["rails"][0]["net_joules_per_inference"] == 0.00204


def test_energies_are_compared_on_one_rail_only(make: Make) -> None:
    base, other = make(energy=energy(rail())), make(energy=energy(rail(joules_per_inference=0.0204)))
    found = energy_text.ratio(base, other)
    assert found is not None
    assert (found.value, found.low) == (pytest.approx(2), None)
    assert energy_text.ratio(base, make(energy=energy(rail("battery_battery")))) is None
    assert energy_text.ratio(base, make()) is None
