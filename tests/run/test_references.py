"""Where reference outputs come from: the cache, LiteRT's reference kernels, or the run's first backend."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from bench.backends.client import InvocationFailed
from bench.backends.job import Output
from bench.records.types import Agreement, CaseError, TensorSpec
from bench.run.reference import REFERENCE_NAME, References

VALUES = [0.0, 0.25, 0.5, 1.0]


class Kernels:
    """Stands for the reference kernels: counts how often it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = 0
        self.error: CaseError | None = None

    def __call__(self, tflite: Path) -> list[Output]:
        self.started += 1
        if self.error is not None:
            raise InvocationFailed(self.error)
        return [output(self.folder, VALUES)]


def output(folder: Path, values: list[float]) -> Output:
    path = folder / f"{hash(tuple(values))}.bin"
    path.write_bytes(struct.pack(f"<{len(values)}f", *values))
    return Output(TensorSpec(name="y", dtype="float32", shape=(1, len(values))), path)


@pytest.fixture
def kernels(tmp_path: Path) -> Kernels:
    return Kernels(tmp_path)


def judge(asked: tuple[References, Kernels], values: list[float], folder: Path, **changes: Any) -> Agreement:
    references, kernels = asked
    given: dict[str, Any] = {
        "model": "m", "who": "litert cpu", "tflite": Path("m.tflite"), "tflite_sha256": "ab" * 32, "shapes": {},
        "precision": "fp32",
    }  # fmt: skip
    return references.judge(outputs=[output(folder, values)], make=kernels, **{**given, **changes})


def test_the_reference_is_made_once_and_then_comes_from_the_cache(kernels: Kernels, tmp_path: Path) -> None:
    for _ in range(2):  # the second: another process, with nothing but the cache
        references = (References(tmp_path / "cache"), kernels)
        found = judge(references, VALUES, tmp_path)
        assert (found.ok, found.reference, found.max_abs_diff) == (True, REFERENCE_NAME, 0.0)
    assert kernels.started == 1


def test_a_wrong_output_does_not_agree(kernels: Kernels, tmp_path: Path) -> None:
    found = judge((References(tmp_path / "cache"), kernels), [0.0, 0.25, 0.5, 0.9], tmp_path)
    assert found.ok is False
    assert found.reason


def test_another_file_and_another_shape_have_another_reference(kernels: Kernels, tmp_path: Path) -> None:
    references = (References(tmp_path / "cache"), kernels)
    judge(references, VALUES, tmp_path)
    judge(references, VALUES, tmp_path, tflite_sha256="cd" * 32)
    judge(references, VALUES, tmp_path, shapes={"x": (1, 8)})
    judge(references, VALUES, tmp_path, shapes={"x": (1, 9)})
    assert kernels.started == 4
    judge(references, VALUES, tmp_path, shapes={"x": (1, 9)})
    assert kernels.started == 4


def test_a_damaged_reference_is_made_again(kernels: Kernels, tmp_path: Path) -> None:
    references = (References(tmp_path / "cache"), kernels)
    judge(references, VALUES, tmp_path)
    (kept,) = (tmp_path / "cache" / "references").glob("*/output0.bin")
    kept.write_bytes(b"\0" * kept.stat().st_size)
    assert judge(references, VALUES, tmp_path).ok is True
    assert kernels.started == 2


def test_without_a_tflite_form_the_first_backend_is_the_reference(kernels: Kernels, tmp_path: Path) -> None:
    references = (References(tmp_path / "cache"), kernels)
    first = judge(references, VALUES, tmp_path, tflite=None, who="onnxruntime cpu")
    assert first.ok is None
    assert ".tflite" in first.reason
    second = judge(references, VALUES, tmp_path, tflite=None, who="openvino cpu")
    assert (second.ok, second.reference) == (True, "onnxruntime cpu (the first backend)")
    third = judge(references, [1.0, 0.25, 0.5, 1.0], tmp_path, tflite=None, who="openvino auto")
    assert third.ok is False
    other = judge(references, VALUES, tmp_path, tflite=None, model="another")
    assert other.ok is None
    assert kernels.started == 0


def test_kernels_that_cannot_run_it_leave_the_first_backend(kernels: Kernels, tmp_path: Path) -> None:
    kernels.error = CaseError(kind="crashed", message="ended by SIGSEGV")
    references = (References(tmp_path / "cache"), kernels)
    first = judge(references, VALUES, tmp_path)
    assert first.ok is None
    assert "SIGSEGV" in first.reason
    assert judge(references, VALUES, tmp_path, who="openvino cpu").reference == "litert cpu (the first backend)"


def test_a_variants_mask_is_compared_with_that_of_another_file(kernels: Kernels, tmp_path: Path) -> None:
    references = References(tmp_path / "cache")

    def overlap(values: list[float]) -> tuple[float | None, str]:
        return references.mask_overlap(Path("m.tflite"), "ab" * 32, [output(tmp_path, values)], {}, kernels)

    assert overlap([0.0, 0.25, 0.6, 1.0]) == (0.5, "")  # the reference: one pixel above a half, this one: two
    assert overlap(VALUES) == (1.0, "")
    iou, reason = overlap([4.0, 0.25, 0.6, 1.0])
    assert iou is None
    assert "no probabilities" in reason
    assert kernels.started == 1
    judge((references, kernels), VALUES, tmp_path)
    assert kernels.started == 1  # the fp32 case's own reference is the same


def test_kernels_that_cannot_run_the_other_file_are_a_reason(kernels: Kernels, tmp_path: Path) -> None:
    kernels.error = CaseError(kind="crashed", message="ended by SIGSEGV")
    made = References(tmp_path / "cache").mask_overlap(Path("m.tflite"), "", [output(tmp_path, VALUES)], {}, kernels)
    assert made == (None, "LiteRT's reference kernels could not run the fp32 model: ended by SIGSEGV")
