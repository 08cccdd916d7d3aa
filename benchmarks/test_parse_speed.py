"""How fast a long log of TFLite's tool is read: 100,000 lines, of an op table and of a chatty driver."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backends.tflite.log import parse

LINES = 100_000
Rows = list[tuple[str, str, str]]

HEAD = (
    "INFO: STARTING!\nINFO: Loaded model n\ncount=1 curr=5\ncount=1 curr=5\n"
    "Inference timings in us: Init: 1, First inference: 5, Warmup (avg): 5, Inference (avg): 5\n"
)
TABLE = (
    "INFO: Operator-wise Profiling Info for Regular Benchmark Runs:\n"
    "============================== Run Order ==============================\n"
    f"\t{'[node type]':>40}\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]\n"
)
KIND = "Convolution (NHWC, QC8) IGEMM"


def op_table() -> str:
    cells = "\t    0.103\t    0.123\t  1.890%\t 10.222%\t     0.000\t        1\t"
    rows = "".join(f"\t{KIND:>40}{cells}Delegate/{KIND}:{index}\n" for index in range(LINES))
    end = f"\nTimings (microseconds): count=1 curr=9\nMemory (bytes): count=0\n{LINES} nodes observed\n"
    return HEAD + TABLE + rows + end


def chatter() -> str:
    return HEAD + "07-14 13:14:52.097 22838 22838 I tflite  : type 54 str SoftmaxAxis0 of 100 %\n" * LINES


@pytest.mark.parametrize("text", [op_table(), chatter()], ids=["op table", "driver's chatter"])
def test_reading_100000_lines(text: str, row: Rows, benchmark: BenchmarkFixture) -> None:
    log = benchmark.pedantic(parse, args=(text,), rounds=3, warmup_rounds=1)
    assert log.complete, log.incomplete
    seconds = benchmark.stats.stats.median
    row.append(
        (f"{LINES:,} lines of a log read", f"{seconds:.2f} s ({seconds / LINES * 1e6:.1f} µs a line)", "within 1 s")
    )
