"""TensorRT's Python API in the agent, where there is no GPU: stand-ins for the driver (`cuda_stand_in.c`) and for the
package (`stand_in_tensorrt.py`) take their places. No number here is a GPU's. The builder is tried with the real
TensorRT for RTX beside this (`test_tensorrt_builder.py`), a real GPU in `test_nvidia_gpu.py`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.backends import registry
from bench.backends.agent.cuda_driver import Cuda
from bench.backends.agent.tensorrt_layers import layers_of
from bench.backends.client import AgentClient, InvocationFailed
from bench.base.errors import UsageError
from bench.devices.local import LocalDevice
from bench.records.types import Record

HERE = Path(__file__).parent
GIVEN = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
KERNEL_NS = 200_000  # what the stand-in's GPU needs for an inference, at least


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library libcuda.so.1 and the package tensorrt."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler for the stand-in of libcuda")
    folder = tmp_path_factory.mktemp("tensorrt")
    library, source = folder / "libcuda.so.1", HERE / "cuda_stand_in.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-lpthread"], check=True)
    shutil.copy(HERE / "stand_in_tensorrt.py", folder / "tensorrt.py")
    return folder


@pytest.fixture
def installed(stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """installed(version, NAME=value...): processes that start now find the stand-ins, in these modes."""

    def install(version: str = "10.3.0", **modes: str) -> None:
        monkeypatch.setenv("PYTHONPATH", str(stand_ins))
        monkeypatch.setenv("LD_LIBRARY_PATH", str(stand_ins))
        monkeypatch.setenv("STAND_IN_TENSORRT", version)
        for name, value in modes.items():
            monkeypatch.setenv(name, value)

    return install


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """model(batch, ops): an ONNX file of [batch, 3, 4] floats; batch "N": open."""
    from onnx import TensorProto, helper, save

    def make(batch: int | str = 1, *ops: str) -> Path:
        sizes = [batch, 3, 4]
        info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in ("x", "y", "z")]
        nodes = [helper.make_node("Identity", ["x"], [name]) for name in ("y", "z")]
        nodes += [helper.make_node(op, ["x", "x"], [op]) for op in ops]
        made = helper.make_model(helper.make_graph(nodes, "g", info[:1], info[1:]))
        path = tmp_path_factory.mktemp("onnx") / "model.onnx"
        save(made, path)
        return path

    return make


@dataclass(frozen=True)
class Told:
    """What an invocation answered; said: on stderr."""

    hello: dict[str, Any]
    loaded: dict[str, Any]
    first_ns: int
    outputs: list[np.ndarray[Any, Any]]
    throughput: dict[str, Any]
    finish: dict[str, Any]
    profile: dict[str, Any]
    said: str


def invoke(agent: str, path: Path, scratch: Path, shapes: dict[str, Any] | None = None, **options: str) -> Told:
    """One invocation from hello to quit. Raises InvocationFailed."""
    profiling = options.pop("profiling", "")
    with AgentClient(LocalDevice(), agent, 60.0, "gpu") as client:
        hello = client.ask(
            "hello", "hello", backend="tensorrt", accelerator="gpu", threads=1, options=options, scratch=str(scratch)
        )
        trace = str(scratch) if profiling else ""
        loaded = client.ask("load", "loading", model=str(path), shapes=shapes or {}, trace=trace)
        sizes = loaded["inputs"][0]["shape"]
        (scratch / "in.bin").write_bytes(np.resize(GIVEN, sizes).tobytes())
        client.ask("inputs", "inputs", files=[str(scratch / "in.bin")])
        first_ns = client.ask("first", "first")["first_ns"]
        answer = client.ask("outputs", "outputs", folder=str(scratch))
        read = [
            np.fromfile(name, np.dtype(spec["dtype"])).reshape(spec["shape"])
            for name, spec in zip(answer["files"], answer["outputs"], strict=True)
        ]
        streams = loaded["streams"]
        several = client.ask("throughput", "throughput", streams=streams, duration_ns=20_000_000) if streams > 1 else {}
        profile = client.ask("profile", "profile", n=4) if profiling else {}
        finish = client.ask("finish", "finish")
        client.ask("quit", "quit")
        said = client.stderr()
    return Told(hello, loaded, first_ns, read, several, finish, profile, said)


def refused(agent: str, path: Path, scratch: Path, **options: str) -> Any:
    with pytest.raises(InvocationFailed) as failed:
        invoke(agent, path, scratch, **options)
    assert failed.value.error.kind == "refused"
    return failed.value.error


@pytest.mark.parametrize("version", ["8.2.5", "8.4.1", "8.5.3", "8.6.1", "10.3.0", "11.0.0"])
def test_an_inference_waits_for_the_gpu_in_each_version_of_the_api(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path, version: str
) -> None:
    installed(version)
    told = invoke(agent, model(), tmp_path)
    assert told.hello["runtime"] == "tensorrt"
    assert told.hello["version"] == version
    assert told.hello["sync"].startswith("CUDA event behind the engine's kernels, waited for by a blocked thread")
    assert [spec["name"] for spec in told.loaded["outputs"]] == ["y", "z"]  # the model's order, not the engine's
    assert len(told.outputs) == 2
    for output in told.outputs:
        np.testing.assert_array_equal(output, 2 * GIVEN + 1)
    assert told.first_ns >= KERNEL_NS
    settings = told.finish["settings"]
    assert settings["GPU"] == "stand-in of a GPU, compute capability 8.9"
    assert settings["CUDA driver"] == "12.4"
    compute = re.match(r"([\d.]+) ms by CUDA events, of 50 inferences", settings["GPU compute median"])
    assert compute is not None
    assert float(compute[1]) * 1e6 >= KERNEL_NS
    lacking = {"10.3.0": "", "8.6.1": "", "11.0.0": "min_timing_iterations"}
    assert settings.get("not in this version", "") == lacking.get(version, "builder_optimization_level")
    assert settings["build flags"].startswith("no TF32, workspace=1024 MiB")
    alone = "the types in the file, without TF32"
    assert settings["precision"] == (alone if version == "11.0.0" else "FP32 without TF32")
    assert told.finish["placement"]["kind"] == "full"
    assert told.finish["placement"]["nodes"] == 2
    assert "by the engine inspector; TensorRT runs no layer on the CPU" in told.finish["placement"]["evidence"]
    assert min(told.finish["io"].values()) > 0
    assert "[TRT] [I] built once" in told.said
    assert "what nobody should print" not in told.said


def test_the_next_invocation_loads_the_engine_and_another_case_builds_its_own(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    path = model()
    built = invoke(agent, path, tmp_path)
    kept = invoke(agent, path, tmp_path)
    assert built.finish["settings"]["engine"] == "built by this process"
    assert kept.finish["settings"]["engine"] == "kept from an earlier process of this case"
    assert "built once" not in kept.said
    assert kept.finish["settings"]["engine sha256"] == built.finish["settings"]["engine sha256"]
    assert kept.finish["placement"] == built.finish["placement"]
    np.testing.assert_array_equal(kept.outputs[1], 2 * GIVEN + 1)
    assert "built once" in invoke(agent, path, tmp_path, precision="fp16").said
    assert "built once" in invoke(agent, model(), tmp_path, {"x": [1, 3, 4]}).said
    installed("10.4.0")
    assert "built once" in invoke(agent, path, tmp_path).said
    (engine, *_) = tmp_path.glob("*.engine")
    for file in tmp_path.glob("*.engine"):
        file.write_bytes(file.read_bytes()[:-1])
    assert "built once" in invoke(agent, path, tmp_path).said
    assert engine.read_bytes()


def test_waiting_by_polling_is_told_to_the_driver(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    blocked, polling = invoke(agent, model(), tmp_path), invoke(agent, model(), tmp_path, spin_wait="true")
    assert "stand-in: event flags 1" in blocked.said  # CU_EVENT_BLOCKING_SYNC
    assert "context flags" not in blocked.said
    assert "stand-in: event flags 1" not in polling.said
    assert "stand-in: context flags 1" in polling.said  # CU_CTX_SCHED_SPIN
    assert "waited for by polling" in polling.hello["sync"]


def test_a_cuda_graph_is_launched_in_the_place_of_the_layers(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    told = invoke(agent, model(), tmp_path, cuda_graph="true")
    assert "stand-in: graph launched" in told.said
    np.testing.assert_array_equal(told.outputs[0], 2 * GIVEN + 1)
    assert told.finish["settings"]["launch"] == "one CUDA graph"
    installed(STAND_IN_CUDA="no-graph")
    error = refused(agent, model(), tmp_path, cuda_graph="true")
    assert error.message.startswith("the engine cannot be captured as a CUDA graph: cuStreamEndCapture")
    assert error.todo == "Leave the option cuda_graph out."


def test_streams_have_contexts_and_memory_of_their_own(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    told = invoke(agent, model(), tmp_path, streams="3")
    assert told.throughput["inferences"] >= 3
    assert "an execution context and a CUDA stream for each" in told.throughput["how"]
    assert told.throughput["inferences"] * KERNEL_NS <= told.throughput["duration_ns"] * 3


def test_precisions_are_flags_where_the_version_has_them(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    quantized = model(1, "QuantizeLinear", "DequantizeLinear")
    for precision, flags, words in (
        ("fp32", [], "no TF32"),
        ("fp16", ["FP16", "TF32"], "FP16"),
        ("int8", ["INT8", "TF32"], "INT8"),
        ("best", ["FP16", "INT8", "TF32"], "FP16, INT8"),
    ):
        told = invoke(agent, quantized, tmp_path, precision=precision)
        assert told.finish["settings"]["build flags"].startswith(f"{words}, workspace=1024 MiB")
        assert f"built once with {flags}" in told.said
    for precision in ("int8", "best"):
        error = refused(agent, model(), tmp_path, precision=precision)
        assert error.message.endswith("the model is not quantized (no QuantizeLinear nodes)")
    installed("11.0.0")
    error = refused(agent, quantized, tmp_path, precision="fp16")
    assert error.message == ("cannot build with precision=fp16: in this TensorRT the types in the file alone decide")


def test_dla_is_placed_as_the_builder_says(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    path = model()
    installed(STAND_IN_DLA="1")
    for _ in range(2):  # built, then kept: the builder's words are kept too
        placement = invoke(agent, path, tmp_path, dla="0", precision="fp16").finish["placement"]
        assert (placement["kind"], placement["delegate"]) == ("partial", "DLA 0")
        assert (placement["nodes"], placement["total"]) == (1, 2)
    error = refused(agent, path, tmp_path, dla="1", precision="fp16")
    assert error.message == "there is no DLA core 1: this GPU has 1"


def test_an_open_dimension_is_told_and_then_fixed(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    for version in ("8.4.1", "10.3.0"):
        installed(version)
        path = model("N")
        with AgentClient(LocalDevice(), agent, 60.0) as client:
            client.ask("hello", "hello", backend="tensorrt", accelerator="gpu", threads=1, options={}, scratch="")
            loaded = client.ask("load", "loading", model=str(path), shapes={}, trace="")
            client.ask("quit", "quit")
        assert loaded["inputs"] == [{"name": "x", "dtype": "float32", "shape": [-1, 3, 4]}]
        told = invoke(agent, path, tmp_path, {"x": [2, 3, 4]})
        assert "x=2x3x4" in told.finish["settings"]["build flags"]
        np.testing.assert_array_equal(told.outputs[0], 2 * np.resize(GIVEN, (2, 3, 4)) + 1)
        for wanted in ([2, 3], [2, 3, 5]):
            with pytest.raises(InvocationFailed, match="cannot take"):
                invoke(agent, path, tmp_path, {"x": wanted})


def test_layer_times_are_rows_by_name_and_sum_up(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    told = invoke(agent, model(), tmp_path, profiling="true", cuda_graph="true")
    profile = told.profile
    assert (profile["inferences"], len(profile["samples_ns"])) == (4, 4)
    assert [row["name"][:7] for row in profile["rows"]] == ["Reforma", "Conv_0 ", "PWN(Sig"]
    assert [row["op_type"] for row in profile["rows"]] == ["Reformat", "CaskConvolution", ""]
    assert [row["source_ops"] for row in profile["rows"]] == [[], ["a", "b"], []]
    assert {row["calls"] for row in profile["rows"]} == {4}
    assert 0 < sum(row["time_ns"] for row in profile["rows"]) <= profile["total_ns"]


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        ({"STAND_IN_CUDA": "none"}, "the NVIDIA driver gives no GPU: cuInit: CUDA_ERROR_NO_DEVICE, no CUDA-capable"),
        ({"STAND_IN_CUDA": "full"}, "no memory on the GPU for x: cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY"),
        ({"STAND_IN_FAILS": "1"}, "TensorRT cannot build an engine of it: Could not find any implementation for node"),
        ({"STAND_IN_TENSORRT": "7.1.3"}, "TensorRT 7.1.3 is older than its Python API is driven here"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(
    agent: str,
    installed: Callable[..., None],
    model: Callable[..., Path],
    tmp_path: Path,
    modes: dict[str, str],
    message: str,
) -> None:
    installed(**modes)
    assert refused(agent, model(), tmp_path).message.startswith(message)


def test_a_file_that_is_no_model_is_refused_in_the_parsers_words(
    agent: str, installed: Callable[..., None], tmp_path: Path
) -> None:
    installed()
    path = tmp_path / "no.onnx"
    path.write_bytes(b"nothing of the kind")
    assert refused(agent, path, tmp_path).message == "TensorRT's parser does not take the model: no ONNX (node 3)"


def test_without_a_driver_it_is_refused_before_the_model_is_looked_at(
    agent: str, installed: Callable[..., None], stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("there is an NVIDIA driver here")
    only = tmp_path / "package"
    only.mkdir()
    # Without the line that opens the library: the agent is what has to look for it.
    source = (stand_ins / "tensorrt.py").read_text().replace('_cuda = ctypes.CDLL("libcuda.so.1")', "")
    (only / "tensorrt.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(only))
    error = refused(agent, tmp_path / "there is none.onnx", tmp_path)
    assert error.message.startswith("there is no NVIDIA driver here: libcuda.so.1: cannot open shared object file")
    assert "nvidia-smi" in error.todo
    assert error.phase == "hello"


def test_a_package_that_is_asked_for_is_not_replaced_by_the_other(
    agent: str, installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    if shutil.which("nvidia-smi"):
        pytest.skip("TensorRT for RTX may be here")
    error = refused(agent, model(), tmp_path, package="tensorrt_rtx")
    assert error.message.startswith(("TensorRT cannot be imported: tensorrt_rtx: ", "there is no NVIDIA driver"))


def test_a_run_builds_in_a_process_of_its_own_and_names_the_fused_nodes(
    installed: Callable[..., None], model: Callable[..., Path], tmp_path: Path
) -> None:
    installed()
    argv = [sys.executable, "-m", "bench", "run", "-b", "tensorrt", "--model", str(model()), "--time", "0.5"]
    argv += ["--invocations", "1", "--results", str(tmp_path)]
    ran = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False)
    files = [path for path in tmp_path.rglob("*.json") if b'"invocations"' in path.read_bytes()]
    assert files, ran.stdout + ran.stderr
    record = msgspec.json.decode(files[0].read_bytes(), type=Record)
    assert record.error is None, record.error
    assert record.tool is not None
    assert record.tool.settings["engine"] == "kept from an earlier process of this case"
    assert "".join(record.transcript).count("built once") == 1
    assert record.profile is not None
    assert [row.source_ops for row in record.profile.rows] == [(), ("a", "b"), ("Sigmoid_2",)]
    assert [row.op_type for row in record.profile.rows] == ["Reformat", "CaskConvolution", "PointWise"]
    assert any(finding.code == "tensorrt-version" for finding in record.findings)


def test_the_driver_library_may_be_named(stand_ins: Path) -> None:
    code = "import sys; from bench.backends.agent.cuda_driver import Cuda; print(Cuda(library=sys.argv[1]).gpu())"
    argv = [sys.executable, "-c", code, str(stand_ins / "libcuda.so.1")]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.startswith("stand-in of a GPU")
    assert Cuda.driver_text.fget is not None


def test_layer_infos_of_all_forms_are_read() -> None:
    """As TensorRT for RTX writes them (without separators), with separators, names only, and what is none."""
    assert layers_of('{"Layers": ["a", "b"]}') == [
        {"name": "a", "kind": "", "onnx": []},
        {"name": "b", "kind": "", "onnx": []},
    ]
    told = layers_of(
        '{"Layers": [{"Name": "conv1_myl0_1", "LayerType": "correlation", '
        '"Metadata": "[ONNX Layer: conv1][ONNX Layer: re[0]lu]"}, '
        '{"Name": "n", "Metadata": "[ONNX Layer: a]\x1e[ONNX Layer: b]"}]}'
    )
    assert told[0] == {"name": "conv1_myl0_1", "kind": "correlation", "onnx": ["conv1", "re[0]lu"]}
    assert told[1]["onnx"] == ["a", "b"]
    assert layers_of("") == layers_of("[]") == layers_of('{"Layers": 3}') == layers_of('{"Layers": [3]}') == []


@pytest.mark.parametrize("name", ["tf-trt", "tftrt", "TF-TRT"])
def test_tf_trt_is_a_clear_no(name: str) -> None:
    with pytest.raises(UsageError) as told:
        registry.backend(name)
    assert "since 2.18" in told.value.found
    assert "-b trtexec, -b tensorrt" in told.value.todo
