"""Reading model files: real ones, and every kind of wrong one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openvino
import pytest

from bench.base.errors import ModelFileError
from bench.models import dag, inspect, read_ir
from bench.models.model_file import sha256_of

Built = Callable[..., Path]
Refused = Callable[[Path], ModelFileError]
Changed = Callable[..., Path]
Original = Callable[[str], Path]


def test_ir_has_the_same_input_output_and_weights(ir: Path, built: Built) -> None:
    facts, source = inspect.describe(ir, None), inspect.describe(built("prisma", "onnx"), None)
    assert (facts.format, facts.inputs, facts.outputs) == ("ir", source.inputs, source.outputs)
    assert facts.constant_elements == 923_057
    assert facts.histogram["GroupConvolution"] == 46
    assert facts.histogram["ConvolutionBackpropData"] == 5
    assert "Const" not in facts.histogram
    assert facts.op_count == sum(facts.histogram.values())
    assert facts.size_bytes == ir.stat().st_size + ir.with_suffix(".bin").stat().st_size


def test_older_ir_names_its_outputs_at_the_feeding_port(ir: Path, tmp_path: Path) -> None:
    text, removed = re.subn(r' output_names="[^"]*"', "", ir.read_text())
    assert removed
    older = tmp_path / "older.xml"
    older.write_text(text)
    older.with_suffix(".bin").write_bytes(ir.with_suffix(".bin").read_bytes())
    assert inspect.describe(older, None).outputs == inspect.describe(ir, None).outputs


def test_ir_without_its_weights(ir: Path, tmp_path: Path, refused: Refused) -> None:
    alone = tmp_path / "alone.xml"
    alone.write_bytes(ir.read_bytes())
    assert "alone.bin" in refused(alone).found
    alone.with_suffix(".bin").write_bytes(ir.with_suffix(".bin").read_bytes()[:1000])
    assert "ends before constant" in refused(alone).found


def test_ir_dynamic_and_ranged_dimensions(tmp_path: Path) -> None:
    opset = openvino.opset13
    x = opset.parameter(
        [openvino.Dimension(-1), openvino.Dimension(1, 8), openvino.Dimension(3)], dtype=openvino.Type.f16, name="x"
    )
    path = tmp_path / "dynamic.xml"
    openvino.save_model(openvino.Model([opset.relu(x, name="y")], [x], "m"), path)
    facts = inspect.describe(path, None)
    assert facts.inputs[0].shape == facts.outputs[0].shape == (-1, -1, 3)
    assert facts.inputs[0].dtype == facts.outputs[0].dtype == "float16"
    assert facts.inputs[0].dynamic


@pytest.mark.parametrize(
    ("text", "name"),
    [("f32", "float32"), ("FP16", "float16"), ("i64", "int64"), ("u8", "uint8"), ("boolean", "bool"), ("BOOL", "bool"),
     ("bf16", "bfloat16"), ("I4", "int4")],
)  # fmt: skip
def test_ir_type_names(text: str, name: str) -> None:
    assert read_ir.dtype_name(text) == name


def onnx_file(path: Path, **changes: Any) -> Path:
    """A small ONNX model: dynamic batch, an initializer among the inputs, a Constant node, an op of another domain."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Constant", [], ["c"], value_floats=[1.0, 2.0]),
        helper.make_node("Constant", [], ["shape"], value_ints=[1, 2, 3]),
        helper.make_node("Mul", ["x", "w"], ["y"]),
        helper.make_node("Gelu", ["y"], ["z"], domain="com.microsoft"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", None, 3]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [3]),
        ],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT16, None)],
        [helper.make_tensor("w", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])],
    )
    path.write_bytes(helper.make_model(graph, **changes).SerializeToString())
    return path


def test_onnx_corners(tmp_path: Path) -> None:
    facts = inspect.describe(onnx_file(tmp_path / "m.onnx"), None)
    assert [(spec.name, spec.dtype, spec.shape) for spec in facts.inputs] == [("x", "float32", (-1, -1, 3))]
    assert [(spec.dtype, spec.shape) for spec in facts.outputs] == [("float16", (-1,))]
    assert facts.histogram == {"Mul": 1, "com.microsoft.Gelu": 1}
    assert facts.constant_elements == 3 + 2


def test_onnx_with_its_weights_in_another_file(built: Built, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(built("prisma", "onnx")))
    path = tmp_path / "external.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    assert inspect.describe(path, None).constant_elements == 923_057


@pytest.mark.parametrize(
    ("name", "ops", "elements", "dtype"),
    [
        ("prisma-net_fp16.tflite", 328, 923_345, "float32"),
        ("prisma-net_uint8.tflite", 181, 923_345, "float32"),
        ("prisma_quant.tflite", 158, 923_345, "int8"),
        ("prisma_quant_edgetpu.tflite", 1, 0, "int8"),
        ("slim_reshape_v2.tflite", 270, 347_410, "float32"),
        ("portrait_video_quant.tflite", 138, 2_064_050, "int8"),
        ("deeplab_aiseg_quant513.tflite", 71, 683_474, "uint8"),
        ("mnv3_seg_float.tflite", 77, 940_122, "float32"),
        ("prisma_nchw.onnx", 176, 923_057, "float32"),
    ],
)
def test_published_files(name: str, ops: int, elements: int, dtype: str, original: Original) -> None:
    facts = inspect.describe(original(name), None)
    assert (facts.op_count, facts.constant_elements, facts.inputs[0].dtype) == (ops, elements, dtype)


def test_custom_op_has_its_own_name(original: Original) -> None:
    assert inspect.describe(original("prisma_quant_edgetpu.tflite"), None).histogram == {"edgetpu-custom-op": 1}


def test_unknown_op_code(built: Built, tmp_path: Path, changed: Changed) -> None:
    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = 9999

    path = changed(built("paradox_3"), change)
    assert inspect.describe(path, None).histogram == {"BUILTIN_9999": 1}
    assert dag.dag_hash(dag.read(path))


def test_op_code_of_2019_has_the_old_field_only(built: Built, tmp_path: Path, changed: Changed) -> None:
    def change(model: Any) -> None:
        for code in model.operatorCodes:
            code.builtinCode = 0

    path = changed(built("paradox_6"), change)
    assert inspect.describe(path, None).histogram == {"CONV_2D": 2, "RESHAPE": 1, "STRIDED_SLICE": 1}


def test_dynamic_batch_and_shared_buffer(built: Built, tmp_path: Path, changed: Changed) -> None:
    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].shapeSignature = [-1, 256, 256, 4]
        kernel = next(tensor for tensor in graph.tensors if tensor.name.endswith(b"kernel"))
        bias = next(tensor for tensor in graph.tensors if tensor.name.endswith(b"bias"))
        bias.buffer = kernel.buffer

    facts = inspect.describe(changed(built("paradox_3"), change), None)
    assert facts.inputs[0].shape == (-1, 256, 256, 4)
    assert facts.constant_elements == 144


@pytest.mark.parametrize(
    ("offset", "size", "good"), [(0, 0, True), (16, 64, True), (10**9, 4, False), (16, 10**9, False)]
)
def test_buffer_behind_the_flatbuffer(
    offset: int, size: int, good: bool, built: Built, tmp_path: Path, changed: Changed, refused: Refused
) -> None:
    def change(model: Any) -> None:
        buffer = next(buffer for buffer in model.buffers if buffer.data is not None)
        buffer.offset, buffer.size = offset, size

    path = changed(built("paradox_3"), change)
    if good:
        assert inspect.describe(path, None).op_count == 1
    else:
        assert "buffer" in refused(path).found


@pytest.mark.parametrize("beyond", [0, 1])
def test_buffer_may_end_with_the_file_and_no_byte_later(
    beyond: int, built: Built, changed: Changed, refused: Refused
) -> None:
    def change(model: Any, size: int = 1000) -> None:
        buffer = next(buffer for buffer in model.buffers if buffer.data is not None)
        buffer.offset, buffer.size = 16, size

    def exact(model: Any) -> None:
        change(model, size - 16 + beyond)

    size = changed(built("paradox_3"), change).stat().st_size
    path = changed(built("paradox_3"), exact)
    assert path.stat().st_size == size
    if beyond:
        assert "buffer" in refused(path).found
    else:
        assert inspect.describe(path, None).op_count == 1


@pytest.mark.parametrize("field", ["tensor", "buffer", "opcode", "subgraph", "operators"])
def test_references_to_nowhere(field: str, built: Built, tmp_path: Path, changed: Changed, refused: Refused) -> None:
    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        if field == "tensor":
            graph.inputs = [77]
        elif field == "buffer":
            graph.tensors[0].buffer = 77
        elif field == "opcode":
            graph.operators[0].opcodeIndex = 77
        elif field == "subgraph":
            model.subgraphs = []
        else:
            graph.operators = []

    refused(changed(built("paradox_3"), change))


def test_facts_are_kept_by_content(cache: Path, tmp_path: Path, built: Built) -> None:
    path, copy = built("paradox_5"), tmp_path / "other_name.tflite"
    copy.write_bytes(path.read_bytes())
    kept = tmp_path / "cache"
    first = inspect.describe(path, kept)
    assert inspect.describe(copy, kept) == first == inspect.describe(path, None)
    (entry,) = (kept / "graphs").iterdir()
    entry.write_bytes(b"{}")
    assert inspect.describe(path, kept) == first
    copy.write_bytes(built("paradox_1").read_bytes())
    assert inspect.describe(copy, kept) != first


def test_sha256_is_streamed_and_right(tmp_path: Path) -> None:
    import hashlib

    data = random.Random(0).randbytes(3_000_001)
    path = tmp_path / "data"
    path.write_bytes(data)
    assert sha256_of(path) == hashlib.sha256(data).hexdigest()
    with pytest.raises(ModelFileError):
        sha256_of(tmp_path / "none")
