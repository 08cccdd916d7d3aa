"""The verdict on a comparison of two arms, or on a record against its budget: frozen types, written whole.

A change is a share: head / base - 1, 0.05 is 5 % slower. A log ratio is log(head / base).
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from bench.records.outcomes import Placement
from bench.records.parts import Case, DeviceIdentity, Part
from bench.records.quality import Agreement
from bench.records.types import Artifact, Tool

VERDICT_SCHEMA = 1

Word = Literal["regressed", "within limit", "faster", "inconclusive", "not measured", "not comparable"]
BudgetWord = Literal["within budget", "over budget", "not measured"]
Axis = Literal["none", "artifact", "runtime"]


class Rule(Part, frozen=True, kw_only=True):
    """How it is decided (bench.gate.rule). tolerance, limit: changes; budget_s: at most so long; floor_ms: a change of
    fewer milliseconds is none.
    """

    preset: str
    tolerance: float
    limit: float
    alpha: float
    max_blocks: int
    budget_s: float
    floor_ms: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.tolerance, self.limit, self.alpha, self.budget_s, self.floor_ms))):
            raise ValueError("every number of a rule must be finite")
        if not 0.0 <= self.tolerance < self.limit:
            raise ValueError(f"tolerance {self.tolerance:g} must be below limit {self.limit:g}, and not below 0")
        if not 0.0 < self.alpha <= 0.5:
            raise ValueError(f"alpha must lie above 0 and not above 0.5: {self.alpha:g}")
        if self.max_blocks < 1 or not self.budget_s > 0 or not self.floor_ms >= 0:
            raise ValueError("max_blocks and the time must be above 0, floor_ms not below it")


class ArmFacts(Part, frozen=True, kw_only=True):
    """One arm, and what a short look at it gave before the comparison; None: the look failed.

    label: as the user named it; environment: the interpreter or tool, empty for the device's own; revision: the commit
    that it was built from; state: clock settings of the device at the look.
    """

    label: str
    artifact: Artifact
    environment: str = ""
    revision: str = ""
    tool: Tool | None = None
    placement: Placement | None = None
    agreement: Agreement | None = None
    state: dict[str, str] = msgspec.field(default_factory=dict)
    typical_ns: float | None = None


class Block(Part, frozen=True, kw_only=True):
    """One block: two fresh processes taking turns. base_ns, head_ns: s of each turn, in the order of the pairs.

    s: the lower quartile of a turn's samples, its median below four, a tool's median, else average.
    first: the arm that began; count: inferences per turn, 0 where the tool decides; seconds: with starts and warm-up.
    """

    at: str
    first: Literal["base", "head"]
    count: int
    base_ns: tuple[float, ...]
    head_ns: tuple[float, ...]
    seconds: float


class Thrown(Part, frozen=True, kw_only=True):
    """A block that does not count, and why: a state of the device, or an arm that ended; never its result."""

    after_blocks: int
    reason: str


class Spread(Part, frozen=True, kw_only=True):
    """How far blocks of two equal arms lie apart: the standard deviation of their log ratios.

    of: `self-test`: two arms that are the same; `halves`: one arm's even against its odd turns, which lacks what
    differs between processes, so it is too small rather than too large.
    """

    share: float
    of: Literal["self-test", "halves"]
    blocks: int


class Earlier(Part, frozen=True, kw_only=True):
    """The blocks (log ratios) of an earlier run of the same comparison: its e-values multiply ours."""

    run: str
    log_ratios: tuple[float, ...]


class Verdict(Part, frozen=True, kw_only=True, tag="verdict", tag_field="kind"):
    """What came out of one comparison.

    case: the head's; comparison: the hash of all that a rerun must share; cases: compared together with it (e-BH).
    change with its interval low..high: None with reasons; smallest: the smallest slow-down that could have been seen.
    e_regressed, e_within, e_faster: the evidence for each word. interrupted: before it was decided.
    """

    schema: int
    run: str
    at: str
    command: tuple[str, ...]
    bench_version: str
    case: Case
    comparison: str
    device: DeviceIdentity
    axis: Axis
    base: ArmFacts
    head: ArmFacts
    rule: Rule
    word: Word
    reason: str = ""
    todo: str = ""
    change: float | None = None
    low: float | None = None
    high: float | None = None
    interval_reason: str = ""
    smallest: float | None = None
    spread: Spread | None = None
    e_regressed: float = 1.0
    e_within: float = 1.0
    e_faster: float = 1.0
    cases: int = 1
    log_ratios: tuple[float, ...] = ()
    blocks: tuple[Block, ...] = ()
    thrown: tuple[Thrown, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    interrupted: bool = False


class Trial(Part, frozen=True, kw_only=True):
    """One comparison of a self-test."""

    word: Word
    change: float | None
    seconds: float
    log_ratios: tuple[float, ...]
    reason: str = ""


class SelfTest(Part, frozen=True, kw_only=True, tag="self-test", tag_field="kind"):
    """The gate tried on a device: `equal` with two arms that are the same, `slowed` with a head that is made slower.

    injected: by this share of each inference.
    """

    schema: int
    run: str
    at: str
    case: Case
    device: DeviceIdentity
    artifact: Artifact
    rule: Rule
    injected: float
    equal: tuple[Trial, ...]
    slowed: tuple[Trial, ...]
    interrupted: bool = False

    @property
    def false_alarms(self) -> int:
        """How many equal pairs were called regressed."""
        return sum(trial.word == "regressed" for trial in self.equal)

    @property
    def found(self) -> int:
        """How many slowed heads were called regressed."""
        return sum(trial.word == "regressed" for trial in self.slowed)


class BudgetVerdict(Part, frozen=True, kw_only=True):
    """One quantity of a record against its budget, both as a person reads them. A quantity that is not told is `not
    measured` with the reason, never passed.
    """

    case: Case
    quantity: str
    budget: str
    found: str
    word: BudgetWord
    reason: str = ""


Kept = Verdict | SelfTest


def encode(kept: Kept) -> bytes:
    """One line of JSON, keys in the order of the types."""
    return msgspec.json.encode(kept) + b"\n"
