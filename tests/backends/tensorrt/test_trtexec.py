"""The driver of trtexec against a stand-in that takes, prints and writes what each version does, and says so."""

from __future__ import annotations

import math
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bench.backends import registry
from bench.backends import trtexec as driver
from bench.backends.client import InvocationFailed
from bench.backends.job import Job, Output, Watch
from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.local import LocalDevice
from bench.models.inputs import input_file
from bench.models.inspect import describe
from bench.records.types import Case, TensorSpec

STAND_IN = Path(__file__).with_name("stand_in_trtexec.py")
VERSIONS = ("7.1.3", "8.0.1", "8.6.1", "10.3.0", "11.1.0")
Make = Callable[..., Job]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in writes its command lines."""
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "asked"))
    return tmp_path / "asked"


def asked(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines() if "--help" not in line]


@pytest.fixture
def make(tmp_path: Path, zoo_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, log: Path) -> Make:
    """make(version, fault, **options): a job on this host, whose engines are kept in a cache of its own."""
    tool = tmp_path / "trtexec"
    shutil.copyfile(STAND_IN, tool)
    tool.chmod(0o755)
    model, cache = zoo_file("paradox_1", "onnx"), tmp_path / "cache"
    graph = describe(model, cache)

    def job(version: str = "8.0.1", fault: str = "", **options: str) -> Job:
        monkeypatch.setenv("STAND_IN_VERSION", version)
        monkeypatch.setenv("STAND_IN_FAULT", fault)
        device = LocalDevice()
        made = Case(
            device="local", backend="trtexec", accelerator="gpu", model="m", variant="fp32", era="2019",
            format="onnx", threads=1, options={"precision": "fp32", **options},
        )  # fmt: skip
        scratch, folder = tmp_path / f"scratch-{version}", tmp_path / f"out-{version}"
        scratch.mkdir(exist_ok=True)
        folder.mkdir(exist_ok=True)
        program = driver.program(device, "trtexec", {"trtexec": str(tool)}, cache)
        return Job(
            device, made, str(model), program, graph, lambda spec: str(input_file(spec, spec.shape, 0, cache)),
            folder, cache, 20.0, str(scratch),
        )  # fmt: skip

    return job


def failed(job: Job) -> Any:
    with pytest.raises(InvocationFailed) as caught:
        driver.measure(job, 1.0, 0.2, Watch())
    assert "$ " in caught.value.transcript
    return caught.value.error


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_gives_the_same_samples(make: Make, version: str) -> None:
    stages: list[str] = []
    told: list[int] = []
    watch = Watch(stage=stages.append, turn=lambda samples: told.extend(samples))
    measured = driver.measure(make(version), 1.0, 0.2, watch)
    one = measured.invocation
    assert set(one.samples_ns) == {2_000_000}
    # the stand-in times 200 inferences and one that began before the warm-up's end
    assert len(one.samples_ns) in (199, 200)
    assert told == one.samples_ns
    assert (one.input_copy_ns, one.output_read_ns) == (250_000, 125_000)
    assert (one.load_ns, one.first_inference_ns) == (12_500_000, None)
    assert one.warmup is None if version.startswith("7") else one.warmup is not None
    assert (measured.placement.kind, measured.placement.delegate) == ("full", "TensorRT")
    assert measured.tool.version == version
    assert "CUDA events" in measured.tool.sync
    assert one.throughput is not None
    assert (one.throughput.inferences, one.throughput.streams, one.throughput.batch) == (len(one.samples_ns), 1, 1)
    assert "throughput" not in measured.tool.settings
    assert measured.tool.settings["engine build"] == "12.5 s"
    assert "stand-in" in measured.transcript
    assert [stages[0], *stages[-2:]] == ["building the engine", "measuring", "reading its answer"]


def test_the_engine_is_built_once_and_kept_for_later_runs(make: Make, log: Path) -> None:
    job = make()
    first = driver.measure(job, 1.0, 0.2, Watch())
    second = driver.measure(job, 1.0, 0.2, Watch())
    other = driver.measure(replace(job, scratch=job.scratch), 1.0, 0.2, Watch())
    assert [any("--onnx" in word for word in line) for line in asked(log)] == [True, False, False, False]
    assert first.tool.settings["engine"] == "built for this case"
    assert second.tool.settings["engine"] == other.tool.settings["engine"] == "kept from an earlier build"
    assert first.tool.settings["engine build"] == second.tool.settings["engine build"]
    assert second.placement == first.placement


@pytest.mark.parametrize("change", ["version", "flags", "model"])
def test_an_engine_of_something_else_is_not_taken(make: Make, log: Path, tmp_path: Path, change: str) -> None:
    driver.measure(make("8.4.0"), 1.0, 0.2, Watch())
    job = make("8.5.0" if change == "version" else "8.4.0", precision="fp16" if change == "flags" else "fp32")
    if change == "model":
        other = tmp_path / "other.onnx"
        other.write_bytes(Path(job.model).read_bytes() + b"\0")
        job = replace(job, model=str(other))
    driver.measure(job, 1.0, 0.2, Watch())
    assert ["--onnx" in line[0] for line in asked(log)] == [True, False, True, False]


def test_an_engine_that_tensorrt_does_not_read_any_more_is_built_anew(make: Make, log: Path) -> None:
    job = make()
    driver.measure(job, 1.0, 0.2, Watch())
    (file,) = job.cache.glob("tensorrt-engines/*/engine")
    file.write_text(file.read_text().replace("8.0.1", "8.0.0"))
    assert len(driver.measure(job, 1.0, 0.2, Watch()).invocation.samples_ns) > 100
    assert sum(any("--onnx" in word for word in line) for line in asked(log)) == 2


def test_a_version_gets_the_flags_that_it_knows(make: Make, log: Path) -> None:
    flags = {}
    for version in VERSIONS:
        measured = driver.measure(make(version), 1.0, 0.2, Watch())
        build = asked(log)[-2]
        flags[version] = {word.partition("=")[0] for word in build}
        (note,) = [each for each in measured.findings if each.code == "tensorrt-version"]
        assert ("it lacks" in note.what) == (version not in ("8.6.1", "10.3.0"))
    assert {"--noTF32", "--workspace", "--explicitBatch", "--buildOnly"} <= flags["7.1.3"]
    assert {"--noTF32", "--nvtxMode"} <= flags["8.0.1"]
    assert {"--memPoolSize", "--skipInference", "--builderOptimizationLevel"} <= flags["10.3.0"]
    assert not {"--workspace", "--buildOnly", "--explicitBatch"} & flags["10.3.0"]
    assert not {"--noTF32", "--minTiming"} & flags["11.1.0"]


@pytest.mark.parametrize("precision", ["fp16", "int8", "best"])
def test_a_precision_is_a_flag_until_11_refuses_it(make: Make, log: Path, precision: str) -> None:
    measured = driver.measure(make("10.3.0", precision=precision), 1.0, 0.2, Watch())
    assert f"--{precision}" in asked(log)[0]
    assert "--noTF32" not in asked(log)[0]
    codes = {each.code for each in measured.findings}
    assert ("tensorrt-uncalibrated" in codes) == (precision != "fp16")
    with pytest.raises(NotMeasuredError, match="since 11"):
        driver.measure(make("11.1.0", precision=precision), 1.0, 0.2, Watch())


def test_dla_is_counted_by_the_builder(make: Make, log: Path) -> None:
    measured = driver.measure(make("8.6.1", dla="0", precision="fp16"), 1.0, 0.2, Watch())
    kept = driver.measure(make("8.6.1", dla="0", precision="fp16"), 1.0, 0.2, Watch())
    assert kept.placement == measured.placement
    assert measured.placement.text == "partial 1/4 in 1 partition (DLA 0)"
    assert {"--useDLACore=0", "--allowGPUFallback"} <= set(asked(log)[0])
    rows = driver.profile(make("8.6.1", dla="0", precision="fp16"), None, Watch()).profile
    assert rows is not None
    assert [row.where for row in rows.rows] == ["GPU", "GPU", "GPU", "DLA"]


def test_nothing_on_dla_is_no_number_of_dla(make: Make) -> None:
    error = failed(make("8.6.1", fault="no dla", dla="1", precision="fp16"))
    assert error.kind == "fell back"
    assert "DLA 1" in error.message


def test_options_of_a_run(make: Make, log: Path) -> None:
    options = {"streams": "4", "cuda_graph": "true", "no_transfers": "true", "spin_wait": "true"}
    measured = driver.measure(make("10.3.0", **options), 1.0, 0.2, Watch())
    assert {"--infStreams=4", "--useCudaGraph", "--noDataTransfers", "--useSpinWait"} <= set(asked(log)[-1])
    assert (measured.invocation.input_copy_ns, measured.invocation.output_read_ns) == (None, None)
    assert measured.tool.settings["streams"] == "4"
    assert measured.invocation.throughput is not None
    assert measured.invocation.throughput.streams == 4
    assert measured.invocation.throughput.how.endswith("each stream, no copies")
    driver.measure(make("8.0.1", streams="4"), 1.0, 0.2, Watch())
    assert "--streams=4" in asked(log)[-1]


def test_a_graph_that_was_not_captured_is_another_case(make: Make) -> None:
    assert failed(make("8.6.1", fault="no graph", cuda_graph="true")).kind == "option ignored"


def test_a_batch_needs_an_open_dimension(make: Make, log: Path) -> None:
    job = make("10.3.0", batch="8")
    with pytest.raises(NotMeasuredError, match="fixed first dimension of 1"):
        driver.measure(job, 1.0, 0.2, Watch())
    (spec,) = job.graph.inputs
    wide = TensorSpec(name=spec.name, dtype=spec.dtype, shape=(-1, *spec.shape[1:]))
    graph, case = structs.replace(job.graph, inputs=(wide,)), structs.replace(job.case, shapes={spec.name: spec.shape})
    job = replace(job, graph=graph, case=case)
    single = driver.measure(make("10.3.0"), 1.0, 0.2, Watch())
    eight = driver.measure(job, 1.0, 0.2, Watch())
    assert any(word.startswith(f"--shapes={spec.name}:8x") for word in asked(log)[-1])
    one, other = single.invocation.throughput, eight.invocation.throughput
    assert one is not None
    assert other is not None
    assert (one.batch, other.batch) == (1, 8)
    assert other.items_per_s == pytest.approx(8 * one.items_per_s, rel=1e-3)


def test_a_batch_that_does_not_come_out_again_is_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make("10.3.0", batch="8")
    wide = tuple(structs.replace(spec, shape=(-1, *spec.shape[1:])) for spec in job.graph.inputs)
    job = replace(job, graph=structs.replace(job.graph, inputs=wide))
    (spec,) = job.graph.outputs
    text = f'"name" : "{spec.name}"\n  , "dimensions" : "1x2"\n  , "values" : [ 0.5, 0.5 ]\n'
    (tmp_path / "said").write_text(text)
    monkeypatch.setenv("STAND_IN_OUTPUT", str(tmp_path / "said"))
    with pytest.raises(InvocationFailed, match=f"cannot run batches of 8: .* {spec.name} has the shape 1,2"):
        driver.measure(job, 1.0, 0.2, Watch(outputs=lambda _: None))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_profile_names_what_was_fused(make: Make, version: str) -> None:
    profiled = driver.profile(make(version), 2_000_000.0, Watch())
    found = profiled.profile
    assert found is not None
    assert [row.time_ns for row in found.rows] == [250_000, 1_000_000, 500_000, 250_000]
    assert [row.source_ops for row in found.rows[:3]] == [
        (), ("Conv_0", 'Relu_1 "quoted"'), ("Sigmoid_2", "Mul_3"),
    ]  # fmt: skip
    group = ("MatMul_4", "Add_5", "Relu_6", "Add_7") if version[:2] in ("10", "11") else ("MatMul_4", "Add_7")
    assert found.rows[3].source_ops == group
    assert (found.inferences, found.total_ns, found.gap_ns, found.slowdown) == (100, 2_000_000, 0, 1.0)
    assert any("without the profiler" in note for note in found.notes) == (not version.startswith("7"))


def test_the_outputs_are_handed_to_the_watch(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make("8.6.1")
    (spec,) = job.graph.outputs
    count, shape = math.prod(spec.shape), "x".join(map(str, spec.shape))
    values = ", ".join(["0.5"] * count)
    text = f'[\n  {{ "name" : "{spec.name}"\n  , "dimensions" : "{shape}"\n  , "values" : [ {values} ]\n  }}\n]\n'
    (tmp_path / "said").write_text(text)
    monkeypatch.setenv("STAND_IN_OUTPUT", str(tmp_path / "said"))
    got: list[Output] = []
    assert driver.measure(job, 1.0, 0.2, Watch(outputs=got.extend)).no_outputs == ""
    assert got[0].spec == spec
    assert got[0].file.read_bytes() == struct.pack("<f", 0.5) * count
    monkeypatch.delenv("STAND_IN_OUTPUT")
    assert driver.measure(job, 1.0, 0.2, Watch(outputs=got.extend)).no_outputs == "trtexec wrote no outputs"
    assert len(got) == 1


def test_a_crash_behind_the_last_line_keeps_the_numbers_of_a_kept_engine(make: Make) -> None:
    driver.measure(make(), 1.0, 0.2, Watch())
    measured = driver.measure(make(fault="crash behind"), 1.0, 0.2, Watch())
    assert "SIGSEGV" in next(each.what for each in measured.findings if each.code == "tool-end")


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [("parser", "tool failed", "Failed to parse onnx file; Parsing model failed"),
     ("cut", "incomplete", "no line PASSED"),
     ("no times", "incomplete", "wrote no file"),
     ("other times", "incomplete", "the log's median is 2 ms, that of the exported samples 3 ms")],
)  # fmt: skip
def test_what_went_wrong_stands_in_the_error(make: Make, fault: str, kind: str, words: str) -> None:
    error = failed(make(fault=fault))
    assert error.kind == kind
    assert words in error.message


def test_one_that_writes_nothing_does_not_show_what_the_one_before_wrote(make: Make) -> None:
    driver.measure(make(), 1.0, 0.2, Watch())
    assert failed(make(fault="no times")).kind == "incomplete"


def test_a_run_that_hangs_is_ended(make: Make) -> None:
    driver.measure(make(), 1.0, 0.2, Watch())
    assert failed(replace(make(fault="hang"), limit_s=0.5)).kind == "timed out"


def test_trtexecs_own_warnings_are_findings(make: Make) -> None:
    (told,) = [each for each in driver.measure(make(), 1.0, 0.2, Watch()).findings if each.code == "trtexec-warning"]
    assert "unstable" in told.what
    assert "--pin" in told.remedy


def test_it_is_looked_for_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin with a space"
    folder.mkdir()
    shutil.copyfile(STAND_IN, folder / "trtexec")
    (folder / "trtexec").chmod(0o755)
    path = f"/usr/bin:/bin:{folder}"
    monkeypatch.setenv("PATH", path)
    found = driver.program(LocalDevice(), "trtexec", {}, tmp_path)
    assert found.path == str(folder / "trtexec")
    assert len(found.sha256) == 64
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if not Path("/usr/src/tensorrt/bin/trtexec").exists():
        with pytest.raises(UsageError, match="has no trtexec"):
            driver.program(LocalDevice(), "trtexec", {}, tmp_path)
    with pytest.raises(UsageError, match="no such program"):
        driver.program(LocalDevice(), "trtexec", {"trtexec": str(tmp_path / "none")}, tmp_path)
    with pytest.raises(UsageError, match="is no trtexec"):
        driver.program(LocalDevice(), "trtexec", {"trtexec": "/bin/ls"}, tmp_path)


def test_it_is_a_backend_with_options() -> None:
    row = registry.backend("trtexec")
    assert (row.native, row.formats, row.accelerators) == (True, ("onnx",), ("gpu",))
    assert row.options["precision"].values == ("fp32", "fp16", "int8", "best")
    assert registry.driver("trtexec") is driver
    assert registry.default_for("onnx") == "onnxruntime"
