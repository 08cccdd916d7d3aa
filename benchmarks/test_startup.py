"""What the harness itself costs: starting, and its own CPU time in a run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from bench.records import store

Rows = list[tuple[str, str, str]]
# The harness's own CPU seconds, without its children's, as the last line of stderr.
OWN_CPU = """
import atexit, resource, sys
def tell():
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("\\nown-cpu", used.ru_utime + used.ru_stime, file=sys.stderr)
atexit.register(tell)
from bench.cli.main import run_cli
run_cli(sys.argv[1:])
"""


def _seconds(arguments: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - begun


def test_help(row: Rows, benchmark: BenchmarkFixture) -> None:
    """`bench --help`, side by side with a Python that does nothing."""
    pairs: list[tuple[float, float]] = []
    benchmark.pedantic(
        lambda: pairs.append((_seconds(["-m", "bench", "--help"]), _seconds(["-c", "pass"]))), rounds=15, iterations=1
    )
    ours, python = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    row.append(("bench --help", f"{ours:.0f} ms (Python alone: {python:.0f} ms)", "below 150 ms"))
    assert ours < 150


def test_own_cpu_of_a_run(cache: Path, row: Rows, benchmark: BenchmarkFixture) -> None:
    """`bench run` of a cached artifact: CPU of the harness, not of the runtime's processes."""
    arguments = ["run", "--model", "prisma", "--results", str(cache / "cpu")]
    subprocess.run([sys.executable, "-c", OWN_CPU, *arguments, "--time", "0.5"], check=True, capture_output=True)
    found: list[float] = []

    def run() -> None:
        done = subprocess.run([sys.executable, "-c", OWN_CPU, *arguments], check=True, capture_output=True, text=True)
        found.append(float(done.stderr.rsplit("own-cpu", 1)[1]))

    benchmark.pedantic(run, rounds=3, iterations=1)
    seconds = statistics.median(found)
    row.append(("the harness's own CPU time in `bench run -m prisma`", f"{seconds:.2f} s", "below 1 s"))
    assert seconds < 1.0


def test_op_profiles(cache: Path, row: Rows, benchmark: BenchmarkFixture) -> None:
    """The gap to the profiled total, and how much profiling slows the run, on prisma for each runtime."""
    root = cache / "profiles"
    arguments = ["-m", "bench", "run", "-m", "prisma", "--results", str(root), "--time", "4", "--json"]
    for backend in ("litert", "onnxruntime", "openvino"):
        arguments += ["-b", backend]
    done = benchmark.pedantic(
        subprocess.run, ([sys.executable, *arguments],), {"check": True, "capture_output": True}, rounds=1, iterations=1
    )
    found, damaged = store.load_run(root, json.loads(done.stdout)["run"])
    assert len(found) == 3
    assert not damaged
    for record, _ in found:
        profile = record.profile
        assert profile is not None, record.profile_reason
        said = f"gap {profile.gap_share:+.1%}, {profile.slowdown or float('nan'):.3f}x of the unprofiled run"
        row.append((f"op profile of prisma, {record.case.backend} ({len(profile.rows)} rows)", said, "gap within 10 %"))
        assert abs(profile.gap_share) <= 0.10
