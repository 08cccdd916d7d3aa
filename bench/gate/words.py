"""Why a comparison stayed open, and what to do next; the exit code of all verdicts together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.base.errors import ExitCode
from bench.gate.rule import FEWEST_BLOCKS, Look, stands
from bench.records.verdicts import BudgetVerdict, Rule, Verdict

_AGAIN = "Run it again: its blocks count, the evidence of reruns multiplies."


def progress_text(look: Look) -> str:
    """` · +4.9 % so far`; nothing before the first block."""
    if look.change is None:
        return ""
    bounds = "" if look.low is None or look.high is None else f" [{look.low:+.1%}, {look.high:+.1%}]"
    return f" · {look.change:+.1%}{bounds} so far"


def why_open(look: Look, rule: Rule, blocks: int, stopped: str) -> tuple[str, str]:
    """(reason, what to do). stopped: `blocks`, `time` or `state` of the device."""
    spent = {
        "blocks": f"its {rule.max_blocks} block{'s are' if rule.max_blocks > 1 else ' is'} spent",
        "time": f"the time of {rule.budget_s:g} s is over after {blocks} block{'s' * (blocks != 1)}",
        "state": "the device changed its state under too many blocks",
    }[stopped]
    if stopped == "state":
        return spent, "Let it cool down or pin its clocks, then run it again. See `bench doctor`."
    if blocks < FEWEST_BLOCKS:
        more = "Allow more blocks: --max-blocks 24." if stopped == "blocks" else "Give it more time: --budget SECONDS."
        return f"{spent}; nothing can be decided before the fourth", more
    more = "" if stopped == "blocks" else " Or give it more time: --budget SECONDS."
    if look.change is not None and rule.tolerance < look.change < rule.limit:
        reason = f"{spent}, and the change may lie between the tolerance and the limit, where either verdict may come"
        return reason, f"{_AGAIN}{more} Or move the tolerance and the limit apart from it."
    return (
        f"{spent}, and the blocks lie too far apart to decide",
        f"{_AGAIN}{more} A quieter machine needs fewer blocks.",
    )


def settle(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Many cases at once: an open case is regressed, too, where e-BH lets it stand beside the others.

    A case alone is called regressed from K / alpha, which e-BH always lets stand.
    """
    if not verdicts:
        return []
    marks = stands([verdict.e_regressed for verdict in verdicts], min(verdict.rule.alpha for verdict in verdicts))
    return [
        msgspec.structs.replace(verdict, word="regressed", reason="together with the other cases (e-BH)", todo="")
        if mark and verdict.word == "inconclusive" and len(verdict.log_ratios) >= FEWEST_BLOCKS
        else verdict
        for verdict, mark in zip(verdicts, marks, strict=True)
    ]


def exit_code(verdicts: Sequence[Verdict], budgets: Sequence[BudgetVerdict] = (), lost: bool = False) -> ExitCode:
    """1 regressed or over budget, before 4 not measured or not comparable, before 3 inconclusive; nothing at all is 4.

    lost: something was asked for and has no case.
    """
    words = {str(verdict.word) for verdict in verdicts} | {str(budget.word) for budget in budgets}
    if any(verdict.interrupted for verdict in verdicts):
        return ExitCode.INTERRUPTED
    if words & {"regressed", "over budget"}:
        return ExitCode.FINDING
    if not words or lost or words & {"not measured", "not comparable"}:
        return ExitCode.NOT_MEASURED
    return ExitCode.INCONCLUSIVE if "inconclusive" in words else ExitCode.OK
