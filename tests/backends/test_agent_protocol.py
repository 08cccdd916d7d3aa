"""The agent's end of the protocol, and its end with its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.agent.main import COMMANDS, Agent, answer

Talk = Callable[[bytes], dict[str, Any]]


@contextmanager
def talking(agent: str) -> Iterator[tuple[subprocess.Popen[bytes], Talk]]:
    process = subprocess.Popen([sys.executable, agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def talk(line: bytes) -> dict[str, Any]:
        stdin.write(line + b"\n")
        stdin.flush()
        found: dict[str, Any] = json.loads(stdout.readline())
        return found

    try:
        yield process, talk
    finally:
        process.kill()
        process.wait()
        stdin.close()
        stdout.close()


def test_a_wrong_request_is_answered_and_the_next_one_too(agent: str) -> None:
    with talking(agent) as (process, talk):
        for line in (
            b"\xff\x00 not json",
            b"",
            b"[1, 2]",
            b'"text"',
            b"{}",
            b'{"cmd":"load"}',
            b'{"cmd":"turn","n":1}',
        ):
            found = talk(line)
            assert found["ok"] is False, line
            assert found["error"]["message"], line
        unknown = talk(b'{"cmd":"__init__"}')["error"]
        assert unknown["kind"] == "refused"
        assert "__init__" in unknown["message"]
        assert "hello" in talk(b'{"cmd":"load","model":"x"}')["error"]["todo"]
        assert talk(b' { "cmd" : "quit" } ') == {"ok": True}
        assert process.wait(60) == 0


@given(st.binary(max_size=60).filter(lambda line: b"\n" not in line))
def test_no_line_brings_it_down(line: bytes) -> None:
    found = answer(Agent(), line)
    assert found["ok"] is False
    assert set(found["error"]) == {"kind", "message", "todo"}


def test_every_command_has_a_method_and_no_other_name_is_called() -> None:
    assert all(callable(getattr(Agent, command)) for command in COMMANDS)
    for name in ("answer", "begun_ns", "loaded", "__class__", None, 5, ["turn"]):
        assert answer(Agent(), json.dumps({"cmd": name}).encode())["ok"] is False


def test_the_end_of_stdin_ends_it(agent: str) -> None:
    with talking(agent) as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_runtime_that_prints_does_not_disturb_the_answers(agent: str, zoo_file: Callable[..., Path]) -> None:
    """LiteRT writes to file descriptor 1 and 2 by itself; only answers may stand on stdout."""
    with talking(agent) as (_, talk):
        hello = {"cmd": "hello", "backend": "litert", "accelerator": "cpu", "threads": 1, "options": {}}
        assert talk(json.dumps(hello).encode())["ok"]
        found = talk(json.dumps({"cmd": "load", "model": str(zoo_file("paradox_1"))}).encode())
        assert found["ok"], found


PARENT = """
import json, subprocess, sys, time
agent = subprocess.Popen([sys.executable, sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def ask(**request):
    agent.stdin.write(json.dumps(request).encode() + b"\\n")
    agent.stdin.flush()
ask(cmd="hello", backend="hanging", accelerator="cpu", threads=1, options={})
ask(cmd="load", model=sys.argv[2])
ask(cmd="inputs", files=[])
ask(cmd="first")
print(agent.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_it_dies_with_a_parent_that_is_killed_while_a_call_hangs(hanging_agent: str, tmp_path: Path) -> None:
    marker = tmp_path / "hangs"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, hanging_agent, str(marker)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    agent = psutil.Process(int(parent.stdout.readline()))
    end = time.monotonic() + 60
    while not (marker.exists() and marker.read_text()) and time.monotonic() < end:
        time.sleep(0.02)
    grandchild = psutil.Process(int(marker.read_text()))
    assert agent.is_running()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([agent], timeout=60)
    grandchild.kill()  # the runtime's own child has no such tie
    assert not alive
