"""`bench run` and `bench doctor` on boards behind a real SSH server: the agent measures there, nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from phone_folder import until

from bench.records import store
from bench.records.types import Record

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the boards of the tests run POSIX programs")
Board = Any
Make = Callable[..., Board]
Bench = Callable[..., subprocess.CompletedProcess[str]]


def write_toml(folder: Path, **tables: dict[str, Any]) -> None:
    lines = []
    for name, table in tables.items():
        lines += [f"[devices.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    (folder / "bench.toml").write_text("\n".join(lines))


def records_of(output: str | bytes) -> list[Record]:
    return [store.load(Path(case["record"])) for case in json.loads(output)["cases"]]


def until_measuring(run: subprocess.Popen[bytes], board: Board) -> None:
    """Until an agent is at work there: it has used so much of a CPU."""

    def at_work() -> bool:
        assert run.poll() is None, run.communicate()
        return board.cpu_s("agent.pyz") > 0.5

    until(at_work, "an agent that measures")


@pytest.fixture
def board(ssh_board: Make, tmp_path: Path) -> Board:
    board = ssh_board()
    write_toml(tmp_path, pi=board.table)
    return board


def test_the_agent_measures_on_the_board(board: Board, bench: Bench, quick: tuple[str, ...]) -> None:
    done = bench("run", "-d", "pi", "-m", "paradox_7", *quick, "--profile", "--json")
    (record,) = records_of(done.stdout)
    assert record.error is None
    assert len(record.invocations) == 3
    assert record.agreement is not None
    assert record.agreement.ok
    assert record.profile is not None
    assert record.profile.rows
    assert record.device.kind == "ssh"
    assert record.invocations[-1].during is not None
    assert record.invocations[-1].during.get("cpu.busy_other") is not None
    files = [path.name for path in (board.home / ".cache" / "bench" / "files").rglob("*") if path.is_file()]
    assert "agent.pyz" in files
    assert not list((board.home / ".cache" / "bench" / "work").glob("*"))
    assert board.nothing_runs()


def test_all_runtimes_of_the_board_and_two_boards_in_one_run(
    ssh_board: Make, bench: Bench, tmp_path: Path, quickest: tuple[str, ...]
) -> None:
    first, second = ssh_board(), ssh_board()
    known = [(board.client / ".ssh" / "known_hosts").read_text() for board in (first, second)]
    (second.client / ".ssh" / "known_hosts").write_text("".join(known))
    key = str(first.key)
    write_toml(tmp_path, pi={**first.table, "kind": "raspberry-pi", "key": key}, tx2={**second.table, "kind": "jetson"})
    backends = ("-b", "litert", "-b", "onnxruntime", "-b", "openvino")
    done = bench("run", "-d", "pi", "-d", "tx2", "-d", "local", "-m", "paradox_7", *backends, *quickest, "--json")
    found = records_of(done.stdout)
    assert [(one.case.device, one.error) for one in found] == [
        (name, None) for name in ("pi", "tx2", "local") for _ in backends[1::2]
    ]


def test_a_runtime_that_the_board_lacks_is_told_by_the_board(board: Board, bench: Bench, tmp_path: Path) -> None:
    import venv

    venv.create(board.folder / "bare", symlinks=True, with_pip=False)
    write_toml(tmp_path, pi={**board.table, "python": f"{board.folder}/bare/bin/python"})
    done = bench("run", "-d", "pi", "-m", "paradox_7", "--json", code=4)
    (record,) = records_of(done.stdout)
    assert record.error is not None
    assert record.error.kind == "refused"
    steps = {step["name"]: step for step in json.loads(bench("doctor", "-d", "pi", "--json", code=4).stdout)["steps"]}
    assert steps["runtimes"]["state"] == "failed"
    assert f"{board.folder}/bare/bin/python -m pip install" in steps["runtimes"]["todo"]


def test_a_time_limit_leaves_nothing_there(board: Board, bench: Bench) -> None:
    board.program("stuck", 'while :; do sleep 0.1; done & exec "$@"')
    wrapper = board.folder / "python"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *agent.pyz*) setsid sleep 1000 & sleep 1000;; esac\nexec {sys.executable} "$@"\n'
    )
    wrapper.chmod(0o755)
    write_toml(Path(board.folder.parent), pi={**board.table, "python": str(wrapper)})
    done = bench("run", "-d", "pi", "-m", "paradox_7", "--limit", "1.5", "--invocations", "1", "--json", code=4)
    (record,) = records_of(done.stdout)
    assert record.error is not None
    assert record.error.kind == "timed out"
    assert board.nothing_runs("sleep 1000")
    assert board.nothing_runs()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_there(board: Board, tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "bench", "run", "-d", "pi", "-m", "paradox_7", "--time", "60"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until_measuring(run, board)
    run.send_signal(how)
    _, errors = run.communicate(timeout=120)
    assert b"Traceback" not in errors
    assert run.returncode == (130 if how == signal.SIGINT else -how)
    assert board.nothing_runs("agent.pyz")
    assert board.nothing_runs()


def test_a_cut_link_is_the_error_of_its_case_and_the_next_run_works(
    board: Board, tmp_path: Path, bench: Bench, quickest: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "bench", "run", "-d", "pi", "-m", "paradox_7", "--time", "30", "--json"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until_measuring(run, board)
    board.cut()
    output, errors = run.communicate(timeout=120)
    assert run.returncode == 4, errors
    (record,) = records_of(output)
    assert record.error is not None
    assert record.error.kind == "link lost"
    assert board.nothing_runs("agent.pyz")
    bench("run", "-d", "pi", "-m", "paradox_7", *quickest)


def test_the_doctor_goes_through_it(board: Board, bench: Bench, tmp_path: Path) -> None:
    found = json.loads(bench("doctor", "--device", "pi", "--json").stdout)["steps"]
    states = {step["name"]: step["state"] for step in found}
    for name in ("reachable", "identity", "permissions", "python", "runtime litert", "disk"):
        assert states[name] == "ok", found
    text = bench("doctor", "-d", "pi").stdout
    assert "files can be brought there, executed and fetched" in text
    board.stop()
    refused = bench("doctor", "-d", "pi", code=4).stdout
    assert refused.startswith("failed   reachable")
    assert "connection refused" in refused
    (board.client / ".ssh" / "known_hosts").unlink()
    board.start()
    assert "ssh-keyscan" in bench("doctor", "-d", "pi", code=4).stdout


def test_the_doctor_of_this_host_and_of_one_that_nobody_knows(bench: Bench) -> None:
    states = {
        step["name"]: step["state"] for step in json.loads(bench("doctor", "-d", "local", "--json").stdout)["steps"]
    }
    assert states["reachable"] == states["runtime litert"] == states["disk"] == "ok"
    bench("doctor", "-d", "no-such", code=2)


def test_the_help_loads_no_ssh() -> None:
    code = "import sys; from bench.devices import registry, ssh, board; print('asyncssh' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout == "False\n"
