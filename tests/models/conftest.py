"""Shared by the tests of this room: the zoo's files, built once; the original files; hand-changed TFLite files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import ModelFileError
from bench.models import artifacts, emit_onnx, emit_tflite, inputs, inspect
from bench.models.network import Network
from bench.models.scaling import Scaling
from bench.records.types import TensorSpec


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def built(cache: Path) -> Callable[..., Path]:
    """built(model, kind="tflite", seed=0): the file of a zoo model."""

    def build(model: str, kind: str = "tflite", seed: int = 0) -> Path:
        return artifacts.build(model, variant="fp32", era="2019", format=kind, cache=cache, seed=seed)

    return build


@pytest.fixture
def changed(tmp_path: Path, rewrite_tflite: Callable[..., Path]) -> Callable[[Path, Callable[[Any], None]], Path]:
    """changed(file, change): a copy of a TFLite file after change(its object tree)."""
    return lambda source, change: rewrite_tflite(source, tmp_path / f"{change.__name__}.tflite", change)


@pytest.fixture(scope="session")
def picture() -> Callable[..., Any]:
    """picture(shape, seed=0, scaling=None): a seeded input."""

    def make(shape: tuple[int, ...], seed: int = 0, scaling: Scaling | None = None) -> Any:
        import numpy as np

        data = inputs.seeded_input(TensorSpec(name="x", dtype="float32", shape=shape), shape, seed, scaling=scaling)
        return np.frombuffer(data, dtype="<f4").reshape(shape)

    return make


def _litert(path: Path, x: Any, resolver: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(str(path), experimental_op_resolver_type=getattr(OpResolverType, resolver))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _onnxruntime(path: Path, x: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def _openvino(path: Path, x: Any) -> Any:
    import numpy as np
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(x)[0])


@pytest.fixture(scope="session")
def run() -> Callable[[str, Path, Any], Any]:
    """run(runtime, file, input): its output. litert: with XNNPACK, as it comes; reference: LiteRT's plain kernels."""
    runtimes: dict[str, Callable[[Path, Any], Any]] = {
        "reference": lambda path, x: _litert(path, x, "BUILTIN_REF"),
        "litert": lambda path, x: _litert(path, x, "AUTO"),
        "onnxruntime": _onnxruntime,
        "openvino": _openvino,
    }
    return lambda runtime, path, x: runtimes[runtime](path, x)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Network], dict[str, Path]]:
    """written(network): its files, by format."""

    def write(network: Network) -> dict[str, Path]:
        paths = {kind: tmp_path / f"{network.name}.{kind}" for kind in ("tflite", "onnx")}
        paths["tflite"].write_bytes(emit_tflite.emit(network))
        paths["onnx"].write_bytes(emit_onnx.emit(network))
        return paths

    return write


@pytest.fixture(scope="session")
def ir(built: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zoo's prisma as an OpenVINO IR in float32."""
    import openvino

    path = tmp_path_factory.mktemp("ir") / "prisma.xml"
    openvino.save_model(openvino.Core().read_model(str(built("prisma", "onnx"))), path, compress_to_fp16=False)
    return path


@pytest.fixture
def refused() -> Callable[[Path], ModelFileError]:
    """refused(path): the error that describing the file raises, with what was found and what to do."""

    def describe(path: Path) -> ModelFileError:
        with pytest.raises(ModelFileError) as caught:
            inspect.describe(path, None)
        assert str(path) in caught.value.asked
        assert caught.value.found
        assert caught.value.todo
        return caught.value

    return describe
