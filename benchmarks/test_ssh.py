"""What a way over SSH costs, on loopback: the measured time nothing, a file its sending once, a run its start."""

from __future__ import annotations

import importlib
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pingpong
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backends import pack
from bench.backends.client import AgentClient
from bench.devices.local import LocalDevice
from bench.devices.protocol import Device
from bench.devices.ssh import create
from bench.records.stats.percentile import quantile

Rows = list[tuple[str, str, str]]
BLOCKS = 6
TURNS = 24
BYTES = 64 << 20


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "tests" / "lab"))
    sshd = importlib.import_module("sshd")
    if reason := sshd.missing():
        pytest.skip(reason)
    made = sshd.Board(tmp_path / "board")
    monkeypatch.setenv("HOME", str(made.client))
    yield made
    made.close()


def _turns(stack: ExitStack, device: Device, what: pingpong.Subject, cache: Path) -> pingpong.Turn:
    agent, _ = pack.packed(cache)
    client = stack.enter_context(AgentClient(device, device.push(agent), 300.0))
    client.ask("hello", "hello", backend=what.backend, accelerator="cpu", threads=1, options={})
    client.ask("load", "load", model=device.push(what.model), shapes={}, trace="")
    client.ask("inputs", "inputs", files=[device.push(what.input)])
    return lambda count: list(client.ask("turn", "turn", n=count)["samples_ns"])


def _block(device: Device, what: pingpong.Subject, cache: Path) -> float:
    """Fresh processes, one over SSH and one here: the median over turn pairs of their ratio."""
    with ExitStack() as stack:
        over, here = _turns(stack, device, what, cache), _turns(stack, LocalDevice(), what, cache)
        for worker in (over, here):
            worker(max(10, pingpong.TURN_NS * 10 // max(statistics.median_low(worker(3)), 1)))
        count = max(1, round(pingpong.TURN_NS / statistics.median(here(5))))
        ratios = []
        for index in range(TURNS):
            order = (over, here) if index % 2 == 0 else (here, over)
            found = {worker: quantile(sorted(worker(count)), 0.25 if count >= 4 else 0.5) for worker in order}
            ratios.append(found[over] / found[here])
        return statistics.median(ratios)


@pytest.mark.parametrize("model", ["prisma_256", "paradox_7"])
def test_measured_over_ssh_and_here(
    model: str, board: Any, cache: Path, row: Rows, benchmark: BenchmarkFixture
) -> None:
    device, what = create("pi", board.table), pingpong.subject("litert", model, cache)
    found: list[float] = []
    benchmark.pedantic(lambda: found.append(_block(device, what, cache)), rounds=BLOCKS, iterations=1)
    ratio = pingpong.ratio_of(found)
    row.append((f"agent over SSH / agent here, litert {model}", str(ratio), "within 2 %"))
    assert abs(ratio.estimate - 1) <= 0.02 or ratio.low <= 1 <= ratio.high


def test_a_file_is_sent_once(board: Any, tmp_path: Path, row: Rows, benchmark: BenchmarkFixture) -> None:
    sent, again = [], []

    def push() -> None:
        file = tmp_path / "model.bin"
        file.write_bytes(os.urandom(BYTES))
        first, second = create("pi", board.table), create("pi", board.table)
        first.identify(), second.identify()
        for device, found in ((first, sent), (second, again)):
            begun = time.perf_counter()
            device.push(file)
            found.append(time.perf_counter() - begun)

    benchmark.pedantic(push, rounds=3, iterations=1)
    row.append(("64 MB to a board over SSH", f"{statistics.median(sent):.2f} s", "below 3 s"))
    row.append(("64 MB that are there already (checked)", f"{statistics.median(again):.2f} s", "its hash only"))
    assert statistics.median(sent) < 3
    assert statistics.median(again) < statistics.median(sent)


def test_the_start_of_a_run(board: Any, cache: Path, row: Rows, benchmark: BenchmarkFixture) -> None:
    """From nothing to the first conditions, with a held board and the agent there: all that comes before a model."""
    agent, _ = pack.packed(cache)
    found = []

    def start() -> None:
        begun = time.perf_counter()
        device = create("pi", board.table)
        with device.lock(10):
            device.identify()
            device.conditions("before")
            device.spawn([sys.executable, device.push(agent)]).close(grace_s=2)
            found.append(time.perf_counter() - begun)

    benchmark.pedantic(start, rounds=5, iterations=1)
    row.append(("start of a run over SSH", f"{statistics.median(found):.2f} s", "below 3 s"))
    assert statistics.median(found) < 3
