"""`bench run` on a board where something goes wrong: each gives a record with the reason, and the next run works."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ssh_way import Way

from bench.records import store
from bench.records.types import CaseError, Record

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any
Make = Callable[..., Board]
Bench = Callable[..., subprocess.CompletedProcess[str]]


def write_toml(folder: Path, table: dict[str, Any]) -> None:
    lines = ["[devices.pi]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    (folder / "bench.toml").write_text("\n".join(lines))


def records_of(done: subprocess.CompletedProcess[str]) -> list[Record]:
    return [store.load(Path(case["record"])) for case in json.loads(done.stdout)["cases"]]


def record_of(done: subprocess.CompletedProcess[str]) -> Record:
    (record,) = records_of(done)
    return record


def error_of(done: subprocess.CompletedProcess[str]) -> CaseError:
    error = record_of(done).error
    assert error is not None
    return error


def test_an_agent_that_is_killed_is_told_and_the_next_run_works(
    ssh_board: Make, tmp_path: Path, bench: Bench, quickest: tuple[str, ...]
) -> None:
    board = ssh_board()
    write_toml(tmp_path, board.table)
    command = [sys.executable, "-m", "bench", "run", "-d", "pi", "-m", "paradox_7", "--time", "60", "--json"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (agents := [one for one in board.running("agent.pyz") if "python" in one.name()]):
        assert time.monotonic() < end
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    time.sleep(1.0)
    for agent in agents:
        with contextlib.suppress(psutil.NoSuchProcess):
            agent.kill()
    output, errors = run.communicate(timeout=60)
    assert run.returncode == 4, errors
    error = error_of(subprocess.CompletedProcess(command, 4, output, errors))
    assert (error.kind, error.signal) == ("crashed", "SIGKILL")
    assert "out of memory" in error.todo
    assert record_of(bench("run", "-d", "pi", "-m", "paradox_7", *quickest, "--json")).error is None
    assert board.nothing_runs()


def test_a_slow_way_there_is_in_no_sample(
    ssh_board: Make, tmp_path: Path, bench: Bench, quickest: tuple[str, ...]
) -> None:
    way = Way(ssh_board(), delay_s=0.03)
    write_toml(tmp_path, way.table)
    record = record_of(bench("run", "-d", "pi", "-m", "paradox_7", *quickest, "--json"))
    assert record.error is None
    samples = sorted(sample for turn in record.invocations[0].turns for sample in turn.samples_ns)
    assert samples[len(samples) // 2] < 0.03e9  # each answer takes twice that
    way.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root, to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_there(
    ssh_board: Make, tmp_path: Path, bench: Bench, small_disk: Path, quickest: tuple[str, ...]
) -> None:
    write_toml(tmp_path, {**ssh_board().table, "folder": f"{small_disk}/bench"})
    error = error_of(bench("run", "-d", "pi", "-m", "prisma", *quickest, "--json", code=4))
    assert "bytes free" in error.message
    assert str(small_disk) in error.todo
    steps = json.loads(bench("doctor", "-d", "pi", "--json", code=None).stdout)["steps"]
    (disk,) = (step for step in steps if step["name"] == "disk")
    assert disk["state"] == "warning"
    assert "MiB free where bench puts files" in disk["found"]
    assert "bench devices clean pi" in disk["todo"]


@pytest.mark.parametrize("shell", ["fish", "bash"])
def test_a_shell_that_greets(
    ssh_board: Make, tmp_path: Path, bench: Bench, quickest: tuple[str, ...], shell: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    board = ssh_board(shell=shutil.which(shell))
    greeting = "echo Welcome to the board\necho '{\"ok\": true}'\necho 17 >&2\nprintf 'no end'\n"
    (board.home / ".config" / "fish").mkdir(parents=True)
    (board.home / ".config" / "fish" / "config.fish").write_text(greeting)
    (board.home / ".bashrc").write_text(greeting)
    said = subprocess.run(
        ["ssh", "-F", "none", "-i", board.key, "-o", f"UserKnownHostsFile={board.client}/.ssh/known_hosts",
         "-p", str(board.port), f"{board.user}@127.0.0.1", "true"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Welcome to the board" in said.stdout
    write_toml(tmp_path, board.table)
    record = record_of(bench("run", "-d", "pi", "-m", "paradox_7", *quickest, "--json"))
    assert record.error is None
    assert record.agreement is not None
    assert record.agreement.ok


def test_who_it_is_and_who_we_are_is_refused_before_anything_else(
    ssh_board: Make, tmp_path: Path, bench: Bench, quickest: tuple[str, ...]
) -> None:
    board = ssh_board(password=True)
    write_toml(tmp_path, board.table)
    run = ("run", "-d", "pi", "-m", "paradox_7", *quickest, "--json")
    keys = (board.folder / "authorized_keys").read_text()
    (board.folder / "authorized_keys").write_text("")
    said = bench(*run, code=4).stderr
    assert "passwords are not asked for" in said
    assert f"ssh-copy-id -p {board.port} {board.user}@127.0.0.1" in said
    (board.folder / "authorized_keys").write_text(keys)
    board.new_host_key()
    done = bench(*run, "-d", "local", code=4)  # the others are measured
    found = {record.case.device: record.error for record in records_of(done)}
    assert found["local"] is None
    error = found["pi"]
    assert error is not None
    assert "its host key has changed" in error.message
    assert f"ssh-keygen -R '[127.0.0.1]:{board.port}'" in error.todo
    board.know()
    assert record_of(bench(*run)).error is None
