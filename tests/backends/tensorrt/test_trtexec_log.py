"""trtexec's text: real output where the samples are, the grammar of each version, and logs that are cut anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.tensorrt.log import parse, version_text
from bench.backends.tensorrt.log_types import COMPUTE, D2H, END_TO_END, ENQUEUE, H2D, LATENCY, TrtLog

SAMPLES = Path(__file__).parents[4] / "shared" / "formats" / "samples"
samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the samples are not at {SAMPLES}")

STAMP = "[11/23/2026-16:00:00]"
# By the grammar: version 10, three percentiles, both warnings, a cut-in line, a layer list, an end behind the end.
WHOLE = f"""&&&& RUNNING TensorRT.trtexec [TensorRT v100300] [b28] # trtexec --loadEngine=e
{STAMP} [I] === Build Options ===
{STAMP} [I] Precision: FP32+FP16
{STAMP} [I] === Device Information ===
{STAMP} [I] Selected Device: Orin
{STAMP} [I] TensorRT version: 10.3.0
{STAMP} [I] [TRT] ---------- Layers Running on DLA ----------
{STAMP} [I] [TRT] [DlaLayer] {{ForeignNode[Conv_0...Relu_9]}}
{STAMP} [I] [TRT] ---------- Layers Running on GPU ----------
{STAMP} [I] [TRT] [GpuLayer] SHUFFLE: Reshape_2 + (Unnamed Layer* 7) [Shuffle]
{STAMP} [TRT] [I] [GpuLayer] Conv_8 || Conv_9
{STAMP} [W] [TRT] Default DLA is enabled but layer Softmax_3 is not supported on DLA, Falling back to GPU.
{STAMP} {STAMP} [I] Engine loaded in 0.0125 sec.
{STAMP} [I] Warmup completed 14 queries over 500 ms
{STAMP} [I] Timing trace has 101 queries over 3.08403 s
{STAMP} [I] Average on 1 runs - GPU latency: 30.211 ms - Host latency: 30.8067 ms (enqueue 0.00390778 ms)
{STAMP} [I] === Performance summary ===
{STAMP} [I] Throughput: 32.7494 qps
{STAMP} [I] Latency: min = 30.7 ms, max = 31.6 ms, mean = 30.8 ms, median = 30.7 ms, percentile(90%) = 30.8 ms
{STAMP} [I] Enqueue Time: min = 3e-05 ms, max = 0.01 ms, mean = 0.004 ms, median = 0.0036 ms
{STAMP} [I] H2D Latency: min = 0.58 ms, max = 0.61 ms, mean = 0.59 ms, median = 0.59 ms
{STAMP} [I] GPU Compute Time: min = 30.1 ms, max = 31 ms, mean = 30.2 ms, median = 30.17 ms, percentile(99%) = 30.9 ms
{STAMP} [I] D2H Latency: min = 0.003 ms, max = 0.006 ms, mean = 0.004 ms, median = 0.004 ms
{STAMP} [I] Total Host Walltime: 3.08403 s
{STAMP} [I] Total GPU Compute Time: 3.05129 s
{STAMP} [W] * GPU compute time is unstable, with coefficient of variance = 5.03%.
{STAMP} [W]   If not already in use, locking GPU clock frequency or adding --useSpinWait may improve the stability.
nvrm: a driver's line
&&&& PASSED TensorRT.trtexec [TensorRT v100300] [b28] # trtexec --loadEngine=e
{STAMP} [I] [TRT] [MemUsageChange] Init cuBLAS/cuBLASLt: CPU +0, GPU +0, now: CPU 907, GPU 3609 (MiB)
"""
OLD = f"""&&&& RUNNING TensorRT.trtexec # trtexec --loadEngine=e
{STAMP} [I] Warmup completed 0 queries over 200 ms
{STAMP} [I] Timing trace has 0 queries over 3.00956 s
{STAMP} [I] Trace averages of 10 runs:
{STAMP} [I] Host Latency
{STAMP} [I] min: 4.34442 ms (end to end 4.35388 ms)
{STAMP} [I] max: 7.12915 ms (end to end 7.14398 ms)
{STAMP} [I] mean: 4.52398 ms (end to end 4.53851 ms)
{STAMP} [I] median: 4.49951 ms (end to end 4.51025 ms)
{STAMP} [I] percentile: 5.46606 ms at 99% (end to end 6.10291 ms at 99%)
{STAMP} [I] throughput: 0 qps
{STAMP} [I] walltime: 3.00956 s
{STAMP} [I] Enqueue Time
{STAMP} [I] min: 2.3894 ms
{STAMP} [I] max: 4.89722 ms
{STAMP} [I] median: 2.64331 ms
{STAMP} [I] GPU Compute
{STAMP} [I] min: 4.2439 ms
{STAMP} [I] max: 7.02356 ms
{STAMP} [I] mean: 4.42492 ms
{STAMP} [I] median: 4.40088 ms
{STAMP} [I] percentile: 5.2 ms at 99%
{STAMP} [I] total compute time: 2.9 s
&&&& PASSED TensorRT.trtexec # trtexec --loadEngine=e
"""


@samples
def test_a_whole_run_of_8_0_on_a_jetson_nano() -> None:
    found = parse((SAMPLES / "trtexec_8.0.1_jetson_nano_fp16.txt").read_text())
    assert found.complete
    assert (found.version, found.gpu, found.compute_capability) == ("8.0.1", "NVIDIA Tegra X1", "5.3")
    assert found.command.endswith(".onnx --fp16")
    assert (found.warmup_queries, found.warmup_ms, found.queries) == (2, 200, 28)
    assert (found.throughput_qps, found.walltime_s, found.compute_total_s) == (8.72443, 3.20938, 3.19752)
    assert (found.build_s, found.load_s) == (1138.31, None)
    read = {name: (one.min_ms, one.max_ms, one.mean_ms, one.median_ms) for name, one in found.metrics.items()}
    assert read == {
        LATENCY: (114.081, 115.494, 114.61, 114.434),
        END_TO_END: (114.092, 115.503, 114.62, 114.442),
        ENQUEUE: (6.802, 7.22896, 7.02122, 7.01062),
        H2D: (0.302002, 0.305908, 0.303528, 0.303436),
        COMPUTE: (113.669, 115.079, 114.197, 114.021),
        D2H: (0.108154, 0.110352, 0.109332, 0.109375),
    }
    assert found.metrics[COMPUTE].percentiles == ((99, 115.079),)
    assert found.options["Precision"] == "FP32+FP16"
    assert found.options["Workspace"] == "16 MiB"
    assert (len(found.layers), sum(layer.on_dla for layer in found.layers)) == (163, 0)
    assert found.layers[6].name == "Conv__302 + model/tf.nn.relu/Relu"
    assert found.layers[-1].name == "model/tf.reshape/Reshape"
    assert (found.warnings, found.errors, found.unknown) == ((), (), 0)


@samples
def test_a_summary_alone_has_its_numbers_and_is_not_whole() -> None:
    found = parse((SAMPLES / "trtexec_8.6_performance_summary_multi_percentile_and_warning.txt").read_text())
    assert found.incomplete == "there is no line PASSED"
    latency = found.metrics[LATENCY]
    assert (latency.min_ms, latency.max_ms, latency.mean_ms, latency.median_ms) == (5.38672, 13.3664, 7.60628, 7.16092)
    assert latency.percentiles == ((90, 10.2996), (95, 10.8698), (99, 12.9675))
    assert found.metrics[D2H].percentiles == ((90, 0.0254517), (95, 0.0319824), (99, 0.0994873))
    assert END_TO_END not in found.metrics
    assert (found.throughput_qps, found.walltime_s, found.compute_total_s) == (130.298, 3.00082, 2.96536)
    assert found.warnings == ("Throughput may be bound by E",)


def test_a_log_of_10() -> None:
    found = parse(WHOLE)
    assert found.complete
    assert (found.version, found.gpu, found.load_s, found.queries) == ("10.3.0", "Orin", 0.0125, 101)
    assert found.metrics[ENQUEUE].min_ms == 3e-05
    assert found.metrics[LATENCY].percentiles == ((90, 30.8),)
    dla, shuffle, pair = found.layers
    assert (dla.name, dla.on_dla) == ("{ForeignNode[Conv_0...Relu_9]}", True)
    assert (shuffle.name, shuffle.kind) == ("Reshape_2 + (Unnamed Layer* 7) [Shuffle]", "SHUFFLE")
    assert (pair.name, pair.kind, pair.on_dla) == ("Conv_8 || Conv_9", "", False)
    assert (found.placed, found.fallbacks, found.library_warnings) == (True, 1, 1)
    (warning,) = found.warnings
    assert warning.startswith("GPU compute time is unstable")
    assert warning.endswith("may improve the stability.")
    assert (found.unknown, found.unknown_lines) == (1, ("nvrm: a driver's line",))


def test_a_layers_name_may_hold_separators() -> None:
    found = parse(WHOLE.replace("Conv_8 || Conv_9", "Conv_8\x1eConv_9\x85"))
    assert found.layers[-1].name == "Conv_8\x1eConv_9"
    assert found.unknown == 1


def test_version_7_has_a_block_per_metric_and_counts_nothing() -> None:
    found = parse(OLD)
    assert found.complete
    assert (found.version, found.queries, found.warmup_queries, found.throughput_qps) == ("", None, None, None)
    assert (found.walltime_s, found.compute_total_s) == (3.00956, 2.9)
    assert found.metrics[LATENCY].median_ms == 4.49951
    assert found.metrics[LATENCY].percentiles == ((99, 5.46606),)
    assert found.metrics[ENQUEUE].mean_ms is None
    assert (found.metrics[COMPUTE].mean_ms, found.metrics[COMPUTE].max_ms) == (4.42492, 7.02356)


@pytest.mark.parametrize(
    ("number", "text"),
    [("8001", "8.0.1"), ("7103", "7.1.3"), ("8502", "8.5.2"), ("9300", "9.3.0"), ("100300", "10.3.0"),
     ("101303", "10.13.3"), ("110201", "11.2.1"), ("11.1.0.106", "11.1.0.106")],
)  # fmt: skip
def test_versions_have_four_digits_up_to_9_and_six_since(number: str, text: str) -> None:
    assert version_text(number) == text


def test_what_failed_says_why() -> None:
    text = f"""&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # trtexec --workspace=2048
{STAMP} [E] Unknown option: --workspace 2048
{STAMP} [E] Error[1]: [runtime.cpp::parsePlan::455] Error Code 1: Serialization
&&&& FAILED TensorRT.trtexec [TensorRT v100300] # trtexec --workspace=2048
"""
    found = parse(text)
    assert (found.failed, found.incomplete) == (True, "trtexec says FAILED")
    assert found.unknown_options == ("--workspace 2048",)
    assert found.errors[1].startswith("Error[1]")


def test_a_summary_that_parses_to_nothing_is_no_result() -> None:
    found = parse(WHOLE.replace("GPU Compute Time: min =", "GPU Compute Time: least ="))
    assert found.passed
    assert found.incomplete == "the performance summary is announced and not there"


def same(cut: TrtLog, whole: TrtLog) -> bool:
    return (cut.metrics, cut.queries, cut.version, cut.layers) == (
        whole.metrics, whole.queries, whole.version, whole.layers,
    )  # fmt: skip


@pytest.mark.parametrize("text", [WHOLE, OLD], ids=["10", "7"])
def test_cut_anywhere_it_is_incomplete_or_right(text: str) -> None:
    whole = parse(text)
    for end in range(len(text)):
        cut = parse(text[:end])
        assert not cut.complete or same(cut, whole), text[:end][-80:]


@given(st.lists(st.sampled_from([*WHOLE.split("\n"), *OLD.split("\n"), "&&&& FAILED TensorRT.trtexec"]), max_size=40))
def test_any_mixture_of_lines_is_read_without_a_crash(lines: list[str]) -> None:
    found = parse("\n".join(lines))
    assert found.complete or found.incomplete
    assert not (found.failed and found.complete)


@given(st.text(max_size=300))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert not parse(text).complete
