"""Exports: what each format says of good, failed and hostile records, of verdicts and budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.base.errors import NotMeasuredError
from bench.records.types import Record
from bench.records.verdicts import VERDICT_SCHEMA, ArmFacts, BudgetVerdict, Rule, Verdict, Word
from bench.reports import view
from bench.reports.export_given import Given, name
from bench.reports.export_junit import _OUTCOMES
from bench.reports.export_markdown import LONGEST
from bench.reports.exports import FORMATS, render

RULE = Rule(preset="default", tolerance=0.01, limit=0.05, alpha=0.05, max_blocks=24, budget_s=120)


def verdict(record: Record, word: Word, change: float | None = 0.06) -> Verdict:
    assert record.artifact is not None
    arm = ArmFacts(label="old", artifact=record.artifact)
    ratios = () if change is None else (change,) * 5
    return Verdict(
        schema=VERDICT_SCHEMA, run="r", at="2026-03-01T09:30:00.000Z", command=("bench", "gate"), bench_version="0.1.0",
        case=record.case, comparison="c", device=record.device, axis="artifact", base=arm, head=arm, rule=RULE,
        word=word, change=change, low=change and change - 0.01, high=change and change + 0.01, log_ratios=ratios,
        seconds=12.0, reason="a | pipe" if change is None else "",
    )  # fmt: skip


def budget(record: Record, word: Any) -> BudgetVerdict:
    return BudgetVerdict(case=record.case, quantity="median", budget="at most 1 ms", found="2 ms", word=word)


@pytest.fixture
def given(kinds: dict[str, Record]) -> Given:
    """All kinds of records, one verdict of each word, a budget of each word on the good record."""
    good = kinds["good"]
    words = ("regressed", "within limit", "faster", "inconclusive", "not measured", "not comparable")
    verdicts = tuple(verdict(good, word, None if word.startswith("not") else 0.06) for word in words)
    budgets = tuple(budget(good, word) for word in ("within budget", "over budget", "not measured"))
    return Given("r", tuple(kinds.values()), verdicts, budgets)


def test_every_format_is_written_and_is_plain_text(given: Given) -> None:
    for format in FORMATS:
        only = Given("r", given.records[:1], given.verdicts, given.budgets) if format == "model-explorer" else given
        text = render(format, only)
        assert "\x1b" not in text
        assert text.endswith("\n")


def test_a_run_with_nothing_in_it_is_refused(kinds: dict[str, Record]) -> None:
    for format in FORMATS:
        if format != "github":
            with pytest.raises(NotMeasuredError):
                render(format, Given("r"))
    for format in ("bencher", "github-action-benchmark", "pytest-benchmark", "pyperf"):
        with pytest.raises(NotMeasuredError, match="no times") as raised:
            render(format, Given("r", (kinds["failed"],)))
        assert "SIGSEGV" in raised.value.found


# JUnit


def suite(given: Given) -> ElementTree.Element:
    root = ElementTree.fromstring(render("junit", given))
    (found,) = root
    return found


def test_junit_outcomes_follow_the_exit_codes(given: Given) -> None:
    found = {case.get("name"): _outcome(case) for case in suite(Given("r", given.records)) if case.tag == "testcase"}
    good, failed = given.records[0], next(one for one in given.records if not one.measured)
    assert found[name(good)] == ""
    assert found[name(failed)] == "error"
    for one in given.verdicts:
        (case,) = suite(Given("r", verdicts=(one,))).iter("testcase")
        assert _outcome(case) == _OUTCOMES[one.word]
    assert [_OUTCOMES[word] for word in ("regressed", "over budget", "inconclusive", "not measured")] == [
        "failure", "failure", "skipped", "error",
    ]  # fmt: skip


def test_junit_a_budget_makes_its_case_fail_and_names_it(given: Given) -> None:
    (case,) = suite(Given("r", given.records[:1], (), given.budgets)).iter("testcase")
    (failure,) = case.iter("failure")
    assert "median 2 ms, budget at most 1 ms" in failure.get("message", "")
    (case,) = suite(Given("r", given.records[:1], (), given.budgets[2:])).iter("testcase")
    assert _outcome(case) == "error", "a budget that was not measured is not passed"
    (case,) = suite(Given("r", given.records[:1], (), given.budgets[:1])).iter("testcase")
    assert _outcome(case) == ""


def test_junit_structure(given: Given) -> None:
    """Element by element, as the schema that Jenkins publishes has it; counts are those of the children."""
    root = ElementTree.fromstring(render("junit", given))
    assert root.tag == "testsuites"
    found = suite(given)
    assert [child.tag for child in found] == ["properties", *["testcase"] * (len(given.records) + len(given.verdicts))]
    assert {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"} <= set(found.keys())
    assert found.find("properties/property[@name='command']").get("value") == "bench gate"  # type: ignore[union-attr]
    outcomes = [_outcome(case) for case in found.iter("testcase")]
    for attribute, what in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(found.attrib[attribute]) == int(root.attrib[attribute]) == outcomes.count(what) > 0
    order = ("properties", "failure", "error", "skipped", "system-out")
    for case in found.iter("testcase"):
        assert {"name", "classname", "time"} == set(case.keys())
        assert float(case.attrib["time"]) >= 0
        tags = [child.tag for child in case]
        assert tags == sorted(set(tags), key=order.index)


def test_junit_is_read_by_a_reader_of_junit(given: Given, tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser", reason="junitparser is not installed")
    (tmp_path / "junit.xml").write_text(render("junit", given), encoding="utf-8")
    read = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    before = read.tests, read.failures, read.errors, read.skipped
    read.update_statistics()
    assert (read.tests, read.failures, read.errors, read.skipped) == before


def _outcome(case: ElementTree.Element) -> str:
    (found,) = [child.tag for child in case if child.tag in ("failure", "error", "skipped")] or [""]
    return found


# Markdown and annotations


def test_markdown_says_the_gravest_first(given: Given) -> None:
    text = render("markdown", given)
    assert text.startswith("## bench: 1 regressed, 1 over budget, 3 not measured, 1 not comparable, 1 inconclusive, ")
    at = [text.index(f"| **{word}** |") for word in ("regressed", "not measured", "inconclusive", "faster")]
    assert at == sorted(at)
    assert f"base: old ({'ab' * 6}); head: old" in text
    assert "<script" not in text.replace("\\<", "")
    assert text.index("not measured |") < text.index(view.median_text(view.numbers(given.records[0])))  # type: ignore[arg-type]


def test_markdown_fits_a_comment(kinds: dict[str, Record]) -> None:
    many = Given("r", tuple(kinds.values()) * 300, (verdict(kinds["good"], "regressed"),) * 300)
    text = render("markdown", many)
    assert len(text) <= LONGEST
    assert "And " in text
    assert "300 regressed" in text


def test_annotations_are_one_line_each_and_escaped(given: Given, kinds: dict[str, Record]) -> None:
    text = render("github", Given("r", (kinds["hostile"], *given.records), given.verdicts, given.budgets))
    lines = text.splitlines()
    assert all(line.startswith(("::error title=", "::warning title=", "::notice title=")) for line in lines)
    for line in lines:
        title, _, message = line.removeprefix("::").partition("::")
        assert ":" not in title
        assert "," not in title
        assert message
    assert "4.1 %25 of the processor" in text, "a bare percent sign would begin an escape"
    regressed = next(line for line in lines if "title=regressed" in line)
    assert regressed.startswith("::error")
    assert "%0A" in regressed


def test_annotations_past_ten_are_counted(kinds: dict[str, Record]) -> None:
    lines = render("github", Given("r", verdicts=(verdict(kinds["good"], "regressed"),) * 14)).splitlines()
    assert len(lines) == 10
    assert "5 more" in lines[-1]
