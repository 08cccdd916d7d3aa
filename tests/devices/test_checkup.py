"""The machine check-up: facts of the real machine, of fake trees, and its rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.devices import checkup
from bench.devices.checkup import MachineFacts, assess, gather

GOOD = MachineFacts(
    clock_step_ns=40, clock_read_ns=50.0, spin_ns=200_000_000, gaps=1, longest_gap_ns=1_100_000, lost_ns=1_100_000,
    free_bytes={"results": 2 << 30}, clocksource="tsc", huge_pages="madvise", swap_bytes=0,
)  # fmt: skip


def codes(**changes: object) -> list[str]:
    return [finding.code for finding in assess(msgspec.structs.replace(GOOD, **changes))]


def test_the_real_machine(tmp_path: Path) -> None:
    facts = gather(folders={"cache": tmp_path / "not" / "yet"}, spin_s=0.02)
    assert facts.clock_step_ns > 0
    assert 0 < facts.clock_read_ns < 1e6
    assert facts.spin_ns >= 20_000_000
    assert facts.longest_gap_ns <= facts.lost_ns <= facts.spin_ns
    assert (facts.gaps == 0) == (facts.longest_gap_ns == 0)
    assert facts.free_bytes["cache"] > 0
    for name in ("clocksource", "huge_pages", "swap_bytes"):
        assert (getattr(facts, name) is None) == (name in facts.unavailable)
    assess(facts)


def test_files_of_a_fake_tree(plant: Callable[[dict[str, str]], Path]) -> None:
    root = plant(
        {
            "/sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
            "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
            "/proc/meminfo": "SwapTotal: 4 kB\n",
        }
    )
    facts = gather(root, spin_s=0.0)
    assert (facts.clocksource, facts.huge_pages, facts.swap_bytes) == ("hpet", "always", 4096)
    assert facts.unavailable == {}


def test_nothing_there_is_none_with_a_reason(tmp_path: Path) -> None:
    facts = gather(tmp_path, spin_s=0.0)
    assert (facts.clocksource, facts.huge_pages, facts.swap_bytes) == (None, None, None)
    assert facts.unavailable.keys() == {"clocksource", "huge_pages", "swap_bytes"}


def test_unmarked_huge_pages_are_unknown(plant: Callable[[dict[str, str]], Path]) -> None:
    facts = gather(plant({"/sys/kernel/mm/transparent_hugepage/enabled": "always never"}), spin_s=0.0)
    assert facts.huge_pages is None
    assert "huge_pages" in facts.unavailable


def test_a_good_machine_has_no_findings() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"clock_read_ns": checkup.CLOCK_READ_NS + 1}, "clock-slow"),
        ({"clocksource": "hpet"}, "clock-slow"),
        ({"clock_step_ns": checkup.CLOCK_STEP_NS + 1}, "clock-coarse"),
        ({"longest_gap_ns": checkup.LONG_GAP_NS + 1}, "timer-gaps"),
        ({"lost_ns": 2_000_001}, "timer-gaps"),
        ({"free_bytes": {"results": checkup.FREE_BYTES - 1}}, "disk-low"),
        ({"huge_pages": "always"}, "huge-pages"),
    ],
)
def test_each_rule_fires_alone(changes: dict[str, object], code: str) -> None:
    assert codes(**changes) == [code]
    (finding,) = assess(msgspec.structs.replace(GOOD, **changes))
    assert finding.what
    assert finding.why
    assert finding.remedy


def test_at_the_thresholds_nothing_fires() -> None:
    assert codes(clock_read_ns=float(checkup.CLOCK_READ_NS), clock_step_ns=checkup.CLOCK_STEP_NS) == []
    assert (
        codes(longest_gap_ns=checkup.LONG_GAP_NS, lost_ns=2_000_000, free_bytes={"results": checkup.FREE_BYTES}) == []
    )


def test_the_spin_sees_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that jumps by 5 ms once stands for being taken off the CPU."""
    ticks = iter([*range(0, 1_000_000, 1000), *range(6_000_000, 12_000_000, 1000)])
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(ticks))
    watched, gaps = checkup._spin(0.01)
    assert gaps == [5_001_000]
    assert watched >= 10_000_000


def test_a_coarse_clock_shows_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves by 15.6 us at every tenth read."""
    reads = iter(range(1_000_000))
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(reads) // 10 * 15_600)
    step_ns, read_ns = checkup._clock()
    assert step_ns == 15_600
    assert read_ns == pytest.approx(1560)
