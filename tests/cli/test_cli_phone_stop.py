"""`bench run` on a phone is interrupted or killed, or has to wait for another job: nothing of it stays on the phone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_phones import LabPhone
from phone_runs import ENDLESS, QUICKEST, THROUGH, Started, clean, configure, gone, last, records, tool_on

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., LabPhone]
RUN = ("run", "-d", "oneplus3")
GOVERNOR = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor"


@pytest.fixture
def made(lab_phone: Start, tmp_path: Path) -> LabPhone:
    phone = lab_phone()
    configure(tmp_path, oneplus3=phone)
    return phone


def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing(
    bench: Bench, made: LabPhone, tmp_path: Path, results_folder: Path
) -> None:
    arguments = ("-m", "paradox_1", "-m", "paradox_7", "--time", "3", "--invocations", "1", "--no-profile")
    with Started(tmp_path, *RUN, *arguments) as run:
        run.until(lambda: records(results_folder), "the first record")
        run.until_measuring(made)
        run.process.send_signal(2)
        out, err = run.end(130)
    assert "1 of 2 cases are finished and kept" in err
    (record,) = records(results_folder)
    assert (record.case.model, record.measured) == ("paradox_1", True)
    assert "paradox_1" in out
    assert clean(made)
    bench(*RUN, "-m", "paradox_1", *QUICKEST)
    assert last(results_folder).measured


@pytest.fixture
def pinnable(lab_phone: Start, tmp_path: Path) -> LabPhone:
    """A phone with a governor that may be changed."""
    governors = GOVERNOR.replace("governor", "available_governors")
    phone = lab_phone(sysfs={GOVERNOR: "schedutil\n", governors: "powersave performance schedutil\n"})
    configure(tmp_path, oneplus3=phone)
    return phone


def test_a_killed_bench_is_cleaned_up_after_by_the_next_one(
    bench: Bench, pinnable: LabPhone, tmp_path: Path, results_folder: Path
) -> None:
    """Also where the tool does not hear of the loss: it is started so that it ignores the hangup."""
    pinnable.put_bin("taskset", "trap '' HUP; shift; exec \"$@\"")
    held = pinnable.folder / GOVERNOR.lstrip("/")
    with Started(tmp_path, *RUN, "-m", "paradox_1", *ENDLESS, *THROUGH, "--pin") as run:
        run.until_measuring(pinnable, cpu_s=1.0)
        assert held.read_text() == "performance\n"
        run.process.kill()
        run.process.wait()
    (tool,) = tool_on(pinnable)
    assert list((pinnable.tmp / "bench/work").iterdir())
    assert held.read_text() == "performance\n"
    bench(*RUN, "-m", "paradox_1", *QUICKEST)
    assert last(results_folder).measured
    assert gone(tool)
    assert held.read_text() == "schedutil\n"
    assert not tool_on(pinnable)
    assert not list((pinnable.tmp / "bench").glob("work/*"))


def test_pinned_clocks_are_in_the_record_and_put_back(bench: Bench, pinnable: LabPhone, results_folder: Path) -> None:
    bench(*RUN, "-m", "paradox_1", *QUICKEST, "--pin")
    before = last(results_folder).conditions[0]
    told = {reading.name: reading.value for reading in before.readings if reading.name.startswith("pin")}
    assert "performance" in told.values()
    assert (pinnable.folder / GOVERNOR.lstrip("/")).read_text() == "schedutil\n"


def test_a_second_job_waits_and_gives_up(bench: Bench, made: LabPhone, tmp_path: Path, results_folder: Path) -> None:
    """By the phone, not by its name: the serial number leads to the same lock."""
    with Started(tmp_path, *RUN, "-m", "paradox_1", *ENDLESS) as first:
        first.until_measuring(made)
        done = bench("run", "-d", made.serial, "-m", "paradox_1", *QUICKEST, "--wait", "0.5", code=4)
        assert f"process {first.process.pid} is measuring on {made.serial}; waiting up to 0.5 s" in done.stderr
        assert f"process {first.process.pid} is measuring there" in done.stderr
        assert tool_on(made)  # the first job's own was left alone
        cleaned = bench("devices", "clean", "oneplus3", code=4)
        assert "is measuring there" in cleaned.stderr
        first.process.send_signal(2)
        first.end(130)
    assert not records(results_folder)
    assert clean(made)


def test_a_second_job_waits_for_its_turn(bench: Bench, made: LabPhone, tmp_path: Path, results_folder: Path) -> None:
    with Started(tmp_path, *RUN, "-m", "paradox_7", "--time", "3", "--invocations", "1", "--no-profile") as first:
        first.until_measuring(made)
        done = bench(*RUN, "-m", "paradox_1", *QUICKEST, "--wait", "60")
        assert "waiting up to 60 s" in done.stderr
        first.end(0)
    assert [(record.case.model, record.measured) for record in records(results_folder)] == [
        ("paradox_7", True), ("paradox_1", True),
    ]  # fmt: skip
