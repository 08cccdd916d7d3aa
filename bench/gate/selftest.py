"""The gate tried on a device: how often it calls equal arms regressed, how often it finds a known slow-down."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from bench.backends import registry
from bench.base.errors import ExitCode
from bench.gate.arm import Pair
from bench.gate.engine import Ask, Lab
from bench.gate.engine import run as compare
from bench.records.types import RunRef
from bench.records.verdicts import VERDICT_SCHEMA, Rule, SelfTest, Trial

TYPICAL_S = 20.0  # of one trial, before one is known
SURELY = 0.01  # so many false alarms come by chance less often than that


def run(
    lab: Lab, pair: Pair, rule: Rule, reference: RunRef, trials: int, injected: float,
    tell: Callable[[str, Trial], None] = lambda what, trial: None,
) -> SelfTest:  # fmt: skip
    """`trials` comparisons of an arm with itself, and as many with its head slowed, in turns: they share the weather.

    A native tool cannot be slowed. Ctrl-C keeps the finished trials.
    """
    equal: list[Trial] = []
    slowed: list[Trial] = []
    able = not registry.backend(pair.base.case.backend).native
    head = dataclasses.replace(pair.base, busy=injected, label=f"{pair.base.label}, slowed")
    slow = dataclasses.replace(pair, head=head)
    planned = [("equal", pair, equal), *([("slowed", slow, slowed)] if able else [])]
    interrupted = False
    try:
        for number in range(trials):
            for what, arms, into in planned:
                done = [each.seconds for each in (*equal, *slowed)]
                left_s = (trials * len(planned) - len(done)) * (sum(done) / len(done) if done else TYPICAL_S)
                lab.progress.stage(f"[{number + 1}/{trials}] {what} arms · {pair.base.case.label}", left_s)
                trial = _trial(lab, arms, rule, reference)
                into.append(trial)
                tell(what, trial)
    except KeyboardInterrupt:
        interrupted = True
    return SelfTest(
        schema=VERDICT_SCHEMA, run=reference.id, at=reference.started, case=pair.base.case, device=lab.identity,
        artifact=pair.base.artifact, rule=rule, injected=injected, equal=tuple(equal), slowed=tuple(slowed),
        interrupted=interrupted,
    )  # fmt: skip


def _trial(lab: Lab, pair: Pair, rule: Rule, reference: RunRef) -> Trial:
    verdict = compare(lab, Ask(pair=pair, rule=rule, run=reference))
    if verdict.interrupted:
        raise KeyboardInterrupt
    return Trial(
        word=verdict.word, change=verdict.change, seconds=verdict.seconds, log_ratios=verdict.log_ratios,
        reason=verdict.reason,
    )  # fmt: skip


def too_many(false_alarms: int, trials: int, alpha: float) -> bool:
    """Whether so many or more come with a probability below 1 % where each trial's is alpha (binomial tail)."""
    tail = sum(math.comb(trials, k) * alpha**k * (1 - alpha) ** (trials - k) for k in range(false_alarms, trials + 1))
    return tail < SURELY


def exit_code(found: Sequence[SelfTest], lost: bool) -> ExitCode:
    """1 for more false alarms than alpha explains. lost: something was asked for and has no case."""
    trials = [trial for each in found for trial in (*each.equal, *each.slowed)]
    if any(each.interrupted for each in found):
        return ExitCode.INTERRUPTED
    if lost or not trials or any(trial.word in ("not measured", "not comparable") for trial in trials):
        return ExitCode.NOT_MEASURED
    false = any(too_many(each.false_alarms, len(each.equal), each.rule.alpha) for each in found)
    return ExitCode.FINDING if false else ExitCode.OK
