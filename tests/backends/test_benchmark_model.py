"""The driver of benchmark_model: the real tool on this host where the lab is, else programs that print like it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.backends import benchmark_model as driver
from bench.backends.client import InvocationFailed
from bench.backends.job import Job, Output, Program, Watch
from bench.backends.tflite.help import Capabilities, Flag
from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.local import LocalDevice
from bench.models.inputs import input_file
from bench.models.inspect import describe
from bench.records.types import Case

LAB = Path(__file__).parents[3] / "shared" / "lab"
lab = pytest.mark.skipif(not (LAB / "bin").is_dir(), reason=f"the real benchmark_model is not at {LAB}")

FLAGS = ("graph", "num_threads", "num_runs", "min_secs", "warmup_runs", "warmup_min_secs", "use_xnnpack", "use_gpu",
         "enable_op_profiling")  # fmt: skip
# Written by the grammar: the smallest log that is whole.
WHOLE = """INFO: STARTING!
INFO: Graph: [m.tflite]
INFO: Loaded model m.tflite
INFO: Initialized session in 2.5ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=40 first=1300 curr=1200 min=1100 max=1400 avg=1250 std=50 p5=1110 median=1240 p95=1390

INFO: Running benchmark for at least 1 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=90 first=1210 curr=1190 min=1090 max=1300 avg=1201.5 std=40 p5=1100 median=1199 p95=1280

INFO: Inference timings in us: Init: 2500, First inference: 1300, Warmup (avg): 1250, Inference (avg): 1201.5
INFO: Memory footprint delta from the start of the tool (MB): init=1.5 overall=2.25
"""


def make_job(
    tmp_path: Path, model: Path, cache: Path, program: Program, accelerator: str = "cpu", **options: str
) -> Job:
    case = Case(
        device="local", backend="benchmark_model", accelerator=accelerator, model="m", variant="fp32", era="2019",
        format="tflite", threads=1, options=options,
    )  # fmt: skip
    device, scratch, folder = LocalDevice(), tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    folder.mkdir()
    return Job(
        device, case, str(model), program, describe(model, cache),
        lambda spec: str(input_file(spec, spec.shape, 0, cache)), folder, cache, 60.0, str(scratch),
    )  # fmt: skip


@pytest.fixture
def printing(tmp_path: Path, zoo_file: Callable[..., Path], cache_folder: Path) -> Callable[..., Job]:
    """printing(stdout, stderr="", then="exit 0"): a job whose tool is a program that prints this and ends so."""

    def make(stdout: str, stderr: str = "", then: str = "exit 0", accelerator: str = "cpu", limit_s: float = 20) -> Job:
        (tmp_path / "stdout").write_text(stdout)
        (tmp_path / "stderr").write_text(stderr)
        tool = tmp_path / "tool"
        out, err = (shlex.quote(str(tmp_path / name)) for name in ("stdout", "stderr"))
        tool.write_text(f"#!/bin/sh\ncat {out}\ncat {err} >&2\n{then}\n")
        tool.chmod(0o755)
        known = Capabilities(program="tool", flags={name: Flag(name=name) for name in FLAGS})
        job = make_job(
            tmp_path, zoo_file("paradox_1"), cache_folder, Program(str(tool), "ab", "tool", known), accelerator
        )
        return Job(**{**job.__dict__, "limit_s": limit_s})

    return make


def failed(job: Job) -> Any:
    with pytest.raises(InvocationFailed) as caught:
        driver.measure(job, 0.1, 0.0, Watch())
    assert "$ " in caught.value.transcript
    return caught.value.error


def test_a_whole_log_gives_a_summary_and_no_samples(printing: Callable[..., Job]) -> None:
    stages: list[str] = []
    measured = driver.measure(printing(WHOLE), 0.1, 0.0, Watch(stage=stages.append))
    one = measured.invocation
    assert one.summary is not None
    assert (one.summary.count, one.summary.mean_ns, one.summary.median_ns) == (90, 1_201_500, 1_199_000)
    assert (one.summary.minimum_ns, one.summary.maximum_ns, one.summary.p95_ns) == (1_090_000, 1_300_000, 1_280_000)
    assert (one.load_ns, one.first_inference_ns, one.turns) == (2_500_000, 1_300_000, ())
    assert one.warmup is not None
    assert (one.warmup.inferences, one.warmup.duration_ns, one.steady) == (40, 50_000_000, None)
    assert one.memory.growth_bytes == round(2.25 * 1024 * 1024)
    assert stages == ["loading", "warming up", "measuring", "reading its answer"]
    assert measured.findings == ()
    assert measured.transcript.endswith("--- exit code 0")
    assert WHOLE.strip() in measured.transcript


def test_a_crash_after_the_last_line_keeps_the_numbers_and_is_said(printing: Callable[..., Job]) -> None:
    measured = driver.measure(printing(WHOLE, then="kill -SEGV $$"), 0.1, 0.0, Watch())
    assert measured.invocation.summary is not None
    (finding,) = measured.findings
    assert (finding.code, finding.severity) == ("tool-end", "warning")
    assert "SIGSEGV" in finding.what


def test_an_exit_code_of_zero_does_not_make_an_empty_log_a_result(printing: Callable[..., Job]) -> None:
    error = failed(printing(""))
    assert error.kind == "incomplete"
    assert error.exit_code == 0


@pytest.mark.parametrize("lines", range(1, 10))
def test_a_log_that_is_cut_off_is_no_result(printing: Callable[..., Job], lines: int) -> None:
    cut = "".join(WHOLE.splitlines(keepends=True)[: -lines - 1])
    assert failed(printing(cut)).kind == "incomplete"


def test_a_crash_is_named_by_its_signal(printing: Callable[..., Job]) -> None:
    error = failed(printing("INFO: STARTING!\n", then="kill -SEGV $$"))
    assert (error.kind, error.signal, error.exit_code) == ("crashed", "SIGSEGV", None)


def test_a_tool_that_hangs_is_ended(printing: Callable[..., Job]) -> None:
    error = failed(printing("INFO: STARTING!\n", then="sleep 60", limit_s=0.5))
    assert error.kind == "timed out"
    assert "0.5 s" in error.message


def test_flags_that_the_tool_ignored_are_an_error(printing: Callable[..., Job]) -> None:
    error = failed(
        printing(WHOLE.replace("STARTING!\n", "STARTING!\nWARN: Unconsumed cmdline flags: --use_gpu=true\n"))
    )
    assert error.kind == "flag ignored"
    assert "--use_gpu=true" in error.message


def test_the_tools_own_words_stand_in_the_error(printing: Callable[..., Job]) -> None:
    said = "ERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n"
    error = failed(printing("INFO: STARTING!\n", said, "exit 1", "gpu"))
    assert error.kind == "tool failed"
    assert "Failed to apply GPU delegate" in error.message
    assert "Benchmarking failed" in error.stderr_tail


def test_a_build_without_the_accelerator_is_refused_before_it_runs(printing: Callable[..., Job]) -> None:
    job = printing(WHOLE, then="touch ran", accelerator="nnapi")
    with pytest.raises(NotMeasuredError, match="cannot measure on nnapi") as caught:
        driver.measure(job, 0.1, 0.0, Watch())
    assert "use_nnapi" in caught.value.found


@lab
def test_the_real_tool_gives_latency_placement_outputs_and_its_own_table(
    tmp_path: Path, zoo_file: Callable[..., Path], cache_folder: Path
) -> None:
    device, named = LocalDevice(), {"benchmark_model": str(LAB / "bin" / "benchmark_model")}
    program = driver.program(device, "benchmark_model", named, cache_folder)
    job = make_job(tmp_path, zoo_file("prisma_256"), cache_folder, program)
    outputs: list[Output] = []
    measured = driver.measure(job, 0.2, 0.1, Watch(outputs=outputs.extend))
    assert measured.invocation.summary is not None
    assert measured.invocation.summary.count >= 1
    assert measured.placement.kind == "full"
    assert (measured.placement.nodes, measured.placement.total) == (159, 159)
    assert measured.tool.binary_sha256 == program.sha256
    (output,) = outputs
    assert output.file.stat().st_size == 256 * 256 * 4
    profiled = driver.profile(job, None, Watch())
    assert profiled.profile is not None
    # The rows of Run Order, read here with nothing but a pattern.
    order = profiled.transcript.split("for Regular Benchmark Runs")[1].split("Run Order")[1].split("Top by")[0]
    cells = re.findall(r"^\t *(\S.*?)\t +[\d.]+\t +([\d.]+)\t.*?\t +(\d+)\t(.*)$", order, re.MULTILINE)
    assert len(cells) == len(profiled.profile.rows) > 100
    for row, (kind, milliseconds, calls, _) in zip(profiled.profile.rows, cells, strict=True):
        assert row.op_type == kind
        assert f"{row.time_ns / 1e6 / int(calls):.3f}" == milliseconds
        assert row.calls == int(calls)


@lab
def test_the_tool_for_cpus_refuses_the_gpu(tmp_path: Path, zoo_file: Callable[..., Path], cache_folder: Path) -> None:
    named = {"benchmark_model": str(LAB / "bin" / "benchmark_model")}
    program = driver.program(LocalDevice(), "benchmark_model", named, cache_folder)
    with pytest.raises(NotMeasuredError, match="cannot measure on gpu"):
        driver.measure(make_job(tmp_path, zoo_file("paradox_1"), cache_folder, program, "gpu"), 0.1, 0.0, Watch())


@lab
def test_one_tool_is_not_taken_for_the_other(cache_folder: Path) -> None:
    named = {"benchmark_litert_model": str(LAB / "bin" / "benchmark_model")}
    with pytest.raises(UsageError, match="is no benchmark_litert_model"):
        driver.program(LocalDevice(), "benchmark_litert_model", named, cache_folder)


@lab
@pytest.mark.parametrize(
    ("recorded", "accelerator", "kind", "words"),
    [
        ("gpu_no_opencl", "gpu", "tool failed", "Failed to apply GPU delegate"),
        ("gpu_compile_fail", "gpu", "tool failed", ""),
        ("nnapi_ignored", "cpu", "flag ignored", "--use_nnapi=true"),
        ("gpu_ignored", "cpu", "flag ignored", "--use_gpu=true"),
        ("bad_model", "cpu", "tool failed", ""),
        ("missing_model", "cpu", "tool failed", ""),
        ("no_graph", "cpu", "tool failed", ""),
    ],
)
def test_what_the_real_tool_printed_when_it_failed_is_never_a_number(
    printing: Callable[..., Job], recorded: str, accelerator: str, kind: str, words: str
) -> None:
    parts = [(LAB / "output" / f"{recorded}.{end}").read_text() for end in ("stdout", "stderr", "rc")]
    error = failed(printing(parts[0], parts[1], f"exit {parts[2].strip()}", accelerator))
    assert error.kind == kind
    assert words in error.message


@lab
def test_a_gpu_that_xnnpack_shadowed_is_placed_nowhere(printing: Callable[..., Job]) -> None:
    parts = [(LAB / "output" / f"gpu_shadowed_by_xnnpack.{end}").read_text() for end in ("stdout", "stderr")]
    measured = driver.measure(printing(parts[0], parts[1], accelerator="gpu"), 0.1, 0.0, Watch())
    assert measured.placement.kind == "none"


@lab
def test_a_gpu_profile_without_times_keeps_the_names(printing: Callable[..., Job]) -> None:
    parts = [(LAB / "output" / f"gpu_prof.{end}").read_text() for end in ("stdout", "stderr")]
    profiled = driver.profile(printing(parts[0], parts[1], accelerator="gpu"), 1e6, Watch())
    assert profiled.profile is None
    assert "no times" in profiled.reason
    assert profiled.op_names
