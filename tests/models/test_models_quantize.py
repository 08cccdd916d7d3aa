"""Quantized variants in the real runtimes: what they hold, how near they stay to float32, and what is refused."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.base.errors import NotMeasuredError
from bench.models import artifacts, catalog, inputs, inspect, quantize
from bench.models.quantize_file import constant_types
from bench.models.read_tflite import TFLiteFile, input_quantization, shape_of
from bench.records.types import TensorSpec

Built = Callable[..., Path]
Run = Callable[[str, Path, Any], Any]
Picture = Callable[..., Any]
Changed = Callable[[Path, Callable[[Any], None]], Path]
VARIANTS = tuple(quantize.VARIANTS)

needs_tool = pytest.mark.skipif(quantize.missing() is not None, reason=quantize.missing() or "")


@pytest.fixture(scope="session")
def variant(cache: Path) -> Built:
    """variant(model, variant): the zoo's file."""

    def build(model: str, name: str) -> Path:
        return artifacts.build(model, variant=name, era="2019", format="tflite", cache=cache)

    return build


def execute(path: Path, x: Any) -> Any:
    """LiteRT's output for a float input, in real values, whatever the file's inputs and outputs are."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if taken["dtype"] is np.int8:
        scale, zero = taken["quantization"]
        x = np.clip(np.rint(x / scale + zero), -128, 127).astype(np.int8)
    interpreter.set_tensor(taken["index"], x)
    interpreter.invoke()
    y = interpreter.get_tensor(given["index"])
    if given["dtype"] is np.int8:
        scale, zero = given["quantization"]
        y = (y.astype(np.float32) - zero) * scale
    return y


def left_in_float(path: Path) -> dict[str, int]:
    """Op type -> how many compute in float32; of a full int8 file, those that the quantizer has no int8 form for."""
    file = TFLiteFile(path)
    found: Counter[str] = Counter()
    for operator in file.operators():
        outputs = [file.tensor(operator.Outputs(index)) for index in range(operator.OutputsLength())]
        name, _ = file.op_name(operator)
        if name not in ("QUANTIZE", "DEQUANTIZE") and any(file.dtype(tensor) == "float32" for tensor in outputs):
            found[name] += 1
    return dict(found)


def mask_iou(reference: Any, output: Any) -> float:
    wanted, found = reference > 0.5, output.reshape(reference.shape) > 0.5
    return float((wanted & found).sum() / (wanted | found).sum())


def error(reference: Any, output: Any) -> float:
    """Root mean square of the difference, as a share of the reference's range."""
    return float(np.sqrt(np.mean((reference - output.reshape(reference.shape)) ** 2)) / np.ptp(reference))


@needs_tool
@pytest.mark.parametrize(
    ("name", "size_bytes", "within"),
    [("fp16", 1_910_736, 0.002), ("dynamic", 1_075_424, 0.02), ("int8", 1_207_872, 0.02), ("int8-io", 1_207_872, 0.02)],
)
def test_sizes_are_those_of_the_published_files(name: str, size_bytes: int, within: float, variant: Built) -> None:
    """dynamic: the published file leaves transposed convolutions in float32; this is the size with them as int8."""
    assert variant("prisma", name).stat().st_size == pytest.approx(size_bytes, rel=within)


@needs_tool
@pytest.mark.parametrize(
    ("name", "ends", "weights", "added"),
    [
        ("fp16", "float32", "float16", {"DEQUANTIZE": 102}),
        ("dynamic", "float32", "int8", {}),
        ("int8", "float32", "int8", {"DEQUANTIZE": 1, "QUANTIZE": 1}),
        ("int8-io", "int8", "int8", {}),
    ],
)
def test_what_a_variant_holds(
    name: str, ends: str, weights: str, added: dict[str, int], variant: Built, built: Built
) -> None:
    path = variant("prisma", name)
    graph, plain = inspect.describe(path, None), inspect.describe(built("prisma"), None)
    assert [spec.dtype for spec in (*graph.inputs, *graph.outputs)] == [ends, ends]
    assert graph.histogram == {**plain.histogram, **added}
    assert constant_types(path)[weights] >= 60
    assert left_in_float(path) == ({} if name.startswith("int8") else plain.histogram)


@needs_tool
def test_dynamic_leaves_small_weights_alone(variant: Built, built: Built) -> None:
    def sizes(path: Path, dtype: str) -> list[int]:
        file = TFLiteFile(path)
        tensors = [file.tensor(index) for index in range(file.main.TensorsLength())]
        kept = [tensor for tensor in tensors if file.is_constant(tensor) and file.dtype(tensor) == dtype]
        return sorted(math.prod(shape_of(tensor)) for tensor in kept)

    large = [size for size in sizes(built("prisma"), "float32") if size >= 1024]
    assert sizes(variant("prisma", "dynamic"), "int8") == large
    assert max(sizes(variant("prisma", "dynamic"), "float32")) < 1024


@needs_tool
@pytest.mark.parametrize("name", VARIANTS)
def test_file_form(name: str, variant: Built) -> None:
    from ai_edge_litert import schema_py_generated as schema

    data = variant("prisma", name).read_bytes()
    model = schema.Model.GetRootAs(data, 0)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    assert max(buffer.Offset() for buffer in buffers) == 0
    filled = [buffer for buffer in buffers if not buffer.DataIsNone()]
    assert all(buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0 for buffer in filled)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    assert [code.BuiltinCode() for code in codes] == [code.DeprecatedBuiltinCode() for code in codes]
    description = model.Description().decode()
    assert f"untrained weights from seed 0; made {name} by litert-quantizer" in description
    assert ("calibrated on 8 seeded pictures" in description) == name.startswith("int8")


@needs_tool
def test_scales_of_the_ends(variant: Built) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(variant("prisma", "int8-io")))
    assert interpreter.get_input_details()[0]["quantization"] == (pytest.approx(1 / 255), -128)
    assert interpreter.get_output_details()[0]["quantization"] == (1 / 256, -128)


@needs_tool
def test_the_seeded_int8_input_is_the_seeded_float_input(variant: Built) -> None:
    """So a run of int8-io sees the picture that a run of fp32 sees."""
    spec = inspect.describe(variant("prisma", "int8-io"), None).inputs[0]
    stored = np.frombuffer(inputs.seeded_input(spec, spec.shape, 0), np.int8)
    plain = TensorSpec(name="x", dtype="float32", shape=spec.shape)
    picture = np.frombuffer(inputs.seeded_input(plain, spec.shape, 0), "<f4")
    np.testing.assert_allclose((stored.astype(np.float32) + 128) / 255, picture, atol=1e-6)


@needs_tool
@pytest.mark.parametrize("model", ["portrait_net_224", "prisma"])
def test_an_int8_input_can_stand_for_the_scaled_float_one(model: str, variant: Built) -> None:
    path, scaling = variant(model, "int8-io"), catalog.resolve(model).scaling
    spec = inspect.describe(path, None).inputs[0]
    scale, zero_point = input_quantization(path)[spec.name]
    data = inputs.seeded_input(spec, spec.shape, 0, scaling=scaling, quantized=(scale, zero_point))
    plain = TensorSpec(name="x", dtype="float32", shape=spec.shape)
    picture = np.frombuffer(inputs.seeded_input(plain, spec.shape, 0, scaling=scaling), "<f4")
    found = (np.frombuffer(data, np.int8).astype(np.float32) - zero_point) * scale
    np.testing.assert_allclose(found, picture, atol=scale / 2 + 1e-6)
    assert input_quantization(variant(model, "fp16")) == {}


@needs_tool
@pytest.mark.parametrize(
    ("model", "name", "iou", "rms"),
    [
        ("prisma", "fp16", 0.995, 0.001),
        ("prisma", "dynamic", 0.95, 0.01),
        # half of this untrained network's outputs lie between 0.4 and 0.6, so that little noise moves its mask
        ("prisma", "int8", 0.87, 0.025),
        ("prisma", "int8-io", 0.87, 0.025),
        ("mnv3_unet_wm10", "int8", 0.96, 0.025),
        ("slim", "int8", 0.95, 0.03),
        ("deconv", "int8", 0.95, 0.025),
        ("portrait_net_224", "int8", 0.87, 0.075),
    ],
)
def test_agreement_with_float32(
    model: str, name: str, iou: float, rms: float, variant: Built, built: Built, picture: Picture
) -> None:
    entry = catalog.resolve(model)
    for seed in (0, 21):  # not among the seeds that calibrate
        x = picture(entry.input_shape, seed, entry.scaling)
        reference, output = execute(built(model), x), execute(variant(model, name), x)
        assert mask_iou(reference, output) >= iou
        assert error(reference, output) <= rms


@needs_tool
def test_a_trained_network_is_quantized_no_worse_than_it_was(
    original: Callable[[str], Path], tmp_path: Path, picture: Picture
) -> None:
    """The published float file through our variant, against the int8 file that was published beside it."""
    source = original("prisma-net.tflite")
    ours = tmp_path / "ours.tflite"
    ours.write_bytes(quantize.quantize(source, "int8-io"))
    errors = {"ours": 0.0, "published": 0.0}
    for seed in (0, 21, 22):
        x = picture((1, 256, 256, 3), seed)
        reference = execute(source, x)
        errors["ours"] += error(reference, execute(ours, x))
        errors["published"] += error(reference, execute(original("prisma_quant.tflite"), x))
    assert 0 < errors["ours"] <= errors["published"]


@needs_tool
@pytest.mark.parametrize("model", ["prisma", "deconv"])
@pytest.mark.parametrize("name", VARIANTS)
def test_openvino_reads_it(model: str, name: str, variant: Built, run: Run, picture: Picture) -> None:
    path, x = variant(model, name), picture(catalog.resolve(model).input_shape)
    if name == "int8-io":
        x = (np.rint(x * 255) - 128).astype(np.int8)
    output = run("openvino", path, x)
    assert output.std() > 0
    if name == "fp16":
        np.testing.assert_allclose(output, run("litert", path, x), atol=1e-4)


@needs_tool
def test_ops_that_the_quantizer_has_no_int8_form_for(variant: Built) -> None:
    assert left_in_float(variant("slim", "int8")) == {"PRELU": 100}


@needs_tool
@pytest.mark.parametrize("name", VARIANTS)
def test_two_builds_are_the_same_and_the_second_call_loads_nothing_heavy(
    name: str, cache: Path, tmp_path: Path, variant: Built
) -> None:
    expected = variant("mnv3_unet_wm05", name)
    script = (
        "import sys; from pathlib import Path; from bench.models import artifacts\n"
        f"path = artifacts.build('mnv3_unet_wm05', variant={name!r}, era='2019', format='tflite', "
        "cache=Path(sys.argv[1]))\n"
        "print(path); print(*({'numpy', 'ai_edge_litert', 'flatbuffers', 'litert_quantizer'} & set(sys.modules)))"
    )

    def other(folder: Path) -> tuple[Path, str]:
        environment = os.environ | {"PYTHONHASHSEED": "4711"}
        command = [sys.executable, "-c", script, str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        path, heavy = done.stdout.split("\n")[:2]
        return Path(path), heavy

    assert other(tmp_path)[0].read_bytes() == expected.read_bytes()
    assert other(cache) == (expected, "")


@needs_tool
def test_a_file_of_2019_is_quantized_as_ours_is(built: Built, variant: Built, changed: Changed) -> None:
    """Only the older op code field is filled, and there is no signature."""

    def old(model: Any) -> None:
        model.signatureDefs = []
        for code in model.operatorCodes:
            code.builtinCode = 0

    source = changed(built("mnv3_unet_wm05"), old)
    made = source.with_name("made.tflite")
    made.write_bytes(quantize.quantize(source, "int8-io"))
    assert constant_types(made) == constant_types(variant("mnv3_unet_wm05", "int8-io"))


@needs_tool
@pytest.mark.parametrize("name", ["dynamic", "int8"])
def test_what_is_quantized_already_is_refused(name: str, variant: Built) -> None:
    with pytest.raises(NotMeasuredError) as caught:
        quantize.quantize(variant("mnv3_unet_wm05", "int8"), name)
    assert caught.value.asked == f"cannot make {name} of mnv3_unet_wm05_224_int8_2019.tflite"
    assert "changed nothing" in caught.value.found
    assert caught.value.todo


@needs_tool
def test_refusal_has_the_words_of_the_tool(built: Built, changed: Changed) -> None:
    def custom(model: Any) -> None:
        model.operatorCodes[0].builtinCode, model.operatorCodes[0].deprecatedBuiltinCode = 32, 32
        model.operatorCodes[0].customCode = "made-up-op"

    with pytest.raises(NotMeasuredError) as caught:
        quantize.quantize(changed(built("paradox_1"), custom), "int8")
    assert caught.value.found.startswith("litert-quantizer says: ")
    assert "made-up-op" in caught.value.found


@needs_tool
def test_no_model(tmp_path: Path) -> None:
    path = tmp_path / "web.tflite"
    path.write_bytes(b"<!DOCTYPE html><html></html>")
    with pytest.raises(NotMeasuredError, match=r"web\.tflite is no TFLite file") as caught:
        quantize.quantize(path, "fp16")
    assert caught.value.found == "It is a web page."


@needs_tool
def test_a_worker_that_takes_too_long_ends(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "LIMIT_S", 0.01)
    with pytest.raises(NotMeasuredError) as caught:
        quantize.quantize(built("prisma"), "int8")
    assert "not done after" in caught.value.found


@needs_tool
def test_a_worker_that_dies_is_told_with_its_signal(
    built: Built, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As when the machine runs out of memory."""
    script = tmp_path / "dies.sh"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(NotMeasuredError) as caught:
        quantize.quantize(built("paradox_1"), "fp16")
    assert "SIGKILL" in caught.value.found


def test_without_the_tool(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litert_quantizer", None)
    assert artifacts.supported("prisma", "fp32", "2019", "tflite") is None
    reason = artifacts.supported("prisma", "int8", "2019", "tflite")
    assert reason
    assert "not installed" in reason
    with pytest.raises(NotMeasuredError) as caught:
        quantize.quantize(built("prisma"), "int8")
    assert caught.value.found == reason


@needs_tool
def test_gaps_of_the_zoo_have_reasons() -> None:
    for entry in catalog.entries():
        for name in VARIANTS:
            reason = artifacts.supported(entry.id, name, "2019", "tflite")
            if name == "dynamic" and entry.id.startswith("paradox"):
                assert reason
                assert f"{entry.params:,}" in reason
            else:
                assert reason is None
    onnx = artifacts.supported("prisma", "fp16", "2019", "onnx")
    assert onnx
    assert ".tflite only" in onnx


def test_no_such_variant(built: Built) -> None:
    with pytest.raises(NotMeasuredError) as caught:
        quantize.quantize(built("paradox_1"), "int4")
    assert caught.value.found
