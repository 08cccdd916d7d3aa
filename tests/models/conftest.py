"""Shared by the tests of this room: the zoo's files, built once; the original files; hand-changed TFLite files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import ModelFileError
from bench.models import artifacts, inspect

ORIGINALS = Path(__file__).parents[3] / "shared" / "zoo" / "originals"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def built(cache: Path) -> Callable[..., Path]:
    """built(model, kind="tflite", seed=0): the file of a zoo model."""

    def build(model: str, kind: str = "tflite", seed: int = 0) -> Path:
        return artifacts.build(model, variant="fp32", era="2019", format=kind, cache=cache, seed=seed)

    return build


@pytest.fixture(scope="session")
def original() -> Callable[[str], Path]:
    """original(name): the published file of that name; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = ORIGINALS / name
        if not path.exists():
            pytest.skip(f"the original file {name} is not here")
        return path

    return find


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Path, Callable[[Any], None]], Path]:
    """changed(file, change): a copy of a TFLite file after change(its object tree)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def repack(source: Path, change: Callable[[Any], None]) -> Path:
        model = schema.ModelT.InitFromPackedBuf(bytearray(source.read_bytes()), 0)
        change(model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        path = tmp_path / f"{change.__name__}.tflite"
        path.write_bytes(bytes(builder.Output()))
        return path

    return repack


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
