"""`bench run --accelerator` on a phone: a GPU that is really used, and what is said where there is none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_phones import LabPhone
from phone_runs import CPU_TOOL, GPU_TOOL, QUICKEST, clean, configure, error, last, opencl_missing, records
from phone_runs import without_opencl as take_opencl_away

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., LabPhone]
opencl = pytest.mark.skipif(bool(opencl_missing()), reason=opencl_missing())


@opencl
def test_models_on_the_gpu(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    configure(tmp_path, GPU_TOOL, oneplus3=lab_phone())
    done = bench("run", "-d", "oneplus3", "-a", "gpu", "-m", "paradox_1", "-m", "paradox_7", *QUICKEST)
    one, seven = records(results_folder)
    for record, ops in ((one, 1), (seven, 3)):
        placed = record.placement
        assert (placed.kind, placed.delegate, placed.nodes, placed.total) == ("full", "GPU", ops, ops)
        assert record.agreement is not None
        assert record.agreement.ok is True
        (text,) = record.transcript
        assert "--use_gpu=true --use_xnnpack=false" in text  # else XNNPACK takes the graph first
        assert "Created 1 GPU delegate kernels." in text
    assert done.stdout.count("placed full (GPU)") + done.stdout.count("full (GPU)  ") >= 2
    (published,) = [finding for finding in one.findings if finding.code == "published-latency"]
    assert "gpu: 16.5 ms" in published.what


@opencl
def test_prisma_on_the_gpu(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    made = lab_phone()
    configure(tmp_path, GPU_TOOL, oneplus3=made)
    arguments = ("-m", "prisma", "--time", "0.5", "--invocations", "3", "--no-profile")
    bench("run", "-d", "oneplus3", "-a", "gpu", *arguments)
    record = last(results_folder)
    assert record.measured
    assert (record.placement.kind, record.placement.nodes, record.placement.total) == ("full", 159, 159)
    assert record.agreement is not None
    assert record.agreement.ok is True
    assert len(record.invocations) == 3
    assert clean(made)


@opencl
def test_a_profile_of_the_gpu_has_names_and_no_times(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path
) -> None:
    configure(tmp_path, GPU_TOOL, oneplus3=lab_phone())
    done = bench("run", "-d", "oneplus3", "-a", "gpu", "-m", "paradox_1", "--time", "0.1", "--invocations", "1")
    record = last(results_folder)
    assert record.profile is None
    assert "no times" in record.profile_reason
    assert "no times" in " ".join(done.stdout.split())
    assert any("depthwise_convolution" in name for name in record.op_names)


@opencl
def test_a_phone_without_opencl(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    made = lab_phone()
    take_opencl_away(made)
    configure(tmp_path, GPU_TOOL, oneplus3=made)
    done = bench("run", "-d", "oneplus3", "-a", "gpu", "-a", "cpu", "-m", "paradox_1", *QUICKEST, code=4)
    gpu, cpu = records(results_folder)
    assert error(gpu).kind == "tool failed"
    assert "Failed to apply GPU delegate" in error(gpu).message
    assert error(gpu).exit_code == 1
    assert "Failed to apply GPU delegate" in " ".join(done.stdout.split())
    assert "clGetPlatformIDs returned -1001" in error(gpu).message
    assert gpu.invocations == ()
    assert cpu.measured
    assert clean(made)


def test_a_tool_for_cpus_is_refused_before_it_runs(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path
) -> None:
    made = lab_phone()
    made.put_bin("taskset", "touch /data/local/tmp/ran; exit 1")
    configure(tmp_path, CPU_TOOL, oneplus3=made)
    arguments = ("-a", "gpu", "-m", "paradox_1", "--option", "taskset=3", *QUICKEST)
    bench("run", "-d", "oneplus3", *arguments, code=4)
    found = error(last(results_folder))
    assert "built without it: it has no flag --use_gpu" in found.message
    assert "bench tools fetch benchmark_model" in found.todo
    assert not (made.tmp / "ran").exists()
    assert last(results_folder).transcript == ()


def test_all_accelerators(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    """Each is a number, a record with its error, or a skip with its reason; and the exit code tells."""
    made = lab_phone()
    configure(tmp_path, GPU_TOOL if not opencl_missing() else CPU_TOOL, oneplus3=made)
    done = bench("run", "-d", "oneplus3", "-a", "all", "-m", "paradox_1", *QUICKEST, code=4)
    found = {record.case.accelerator: record for record in records(results_folder)}
    assert list(found) == ["cpu", "gpu", "nnapi", "hexagon"]
    assert found["cpu"].measured
    assert found["gpu"].measured is not bool(opencl_missing())
    for name in ("nnapi", "hexagon"):
        assert f"no flag --use_{name}" in error(found[name]).message
        assert f"no flag --use_{name}" in " ".join(done.stdout.split())
    assert "skipped: oneplus3 · paradox_1 fp32 · benchmark_model external" in done.stdout
    assert "external needs an option external_delegate_path" in done.stdout
    assert clean(made)
