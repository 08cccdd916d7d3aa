"""Advice on a graph before it is measured: what will be slow on an accelerator, or will not run there at all.

Each rule is a pure function of what was gathered from the file. Advice, not a verdict: only a measurement tells how
much it costs on a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from bench.base.findings import Finding, Severity
from bench.models.delegates import Target
from bench.models.ops import OpTable, load

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")


class Lattice(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel with zeros in regular rows and columns. size: as stored; taps: rows and columns that are not zero."""

    size: tuple[int, int]
    dilation: tuple[int, int]
    taps: tuple[int, int]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at. lattices: op index -> its kernel, where that has such zeros."""

    table: OpTable
    lattices: dict[int, Lattice]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a rule applies. what: one sentence; estimated_bytes: what the rule's `bytes_are` says.

    severity, remedy: where this place differs from the rule.
    """

    what: str
    op: int | None = None
    tensor: str = ""
    estimated_bytes: int | None = None
    severity: Severity | None = None
    remedy: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """title: the group's heading; source: where the rule comes from; targets: which accelerators it is about."""

    code: str
    severity: Severity
    title: str
    why: str
    remedy: str
    source: str
    targets: tuple[Target, ...]
    check: Callable[[Subject], Iterable[Hit]]
    bytes_are: str = ""


class Advice(Finding, frozen=True, kw_only=True):
    """A finding on a graph. op: index in the op table; tensor: its key. estimated_bytes: in the sense of bytes_are."""

    title: str
    source: str
    targets: tuple[Target, ...]
    op: int | None = None
    op_type: str = ""
    tensor: str = ""
    tensor_name: str = ""
    estimated_bytes: int | None = None
    bytes_are: str = ""


def gather(path: Path) -> Subject:
    """Reads the graph and the kernels of its convolutions. Raises ModelFileError."""
    from bench.models.lint_kernels import lattices

    table = load(path)
    return Subject(table=table, lattices=lattices(path, table))


def rules() -> tuple[Rule, ...]:
    """All rules, in the order in which their advice is given."""
    from bench.models import lint_delegates, lint_rules

    return (*lint_rules.RULES, *lint_delegates.RULES)


def assess(subject: Subject, targets: Sequence[Target] = (), among: Sequence[Rule] | None = None) -> list[Advice]:
    """The advice on a graph, worst first; within a severity by rule, then by op.

    targets: only rules that concern one of these; none: all. among: other rules than `rules()`.
    """
    found = [
        _advice(subject.table, rule, hit)
        for rule in (rules() if among is None else among)
        if not targets or set(targets) & set(rule.targets)
        for hit in rule.check(subject)
    ]
    return sorted(found, key=lambda each: -SEVERITIES.index(each.severity))


def lint(path: Path, targets: Sequence[Target] = ()) -> list[Advice]:
    """gather and assess. Raises ModelFileError."""
    return assess(gather(path), targets)


def reached(advice: Iterable[Advice], threshold: Severity) -> bool:
    """Whether there is advice of this severity or a worse one."""
    return any(SEVERITIES.index(each.severity) >= SEVERITIES.index(threshold) for each in advice)


def _advice(table: OpTable, rule: Rule, hit: Hit) -> Advice:
    tensor = table.tensors.get(hit.tensor)
    return Advice(
        code=rule.code,
        severity=hit.severity or rule.severity,
        what=hit.what,
        why=rule.why,
        remedy=hit.remedy or rule.remedy,
        title=rule.title,
        source=rule.source,
        targets=rule.targets,
        op=hit.op,
        op_type="" if hit.op is None else table.ops[hit.op].type,
        tensor=hit.tensor,
        tensor_name="" if tensor is None else tensor.name,
        estimated_bytes=hit.estimated_bytes,
        bytes_are=rule.bytes_are,
    )
