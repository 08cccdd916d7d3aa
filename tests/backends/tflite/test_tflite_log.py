"""Logs written by hand, one for every form that the tools' lines have had."""

from __future__ import annotations

import pytest
from tool_logs import LOGS, PREFIXES, WHOLE

from bench.backends.tflite.log import parse, split_runs
from bench.backends.tflite.log_lines import lines, strip_prefix
from bench.backends.tflite.log_stats import parse_stats
from bench.backends.tflite.log_types import Replaced, Verdict


@pytest.mark.parametrize("name", WHOLE)
def test_whole_logs_are_complete(name: str) -> None:
    log = parse(LOGS[name])
    assert log.complete, log.incomplete
    assert not log.failed


def test_oldest_form_and_one_value_for_all() -> None:
    log = parse(LOGS["tf1_bare"])
    assert log.timed is not None
    assert log.warmup is not None
    assert (log.timed.count, log.timed.all_same, log.timed.curr_ns, log.timed.mean_ns) == (
        10,
        True,
        140000000,
        140000000,
    )
    assert (log.timed.avg_ns, log.timed.min_ns, log.timed.p5_ns) == (None, None, None)
    assert log.timings is not None
    assert (log.timings.init_ns, log.timings.first_inference_ns) == (4250000, None)
    assert log.parameters["Use nnapi"] == "0"
    assert [phase.min_runs for phase in log.phases] == [1, 10]
    assert log.phases[0].max_seconds is None


def test_every_field_of_a_new_log() -> None:
    log = parse(LOGS["g2_nnapi"])
    assert (log.version, log.created, log.form) == ("2.15.0", ("NNAPI",), "classic")
    assert log.verdicts == (Verdict(delegate="NNAPI", kind="partial", kernels=2),)
    assert log.replaced == (Replaced(delegate="TfLiteNnapiDelegate", nodes=63, total=64, partitions=3),)
    assert log.phases[1].min_runs == 50
    assert (log.phases[1].min_seconds, log.phases[1].max_seconds) == (1.0, 150.0)
    assert log.runtime_lines
    assert not log.verbose
    assert log.unknown == 0


def test_percentiles_and_scientific_notation() -> None:
    stats = parse_stats(
        "count=3 first=1459484 curr=1676564 min=1459484 max=1676564 avg=1.55139e+06 std=91693 p5=1459484 "
        "median=1518108 p95=1676564"
    )
    assert stats is not None
    assert (stats.avg_ns, stats.avg_text) == (1551390000, "1.55139e+06")
    assert (stats.p5_ns, stats.median_ns, stats.p95_ns, stats.std_ns) == (1459484000, 1518108000, 1676564000, 91693000)
    single = parse_stats("count=1 curr=1456598 p5=1456598 median=1456598 p95=1456598")
    assert single is not None
    assert (single.mean_text, single.avg_ns, single.first_ns) == ("1.4566e+06", None, None)
    nothing = parse_stats("count=0 p5=0 median=0 p95=0")
    assert nothing is not None
    assert (nothing.mean_ns, nothing.p5_ns) == (None, None)


@pytest.mark.parametrize(
    "text", ["count=", "count=5", "count=5 curr=x", "count=2 curr=1_0", "count=2 curr=1 curr=1", "n=1"]
)
def test_what_is_no_statistics_line(text: str) -> None:
    assert parse_stats(text) is None


def test_dry_run_measured_nothing() -> None:
    text = "count=0 p5=0 median=0 p95=0\n" * 2
    summary = "Inference timings in us: Init: 6411, First inference: 0, Warmup (avg): 0, Inference (avg): 0\n"
    log = parse("STARTING!\nLoaded model x\n" + text + summary)
    assert (log.complete, log.incomplete) == (False, "the tool timed no inference")


def test_litert_2_takes_precision_from_the_statistics_line() -> None:
    log = parse(LOGS["litert2_profiler"])
    assert log.form == "litert2"
    assert log.timed is not None
    assert log.timings is not None
    assert (log.timed.avg_ns, log.timings.inference_avg_ns, log.timings.rounded) == (464545, 460000, True)
    assert (log.memory.delta_init_mb, log.memory.delta_overall_mb, log.memory.periodic_peak_mb) == (8.94, 11.51, None)
    block = LOGS["litert2_profiler"].partition("INFO: [./litert/tools/benchmark_litert_model.h:81]")[2]
    alone = parse(block)
    assert alone.timed is not None
    assert alone.warmup is not None
    assert (alone.timed.count, alone.timed.avg_ns, alone.timed.min_ns, alone.timed.std_ns) == (
        1112,
        460000,
        440000,
        10000,
    )
    assert alone.complete
    assert not parse(LOGS["litert2_profiler"].replace("0.46 ms (1112", "0.64 ms (1112")).complete


def test_memory_of_all_forms() -> None:
    assert parse(LOGS["g1_gpu_partial"]).memory.peak_overall_mb == 11.25
    assert parse(LOGS["logcat_filtered"]).memory.delta_overall_mb == 73.4102
    old = "[Init Phase] - Memory usage: max resident set size = 3.12109 MB, total malloc-ed size = 14.6 MB\n"
    new = "Overall peak memory footprint (MB) via periodic monitoring: 20.332\n"
    memory = parse(old + new).memory
    assert (memory.max_rss_init_mb, memory.periodic_peak_mb, memory.max_rss_overall_mb) == (3.12109, 20.332, None)


def test_a_number_at_a_cut_end_is_not_believed() -> None:
    text = LOGS["logcat_filtered"]
    assert parse(text.rstrip("\n")).memory.delta_overall_mb is None
    assert parse(text.rstrip("\n")).complete
    cut = parse(text[: text.index("145528\n") + 4])
    assert not cut.complete
    assert "average" in cut.incomplete


def test_failures_and_ops_that_are_none() -> None:
    stderr = (
        "ERROR: Following operations are not supported by GPU delegate:\nTOPK_V2: Operation is not supported.\n"
        "6 operations will run on the GPU, and the remaining 3 operations will run on the CPU.\n"
    )
    log = parse(LOGS["logcat_filtered"], stderr)
    assert log.complete
    assert log.unsupported == ("TOPK_V2: Operation is not supported.",)
    assert log.gpu_split is not None
    assert (log.gpu_split.gpu, log.gpu_split.cpu) == (6, 3)
    failed = parse("INFO: STARTING!\n", stderr + "ERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n")
    assert failed.failed
    assert failed.failures == ("Failed to apply GPU delegate.", "Benchmarking failed.")
    assert failed.incomplete == "the tool gave up: Benchmarking failed."


def test_ignored_flags_and_doubled_lines() -> None:
    log = parse("INFO: STARTING!\nWARN: Unconsumed cmdline flags: --use_nnapi=true --use_hexagon=true\n")
    assert log.unconsumed == ("--use_nnapi=true", "--use_hexagon=true")
    doubled = parse("Created 2 GPU delegate kernels.\nINFO: Created 2 GPU delegate kernels.\n")
    assert doubled.gpu_kernels == 2
    assert parse("INFO: Created 2 GPU delegate kernels.\n" * 2).gpu_kernels == 4


def test_profiling_that_was_asked_for_must_be_there() -> None:
    text = LOGS["g3_xnnpack_inside"].partition("INFO: Operator-wise")[0]
    assert "op table is missing" in parse(text).incomplete
    elsewhere = text.replace("profiling: [1]\n", "profiling: [1]\nINFO: Op profiling output file.: [/sdcard/p.pb]\n")
    assert parse(elsewhere).complete
    assert parse(text.replace("Enable op profiling: [1]", "Enable op profiling: [0]")).complete


def test_paste_of_many_runs() -> None:
    names = ["logcat_filtered", "tf1_bare", "g2_nnapi", "litert2_profiler"]
    text = "".join(f"$ ./benchmark_model --graph={name}\n{LOGS[name]}" for name in names)
    runs = split_runs(text)
    assert "".join(runs) == text
    assert len(runs) == len(names)
    assert [parse(run).timed for run in runs] == [parse(LOGS[name]).timed for name in names]
    assert parse(LOGS["tf1_bare"] * 2).incomplete == "the text holds more than one run"
    assert split_runs("nothing of the tool\n") == ["nothing of the tool\n"]
    assert len(split_runs(LOGS["logcat_filtered"] * 3)) == 3
    lines = "count=5 curr={0}(all same)\nInference timings in us: Init: 1, First inference: 2, Warmup (avg): 3, {1}\n"
    short = [lines.format(value, f"Inference (avg): {value}") for value in (70, 80, 90)]
    assert split_runs("".join(short)) == short
    summaries = [run.partition("\n")[2] for run in short]
    assert split_runs("".join(summaries)) == summaries


@pytest.mark.parametrize("prefix", [*PREFIXES, "2024-07-14 13:14:52.097  1000  2283  2283 I tflite  : ", "\tINFO: "])
def test_prefixes(prefix: str) -> None:
    assert strip_prefix(prefix + "count=1 curr=5").text == "count=1 curr=5"
    assert [line.text for line in lines(prefix + "a\r\n" + prefix + "\r\nb")] == ["a", "b"]
