"""`bench run` with a tool, a model or a phone that misbehaves: the record says what happened, and the phone is clean.

The tool is started through the phone's `taskset`, where a test can lay something else between.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_phones import LabPhone
from phone_runs import CPU_TOOL, QUICKEST, THROUGH, clean, configure, error, last, records

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., LabPhone]
RUN = ("run", "-d", "oneplus3", "-m", "paradox_1", *QUICKEST)
AARCH64 = (183).to_bytes(2, "little")  # e_machine, at byte 18 of an ELF file


@pytest.fixture
def made(lab_phone: Start, tmp_path: Path) -> LabPhone:
    phone = lab_phone()
    configure(tmp_path, oneplus3=phone)
    return phone


@pytest.fixture
def works_again(bench: Bench, made: LabPhone, results_folder: Path) -> Callable[[], None]:
    """The next run, with nothing in between, is measured, and leaves nothing."""

    def check() -> None:
        (made.folder / "bin/taskset").unlink(missing_ok=True)
        assert clean(made)
        bench(*RUN, *THROUGH)
        assert last(results_folder).measured
        assert clean(made)

    return check


def test_a_crash_on_leaving_keeps_the_numbers(
    bench: Bench, made: LabPhone, results_folder: Path, works_again: Callable[[], None]
) -> None:
    made.put_bin("taskset", 'shift; "$@"; exit 3')
    done = bench(*RUN, *THROUGH)
    record = last(results_folder)
    assert record.measured
    (finding,) = [finding for finding in record.findings if finding.code == "tool-end"]
    assert finding.severity == "warning"
    assert "exit code 3" in finding.what
    assert "exit code 3" in " ".join(done.stdout.split())
    works_again()


@pytest.mark.parametrize(
    ("does", "kind", "said"),
    [
        ("exit 0", "incomplete", "not whole"),
        ('shift; "$@" | head -n 20; exit 0', "incomplete", "not whole"),
        ("kill -SEGV $$", "crashed", "SIGSEGV"),
        ('shift; rm /data/local/tmp/bench/files/*/paradox*; "$@"', "tool failed", "Could not open"),
        ('shift; "$@" --use_gpu=true', "flag ignored", "--use_gpu=true"),
    ],
    ids=["exit 0, nothing said", "cut off", "segmentation fault", "a file that vanished", "ignored flag"],
)
def test_what_is_no_result(
    bench: Bench, made: LabPhone, results_folder: Path, works_again: Callable[[], None], does: str, kind: str, said: str
) -> None:
    made.put_bin("taskset", does)
    done = bench(*RUN, *THROUGH, code=4, COLUMNS="240")
    record = last(results_folder)
    assert error(record).kind == kind
    assert said in error(record).message
    assert record.invocations == ()
    assert record.transcript[-1].startswith("$ taskset 3 /data/local/tmp/bench/files/")
    assert re.search(f"failed: .*{re.escape(said)}", done.stdout)
    works_again()


def test_a_tool_for_another_processor(bench: Bench, made: LabPhone, tmp_path: Path, results_folder: Path) -> None:
    code = CPU_TOOL.read_bytes()
    (tmp_path / "for_arm").write_bytes(code[:18] + AARCH64 + code[20:])
    bench(*RUN, "--tool", f"benchmark_model={tmp_path / 'for_arm'}", code=4)
    found = error(last(results_folder))
    assert "It is for aarch64 (arm64-v8a), the phone has x86_64" in found.message
    assert "--tool benchmark_model=PATH" in found.todo
    assert not list((made.tmp / "bench").rglob("for_arm"))
    assert clean(made)


def test_a_model_that_is_none(bench: Bench, made: LabPhone, tmp_path: Path, results_folder: Path) -> None:
    (tmp_path / "none.tflite").write_bytes(b"nothing" * 100)
    done = bench("run", "-d", "oneplus3", "-m", "none.tflite", "-m", "paradox_1", *QUICKEST, code=None)
    assert done.returncode in (2, 4)
    assert "none.tflite" in done.stdout + done.stderr
    assert clean(made)


@pytest.mark.parametrize(("size", "hides"), [("20m", False), ("4m", True)], ids=["df tells", "df lies"])
def test_no_space_on_the_phone(bench: Bench, made: LabPhone, results_folder: Path, size: str, hides: bool) -> None:
    made.enter("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", "/data/local/tmp")
    if hides:
        made.put_bin(
            "df", "echo 'Filesystem 1K-blocks Used Available Use% Mounted'; echo 'data 9999999 0 9999999 0% /'"
        )
    bench(*RUN, code=4)
    found = error(last(results_folder))
    assert found.kind == "not measured"
    assert "benchmark_model" in found.message
    assert ("No space left on device" if hides else "bytes free; ") in found.message
    assert "Free some space" in found.todo
    made.enter(
        "sh", "-c", '[ -z "$(ls -A /data/local/tmp/bench/work /data/local/tmp/bench/files 2>/dev/null | grep part)" ]'
    )
    made.enter("umount", "/data/local/tmp")
    (made.folder / "bin/df").unlink(missing_ok=True)
    bench(*RUN)
    assert last(results_folder).measured
    assert clean(made)


def test_a_phone_whose_clock_is_wrong(bench: Bench, made: LabPhone, results_folder: Path) -> None:
    """Times are the tool's and this host's; a file is known by its content, whatever its date."""
    bench(*RUN)
    made.put_bin("date", "echo 'Thu Jan  1 00:00:01 GMT 1970'")
    lying = [path for path in (made.tmp / "bench/files").rglob("*") if path.is_file()]
    assert lying
    before = {path: path.stat().st_ino for path in lying}
    for path, date in zip(lying, ["2099-01-01", "1970-01-02"] * len(lying), strict=False):
        subprocess.run(["touch", "-d", date, str(path)], check=True)
    bench(*RUN)
    first, second = records(results_folder)
    assert second.measured
    assert second.conditions[0].at > first.conditions[-1].at
    assert {path: path.stat().st_ino for path in lying} == before  # nothing was brought anew
