"""The zoo's table: ours beside the published figures, and what ran."""

from __future__ import annotations

from typing import Any

from bench.records.types import CaseError
from bench.reports.zoo_table import ZooRow, zoo_markdown

PRISMA = ZooRow(
    "prisma_256", "fp32", 923_057, 923_057, 1_097_500_000, 3_738_160, 159, "0.923 M", 3_738_148, 159, "names"
)


def cells(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} ")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_ours_stand_beside_the_published_figures(make: Any) -> None:
    text = zoo_markdown([PRISMA], [make(model="prisma_256", backend="litert")], "# Zoo")
    row = cells(text, "prisma_256")
    assert row[1:9] == [
        "923,057", "923,057", "1097.50", "3,738,160", "159", "0.923 M", "3,738,148 (+0.0%)", "159",
    ]  # fmt: skip
    assert row[10].startswith("ok ")
    assert row[11:] == ["not run", "not run"]


def test_a_gap_has_its_reason_and_a_failure_its_error(make: Any) -> None:
    gap = ZooRow("paradox_1", "dynamic", 10, 10, None, 0, 0, reason="all weights are small")
    error = CaseError(kind="refused", message="LiteRT refuses the model")
    failed = make(model="prisma_256", backend="litert", invocations=(), error=error)
    text = zoo_markdown([gap, PRISMA], [failed], "# Zoo")
    assert "none: all weights are small" in cells(text, "paradox_1")
    assert "LiteRT refuses the model" in cells(text, "prisma_256")[10]


def test_every_row_has_as_many_cells_as_its_head() -> None:
    variant = ZooRow("prisma_256", "int8", 1, 1, 5, 7, 9, why="a | bar")
    for line in zoo_markdown([PRISMA, variant], [], "# Zoo").splitlines():
        if line.startswith("| prisma_256 | int8"):
            assert line.replace("\\|", "").count("|") == 11
        elif line.startswith("| "):
            assert line.count("|") in (14, 11)


def test_a_variant_tells_who_made_it() -> None:
    row = ZooRow("prisma_256", "int8", 1, 1, 5, 7, 9, maker="litert-quantizer 0.11.0")
    text = zoo_markdown([PRISMA, row], [], "# Zoo")
    (line,) = [line for line in text.splitlines() if line.startswith("| prisma_256 | int8")]
    assert line.endswith("| litert-quantizer 0.11.0 |")


def test_a_variant_that_no_model_has_is_told_once() -> None:
    rows = [ZooRow(model, "edgetpu", 1, 1, None, 0, 0, reason="no compiler") for model in ("a", "b")]
    some = [ZooRow("a", "dynamic", 1, 1, None, 0, 0, reason="small"), ZooRow("b", "dynamic", 1, 1, 5, 7, 9)]
    text = zoo_markdown([PRISMA, *rows, *some], [], "# Zoo")
    assert text.count("no compiler") == 1
    assert text.endswith("\n\n- No model as edgetpu: no compiler\n")
    assert "| a | dynamic | none: small |" in text
    assert "## Variants\n\n- No model as edgetpu: no compiler\n" in zoo_markdown([PRISMA, *rows], [], "# Zoo")
