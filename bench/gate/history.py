"""What earlier verdicts in the results folder say: blocks of the same comparison, and how far equal arms lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.gate.rule import equal_spread
from bench.records.store import RecordError
from bench.records.types import Case
from bench.records.verdict_files import kept
from bench.records.verdicts import Earlier, Kept, SelfTest, Spread, Verdict


def gather(root: Path) -> tuple[list[Kept], list[RecordError]]:
    """All verdicts and self-tests there, oldest first; and an error for each that cannot be read, so is left out."""
    unreadable: list[RecordError] = []
    return list(kept(root, unreadable)), unreadable


def earlier(known: Sequence[Kept], comparison: str) -> list[Earlier]:
    """The runs of that comparison that have blocks, whatever was decided: leaving some out would be choosing."""
    return [
        Earlier(run=each.run, log_ratios=each.log_ratios)
        for each in known
        if isinstance(each, Verdict) and each.comparison == comparison and each.log_ratios
    ]


def spread(known: Sequence[Kept], fingerprint: str, case: Case) -> Spread | None:
    """Of equal arms in the self-tests on that device with that backend and accelerator; None: there was none."""
    found = [
        value
        for each in known
        if isinstance(each, SelfTest)
        and each.device.fingerprint == fingerprint
        and (each.case.backend, each.case.accelerator) == (case.backend, case.accelerator)
        for trial in each.equal
        for value in trial.log_ratios
    ]
    return equal_spread(found)
