"""`bench gate` on boards behind a real SSH server: verdicts, and what goes wrong in the middle of a block."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Board = Any
# Weather does not reach so far.
WIDE = ("--tolerance", "0.4", "--limit", "1.5", "--max-blocks", "12", "--budget", "90")

# An interpreter on the board, which does something at the first turn of one of the agents that it starts.
_PYTHON = """\
#!{python}
import os, pathlib, subprocess, sys, time
if not any("agent.pyz" in each for each in sys.argv):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
folder = pathlib.Path({folder!r})
with open(folder / "starts", "a") as stream:
    stream.write("x")
mine = len((folder / "starts").read_text())
agent = subprocess.Popen([{python!r}, *sys.argv[1:]], stdin=subprocess.PIPE)
for line in sys.stdin.buffer:
    if b'"turn"' in line and mine in {starts!r} and not (folder / f"done{{mine}}").exists():
        (folder / f"done{{mine}}").touch()
        if {act!r} == "die":
            agent.kill()
            os.kill(os.getpid(), 9)
        while {act!r} == "hold":
            time.sleep(1)
    agent.stdin.write(line)
    agent.stdin.flush()
agent.stdin.close()
sys.exit(agent.wait())
"""


def to_toml(folder: Path, **table: Any) -> None:
    lines = ["[devices.pi]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    (folder / "bench.toml").write_text("\n".join(lines))


@pytest.fixture
def board(ssh_board: Callable[..., Board], tmp_path: Path) -> Board:
    made = ssh_board()
    to_toml(tmp_path, **made.table)
    return made


def python_that(board: Board, act: str, starts: tuple[int, ...]) -> Path:
    """Does `act` at the first turn of those of its agents; the first of an arm is the look at it."""
    path: Path = board.folder / "python-that"
    path.write_text(_PYTHON.format(python=sys.executable, folder=str(board.folder), act=act, starts=starts))
    path.chmod(0o755)
    return path


def left_clean(board: Board) -> bool:
    return board.nothing_runs() and not list((board.home / ".cache" / "bench" / "work").glob("*"))


def test_equal_files_and_a_larger_model(
    board: Board, bench: Bench, zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    for name, model in (("old", "mnv3_transition_256"), ("same", "mnv3_transition_256"), ("new", "prisma_256")):
        shutil.copy(zoo_file(model), tmp_path / f"{name}.tflite")
    equal = bench("gate", "--base", "old.tflite", "--head", "same.tflite", "--device", "pi", *WIDE)
    assert equal.stdout.startswith("WITHIN LIMIT  pi · same.tflite")
    assert "The smallest slow-down that could have been seen" in equal.stdout
    slower = bench("gate", "--base", "old.tflite", "--head", "new.tflite", "-d", "pi", *WIDE, "--json", code=1)
    (verdict,) = json.loads(slower.stdout)["verdicts"]
    assert verdict["word"] == "regressed"
    assert verdict["change"] > 0.4
    assert verdict["device"]["kind"] == "ssh"
    assert verdict["base"]["agreement"]["ok"]
    assert left_clean(board)


def test_an_interpreter_of_the_board(board: Board, bench: Bench) -> None:
    one = ("gate", "-m", "paradox_1", "-d", "pi", "--max-blocks", "1", "--head-env")
    (verdict,) = json.loads(bench(*one, python_that(board, "nothing", ()), "--json", code=3).stdout)["verdicts"]
    assert verdict["axis"] == "runtime"
    assert verdict["head"]["environment"].endswith("python-that")
    assert (board.folder / "starts").read_text() == "xx", "the look and one block of the head"
    missing = bench(*one, "/nowhere/python", code=4)
    assert "cannot start /nowhere/python on pi" in missing.stdout
    assert "is not known" not in missing.stdout


def test_an_agent_killed_in_a_block_is_said_and_the_block_is_done_again(board: Board, bench: Bench) -> None:
    python = python_that(board, "die", (2,))
    done = bench("gate", "-m", "paradox_1", "-d", "pi", "--head-env", python, "--max-blocks", "2", code=3)
    said = " ".join(done.stdout.split())
    assert "2 blocks of fresh processes, 80 turns" in said
    assert (
        "A block before the first was thrown away: the head failed: the measuring process was ended by SIGKILL" in said
    )
    assert left_clean(board)


def test_an_agent_killed_twice_is_not_measured(board: Board, bench: Bench) -> None:
    python = python_that(board, "die", (2, 3))
    done = bench("gate", "-m", "paradox_1", "-d", "pi", "--head-env", python, "--max-blocks", "2", code=4)
    assert "NOT MEASURED" in done.stdout
    assert "Why: the head failed: the measuring process was ended by SIGKILL" in done.stdout
    assert "A block before the first was thrown away" in done.stdout
    assert left_clean(board)


@pytest.mark.parametrize("gone", [False, True])
def test_a_connection_that_is_cut_in_a_block(
    board: Board, tmp_path: Path, gone: bool, request: pytest.FixtureRequest
) -> None:
    """gone: the board cannot be reached again; else the block is done once more."""
    python = python_that(board, "hold", (3,))
    command = ["gate", "-m", "paradox_1", "-d", "pi", "--head-env", str(python), "--max-blocks", "2", "--json"]
    run = subprocess.Popen(
        [sys.executable, "-m", "bench", *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    request.addfinalizer(run.kill)
    end = time.monotonic() + 90
    while not (board.folder / "done3").exists():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    connections = board.connections()
    if gone:
        board.stop()  # it listens no more; its connections stay
    for process in [each for one in connections for each in (*one.children(recursive=True), one)]:
        with contextlib.suppress(psutil.Error):
            if "sshd" in process.name():
                process.kill()
    output, errors = run.communicate(timeout=120)
    assert b"Traceback" not in errors
    (verdict,) = json.loads(output)["verdicts"]
    (thrown,) = verdict["thrown"]
    assert thrown["after_blocks"] == 1
    assert "the connection to it was lost" in thrown["reason"]
    if gone:
        assert (run.returncode, verdict["word"], len(verdict["log_ratios"])) == (4, "not measured", 1)
        assert "cannot reach" in verdict["reason"]
    else:
        assert (run.returncode, verdict["word"], len(verdict["log_ratios"])) == (3, "inconclusive", 2)
    assert board.nothing_runs()


def test_a_board_that_throttles_inside_a_block(board: Board, bench: Bench, tmp_path: Path) -> None:
    """vcgencmd is a stand-in: it says what a Raspberry Pi's says from the head's first turn in the first block on."""
    to_toml(tmp_path, **{**board.table, "kind": "raspberry-pi"})
    python = python_that(board, "heat", (2,))
    hot = board.folder / "done2"
    board.program(
        "vcgencmd",
        f'case "$1" in get_throttled) [ -e {hot} ] && echo throttled=0x80008 || echo throttled=0x0;;'
        ' measure_temp) echo "temp=81.2\'C";; *) exit 1;; esac',
    )
    done = bench("gate", "-m", "paradox_1", "-d", "pi", "--head-env", python, "--max-blocks", "2", "--json", code=3)
    (verdict,) = json.loads(done.stdout)["verdicts"]
    (thrown,) = verdict["thrown"]
    assert thrown == {"after_blocks": 0, "reason": "throttled.now changed from no to soft temperature limit"}
    assert [len(block["base_ns"]) for block in verdict["blocks"]] == [20, 20]
    assert len(verdict["log_ratios"]) == 2
    assert (board.folder / "starts").read_text() == "x" * 4, "a look and three blocks"
    assert "soft temperature limit" in " ".join(
        bench("export", "last", "--format", "markdown", code=None).stdout.split()
    )
