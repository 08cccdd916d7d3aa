"""The way to the phone breaks in the middle of `bench run`: what is said, what is kept, and that the next run works."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab_phones import LabPhone, PhoneLab
from phone_folder import until
from phone_runs import ENDLESS, QUICKEST, Started, clean, configure, error, gone, last, records, tool_on

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., LabPhone]
RUN = ("run", "-d", "oneplus3", "-m", "paradox_1")


def works_again(bench: Bench, made: LabPhone, results: Path) -> None:
    bench(*RUN, *QUICKEST)
    assert last(results).measured
    assert clean(made)


def test_the_cable_is_pulled_in_warm_up(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    made = lab_phone()
    configure(tmp_path, oneplus3=made, warmup_s=10)
    with Started(tmp_path, *RUN, "-m", "paradox_7", *ENDLESS, reconnect_s=1) as run:
        run.until_measuring(made)
        made.kill()
        out, _ = run.end(4)
    first, second = records(results_folder)
    assert error(first).kind == "link lost"
    assert re.search("offline|no longer attached", error(first).message)
    assert "INFO: STARTING!" in first.transcript[-1]
    assert "--- the way to the device broke: " in first.transcript[-1]
    # The next case says so as well, and of which phone that is is known from the first one.
    assert error(second).kind == "not measured"
    assert second.device.facts["serial"] == made.own_serial
    assert out.count("failed:") == 2
    made.restart()
    works_again(bench, made, results_folder)


def test_what_a_pulled_cable_left_running_is_ended_by_the_next_run(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path
) -> None:
    made = lab_phone()
    configure(tmp_path, oneplus3=made)
    with Started(tmp_path, *RUN, *ENDLESS, reconnect_s=1) as run:
        run.until_measuring(made, cpu_s=1.5)  # in its last, silent phase: it dies when it writes to the lost link
        made.kill()
        (tool,) = tool_on(made)
        run.end(4)
    assert tool.is_running()
    assert list((made.tmp / "bench/work").iterdir())
    made.restart()
    works_again(bench, made, results_folder)
    assert gone(tool)


def test_the_cable_is_pulled_while_ops_are_profiled(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path
) -> None:
    """The latency was measured before, and stands."""
    made = lab_phone()
    configure(tmp_path, oneplus3=made)
    with Started(tmp_path, *RUN, "--time", "0.1", "--invocations", "1", reconnect_s=1) as run:
        run.until_measuring(made, "--enable_op_profiling=true")
        made.kill()
        out, _ = run.end(0)
    record = last(results_folder)
    assert record.measured
    assert record.profile is None
    assert "the way to the device broke in the middle" in record.profile_reason
    assert "the way to the device broke in the middle" in " ".join(out.split())
    after = record.conditions[-1]
    assert after.phase == "after"
    assert {reading.value for reading in after.readings} == {None}
    assert all(made.serial in (reading.unavailable or "") for reading in after.readings)
    assert len(record.transcript) == 2
    made.restart()
    works_again(bench, made, results_folder)


def test_one_of_two_phones_is_pulled_out_before_its_turn(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path
) -> None:
    one, two = lab_phone("one"), lab_phone("two")
    configure(tmp_path, oneplus3=one, other=two)
    arguments = ("-d", "other", "-m", "paradox_7", "--time", "1", "--invocations", "1", "--no-profile")
    with Started(tmp_path, *RUN, *arguments) as run:
        run.until_measuring(one)
        two.kill()
        out, _ = run.end(4)
    found = records(results_folder)
    assert [(each.case.device, each.measured) for each in found] == [
        ("oneplus3", True), ("oneplus3", True), ("other", False), ("other", False),
    ]  # fmt: skip
    gone = found[2]
    assert error(gone).kind == "not measured"
    assert (gone.device.name, gone.device.kind, gone.device.facts) == ("other", "android", {})
    assert gone.device.unavailable == {"identity": error(gone).message}
    assert f"other ({two.serial})" in " ".join(out.split())
    assert clean(one)
    bench("show", "last")
    two.restart()
    bench("run", "-d", "other", "-m", "paradox_1", *QUICKEST)
    assert last(results_folder).device.facts["serial"] == two.own_serial


def test_a_phone_that_is_not_there_at_the_start(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path
) -> None:
    made = lab_phone()
    configure(tmp_path, oneplus3=made)
    made.kill()
    until(lambda: made.state() != "device", "the loss of the phone")
    done = bench(*RUN, *QUICKEST, code=4)
    assert made.serial in done.stderr
    listed = bench("devices", code=4).stdout
    assert "oneplus3 (android): not usable" in listed
    made.restart()
    works_again(bench, made, results_folder)


def test_adbs_server_is_killed(
    bench: Bench, lab_phone: Start, phone_lab: PhoneLab, tmp_path: Path, results_folder: Path
) -> None:
    made = lab_phone()
    configure(tmp_path, oneplus3=made)
    with Started(tmp_path, *RUN, *ENDLESS, reconnect_s=1) as run:
        run.until_measuring(made)
        phone_lab.kill_server()
        try:
            run.end(4)
        finally:
            phone_lab.ask("kill")  # the one that bench may have started in its place
            until(lambda: not phone_lab.ask("version"), "the end of the server")
            phone_lab.start_server()
            made.connect()
    found = error(last(results_folder))
    assert found.kind == "link lost"
    assert "adb's server ended" in found.message
    works_again(bench, made, results_folder)


def test_a_phone_that_falls_silent(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    """Its link stays up, and nothing comes: the limit ends the run, and nothing claims that the tool was ended."""
    made = lab_phone()
    configure(tmp_path, oneplus3=made)
    with Started(tmp_path, *RUN, *ENDLESS, "--limit", "5", reconnect_s=1) as run:
        run.until_measuring(made)
        made.stall()
        try:
            run.end(4)
        finally:
            made.resume()
    found = error(last(results_folder))
    assert found.kind == "timed out"
    assert "did not end within 5 s, and the device did not answer" in found.message
    assert "it could not be ended" in last(results_folder).transcript[-1]
    works_again(bench, made, results_folder)
