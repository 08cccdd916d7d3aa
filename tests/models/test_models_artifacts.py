"""Building the zoo's files: the same bytes everywhere, taken from the cache, and refused where there are none."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.base.errors import NotMeasuredError
from bench.models import artifacts, dag

Built = Callable[..., Path]


def test_tflite_form_that_tools_need(cache: Path, built: Built) -> None:
    from ai_edge_litert import schema_py_generated as schema

    data = built("prisma_256").read_bytes()
    model = schema.Model.GetRootAs(data, 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    assert [code.BuiltinCode() for code in codes] == [code.DeprecatedBuiltinCode() for code in codes]
    assert {code.Version() for code in codes} == {1}
    assert model.Buffers(0).DataIsNone()
    assert b"untrained weights from seed 0" in model.Description()
    signature = model.SignatureDefs(0)
    assert (signature.SignatureKey(), signature.Inputs(0).Name()) == (b"serving_default", b"input_3")
    filled = [model.Buffers(index) for index in range(model.BuffersLength()) if not model.Buffers(index).DataIsNone()]
    assert filled
    assert all(buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0 for buffer in filled)


@pytest.mark.parametrize("kind", artifacts.FORMATS)
def test_two_processes_build_the_same_bytes(kind: str, cache: Path, tmp_path: Path, built: Built) -> None:
    script = (
        "import sys; from pathlib import Path; from bench.models import artifacts\n"
        f"path = artifacts.build('prisma', variant='fp32', era='2019', format={kind!r}, cache=Path(sys.argv[1]))\n"
        "print(path)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).read_bytes() == built("prisma_256", kind).read_bytes()


@pytest.mark.parametrize("kind", artifacts.FORMATS)
def test_second_call_loads_nothing_heavy(kind: str, cache: Path, built: Built) -> None:
    expected = built("prisma_256", kind)
    script = (
        "import sys; from pathlib import Path; from bench.models import artifacts, catalog, inspect, inputs, dag\n"
        "cache = Path(sys.argv[1])\n"
        f"path = artifacts.build('prisma', variant='fp32', era='2019', format={kind!r}, cache=cache)\n"
        "spec = inspect.describe(path, cache).inputs[0]; inputs.input_file(spec, spec.shape, 0, cache)\n"
        "heavy = {'numpy', 'onnx', 'ai_edge_litert', 'flatbuffers', 'google.protobuf'}\n"
        "print(path); print(*(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(cache)]
    subprocess.run(command, check=True, capture_output=True)  # fills the caches of facts and inputs
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [str(expected), "", ""]


def test_artifact_lies_by_its_hash(built: Built) -> None:
    path = built("paradox_3")
    assert path.parent.name == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert path.name == "paradox_3_fp32_2019.tflite"


@pytest.mark.parametrize("harm", ["changed", "cut", "gone", "index"])
def test_damaged_cache_is_rebuilt(harm: str, tmp_path: Path) -> None:
    def build() -> Path:
        return artifacts.build("paradox_2", variant="fp32", era="2019", format="tflite", cache=tmp_path)

    path = build()
    whole = path.read_bytes()
    if harm == "changed":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "cut":
        path.write_bytes(whole[:100])
    elif harm == "gone":
        path.unlink()
    else:
        next((tmp_path / "artifacts" / "index").iterdir()).write_bytes(b'{"sha256": 3')
    assert build() == path
    assert path.read_bytes() == whole


def test_seed_changes_random_weights_only(built: Built) -> None:
    zero, one = (built("prisma_256", seed=seed) for seed in (0, 1))
    assert zero != one
    assert zero.read_bytes() != one.read_bytes()
    assert dag.dag_hash(dag.read(one)) == dag.dag_hash(dag.read(zero))


@pytest.mark.parametrize(
    ("variant", "era", "kind", "word"),
    [("int4", "2019", "tflite", "fp32"), ("fp32", "1999", "tflite", "2019"), ("fp32", "2019", "ir", "onnx")],
)
def test_what_does_not_exist_says_what_does(variant: str, era: str, kind: str, word: str, tmp_path: Path) -> None:
    reason = artifacts.supported("prisma", variant, era, kind)
    assert reason
    assert word in reason
    with pytest.raises(NotMeasuredError) as caught:
        artifacts.build("prisma", variant=variant, era=era, format=kind, cache=tmp_path)
    assert caught.value.found == reason
    assert caught.value.todo
    assert list(tmp_path.iterdir()) == []


def test_supported() -> None:
    assert artifacts.supported("prisma_256", "fp32", "2019", "tflite") is None
