"""A run that is cut off: by Ctrl-C, by a cancelled job, by a full disk, by a folder that cannot be written."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.records import store

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
MODELS = ("-m", "paradox_1", "-m", "paradox_2", "-m", "paradox_3")


def agents_of(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in process.children(recursive=True) if "agent.pyz" in " ".join(child.cmdline())]
    return []


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_is_finished_and_leaves_no_process(
    tmp_path: Path, results_folder: Path, number: signal.Signals
) -> None:
    arguments = ("run", *MODELS, "--time", "1", "--invocations", "1", "--no-profile", "--json")
    bench = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    process = psutil.Process(bench.pid)
    wait_for(lambda: list(results_folder.glob("*/*.json")))
    agents = wait_for(lambda: agents_of(process))
    bench.send_signal(number)
    out, err = bench.communicate(timeout=120)
    assert bench.returncode == 130, err
    assert "1 of 3 cases are finished and kept" in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(agents, timeout=60)
    assert not alive
    document = json.loads(out)
    (case,) = document["cases"]
    assert case["measured"] is True
    assert [record.case.model for record in map(store.load, store.files(results_folder))] == ["paradox_1"]
    assert Path(document["report"]).is_file()
    assert not list(results_folder.rglob("*.part"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_run_that_is_killed_leaves_no_process_and_its_finished_record(tmp_path: Path, results_folder: Path) -> None:
    arguments = ("run", *MODELS, "--time", "1", "--invocations", "1", "--no-profile")
    bench = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    process = psutil.Process(bench.pid)
    wait_for(lambda: list(results_folder.glob("*/*.json")))
    agents = wait_for(lambda: agents_of(process))
    bench.kill()
    bench.wait()
    _, alive = psutil.wait_procs(agents, timeout=60)
    assert not alive
    (record,) = map(store.load, store.files(results_folder))
    assert record.measured


def test_a_results_folder_that_is_a_file_is_named(bench: Bench, quickest: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = bench("run", "-m", "paradox_1", *quickest, "--results", "taken", code=4)
    assert str(tmp_path / "taken") in done.stderr
    assert "--results" in done.stderr


def test_a_cache_that_is_a_file_is_named(bench: Bench, quickest: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = bench("run", "-m", "paradox_1", *quickest, code=4, BENCH_CACHE_DIR=str(tmp_path / "taken"))
    assert str(tmp_path / "taken") in done.stderr
    assert "BENCH_CACHE_DIR" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """16 KiB of space: less than a record needs."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can be mounted on Linux by root only")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_leaves_no_half_record(bench: Bench, quickest: Any, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * 12_000)
    done = bench("run", *MODELS, *quickest, "--results", small_disk, code=4)
    assert "No space left on device" in done.stderr
    assert "--results" in done.stderr
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["filler"]


def test_a_full_disk_for_the_cache_is_named(bench: Bench, quickest: Any, small_disk: Path) -> None:
    done = bench("run", "-m", "prisma", *quickest, code=4, BENCH_CACHE_DIR=str(small_disk))
    assert "No space left on device" in done.stderr
    assert "BENCH_CACHE_DIR" in done.stderr


def test_a_second_job_waits_and_then_says_who_is_measuring(
    bench: Bench, quickest: Any, tmp_path: Path, results_folder: Path
) -> None:
    arguments = ("run", "-m", "paradox_1", "--time", "30", "--invocations", "1", "--no-profile")
    first = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: agents_of(psutil.Process(first.pid)))
        done = bench("run", "-m", "paradox_1", *quickest, "--wait", "0.3", code=4)
        assert f"process {first.pid}" in done.stderr
    finally:
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 130
    assert not list(store.files(results_folder))
