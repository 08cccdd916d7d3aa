"""How fast a long log of trtexec is read: 100,000 lines, of single inferences and of a builder's layers."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backends.tensorrt.log import parse

LINES = 100_000
Rows = list[tuple[str, str, str]]
STAMP = "[11/23/2026-16:00:00] [I]"
INFERENCE = f"{STAMP} Average on 1 runs - GPU latency: 2.62305 ms - Host latency: 2.68164 ms (enqueue 2.63281 ms)\n"


def layers() -> str:
    return "".join(f"{STAMP} [TRT] [GpuLayer] CONVOLUTION: Conv_{index} + Relu_{index}\n" for index in range(LINES))


@pytest.mark.parametrize("text", [INFERENCE * LINES, layers()], ids=["inferences", "layers"])
def test_reading_100000_lines_of_trtexec(text: str, row: Rows, benchmark: BenchmarkFixture) -> None:
    whole = f"{text}&&&& PASSED TensorRT.trtexec [TensorRT v8601] # trtexec\n"
    log = benchmark.pedantic(parse, args=(whole,), rounds=3, warmup_rounds=1)
    assert log.complete, log.incomplete
    seconds = benchmark.stats.stats.median
    row.append(
        (f"{LINES:,} lines of trtexec read", f"{seconds:.2f} s ({seconds / LINES * 1e6:.1f} µs a line)", "within 1 s")
    )
