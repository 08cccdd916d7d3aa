"""The op table: what it says of real files, and how it reads options, types and names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import ModelFileError
from bench.models import catalog, ops
from bench.models.inspect import describe
from bench.models.ops_options import pair, readable

Built = Callable[..., Path]
Original = Callable[[str], Path]
Changed = Callable[..., Path]


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_table_agrees_with_the_file_s_facts(kind: str, built: Built) -> None:
    for entry in catalog.entries():
        path = built(entry.id, kind)
        table, facts = ops.load(path), describe(path, None)
        assert table.format == kind
        assert [op.index for op in table.ops] == list(range(facts.op_count))
        counts = {name: sum(op.type == name for op in table.ops) for name in facts.histogram}
        assert counts == facts.histogram
        for keys, specs in ((table.inputs, facts.inputs), (table.outputs, facts.outputs)):
            found = [table.tensors[key] for key in keys]
            assert [(each.name, each.dtype, each.shape) for each in found] == [
                (spec.name, spec.dtype, spec.shape) for spec in specs
            ]
        assert not any(op.custom for op in table.ops)
        assert all(each.shape is not None and not each.dynamic for each in table.tensors.values())


def test_convolution_of_the_published_file(original: Original) -> None:
    table = ops.load(original("prisma-net.tflite"))
    op = table.ops[0]
    assert (op.type, op.version) == ("CONV_2D", 1)
    assert op.options == {"kernel": [3, 3], "stride": [1, 1], "padding": "same"}
    assert op.name == table.made(op)[0].name
    assert [each.shape for each in table.given(op)] == [(1, 256, 256, 3), (8, 3, 3, 3), (8,)]
    assert [each.stored for each in table.given(op)] == [False, True, True]
    assert table.made(op)[0].size_bytes == 256 * 256 * 8 * 4


def test_dilation_and_activation_have_names(original: Original) -> None:
    dilated = ops.load(original("deeplab_aiseg_quant513.tflite"))
    assert {pair(op.options, "dilation") for op in dilated.ops} == {(1, 1), (2, 2), (4, 4)}
    dense = ops.load(original("deeplab_aiseg513_dm05_float.tflite"))
    assert dense.ops[0].options["activation"] == "relu6"
    assert dense.ops[69].options == {"align_corners": True}


def test_float16_weights_are_fixed_but_not_stored_where_they_are_used(original: Original) -> None:
    table = ops.load(original("prisma-net_fp16.tflite"))
    conversions = [op for op in table.ops if op.type == "DEQUANTIZE"]
    assert len(conversions) == 169
    for op in conversions:
        assert table.given(op)[0].stored
        made = table.made(op)[0]
        assert made.fixed
        assert not made.stored
        assert table.activations([made]) == []


def test_custom_op_is_named_as_such(original: Original) -> None:
    (op,) = ops.load(original("prisma_quant_edgetpu.tflite")).ops
    assert op.custom
    assert op.type == "edgetpu-custom-op"


def test_onnx_shapes_are_inferred_where_the_file_has_none(built: Built, tmp_path: Path) -> None:
    import onnx

    source = built("paradox_2", "onnx")
    model = onnx.load(str(source))
    del model.graph.value_info[:]
    bare = tmp_path / "bare.onnx"
    onnx.save(model, str(bare))
    assert ops.load(bare).tensors == ops.load(source).tensors


@pytest.mark.parametrize(("imported", "shape"), [(True, (1, 2, 4, 4)), (False, None)])
def test_onnx_with_an_op_of_another_domain(imported: bool, shape: tuple[int, ...] | None, tmp_path: Path) -> None:
    """Inference gives up on a file that does not import the domain; what the file itself says stays."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], name="first", strides=[2, 2], group=1, auto_pad="NOTSET"),
        helper.make_node("Mystery", ["y"], ["z"], domain="com.example"),
    ]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 3, 3, 3], [0.5] * 54)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 9, 9])
    made = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid("com.example", 1)] if imported else [])]
    graph = helper.make_graph(nodes, "g", [given], [made], [weights])
    path = tmp_path / "mystery.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets), str(path))
    table = ops.load(path)
    conv, mystery = table.ops
    assert (conv.name, conv.options) == ("first", {"kernel": [3, 3], "stride": [2, 2]})
    assert table.made(conv)[0].shape == shape
    assert table.tensors["x"].shape == (1, 3, 9, 9)
    assert (mystery.type, mystery.custom, mystery.name) == ("com.example.Mystery", True, "z")
    assert table.tensors["z"].shape is None
    assert table.tensors["z"].size_bytes is None


def test_ir_is_refused_with_the_way_out(ir: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        ops.load(ir)
    assert "OpenVINO" in caught.value.found
    assert ".onnx" in caught.value.todo


def test_tensor_that_is_nowhere_is_damage(built: Built, changed: Changed) -> None:
    def lost_tensor(model: Any) -> None:
        model.subgraphs[0].operators[0].outputs = [999]

    with pytest.raises(ModelFileError, match=r"damaged|cannot read"):
        ops.load(changed(built("paradox_1"), lost_tensor))


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        ("float32", (2, 3), 24), ("int4", (3,), 2), ("bool", (5,), 5), ("float16", (), 2), ("int8", (0, 4), 0),
        ("string", (2,), None), ("float32", (-1, 3), None), ("float32", None, None), ("type_77", (1,), None),
    ],
)  # fmt: skip
def test_sizes(dtype: str, shape: tuple[int, ...] | None, expected: int | None) -> None:
    assert ops.Tensor(key="0", name="t", dtype=dtype, shape=shape).size_bytes == expected


def test_option_names() -> None:
    pool = {"filterHeight": 2, "filterWidth": 3, "strideH": 2, "padding": 1, "fusedActivationFunction": 3}
    expected = {"kernel": [2, 3], "stride": [2, 0], "padding": "valid", "activation": "relu6"}
    assert readable("tflite", "MAX_POOL_2D", pool, [None]) == expected
    assert readable("tflite", "RESIZE_BILINEAR", {"halfPixelCenters": True}, []) == {"half_pixel_centers": True}
    assert readable("tflite", "ADD", {"fusedActivationFunction": 42}, []) == {"activation": "type_42"}
    neutral = {"dilations": [1, 1], "pads": [0, 0, 0, 0], "kernel_shape": [5, 5], "group": 4}
    assert readable("onnx", "Conv", neutral, [None, (8, 2, 5, 5)]) == {"kernel": [5, 5], "group": 4}
