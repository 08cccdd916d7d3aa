"""How turns alternate; live agents that are killed, devices that change under a block, comparisons that cannot be."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest

from bench.base.process import Child
from bench.base.progress import Progress
from bench.devices.local import LocalDevice
from bench.gate import engine
from bench.gate.arm import PADDING, PADDING_BYTES, Arm, Pair, seen_by
from bench.gate.engine import Ask, Lab
from bench.gate.pingpong import FEWEST_TURNS, TOOL_TURNS, TURNS, PingPong, sizes
from bench.models.inputs import input_file
from bench.models.inspect import describe, sha256_of
from bench.records import store, verdict_files
from bench.records.types import Agreement, Artifact, Case, Conditions, Phase, Reading, RunRef
from bench.records.verdicts import Rule, Verdict

RULE = Rule(preset="own", tolerance=0.01, limit=0.05, alpha=0.05, max_blocks=2, budget_s=100.0)
RUN = RunRef(id="20261123T101530.250Z-3fa9", started="2026-11-23T10:15:30.250Z", command=("bench",), bench_version="0")


class Metronome:
    """A side that writes down when it is asked."""

    def __init__(self, name: str, log: list[str], typical_ns: float | None) -> None:
        self.name, self.log, self.typical_ns = name, log, typical_ns

    def __enter__(self) -> Self:
        self.log.append(f"start {self.name}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.append(f"end {self.name}")

    def turn(self, count: int) -> float:
        self.log.append(self.name)
        return float(len(self.log))


@pytest.mark.parametrize(("native", "turns"), [(False, TURNS), (True, TOOL_TURNS)])
def test_arms_alternate_abba_with_fresh_sides_and_a_random_start(native: bool, turns: int) -> None:
    log: list[str] = []
    game = PingPong(lambda name: Metronome(name, log, None if native else 1e6), native, random.Random(4))
    firsts = set()
    for _ in range(8):
        log.clear()
        block = game.block()
        one, other = block.first, "head" if block.first == "base" else "base"
        assert log[:2] == [f"start {one}", f"start {other}"]
        assert log[2:-2] == [one, other, other, one] * (turns // 4)
        assert sorted(log[-2:]) == ["end base", "end head"]
        assert len(block.base_ns) == len(block.head_ns) == turns // 2
        firsts.add(block.first)
    assert firsts == {"base", "head"}


@pytest.mark.parametrize(
    ("base_ns", "head_ns", "count", "turns"),
    [(1e6, 1e6, 25, 40), (1e6, 4e6, 12, 40), (24e6, 24e6, 1, 40), (50e6, 50e6, 1, 20), (9e9, 9e9, 1, FEWEST_TURNS)],
)
def test_sizes(base_ns: float, head_ns: float, count: int, turns: int) -> None:
    assert sizes(base_ns, head_ns) == sizes(head_ns, base_ns) == (count, turns)


def test_every_process_has_an_environment_of_another_size() -> None:
    device = seen_by(_arm(None, python="other-python"), LocalDevice(), random.Random(1))
    script = f"import os; print(len(os.environ[{PADDING!r}]), os.environ['MINE'])"
    sizes_found = set()
    for _ in range(4):
        child = device.spawn(["python3", "-c", script], env={"MINE": "kept"})
        size, mine = child.read_line(10).split()
        child.close(1.0)
        assert mine == b"kept"
        sizes_found.add(int(size))
    assert len(sizes_found) > 1
    assert max(sizes_found) < PADDING_BYTES
    assert device.python() == "other-python"
    assert device.name == "local"


def _arm(path: Path | None, cache: Path = Path(), **changes: Any) -> Arm:
    case = Case(
        device="local", backend="litert", accelerator="cpu", model="m", variant="as-is", era="", format="tflite",
        threads=1,
    )  # fmt: skip
    artifact: Any = None
    if path is not None:
        artifact = Artifact(name=path.name, sha256=sha256_of(path), source="file", graph=describe(path, cache))
    whole = Arm(
        label="m", case=case, path=path or Path(), artifact=artifact,
        seeded=lambda device: lambda spec: device.push(input_file(spec, spec.shape, 0, cache)),
        agree=lambda arm, job, outputs: Agreement(reference="test", ok=bool(outputs)),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


class Watched(LocalDevice):
    """Knows its processes, and says what clock limits it is told to say. A device cannot be throttled on demand."""

    def __init__(self, limits: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.children: list[Child] = []
        self.limits = list(limits)

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        self.children.append(super().spawn(argv, env=env, cwd=cwd))
        return self.children[-1]

    def conditions(self, phase: Phase) -> Conditions:
        limit = self.limits.pop(0) if self.limits else 2e9
        return Conditions(phase=phase, at="", readings=(Reading(name="cpu.clock_limit", value=limit, unit="Hz"),))


class Hook(Progress):
    """Calls `act` at every step, with its text."""

    def __init__(self, act: Callable[[str], None]) -> None:
        super().__init__(0.0, enabled=False)
        self.act = act

    def update(self, detail: str, left_s: float | None = None) -> None:
        self.act(detail)


@pytest.fixture
def compare(zoo_file: Callable[..., Path], cache_folder: Path) -> Callable[..., Verdict]:
    """compare(device, act, rule, **changes of the head): paradox_1 against itself with live agents."""

    def run(device: Watched, act: Callable[[str], None] = lambda _: None, rule: Rule = RULE, **head: Any) -> Verdict:
        base = _arm(zoo_file("paradox_1"), cache_folder)
        pair = Pair(base=base, head=dataclasses.replace(base, **head), axis="artifact")
        lab = Lab(device, device.identify(), cache_folder, 60.0, Hook(act), random.Random(2))
        return engine.run(lab, Ask(pair=pair, rule=rule, run=RUN))

    return run


def test_an_agent_killed_in_a_block_is_said_and_the_block_is_done_again(compare: Callable[..., Verdict]) -> None:
    device = Watched()
    killed: list[int] = []

    def kill(text: str) -> None:
        if text.startswith("block 2") and "turn" in text and not killed:
            killed.append(device.children[-1].process.pid)
            os.kill(killed[0], signal.SIGKILL)

    verdict = compare(device, kill)
    assert len(killed) == 1
    assert verdict.word == "inconclusive"
    assert len(verdict.blocks) == len(verdict.log_ratios) == 2
    (thrown,) = verdict.thrown
    assert thrown.after_blocks == 1
    assert "SIGKILL" in thrown.reason
    assert all(child.process.poll() is not None for child in device.children)


def test_an_agent_that_is_killed_each_time_is_not_measured(compare: Callable[..., Verdict]) -> None:
    device = Watched()

    def kill(text: str) -> None:
        if "turn" in text:
            os.kill(device.children[-1].process.pid, signal.SIGKILL)

    verdict = compare(device, kill)
    assert verdict.word == "not measured"
    assert "SIGKILL" in verdict.reason


def test_a_block_under_which_the_clock_limit_fell_does_not_count(compare: Callable[..., Verdict]) -> None:
    # Two looks, then before and after each block.
    verdict = compare(Watched((2e9, 2e9, 2e9, 1e9, 1e9, 1e9, 1e9, 1e9)))
    (thrown,) = verdict.thrown
    assert thrown.after_blocks == 0
    assert "cpu.clock_limit" in thrown.reason
    assert len(verdict.blocks) == 2


def test_ctrl_c_keeps_the_blocks(compare: Callable[..., Verdict], tmp_path: Path) -> None:
    def interrupt(text: str) -> None:
        if text.startswith("block 2 · turn"):
            raise KeyboardInterrupt

    device = Watched()
    verdict = compare(device, interrupt)
    assert (verdict.word, verdict.interrupted, len(verdict.log_ratios)) == ("inconclusive", True, 1)
    assert all(child.process.poll() is not None for child in device.children)
    path = verdict_files.save(verdict, tmp_path)
    assert verdict_files.load(path) == verdict
    assert list(verdict_files.kept(tmp_path)) == [verdict]
    assert list(store.files(tmp_path)) == []
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(store.RecordError, match="cannot read"):
        verdict_files.load(path)
    assert list(verdict_files.kept(tmp_path)) == []


def test_a_slowed_head_is_regressed(compare: Callable[..., Verdict]) -> None:
    """Injected: twice the time, so that no weather hides it."""
    verdict = compare(Watched(), rule=msgspec.structs.replace(RULE, max_blocks=12), busy=1.0)
    assert verdict.word == "regressed"
    assert verdict.change == pytest.approx(1.0, abs=0.5)
    assert len(verdict.blocks) >= 4


def test_wrong_outputs_are_not_compared(compare: Callable[..., Verdict]) -> None:
    wrong = Agreement(reference="test", ok=False, reason="far off")
    verdict = compare(Watched(), agree=lambda arm, job, outputs: wrong)
    assert verdict.word == "not comparable"
    assert "agreement: the head's output" in verdict.reason
    assert verdict.blocks == ()


def test_an_interpreter_without_the_runtime_is_not_measured(compare: Callable[..., Verdict], tmp_path: Path) -> None:
    verdict = compare(Watched(), python=str(tmp_path / "no-python"))
    assert verdict.word == "not measured"
    assert "no-python" in verdict.reason
