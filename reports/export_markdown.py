"""Markdown for a pull request's comment or a job's summary: the answer first, then how it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.base.errors import NotMeasuredError
from bench.records.types import Record
from bench.records.verdicts import ArmFacts, Verdict
from bench.reports import blocks, energy_text, gate_text, throughput_text, view
from bench.reports import format as fmt
from bench.reports.blocks import Note, Table
from bench.reports.export_given import Given, name
from bench.reports.words import plain

LONGEST = 60_000  # signs: a comment holds 65,536
_ROWS = (1000, 200, 50, 10)
_WORDS = (
    "regressed", "over budget", "not measured", "not comparable", "inconclusive", "faster", "within limit",
    "within budget", "measured",
)  # fmt: skip


def render(given: Given) -> str:
    """The whole text, with as many rows as a comment holds. Raises NotMeasuredError for an empty run."""
    if not given.records and not given.verdicts:
        raise NotMeasuredError(f"run {given.run} has nothing to export", "It holds no record and no verdict.", "")
    for rows in _ROWS:
        text = _text(given, rows)
        if len(text) <= LONGEST:
            break
    return text


def headline(given: Given) -> str:
    """`1 regressed, 2 within limit`: the gravest first."""
    found = Counter[str]([*(each.word for each in given.verdicts), *(each.word for each in given.budgets)])
    for record in given.records:
        found["measured" if view.numbers(record) is not None else "not measured"] += 1
    return ", ".join(f"{found[word]} {word}" for word in _WORDS if found[word])


def _text(given: Given, rows: int) -> str:
    parts = [f"## bench: {headline(given)}\n"]
    if given.verdicts:
        verdicts = sorted(given.verdicts, key=lambda each: _WORDS.index(each.word))
        parts += ["### Base against head\n", gate_text.markdown(verdicts[:rows]), _more(len(verdicts) - rows)]
        parts.append(_arms(verdicts))
    if given.budgets:
        budgets = sorted(given.budgets, key=lambda each: _WORDS.index(each.word))
        parts += ["### Budgets\n", gate_text.markdown((), budgets[:rows]), _more(len(budgets) - rows)]
    if given.records:
        records = sorted(given.records, key=lambda each: each.measured)
        parts += ["### Measured\n", blocks.markdown([_table(records[:rows])]), _more(len(records) - rows)]
        parts.append(_remarks(given.records))
    return "\n".join(part for part in (*parts, _origin(given)) if part)


def _more(count: int) -> str:
    return f"And {count} more.\n" if count > 0 else ""


def _arms(verdicts: Sequence[Verdict]) -> str:
    """What was compared, once for all cases that share it."""
    pairs = dict.fromkeys((_arm(each.base), _arm(each.head)) for each in verdicts)
    shown = [Note(f"base: {base}; head: {head}") for base, head in list(pairs)[:10]]
    return blocks.markdown(shown)


def _arm(arm: ArmFacts) -> str:
    revision = arm.revision[:12] if arm.revision else ""
    known = ", ".join(part for part in (revision, arm.artifact.sha256[:12]) if part)
    return f"{arm.label} ({known})"


def _table(records: Sequence[Record]) -> Table:
    heads = ("case", "placement", ">median", ">95 %", ">p90", "samples", "output")
    return Table("Measured", heads, tuple(_row(record) for record in records))


def _row(record: Record) -> tuple[str, ...]:
    summary = view.numbers(record)
    placement = view.placement_text(record.placement)
    if summary is None:
        return name(record), placement, "not measured", fmt.NONE, fmt.NONE, view.error_text(record), fmt.NONE
    more = (throughput_text.one_line(record), energy_text.one_line(record))
    median = "\n".join(part for part in (view.median_text(summary), view.unsteady_text(record), *more) if part)
    p90 = view.percentile_text(summary, summary.p90)
    samples, output = view.samples_text(summary), view.agreement_text(record)
    return name(record), placement, median, view.interval_text(summary), p90, samples, output


def _remarks(records: Sequence[Record]) -> str:
    """What disturbed the run, folded away."""
    told = [each for each in view.told(records) if each.finding.severity != "info"]
    if not told:
        return ""
    lines = [
        " ".join(filter(None, [f"{what.rstrip('.')}." for what, _ in each.found] + [each.finding.remedy]))
        for each in told
    ]
    noted = blocks.markdown([Note(line) for line in lines])
    return f"<details><summary>{fmt.counted(len(lines), 'remark')} on the conditions</summary>\n\n{noted}\n</details>\n"


def _origin(given: Given) -> str:
    first = (given.verdicts or given.records)[0]
    version = given.verdicts[0].bench_version if given.verdicts else given.records[0].run.bench_version
    parts = f"{first.device.name}: {first.device.title}; run {given.run}; bench {version}"
    return blocks.markdown([Note(plain(parts))])
