"""Whether our numbers are those of the runtime: our agent against a bare loop, and against the runtimes' own tools."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from pathlib import Path

import pingpong
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backends import python_runtime
from bench.backends.agent import measure
from bench.backends.job import Job, Watch
from bench.backends.registry import BACKENDS
from bench.devices.local import LocalDevice
from bench.models.inputs import input_file
from bench.models.inspect import describe
from bench.records.stats.latency import invocation_medians
from bench.records.types import Case

BLOCKS = 6
PAIRS = 6
Rows = list[tuple[str, str, str]]


@pytest.mark.parametrize("model", ["prisma_256", "paradox_7"])
@pytest.mark.parametrize("backend", ["litert", "onnxruntime", "openvino"])
def test_agent_over_bare_loop(backend: str, model: str, cache: Path, row: Rows, benchmark: BenchmarkFixture) -> None:
    """Alternating live turns; a block is a fresh pair of processes."""
    what = pingpong.subject(backend, model, cache)
    found: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: found.append(pingpong.block(what, cache)), rounds=BLOCKS, iterations=1)
    ratio = pingpong.ratio_of([each[0] for each in found])
    benchmark.extra_info["ratio"] = str(ratio)
    row.append((f"agent / bare loop, {backend} {model} ({found[0][1] / 1e6:.2f} ms)", str(ratio), "within 1 %"))
    assert abs(ratio.estimate - 1) <= 0.01 or ratio.low <= 1 <= ratio.high


def _invocation(backend: str, what: pingpong.Subject, cache: Path, folder: Path) -> float:
    """The median in ms of one invocation of ours."""
    defaults = {key: option.values[0] for key, option in BACKENDS[backend].options.items()}
    case = Case(
        device="local", backend=backend, accelerator="cpu", model="x", variant="fp32", era="2019", format="tflite",
        threads=1, options=defaults,
    )  # fmt: skip
    device = LocalDevice()
    job = Job(
        device, case, str(what.model), python_runtime.program(device, backend, {}, cache), describe(what.model, cache),
        lambda spec: str(input_file(spec, spec.shape, 0, cache)), folder, cache, 120.0,
    )  # fmt: skip
    measured = python_runtime.measure(job, 2.0, 5.0, Watch())
    return invocation_medians([measured.invocation])[0] / 1e6


def _tool(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def benchmark_app(model: Path, folder: Path) -> float:
    """OpenVINO's own tool: synchronous, one stream, fp32 input; the median in ms from its last lines."""
    done = subprocess.run(
        [_tool("benchmark_app"), "-m", str(model), "-d", "CPU", "-api", "sync", "-hint", "none", "-nstreams", "1",
         "-nthreads", "1", "-ip", "f32", "-infer_precision", "f32", "-t", "2"],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    found = re.search(r"Median:\s+([\d.]+) (ms|us)", done.stdout)
    assert found, done.stdout[-2000:]
    return float(found[1]) / (1.0 if found[2] == "ms" else 1000.0)


def litert_benchmark(model: Path, folder: Path) -> float:
    """LiteRT's own tool on one CPU thread; the median in ms from its JSON (to 0.01 ms)."""
    result = folder / "result.json"
    subprocess.run(
        [_tool("litert-benchmark"), "--model", str(model), "--num_threads", "1", "--warmup_runs", "20",
         "--num_runs", "80", "--result_json", str(result)],
        capture_output=True, check=True,
    )  # fmt: skip
    return float(json.loads(result.read_text())["latency"]["median_ms"])


@pytest.mark.parametrize("model", ["prisma_256", "paradox_7"])
@pytest.mark.parametrize(("backend", "tool"), [("openvino", benchmark_app), ("litert", litert_benchmark)])
def test_agent_over_tool(
    backend: str, tool: object, model: str, cache: Path, tmp_path: Path, row: Rows, benchmark: BenchmarkFixture
) -> None:
    """Interleaved invocations; printed as found: the tools time other things (see docs/measuring.md)."""
    assert callable(tool)
    what = pingpong.subject(backend, model, cache)
    ratios: list[float] = []

    def pair() -> None:
        if len(ratios) % 2 == 0:
            mine, other = _invocation(backend, what, cache, tmp_path), tool(what.model, tmp_path)
        else:
            other, mine = tool(what.model, tmp_path), _invocation(backend, what, cache, tmp_path)
        ratios.append(mine / other)

    benchmark.pedantic(pair, rounds=PAIRS, iterations=1)
    ratio = pingpong.ratio_of(ratios)
    row.append((f"agent / {tool.__name__}, {backend} {model}", str(ratio), "as found"))


def test_cost_of_a_sample(row: Rows, benchmark: BenchmarkFixture) -> None:
    """A turn of a call that does nothing, per sample, less the call itself."""
    count = 10_000

    def nothing() -> None:
        return None

    benchmark.pedantic(measure.turn, (nothing, count), rounds=20, iterations=1, warmup_rounds=2)
    per_sample_ns = benchmark.stats.stats.min / count * 1e9  # type: ignore[union-attr]
    row.append(("cost of a timed sample, with a call that does nothing", f"{per_sample_ns:.0f} ns", "below 500 ns"))
    assert per_sample_ns < 500
