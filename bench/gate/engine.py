"""One comparison, from two arms to a verdict: a look at each, then blocks until the rule decides or time is over."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.backends import registry
from bench.backends.client import InvocationFailed
from bench.backends.job import Job
from bench.base.errors import NotMeasuredError
from bench.base.findings import Finding
from bench.base.paths import storage_error
from bench.base.progress import Progress
from bench.devices.protocol import Device
from bench.gate import compare
from bench.gate.arm import Arm, Pair, seen_by
from bench.gate.pingpong import Name, PingPong
from bench.gate.rule import Look, halves, log_ratio, look, with_floor
from bench.gate.sides import blamed, side_for
from bench.gate.state import changed
from bench.gate.words import progress_text, why_open
from bench.records.types import DeviceIdentity, RunRef, Tool
from bench.records.verdicts import VERDICT_SCHEMA, ArmFacts, Block, Earlier, Rule, Spread, Thrown, Verdict

MOST_THROWN = 8
BLOCK_LIMIT_S = 600.0  # beyond the limit of an invocation, for the turns of both arms


@dataclass(frozen=True)
class Ask:
    """What is wanted of one comparison. earlier: blocks of former runs, by the comparison's hash; spread: of equal arms
    on this device, where a self-test told it; cases: compared together; left_s: what comes after it, for the progress.
    """

    pair: Pair
    rule: Rule
    run: RunRef
    earlier: Callable[[str], Sequence[Earlier]] = lambda _: ()
    spread: Spread | None = None
    cases: int = 1
    left_s: float = 0.0


@dataclass(frozen=True)
class Lab:
    """Where it happens. The device is held by the caller; limit_s: of one invocation."""

    device: Device
    identity: DeviceIdentity
    cache: Path
    limit_s: float
    progress: Progress
    chance: random.Random = field(default_factory=random.Random)


@dataclass
class _SoFar:
    begun: float = field(default_factory=time.monotonic)
    base: ArmFacts | None = None
    head: ArmFacts | None = None
    rule: Rule | None = None
    comparison: str = ""
    findings: tuple[Finding, ...] = ()
    blocks: list[Block] = field(default_factory=list)
    d: list[float] = field(default_factory=list)
    thrown: list[Thrown] = field(default_factory=list)
    earlier: tuple[Earlier, ...] = ()
    look: Look | None = None


def run(lab: Lab, ask: Ask) -> Verdict:
    """The verdict on one pair; it has every block, whatever stopped it. Raises UsageError and StorageError.

    Ctrl-C before the first block is raised on; later it is a verdict that is marked `interrupted`.
    """
    found = _SoFar()
    pair = ask.pair
    if lab.identity.replayed:
        return _verdict(
            lab, ask, found, word="not measured", reason="the device is a replay: nothing was measured on it"
        )
    try:
        with _jobs(lab, pair, found) as jobs:
            with blamed("base"):
                found.base = compare.gather(pair.base, jobs["base"])
            with blamed("head"):
                found.head = compare.gather(pair.head, jobs["head"])
            unlike = compare.differences(found.base, found.head, pair.axis, pair.head.case.accelerator)
            if unlike:
                return _verdict(lab, ask, found, word="not comparable", reason="; ".join(unlike), todo=_UNLIKE)
            found.rule = with_floor(ask.rule, found.base.typical_ns)
            found.comparison = comparison(lab.identity, pair, found.base, found.head)
            found.earlier = tuple(ask.earlier(found.comparison))
            stopped = _blocks(lab, ask, found, jobs)
    except InvocationFailed as failed:
        return _verdict(lab, ask, found, word="not measured", reason=failed.error.message, todo=failed.error.todo)
    except NotMeasuredError as error:
        reason = f"{error.asked}: {error.found}".rstrip(": ")
        return _verdict(lab, ask, found, word="not measured", reason=reason, todo=error.todo)
    except KeyboardInterrupt:
        if not found.d:
            raise
        return _verdict(lab, ask, found, word="inconclusive", reason="interrupted", interrupted=True)
    assert found.look is not None
    if found.look.word is not None:
        return _verdict(lab, ask, found, word=found.look.word)
    reason, todo = why_open(found.look, found.rule, len(found.d), stopped)
    return _verdict(lab, ask, found, word="inconclusive" if found.d else "not measured", reason=reason, todo=todo)


_UNLIKE = "Make them alike, or compare that difference itself: it must be the only one (see docs/gate.md)."


def _named(pair: Pair) -> tuple[tuple[Name, Arm], tuple[Name, Arm]]:
    return ("base", pair.base), ("head", pair.head)


@contextmanager
def _jobs(lab: Lab, pair: Pair, found: _SoFar) -> Iterator[dict[Name, Job]]:
    """The arms on the device: model and program there, a folder for outputs here."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="bench-gate-", ignore_cleanup_errors=True)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()), error) from None
    with folder as name, ExitStack() as stack:
        jobs: dict[Name, Job] = {}
        for which, arm in _named(pair):
            device = seen_by(arm, lab.device, lab.chance)
            program = registry.driver(arm.case.backend).program(device, arm.case.backend, arm.tools, lab.cache)
            found.findings += program.notes
            mine = Path(name) / which
            mine.mkdir()
            jobs[which] = Job(
                device=device, case=arm.case, model=device.push(arm.path), program=program, graph=arm.artifact.graph,
                input_file=arm.seeded(lab.device),
                folder=mine, cache=lab.cache, limit_s=lab.limit_s, scratch=stack.enter_context(lab.device.scratch()),
            )  # fmt: skip
        yield jobs


def _blocks(lab: Lab, ask: Ask, found: _SoFar, jobs: dict[Name, Job]) -> str:
    """Blocks until the rule decides. Gives why it stopped otherwise. Raises InvocationFailed."""
    assert found.rule is not None
    native = registry.backend(ask.pair.head.case.backend).native
    busy = {name: arm.busy for name, arm in _named(ask.pair)}
    longer = {name: _for_both(job) for name, job in jobs.items()}
    game = PingPong(lambda name: side_for(longer[name], busy[name]), native, lab.chance)
    found.look = look([], found.rule, [each.log_ratios for each in found.earlier], ask.cases)
    failed_before = False
    while len(found.d) < found.rule.max_blocks:
        if not _time_for_another(found):
            return "time"
        if len(found.thrown) >= MOST_THROWN:
            return "state"
        _tell(lab, ask, found, "")
        before = lab.device.conditions("before")
        try:
            block = game.block(lambda done, turns: _tell(lab, ask, found, f" · turn {done}/{turns}"))
        except InvocationFailed as failed:
            if failed_before:
                raise
            failed_before = True
            found.thrown.append(Thrown(after_blocks=len(found.d), reason=failed.error.message))
            continue
        failed_before = False
        reason = changed(before, lab.device.conditions("after"))
        if reason:
            found.thrown.append(Thrown(after_blocks=len(found.d), reason=reason))
            continue
        found.blocks.append(block)
        found.d.append(log_ratio(block.base_ns, block.head_ns))
        found.look = look(found.d, found.rule, [each.log_ratios for each in found.earlier], ask.cases)
        if found.look.word is not None:
            return ""
    return "blocks"


def _for_both(job: Job) -> Job:
    """The job of a side that waits while the other one measures: its limit is for both."""
    return dataclasses.replace(job, limit_s=job.limit_s + BLOCK_LIMIT_S)


def _time_for_another(found: _SoFar) -> bool:
    """One block is always tried; another only where it is likely to end in time."""
    assert found.rule is not None
    spent = time.monotonic() - found.begun
    if not found.blocks:
        return not found.thrown or spent < found.rule.budget_s
    return spent + sum(block.seconds for block in found.blocks) / len(found.blocks) <= found.rule.budget_s


def _tell(lab: Lab, ask: Ask, found: _SoFar, where: str) -> None:
    assert found.rule is not None
    assert found.look is not None
    spent = time.monotonic() - found.begun
    left = max(found.rule.budget_s - spent, 0.0)
    if found.blocks:
        typical = sum(block.seconds for block in found.blocks) / len(found.blocks)
        left = min(left, (found.rule.max_blocks - len(found.blocks)) * typical)
    lab.progress.update(f"block {len(found.d) + 1}{where}{progress_text(found.look)}", left + ask.left_s)


def _version(tool: Tool) -> tuple[str, str, str, str]:
    return tool.runtime, tool.version, tool.python, tool.binary_sha256


def comparison(identity: DeviceIdentity, pair: Pair, base: ArmFacts, head: ArmFacts) -> str:
    """The hash of what a rerun must share for its blocks to be about the same question."""
    # Not what a tool tells of its settings: paths of temporary files stand there.
    arms = [
        (arm.case.key, facts.artifact.sha256, arm.busy, arm.python, facts.tool and _version(facts.tool))
        for arm, facts in ((pair.base, base), (pair.head, head))
    ]
    return hashlib.sha256(msgspec.json.encode((identity.fingerprint, arms), order="sorted")).hexdigest()


def _verdict(lab: Lab, ask: Ask, found: _SoFar, **said: Any) -> Verdict:
    pair, rule = ask.pair, found.rule or ask.rule
    base, head = found.base or compare.facts_of(pair.base), found.head or compare.facts_of(pair.head)
    seen = found.look
    numbers: dict[str, Any] = {}
    if seen is not None:
        numbers = {name: getattr(seen, name) for name in _NUMBERS}
    return Verdict(
        schema=VERDICT_SCHEMA, run=ask.run.id, at=ask.run.started, command=ask.run.command,
        bench_version=ask.run.bench_version, case=pair.head.case,
        comparison=found.comparison or comparison(lab.identity, pair, base, head), device=lab.identity, axis=pair.axis,
        base=base, head=head, rule=rule, spread=ask.spread or halves(found.blocks), cases=ask.cases,
        log_ratios=tuple(found.d), blocks=tuple(found.blocks), thrown=tuple(found.thrown), earlier=found.earlier,
        seconds=time.monotonic() - found.begun, notes=compare.notes(base, head, found.findings), **numbers, **said,
    )  # fmt: skip


_NUMBERS = ("change", "low", "high", "interval_reason", "smallest", "e_regressed", "e_within", "e_faster")
