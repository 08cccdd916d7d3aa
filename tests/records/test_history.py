"""Series that are never mixed, steps, anchors and the answer of a check."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import StorageError, UsageError
from bench.records import history, pins
from bench.records.index import Row
from bench.records.stats.changepoint import FEWEST

GOOD = Row(
    path="", root="/r", size=1, mtime_ns=1, run_id="", started="", case_key="k" * 64, device="local", backend="litert",
    accelerator="cpu", model="prisma_256", variant="fp32", threads=1, placement="full (XNNPACK)", median_ns=100.0,
    low_ns=99.0, high_ns=101.0, n=100, error="", damaged="", label="prisma_256 fp32", kind="local",
    fingerprint="f" * 16, runtime="litert 2.3.0", placement_kind="full", clocks="pin unpinned", artifact="ab" * 32,
    bench_version="0.1.0", schema=1,
)  # fmt: skip


def run(number: int) -> str:
    return f"20260301T{number:06d}.000Z-0000"


def rows(medians: Sequence[float | None], begin: int = 0, **changes: Any) -> list[Row]:
    return [
        dataclasses.replace(
            GOOD,
            run_id=run(begin + number),
            started=f"2026-03-01T{number}",
            median_ns=median,
            path=run(number),
            **changes,
        )
        for number, median in enumerate(medians)
    ]


def level(value: float, count: int) -> list[float]:
    return [value * (1 + 0.002 * (number * 7 % 5)) for number in range(count)]


def one(found: list[history.History]) -> history.History:
    (each,) = found
    return each


STEP = [*level(100, 15), *level(106, 10)]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("fingerprint", "e" * 16, "device"),
        ("runtime", "litert 2.4.0", "runtime: litert 2.4.0, before litert 2.3.0"),
        ("placement", "partial 3/4 (XNNPACK)", "placement"),
        ("clocks", "", "clocks: not known, before pin unpinned"),
    ],
)
def test_what_is_unlike_is_another_series_with_the_reason(field: str, value: str, said: str) -> None:
    changes: dict[str, Any] = {field: value}
    before, after = rows(level(100, 15)), rows(level(150, 15), begin=15, **changes)
    found = one(history.histories([*before, *after]))
    assert [series.rows for series in found.series] == [tuple(before), tuple(after)]
    assert [series.steps for series in found.series] == [(), ()]
    assert found.series[0].breaks == ()
    (reason,) = found.series[1].breaks
    assert said in reason


def test_a_commit_of_the_model_is_the_same_series_and_named_at_its_step() -> None:
    found = one(history.histories([*rows(STEP[:15]), *rows(STEP[15:], begin=15, artifact="cd" * 32)]))
    (series,) = found.series
    (step,) = series.steps
    assert (step.index, step.run_id, step.artifact) == (15, run(15), True)
    assert step.change == pytest.approx(0.06, abs=0.005)
    assert series.level_ns == pytest.approx(106.4, abs=0.5)
    assert not one(history.histories(rows(STEP))).series[0].steps[0].artifact


def test_failed_replayed_and_damaged_records_are_never_used() -> None:
    extra = [
        *rows([None], begin=90, error="crash"),
        *rows([1.0], begin=91, kind="replay"),
        *rows([5.0], begin=92, error="timeout"),
        *rows([None], begin=93, damaged="half a file"),
        *rows([0.0], begin=94),
    ]
    found = one(history.histories([*rows(level(100, 15)), *extra]))
    (series,) = found.series
    assert len(series.rows) == 15
    assert [row.run_id for row in found.failed] == [run(90), run(92), run(94)]
    assert [row.run_id for row in found.replayed] == [run(91)]


def word(found: Sequence[Row], anchors: Sequence[pins.Anchor] = (), **options: Any) -> list[str]:
    return [one.word for each in history.histories(found, anchors) for one in history.judge(each, **options)]


def anchor(number: int, median_ns: float = 100.0) -> pins.Anchor:
    return pins.Anchor(case_key=GOOD.case_key, identity=history.identity(GOOD), run_id=run(number), median_ns=median_ns)


def test_a_new_step_up_is_a_finding_and_an_old_one_is_none() -> None:
    assert word(rows(STEP)) == ["new step"]
    assert word(rows(STEP), last=5) == ["no new step"]
    assert word(rows([*STEP, *level(106, 5)]), last=10) == ["no new step"]


def test_with_an_anchor_a_step_is_new_when_it_comes_after() -> None:
    assert word(rows(STEP), [anchor(3)], last=1) == ["new step"]
    assert word(rows(STEP), [anchor(20)], last=25) == ["no new step"]


def test_a_step_down_or_one_that_was_taken_back_or_a_small_one_is_no_finding() -> None:
    assert word(rows([*level(106, 15), *level(100, 10)])) == ["no new step"]
    bump = rows([*level(100, 15), *level(110, 12), *level(100, 8)])
    assert [step.index for step in one(history.histories(bump)).series[0].steps] == [15, 27]
    assert word(bump, last=30) == ["no new step"]
    small = rows([*level(100, 15), *level(102, 10)])
    assert word(small, tolerance=0.05) == ["no new step"]
    assert word(small) == ["new step"]


def test_too_few_runs_are_not_green() -> None:
    assert word(rows(level(100, FEWEST - 1))) == ["too few runs"]
    assert word(rows(level(100, FEWEST))) == ["no new step"]
    fresh = [*rows(level(100, 20)), *rows(level(100, 2), begin=20, runtime="litert 2.4.0")]
    assert word(fresh) == ["too few runs"]


def test_each_device_is_judged_by_its_latest_series() -> None:
    mine, yours = rows(level(100, 20)), rows(STEP, fingerprint="e" * 16)
    assert sorted(word([*mine, *yours])) == ["new step", "no new step"]


def test_nothing_measured_is_not_green() -> None:
    assert word(rows([None] * 3, error="crash")) == ["not measured"]
    assert word(rows([1.0] * 30, kind="replay")) == ["not measured"]
    assert word([*rows(level(100, 20)), *rows([None], begin=20, error="crash")]) == ["not measured"]
    assert word([*rows([None], error="crash"), *rows(level(100, 20), begin=1)]) == ["no new step"]
    assert word([]) == []


def test_the_level_is_told_against_the_anchor() -> None:
    (series,) = one(history.histories(rows(STEP), [anchor(3)])).series
    since = series.since_anchor
    assert since is not None
    assert since.low is not None
    assert since.high is not None
    assert since.value == pytest.approx(1.064, abs=0.005)
    assert 1.05 < since.low < since.value < since.high < 1.08
    other = dataclasses.replace(GOOD, runtime="litert 1.0.0")
    elsewhere = pins.Anchor(case_key=GOOD.case_key, identity=history.identity(other), run_id=run(0), median_ns=1.0)
    assert one(history.histories(rows(STEP), [elsewhere])).series[0].since_anchor is None


def test_anchors_are_kept_one_for_each_series(tmp_path: Path) -> None:
    assert pins.read(tmp_path / "nowhere") == ()
    pins.pin(tmp_path, [anchor(1)])
    other = pins.Anchor(case_key="other", identity=anchor(1).identity, run_id=run(1), median_ns=5.0)
    pins.pin(tmp_path, [other, anchor(2)])
    assert set(pins.read(tmp_path)) == {other, anchor(2)}
    assert pins.unpin(tmp_path, lambda each: each.case_key == "other") == [other]
    assert pins.read(tmp_path) == (anchor(2),)
    with pytest.raises(StorageError):
        pins.pin(tmp_path / "nowhere", [anchor(1)])


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": 1}', b'{"schema": 9, "anchors": []}', b"\xff"])
def test_a_damaged_file_of_anchors_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / pins.FILE_NAME
    path.write_bytes(content)
    for call in (lambda: pins.read(tmp_path), lambda: pins.pin(tmp_path, [anchor(1)])):
        with pytest.raises(UsageError, match=r"anchors\.json"):
            call()
    assert path.read_bytes() == content
