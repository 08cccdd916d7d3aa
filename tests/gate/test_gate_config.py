"""`[gate]` of bench.toml: what wins over what, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bench.base.errors import UsageError
from bench.gate.config import CaseRule, parse, rule_for
from bench.records.types import Case

CASE = Case(
    device="oneplus3", backend="benchmark_model", accelerator="gpu", model="prisma", variant="fp32", era="2019",
    format="tflite", threads=1,
)  # fmt: skip


def rule(table: dict[str, Any], native: bool = False, **asked: Any) -> tuple[str, float, float]:
    found = rule_for(parse(table), CASE, CaseRule(**asked), native)
    return found.preset, found.tolerance, found.limit


def test_defaults() -> None:
    found = rule_for(parse({}), CASE, CaseRule(), native=False)
    assert (found.preset, found.tolerance, found.limit, found.alpha, found.max_blocks) == (
        "default",
        0.01,
        0.05,
        0.05,
        24,
    )
    assert rule_for(parse({}), CASE, CaseRule(), native=True).budget_s > found.budget_s


def test_command_line_before_case_before_table_before_preset() -> None:
    assert rule({"preset": "strict"}) == ("strict", 0.0, 0.03)
    assert rule({"tolerance": 0.02}) == ("own", 0.02, 0.05)
    row = {"model": "prisma", "limit": 0.1}
    assert rule({"tolerance": 0.02, "case": [row]}) == ("own", 0.02, 0.1)
    assert rule({"tolerance": 0.02, "case": [row]}, limit=0.2) == ("own", 0.02, 0.2)
    assert rule({"tolerance": 0.02, "case": [row]}, preset="strict") == ("strict", 0.0, 0.03)
    assert rule({"case": [row, {"preset": "strict"}]}) == ("strict", 0.0, 0.03)
    assert rule({"case": [{"preset": "strict"}, row]}) == ("own", 0.0, 0.1)


def test_a_row_means_what_all_of_its_axes_say() -> None:
    other = {"model": "prisma", "device": "pixel", "limit": 0.5}
    assert rule({"case": [other]}) == ("default", 0.01, 0.05)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"tolerence": 0.1}, "tolerance"),
        ({"budget": [{"model": "prisma", "median": 5}]}, "median_ms"),
        ({"case": [{"modell": "prisma"}]}, "model"),
        ({"tolerance": 0.1}, "must be below limit"),
        ({"case": [{"limit": 0.001}]}, "must be below limit"),
        ({"alpha": "much"}, "alpha"),
        ({"budget": [{"model": "prisma"}]}, "without a quantity"),
        ({"budget": [{"median_ms": -1.0}]}, "above 0"),
        ({"budget": [{"placement": "partial"}]}, "partial"),
        ({"budget": {"median_ms": 1.0}}, "array"),
        ({"build": "make"}, "{out}"),
        ({"built": "a/b.tflite"}, "file's name"),
    ],
)
def test_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(table)
    assert said in str(refused.value)
