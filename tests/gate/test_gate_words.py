"""What people read of verdicts, many cases together, what earlier verdicts tell, and the injected slow-down itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.backends.agent import measure
from bench.gate import history
from bench.gate.rule import look
from bench.gate.selftest import exit_code as self_test_code
from bench.gate.selftest import too_many
from bench.gate.words import exit_code, settle, why_open
from bench.records import verdict_files
from bench.records.types import Artifact, Case, DeviceIdentity, GraphFacts
from bench.records.verdicts import (
    VERDICT_SCHEMA,
    ArmFacts,
    BudgetVerdict,
    Rule,
    SelfTest,
    Spread,
    Thrown,
    Trial,
    Verdict,
    Word,
)
from bench.reports import gate_text

CASE = Case(
    device="local", backend="litert", accelerator="cpu", model="a|b<c>.tflite", variant="as-is", era="",
    format="tflite", threads=1,
)  # fmt: skip
RULE = Rule(preset="default", tolerance=0.01, limit=0.05, alpha=0.05, max_blocks=24, budget_s=60.0)
DEVICE = DeviceIdentity(name="local", kind="local", fingerprint="f1", facts={})
GRAPH = GraphFacts(format="tflite", inputs=(), outputs=(), op_count=1, histogram={}, constant_elements=0, size_bytes=1)
ARTIFACT = Artifact(name="m", sha256="0", source="file", graph=GRAPH)


def verdict(word: Word = "inconclusive", e: float = 1.0, **changes: Any) -> Verdict:
    whole = Verdict(
        schema=VERDICT_SCHEMA, run="20261123T101530.250Z-3fa9", at="", command=(), bench_version="", case=CASE,
        comparison="c" * 64, device=DEVICE, axis="artifact", base=ArmFacts(label="old", artifact=ARTIFACT),
        head=ArmFacts(label="new\x1b[2J", artifact=ARTIFACT), rule=RULE, word=word, e_regressed=e,
        log_ratios=(0.05, 0.052, 0.048, 0.051, 0.049), change=0.0513, low=0.03, high=0.07, smallest=0.02,
        spread=Spread(share=0.006, of="self-test", blocks=40), seconds=15.2,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def test_the_sentence_has_all_that_must_be_told() -> None:
    text = "\n".join(gate_text.verdict_lines(verdict("regressed", 1e4)))
    for part in (
        "REGRESSED",
        "+5.1 %",
        "+3.0 % to +7.0 %",
        "5 blocks",
        "15 s",
        "0.60 %",
        "self-tests",
        "+2.0 %",
        "old",
    ):
        assert part in text
    assert "\x1b" not in text


def test_what_is_not_known_is_said() -> None:
    bare = verdict(low=None, high=None, interval_reason="five blocks are needed", smallest=None, spread=None)
    text = "\n".join(gate_text.verdict_lines(bare))
    assert "no interval: five blocks are needed" in text
    assert "no slow-down could have been seen" in text
    assert "is not known" in text
    thrown = verdict(thrown=(Thrown(after_blocks=2, reason="hot"),))
    assert "A block after the 2. was thrown away: hot." in "\n".join(gate_text.verdict_lines(thrown))
    cold = tuple(Thrown(after_blocks=0, reason="hot") for _ in range(3))
    nothing = verdict(word="not measured", log_ratios=(), blocks=(), change=None, thrown=cold)
    assert "  3 blocks before the first were thrown away: hot." in gate_text.verdict_lines(nothing)


def test_markdown_is_a_table_whatever_the_names_are() -> None:
    budget = BudgetVerdict(
        case=CASE, quantity="p95", budget="at most 1 ms", found="", word="not measured", reason="n|a"
    )
    text = gate_text.markdown([verdict("regressed"), verdict(low=None)], [budget])
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [7, 7, 6]
    assert "<c>" not in text
    assert gate_text.budget_line(budget).startswith("NOT MEASURED")


def test_e_bh_lets_weaker_evidence_stand_beside_strong_one() -> None:
    """Three cases: alone each needs 60; the third largest of three needs 20."""
    three = settle([verdict("regressed", 100.0), verdict(e=31.0), verdict(e=21.0)])
    assert [each.word for each in three] == ["regressed"] * 3
    assert "e-BH" in three[1].reason
    mixed = settle([verdict(e=21.0), verdict(e=1.0), verdict("within limit", 25.0)])
    assert [each.word for each in mixed] == ["inconclusive", "inconclusive", "within limit"]
    few = settle([verdict("regressed", 100.0), verdict(e=90.0, log_ratios=(0.1, 0.1, 0.1))])
    assert few[1].word == "inconclusive"
    assert settle([]) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["within limit", "faster"], 0),
        (["within limit", "regressed", "not measured", "inconclusive"], 1),
        (["within limit", "inconclusive"], 3),
        (["inconclusive", "not comparable"], 4),
        (["within limit", "not measured"], 4),
        ([], 4),
    ],
)
def test_exit_codes(words: list[Word], code: int) -> None:
    assert exit_code([verdict(word) for word in words]) == code


def test_interrupted_and_lost() -> None:
    assert exit_code([verdict("regressed"), verdict(interrupted=True)]) == 130
    assert exit_code([verdict("within limit")], lost=True) == 4


@pytest.mark.parametrize(("stopped", "said"), [("time", "60 s"), ("blocks", "24 blocks"), ("state", "state")])
def test_why_it_stayed_open(stopped: str, said: str) -> None:
    reason, todo = why_open(look([0.0, 0.1, -0.1, 0.05, 0.0], RULE), RULE, 5, stopped)
    assert said in reason
    assert todo


def test_history(tmp_path: Path) -> None:
    trial = Trial(word="within limit", change=0.0, seconds=1.0, log_ratios=(0.03, -0.03, 0.03, -0.03))
    slowed = msgspec.structs.replace(trial, log_ratios=(0.5,))
    tested = SelfTest(
        schema=VERDICT_SCHEMA, run="20261123T101530.250Z-0000", at="", case=CASE, device=DEVICE, artifact=ARTIFACT,
        rule=RULE, injected=0.05, equal=(trial,), slowed=(slowed, trial),
    )  # fmt: skip
    for kept in (tested, verdict(), verdict(run="20261124T101530.250Z-3fa9", comparison="d" * 64)):
        verdict_files.save(kept, tmp_path)
    known, unreadable = history.gather(tmp_path)
    assert len(known) == 3
    assert unreadable == []
    assert [each.run for each in history.earlier(known, "c" * 64)] == ["20261123T101530.250Z-3fa9"]
    spread = history.spread(known, "f1", CASE)
    assert spread is not None
    assert (spread.share, spread.of, spread.blocks) == (pytest.approx(0.03), "self-test", 4)
    assert history.spread(known, "f2", CASE) is None
    assert history.spread(known, "f1", msgspec.structs.replace(CASE, accelerator="gpu")) is None
    text = "\n".join(gate_text.self_test_lines(tested))
    assert "0 false alarms in 1; 0 of 2 slow-downs found." in text
    assert self_test_code([tested], lost=False) == 0
    assert self_test_code([tested], lost=True) == self_test_code([], lost=False) == 4
    alarms = (msgspec.structs.replace(trial, word="regressed"),) * 4
    assert self_test_code([msgspec.structs.replace(tested, equal=alarms)], lost=False) == 1
    assert self_test_code([msgspec.structs.replace(tested, interrupted=True)], lost=True) == 130


def test_too_many_false_alarms() -> None:
    assert not too_many(0, 10, 0.05)
    assert not too_many(2, 10, 0.05)
    assert too_many(4, 10, 0.05)
    assert not too_many(0, 0, 0.05)


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_the_injected_slow_down_is_a_share_of_the_call(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that moves by 10 at each reading, and by 100,000 in the call."""
    now = [0]

    def clock() -> int:
        now[0] += 10
        return now[0]

    def call() -> None:
        now[0] += 100_000

    monkeypatch.setattr(measure.time, "perf_counter_ns", clock)
    plain, longer = measure.turn(call, 3), measure.turn(measure.slowed(call, share), 3)
    assert [longer_ns / plain_ns for longer_ns, plain_ns in zip(longer, plain, strict=True)] == pytest.approx(
        [1 + share] * 3, rel=1e-3
    )
    assert math.isclose(plain[0], 100_010)
