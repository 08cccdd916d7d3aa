"""What a verdict says to people: sentences for the terminal, and a table for a pull request. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.records.verdicts import BudgetVerdict, SelfTest, Spread, Trial, Verdict
from bench.reports import format as fmt
from bench.reports.words import plain

MEANING = {
    "regressed": "the head is slower than the tolerance allows",
    "within limit": "the head is not as slow as the limit",
    "faster": "the head is faster",
    "inconclusive": "these blocks do not tell",
    "not measured": "nothing was compared",
    "not comparable": "the arms are unlike in more than what is compared",
    "over budget": "it takes more than it may",
    "within budget": "it takes no more than it may",
}


def change(share: float) -> str:
    """`+5.2 %`: the head is so much slower."""
    return f"{share * 100:+.1f} %"


def verdict_lines(verdict: Verdict) -> list[str]:
    """The first line is the verdict; the others say how it is known, and what to do."""
    case = verdict.case
    arms = f"{verdict.base.label} -> {verdict.head.label}"
    lines = [f"{verdict.word.upper()}  {case.device} · {case.label}  ({arms})", f"  {_estimate(verdict)}"]
    if verdict.log_ratios:
        lines += [f"  {_effort(verdict)}", f"  {_power(verdict)}", f"  {_rule(verdict)}"]
    elif verdict.thrown:
        lines.append(f"  {_thrown(verdict)}")
    if verdict.reason:
        lines.append(f"  Why: {verdict.reason}.")
    if verdict.todo:
        lines.append(f"  Next: {verdict.todo}")
    lines += [f"  Note: {note.rstrip('.')}." for note in verdict.notes]
    return [plain(line) for line in lines]


def _estimate(verdict: Verdict) -> str:
    meaning = f"{MEANING[verdict.word][0].upper()}{MEANING[verdict.word][1:]}"
    if verdict.change is None:
        return f"{meaning}."
    if verdict.low is None or verdict.high is None:
        bounds = f"no interval: {verdict.interval_reason}"
    else:
        bounds = f"interval {change(verdict.low)} to {change(verdict.high)}"
    return f"{meaning}: {change(verdict.change)} ({bounds})."


def _effort(verdict: Verdict) -> str:
    turns = sum(len(block.base_ns) + len(block.head_ns) for block in verdict.blocks)
    text = f"{fmt.counted(len(verdict.log_ratios), 'block')} of fresh processes, {fmt.counted(turns, 'turn')}"
    if verdict.earlier:
        earlier = sum(len(each.log_ratios) for each in verdict.earlier)
        text += f", and {fmt.counted(earlier, 'block')} of {fmt.counted(len(verdict.earlier), 'earlier run')}"
    text += f", in {verdict.seconds:.0f} s."
    return f"{text} {_thrown(verdict)}".rstrip()


def _thrown(verdict: Verdict) -> str:
    """A sentence for each block that does not count; neighbours that share their reason share it."""
    texts = []
    for (place, reason), several in itertools.groupby(verdict.thrown, lambda each: (each.after_blocks, each.reason)):
        count = len(list(several))
        where = f"after the {place}." if place else "before the first"
        blocks = "A block" if count == 1 else f"{count} blocks"
        texts.append(f"{blocks} {where} {'was' if count == 1 else 'were'} thrown away: {reason}.")
    return " ".join(texts)


def _power(verdict: Verdict) -> str:
    if verdict.smallest is None:
        text = "With so few blocks no slow-down could have been seen, however large."
    else:
        text = f"The smallest slow-down that could have been seen: {change(verdict.smallest)}."
    return f"{spread_text(verdict.spread)} {text}"


def spread_text(spread: Spread | None) -> str:
    """The device's own A/A spread, and from what it is known."""
    if spread is None:
        return "How far blocks of equal arms lie apart is not known."
    share = f"Blocks of equal arms lie {spread.share * 100:.2f} % apart here"
    if spread.of == "self-test":
        return f"{share} ({fmt.counted(spread.blocks, 'block')} of self-tests)."
    return f"{share}, from each arm's even against its odd turns; --self-test tells it better."


def _rule(verdict: Verdict) -> str:
    rule = verdict.rule
    more = f", floor {rule.floor_ms:g} ms" if rule.floor_ms else ""
    many = f"; {verdict.cases} cases together" if verdict.cases > 1 else ""
    return (
        f"Rule {rule.preset}: tolerance {rule.tolerance:.2%}, limit {rule.limit:.2%}, alpha {rule.alpha:g}{more}{many}."
        f" Evidence: regressed {verdict.e_regressed:.3g}, within limit {verdict.e_within:.3g}."
    )


def budget_line(verdict: BudgetVerdict) -> str:
    """One quantity of one case."""
    found = verdict.found or verdict.reason
    why = f" ({verdict.reason})" if verdict.found and verdict.reason else ""
    case = f"{verdict.case.device} · {verdict.case.label}"
    return plain(f"{verdict.word.upper()}  {case}: {verdict.quantity} {found}{why}, budget {verdict.budget}")


def self_test_lines(found: SelfTest) -> list[str]:
    """Both rates, as they came, and the spread of the equal pairs."""
    lines = [f"Self-test  {found.case.device} · {found.case.label}", f"  equal arms:  {_rates(found.equal)}"]
    if found.slowed:
        lines.append(f"  head {change(found.injected)}:  {_rates(found.slowed)}")
    else:
        lines.append(
            "  no slowed head: only an agent can be slowed, and this is a native tool, or nothing was finished"
        )
    reasons = (each.reason for each in (*found.equal, *found.slowed) if each.word in ("not measured", "not comparable"))
    lines += [f"  Why: {reason}." for reason in dict.fromkeys(reasons)]
    lines.append(
        f"  {fmt.counted(found.false_alarms, 'false alarm')} in {len(found.equal)}; "
        f"{found.found} of {len(found.slowed)} slow-downs found."
    )
    return [plain(line) for line in lines]


def _rates(trials: Sequence[Trial]) -> str:
    if not trials:
        return "none"
    counts: dict[str, int] = {}
    for trial in trials:
        counts[trial.word] = counts.get(trial.word, 0) + 1
    typical = sorted(trial.seconds for trial in trials)[len(trials) // 2]
    blocks = sorted(len(trial.log_ratios) for trial in trials)[len(trials) // 2]
    words = ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))
    return f"{words} of {len(trials)}; typically {blocks} blocks in {typical:.0f} s"


def trial_line(what: str, trial: Trial) -> str:
    """One finished trial."""
    seen = "" if trial.change is None else f" {change(trial.change)}"
    why = f": {trial.reason}" if trial.word in ("not measured", "not comparable") else ""
    return plain(f"  {what}: {trial.word}{seen}, {len(trial.log_ratios)} blocks in {trial.seconds:.0f} s{why}")


def markdown(verdicts: Sequence[Verdict], budgets: Sequence[BudgetVerdict] = ()) -> str:
    """For a pull request or a job's summary."""
    lines: list[str] = []
    if verdicts:
        lines += [
            "| verdict | case | change | interval | blocks | smallest that could be seen |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(verdict) for verdict in verdicts]
        lines += ["", *(f"- {_cell(_said(verdict))}" for verdict in verdicts)]
    if budgets:
        lines += ["", "| verdict | case | quantity | found | budget |", "|---|---|---|---|---|"]
        lines += [_budget_row(budget) for budget in budgets]
    return "\n".join(lines).strip() + "\n"


def _budget_row(budget: BudgetVerdict) -> str:
    case = _cell(f"{budget.case.device} · {budget.case.label}")
    found = _cell(budget.found or budget.reason)
    return f"| **{budget.word}** | {case} | {budget.quantity} | {found} | {budget.budget} |"


def _row(verdict: Verdict) -> str:
    seen = fmt.NONE if verdict.change is None else change(verdict.change)
    known = verdict.low is not None and verdict.high is not None
    bounds = f"{change(verdict.low or 0.0)} to {change(verdict.high or 0.0)}" if known else fmt.NONE
    smallest = fmt.NONE if verdict.smallest is None else change(verdict.smallest)
    case = _cell(f"{verdict.case.device} · {verdict.case.label}")
    return f"| **{verdict.word}** | {case} | {seen} | {bounds} | {len(verdict.log_ratios)} | {smallest} |"


def _said(verdict: Verdict) -> str:
    """The sentence of a case."""
    parts = [f"{verdict.case.model}: {_estimate(verdict)}"]
    if verdict.log_ratios:
        parts += [_effort(verdict), spread_text(verdict.spread)]
    elif verdict.thrown:
        parts.append(_thrown(verdict))
    parts += [f"Why: {verdict.reason}."] if verdict.reason else []
    return " ".join([*parts, verdict.todo]).strip()


def _cell(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
