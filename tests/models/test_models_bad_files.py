"""Files that are no models, or cut, or damaged: a ModelFileError that helps, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.base.errors import ModelFileError
from bench.models import inspect
from bench.models.model_file import SUFFIXES
from bench.records.types import GraphFacts

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
Built = Callable[..., Path]
Refused = Callable[[Path], ModelFileError]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (PNG, "PNG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "LFS"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"hello, this is no model at all\n", ""),
        (bytes(200), ""),
        (bytes(range(256)) * 4, ""),
    ],
    ids=["empty", "png", "lfs", "html", "zip", "text", "zeros", "bytes"],
)
def test_no_model(suffix: str, content: bytes, word: str, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    assert word in refused(path).found


def test_unknown_suffix(built: Built, tmp_path: Path, refused: Refused) -> None:
    other = tmp_path / "model.pb"
    other.write_bytes(b"x" * 20)
    assert ".tflite, .onnx" in refused(other).todo
    hidden = tmp_path / "model"
    hidden.write_bytes(built("paradox_1").read_bytes())
    assert "*.tflite" in refused(hidden).todo


def test_missing_file_and_folder(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "prisma.tflite").touch()
    assert "prisma.tflite" in refused(tmp_path / "prsma.tflite").todo
    assert "folder" in refused(tmp_path).found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_model_under_this_name(suffix: str, built: Built, tmp_path: Path, refused: Refused) -> None:
    for kind in ("tflite", "onnx"):
        if suffix != f".{kind}":
            path = tmp_path / f"model{suffix}"
            path.write_bytes(built("paradox_2", kind).read_bytes())
            refused(path)


def test_tflite_without_its_identifier(built: Built, tmp_path: Path, refused: Refused) -> None:
    data = built("paradox_2").read_bytes()
    path = tmp_path / "m.tflite"
    path.write_bytes(data[:4] + bytes(4) + data[8:])
    assert "TFL3" in refused(path).found


def describe_or_refuse(path: Path) -> GraphFacts | None:
    try:
        return inspect.describe(path, None)
    except ModelFileError:
        return None


@pytest.mark.parametrize(("kind", "model"), [("tflite", "paradox_6"), ("onnx", "paradox_6")])
def test_every_prefix_of_a_small_file(kind: str, model: str, built: Built, tmp_path: Path) -> None:
    data = built(model, kind).read_bytes()
    path = tmp_path / f"cut.{kind}"
    described = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        described += describe_or_refuse(path) is not None
    assert described < len(data) // 10  # some bytes at the end are padding


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
@example(share=0.5)
@example(share=0.999999)
@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".xml"])
def test_any_prefix_of_prisma(
    suffix: str, share: float, built: Built, ir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = ir if suffix == ".xml" else built("prisma", suffix[1:])
    data = source.read_bytes()
    path = tmp_path_factory.getbasetemp() / f"cut{suffix}"
    path.write_bytes(data[: int(share * len(data))])
    if suffix == ".xml":
        path.with_suffix(".bin").write_bytes(ir.with_suffix(".bin").read_bytes())
    describe_or_refuse(path)


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0.01, 0.99))
def test_prisma_cut_within_its_weights_is_refused(
    share: float, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = built("prisma").read_bytes()
    path = tmp_path_factory.getbasetemp() / "short.tflite"
    path.write_bytes(data[: int(share * len(data))])
    assert describe_or_refuse(path) is None


@settings(deadline=None, max_examples=300)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_changed_bytes(
    kind: str, data: Any, cache: Path, tmp_path_factory: pytest.TempPathFactory, built: Built
) -> None:
    content = bytearray(built("paradox_6", kind).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"changed.{kind}"
    path.write_bytes(content)
    describe_or_refuse(path)
