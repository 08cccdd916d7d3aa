"""The builder code against the real TensorRT for RTX, which parses and builds without a GPU (and runs nothing there).

It needs `pip install tensorrt-rtx-cu12` (89 MB, 220 MB unpacked) in the interpreter that runs the tests, or in the one
that BENCH_TENSORRT_PYTHON names. `tensorrt` itself does as well, on a machine with a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "BENCH_TENSORRT_PYTHON"
# Runs in that interpreter, with the agent's own modules from its zipapp: the model as the builder reads and builds it.
CODE = """
import json, sys
request = json.loads(sys.argv[1])
sys.path.insert(0, request["agent"])
from bench_agent import tensorrt_build as build, tensorrt_engine as engine, tensorrt_layers as layers
from bench_agent.adapter import Refused
trt = build.package()
log = build.logger(trt)
metadata, words = [], log.log
def overhear(severity, text):
    metadata.extend(layers._ONNX.findall(text.partition(" metadata: ")[2]))
    words(severity, text)
type(log).log = lambda self, severity, text: overhear(severity, text)
told = {"package": trt.__name__}
try:
    parsed = build.Parsed(trt, log, request["model"], request["shapes"])
    told.update(inputs=parsed.inputs, outputs=parsed.outputs, open=parsed.open, quantized=parsed.quantized)
    if not parsed.open:
        plan = build.Plan(trt, parsed, request["options"])
        told.update(told=plan.told, lacking=plan.lacking)
        data, seconds = plan.build(log)
        told.update(size=len(data), seconds=seconds, metadata=metadata)
        engine.deserialized(trt, log, data, "")
except Refused as refused:
    told.update(refused=refused.message, todo=refused.todo)
print(json.dumps(told))
"""
Built = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def interpreter() -> str:
    """One with TensorRT; without any, the tests that want it are skipped."""
    python = os.environ.get(VARIABLE, sys.executable)
    tried = subprocess.run(
        [python, "-c", "import tensorrt_rtx"], capture_output=True, text=True, env=_environment(), check=False
    )
    if tried.returncode:
        pytest.skip(f"{python} has no tensorrt_rtx: pip install tensorrt-rtx-cu12, or name another with {VARIABLE}")
    return python


def _environment() -> dict[str, str]:
    """The packages of one interpreter are not those of another."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH" or VARIABLE not in os.environ}


@pytest.fixture(scope="session")
def built(interpreter: str, agent: str) -> Built:
    """built(model, shapes, options...): what came out, `refused` where it was."""

    def build(model: Path, shapes: dict[str, list[int]] | None = None, **options: str) -> dict[str, Any]:
        request = {"agent": agent, "model": str(model), "shapes": shapes or {}, "options": options}
        argv = [interpreter, "-c", CODE, json.dumps(request)]
        ran = subprocess.run(argv, capture_output=True, text=True, env=_environment(), check=False)
        assert ran.returncode == 0, ran.stderr
        told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return told

    return build


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """written(batch, domain): a convolution with its activation, the activation's name and domain, pooled and flat."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    def write(batch: int | str = 1, op: str = "Relu", domain: str = "", quantized: bool = False) -> Path:
        weights = [numpy_helper.from_array(np.full((8, 3, 3, 3), 0.1, np.float32), "w")]
        nodes = [
            helper.make_node("Conv", ["q" if quantized else "x", "w"], ["c"], name="conv1", pads=[1, 1, 1, 1]),
            helper.make_node(op, ["c"], ["r"], name="act1", domain=domain),
            helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool1"),
            helper.make_node("Flatten", ["p"], ["y"], name="flat1"),
        ]
        if quantized:
            weights.append(numpy_helper.from_array(np.float32(0.05), "scale"))
            weights.append(numpy_helper.from_array(np.int8(0), "zero"))
            nodes = [
                helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["i"], name="q1"),
                helper.make_node("DequantizeLinear", ["i", "scale", "zero"], ["q"], name="d1"),
                *nodes,
            ]
        io = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 16, 16])]
        out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 8])]
        domains = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
        made = helper.make_model(helper.make_graph(nodes, "g", io, out, weights), opset_imports=domains)
        made.ir_version = 8
        path = tmp_path_factory.mktemp("onnx") / "written.onnx"
        save(made, path)
        return path

    return write


@pytest.mark.parametrize("name", ["paradox_1", "paradox_7", "prisma"])
def test_the_zoo_is_parsed_as_another_runtime_reads_it_and_built(
    built: Built, zoo_file: Callable[..., Path], name: str
) -> None:
    import onnxruntime

    path = zoo_file(name, "onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    told = built(path)
    for specs, nodes in ((told["inputs"], session.get_inputs()), (told["outputs"], session.get_outputs())):
        assert specs == [{"name": node.name, "dtype": "float32", "shape": node.shape} for node in nodes]
    assert told["size"] > 1000
    assert told["told"][:2] == ["no TF32", "workspace=1024 MiB"]
    assert "avg_timing_iterations=8" in told["told"]
    assert not told["open"]
    assert not told["quantized"]


def test_the_nodes_of_a_layer_are_read_from_what_this_tensorrt_writes(
    built: Built, written: Callable[..., Path]
) -> None:
    assert set(built(written())["metadata"]) == {"conv1", "act1", "pool1", "flat1"}


def test_an_open_batch_is_told_and_then_built_for_one_size(built: Built, written: Callable[..., Path]) -> None:
    path = written("N")
    told = built(path)
    assert told["open"]
    assert told["inputs"] == [{"name": "x", "dtype": "float32", "shape": [-1, 3, 16, 16]}]
    fixed = built(path, {"x": [4, 3, 16, 16]})
    assert fixed["size"] > 1000
    assert "x=4x3x16x16" in fixed["told"]
    assert "cannot take [4, 3, 16, 15]" in built(path, {"x": [4, 3, 16, 15]})["refused"]
    assert "cannot take [4, 3, 16, 16]" in built(written(1), {"x": [4, 3, 16, 16]})["refused"]


def test_a_quantized_model_is_seen_and_built(built: Built, written: Callable[..., Path]) -> None:
    told = built(written(quantized=True))
    assert told["quantized"]
    assert told["size"] > 1000


def test_what_this_version_or_model_cannot_have_is_refused(built: Built, written: Callable[..., Path]) -> None:
    told = built(written(), precision="fp16")
    if told["package"] == "tensorrt_rtx":
        assert told["refused"].endswith("in this TensorRT the types in the file alone decide")
    assert "precision=int8" in built(written(), precision="int8")["refused"]
    assert built(written(), dla="0")["refused"].startswith("there is no DLA core 0")


def test_an_op_that_the_parser_lacks_is_named_in_its_words(built: Built, written: Callable[..., Path]) -> None:
    told = built(written(op="Mystery", domain="somebody"))
    assert told["refused"].startswith("TensorRT's parser does not take the model: ")
    assert "Mystery" in told["refused"]


def test_without_a_gpu_the_engine_is_refused_and_not_run(built: Built, written: Callable[..., Path]) -> None:
    told = built(written())
    if "refused" not in told:
        pytest.skip("there is a GPU here")
    assert told["refused"].startswith("TensorRT cannot load the engine: ")
    assert "CUDA driver" in told["refused"]
