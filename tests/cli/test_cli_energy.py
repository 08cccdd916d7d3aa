"""`bench run` on devices with power rails: the energy in the record, and all that shows it.

Meters are stand-ins of known power: a tegrastats that prints it, files laid out as a kernel has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_phones import LabPhone
from phone_runs import configure, last

from bench.records import store
from bench.records.types import Energy, Record

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Make = Callable[..., Any]
Bench = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "-m", "paradox_1", "--time", "2", "--invocations", "2", "--no-profile")
SUPPLY = "sys/class/power_supply/battery"
BATTERY = {
    f"{SUPPLY}/type": "Battery\n", f"{SUPPLY}/status": "Discharging\n", f"{SUPPLY}/current_now": "-500000\n",
    f"{SUPPLY}/voltage_now": "4000000\n",
}  # fmt: skip


def record_of(done: subprocess.CompletedProcess[str]) -> Record:
    (case,) = json.loads(done.stdout)["cases"]
    return store.load(Path(case["record"]))


def energy_of(record: Record) -> Energy:
    assert record.error is None
    assert record.energy is not None
    return record.energy


def mean_s(record: Record) -> float:
    """The mean time of an inference."""
    count = sum(len(one.samples_ns) or (one.summary.count if one.summary else 0) for one in record.invocations)
    return sum(one.timed_ns for one in record.invocations) / count / 1e9


def said(text: str, name: str) -> Path:
    """A path that a run prints."""
    return next(Path(line.partition(":")[2].strip()) for line in text.splitlines() if line.startswith(f"{name}:"))


@pytest.fixture
def jetson(ssh_board: Make, tmp_path: Path) -> Any:
    """A board whose tegrastats says 4 W, whatever runs."""
    board = ssh_board()
    line = "RAM 1/2MB CPU [1%@729] GPU@26C VDD_IN 4000mW/3900mW"
    board.program("tegrastats", f"while sleep 0.1 && echo '{line}'; do :; done")
    table = {**board.table, "kind": "jetson"}
    lines = [
        "[run]",
        "warmup_s = 0",
        "[devices.orin]",
        *(f"{key} = {json.dumps(value)}" for key, value in table.items()),
    ]
    (tmp_path / "bench.toml").write_text("\n".join(lines))
    return board


def test_a_board_of_4_watts(jetson: Any, bench: Bench, tmp_path: Path) -> None:
    done = bench(*RUN, "-d", "orin", "--json")
    record = record_of(done)
    energy = energy_of(record)
    assert (energy.source, energy.unavailable) == ("tegrastats", "")
    (rail,) = energy.rails
    assert (rail.name, rail.mean_w, rail.idle_w) == ("vdd_in", pytest.approx(4), pytest.approx(4))
    assert rail.joules_per_inference == pytest.approx(4 * mean_s(record), rel=1e-6)
    assert rail.net_joules_per_inference == pytest.approx(0, abs=1e-9)
    assert energy.inferences == sum(len(one.samples_ns) for one in record.invocations)
    assert energy.timed_ns == sum(one.timed_ns for one in record.invocations)
    assert energy.timed_ns <= energy.watched_ns < 3 * energy.timed_ns
    assert rail.samples >= 10
    assert rail.resolution_w == 0.001
    assert jetson.nothing_runs()
    (case,) = json.loads(done.stdout)["cases"]
    assert case["energy"]["rail"] == "vdd_in"
    assert case["energy"]["rails"][0]["mean_w"] == pytest.approx(4)
    shown = " ".join(bench("show", case["record"]).stdout.split())
    assert "4.00 W on average, 4.00 W at rest" in shown
    assert "in steps of 1.00 mW" in shown
    assert "their time is known by each turn's answer" in shown


def test_all_that_shows_it(jetson: Any, bench: Bench) -> None:
    first, second = (bench(*RUN, "-d", "orin", COLUMNS=width).stdout for width in ("200", "80"))
    assert "energy/inference" in first
    assert "4.00 W vdd_in" in first
    assert "energy " in second
    assert "4.00 W vdd_in" in second
    ids = [said(text, "Records").name for text in (first, second)]
    compared = bench("compare", *ids).stdout
    assert "Energy: less is better" in compared
    assert "one course of readings each" in compared
    (pair,) = json.loads(bench("compare", *ids, "--json").stdout)["groups"][0]["pairs"]
    assert pair["energy_ratio"]["value"] > 0
    assert "energy-per-inference-j" in bench("export", "last", "-f", "bencher").stdout
    assert "an inference, net" in bench("export", "last", "-f", "markdown").stdout
    assert "Energy vdd_in" in said(first, "Report").read_text()


def test_the_doctor_names_the_rails(jetson: Any, bench: Bench) -> None:
    steps = {step["name"]: step for step in json.loads(bench("doctor", "-d", "orin", "--json").stdout)["steps"]}
    assert steps["power rails"]["state"] == "ok"
    assert steps["power rails"]["found"] == "vdd_in 4 W (tegrastats)"


def test_a_sustained_run_has_it_too(jetson: Any, bench: Bench) -> None:
    record = record_of(bench("run", "-m", "paradox_1", "-d", "orin", "--sustain", "6s", "--json"))
    (rail,) = energy_of(record).rails
    assert rail.joules_per_inference == pytest.approx(4 * mean_s(record), rel=1e-6)
    assert record.sustained is not None


def test_a_replay_draws_nothing(jetson: Any, bench: Bench, tmp_path: Path) -> None:
    record = record_of(bench(*RUN, "-d", "orin", "--record", "kept", "--json"))
    assert energy_of(record).known
    with (tmp_path / "bench.toml").open("a") as stream:
        stream.write(f'\n[devices.old]\nkind = "replay"\nrecording = "{tmp_path}/kept/orin"\n')
    again = record_of(bench(*RUN, "-d", "old", "--json"))
    assert "replayed" in energy_of(again).unavailable


def test_a_phone_on_its_battery(
    lab_phone: Callable[..., LabPhone], bench: Bench, tmp_path: Path, results_folder: Path
) -> None:
    configure(tmp_path, oneplus3=lab_phone(sysfs=BATTERY))
    bench(*RUN, "-d", "oneplus3")
    record = last(results_folder)
    energy = energy_of(record)
    assert (energy.source, energy.unavailable, energy.board) == ("fuel gauge", "", "battery_battery")
    rail = energy.whole
    assert rail is not None
    assert (rail.mean_w, rail.idle_w) == (pytest.approx(2), pytest.approx(2))
    assert rail.joules_per_inference == pytest.approx(2 * mean_s(record), rel=1e-6)
    assert "log" in energy.located


def test_a_host_without_a_rail_says_so(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "bench.toml").write_text(
        f'[run]\nwarmup_s = 0\n[devices.bare]\nkind = "local"\nsysfs = "{tmp_path}/root"\n'
    )
    done = bench(*RUN, "-d", "bare", "--time", "0.1", "--json")
    assert "no power meter" in energy_of(record_of(done)).unavailable
    (case,) = json.loads(done.stdout)["cases"]
    assert "no power meter" in bench("show", case["record"]).stdout
    steps = {step["name"]: step for step in json.loads(bench("doctor", "-d", "bare", "--json").stdout)["steps"]}
    assert steps["power rails"]["state"] == "skipped"
    assert "energy" not in bench(*RUN, "-d", "bare", "--time", "0.1").stdout
