"""Two builds of the real benchmark_model, here and on a phone of the lab: an invocation is a turn. One block each."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_phones import LabPhone

LAB = Path(__file__).parents[3] / "shared" / "lab"
pytestmark = pytest.mark.skipif(not (LAB / "bin").is_dir(), reason=f"the real benchmark_model is not at {LAB}")

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def builds(tmp_path: Path) -> tuple[Path, Path]:
    """The tool, and the same with a byte behind its end: another sha256."""
    one, other = tmp_path / "one" / "benchmark_model", tmp_path / "other" / "benchmark_model"
    for path in (one, other):
        path.parent.mkdir()
        shutil.copy(LAB / "bin" / "benchmark_model", path)
        path.chmod(0o755)
    with other.open("ab") as stream:
        stream.write(b"\0")
    return one, other


def gate(bench: Bench, builds: tuple[Path, Path], *more: str) -> dict[str, Any]:
    done = bench(
        "gate", "-m", "paradox_1", "-b", "benchmark_model", "--base-env", builds[0], "--head-env", builds[1],
        "--max-blocks", "1", "--json", *more, code=3,
    )  # fmt: skip
    (verdict,) = json.loads(done.stdout)["verdicts"]
    found: dict[str, Any] = verdict
    assert (found["axis"], found["word"], found["rule"]["budget_s"]) == ("runtime", "inconclusive", 900.0)
    assert found["base"]["tool"]["binary_sha256"] != found["head"]["tool"]["binary_sha256"]
    (block,) = found["blocks"]
    assert len(block["base_ns"]) == len(block["head_ns"]) == 4
    assert block["count"] == 0
    assert min(*block["base_ns"], *block["head_ns"]) > 0
    return found


def test_here(bench: Bench, builds: tuple[Path, Path]) -> None:
    first = gate(bench, builds)
    assert first["base"]["agreement"]["ok"] is True
    assert [len(each["log_ratios"]) for each in gate(bench, builds)["earlier"]] == [1]


def test_on_a_phone(
    bench: Bench, builds: tuple[Path, Path], lab_phone: Callable[..., LabPhone], tmp_path: Path
) -> None:
    made = lab_phone()
    (tmp_path / "bench.toml").write_text(f'[devices.oneplus3]\nkind = "android"\nserial = "{made.serial}"\n')
    found = gate(bench, builds, "--device", "oneplus3")
    assert found["device"]["kind"] == "android"
    assert made.nothing_runs()
