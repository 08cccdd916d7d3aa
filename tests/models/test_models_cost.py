"""Counting: the published MMAC numbers, formulas by hand, and the memory bound against a plain recount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.models import artifacts, catalog, cost, cost_zoo, ops, quantize

Built = Callable[..., Path]
Original = Callable[[str], Path]
Shape = tuple[int, ...]

# MMAC as published for the architectures, one digit behind the point (two for the small ones).
PUBLISHED = {
    "prisma-net.tflite": 1097.5, "prisma-net_fp16.tflite": 1097.5, "prisma-net_uint8.tflite": 1097.5,
    "prisma_quant.tflite": 1097.5, "bilinear_fin_munet_uint8.tflite": 2019.8, "portrait_video_quant.tflite": 364.9,
    "slim_reshape_v2.tflite": 296.5, "deeplab_aiseg_quant513.tflite": 2798.1,
    "deeplab_aiseg513_dm05_float.tflite": 3346.5, "deeplab_nchw.onnx": 3346.5, "mnv3_seg_float.tflite": 147.5,
    "mnv3_seg_quant.tflite": 147.5, "gpucom/model1.tflite": 0.59, "gpucom/model2.tflite": 0.66,
    "gpucom/model3.tflite": 9.44, "gpucom/model4.tflite": 2.42, "gpucom/model5.tflite": 1.84,
    "gpucom/model6.tflite": 1.84, "gpucom/model7.tflite": 1.77,
}  # fmt: skip
ZOO = {
    "prisma_256": 1097.5, "paradox_1": 0.59, "paradox_2": 0.66, "paradox_3": 9.44, "paradox_4": 2.42,
    "paradox_5": 1.84, "paradox_6": 1.84, "paradox_7": 1.77, "deconv_munet_128": 526.4, "bilinear_munet_128": 2019.8,
    "mnv3_unet_wm10_224": 550.0, "mnv3_unet_wm05_224": 221.8, "portrait_net_224": 364.9, "portrait_net_256": 476.5,
    "slim_net_512": 296.5, "slim_net_512_raw": 296.5, "deeplab_dm05_513": 2798.1, "deeplab_dm05_513_dense": 3346.5,
    "mnv3_transition_256": 147.5,
}  # fmt: skip


def _rounded(macs: int | None, like: float) -> float:
    assert macs is not None
    return round(macs / 1e6, 2 if like < 10 else 1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files(name: str, original: Original) -> None:
    found = cost.cost(ops.load(original(name)))
    assert _rounded(found.macs, PUBLISHED[name]) == PUBLISHED[name]
    assert found.unknown == ""


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
@pytest.mark.parametrize("entry", catalog.entries(), ids=lambda entry: entry.id)
def test_zoo(entry: Any, kind: str, built: Built) -> None:
    found = cost.cost(ops.load(built(entry.id, kind)))
    assert _rounded(found.macs, ZOO[entry.id]) == ZOO[entry.id]


def test_transposed_convolutions_dominate_the_deconvolution_unet(built: Built) -> None:
    table = ops.load(built("deconv_munet_128"))
    costs = cost.cost(table)
    rows = {row.type: row for row in cost.by_type(table, costs)}
    share = (rows["TRANSPOSE_CONV"].macs or 0) / (costs.macs or 1)
    assert round(share, 3) == 0.947
    assert sum(row.count for row in rows.values()) == len(table.ops)
    assert next(iter(rows)) == "TRANSPOSE_CONV"


def tensor(key: str, shape: Shape | None, dtype: str = "float32", fixed: bool = False) -> ops.Tensor:
    return ops.Tensor(key=key, name=key, dtype=dtype, shape=shape, stored=fixed, fixed=fixed)


def one(kind: str, inputs: list[ops.Tensor], output: ops.Tensor, custom: bool = False, **options: Any) -> cost.OpCost:
    """The cost of a graph's only op."""
    op = ops.Op(
        index=0, type=kind, version=1, name="op", inputs=tuple(each.key for each in inputs), outputs=(output.key,),
        options=options, custom=custom,
    )  # fmt: skip
    table = ops.OpTable(
        format="onnx", tensors={each.key: each for each in (*inputs, output)}, ops=(op,),
        inputs=(inputs[0].key,), outputs=(output.key,),
    )  # fmt: skip
    return cost.op_cost(table, op)


@pytest.mark.parametrize(
    ("kind", "shapes", "output", "options", "macs"),
    [
        ("CONV_2D", [(1, 8, 8, 3), (16, 3, 3, 3)], (1, 4, 4, 16), {}, 4 * 4 * 16 * 27),
        ("CONV_2D", [(1, 8, 8, 4), (16, 3, 3, 2)], (1, 8, 8, 16), {}, 64 * 16 * 18),  # two groups
        ("DEPTHWISE_CONV_2D", [(1, 8, 8, 6), (1, 3, 5, 6)], (1, 8, 8, 6), {}, 64 * 6 * 15),
        ("TRANSPOSE_CONV", [(4,), (7, 3, 3, 5), (1, 4, 4, 5)], (1, 8, 8, 7), {}, 16 * 5 * 7 * 9),
        ("FULLY_CONNECTED", [(2, 10), (4, 10)], (2, 4), {}, 80),
        ("BATCH_MATMUL", [(3, 2, 10), (3, 10, 4)], (3, 2, 4), {}, 3 * 2 * 4 * 10),
        ("BATCH_MATMUL", [(3, 10, 2), (3, 10, 4)], (3, 2, 4), {"adj_x": True}, 3 * 2 * 4 * 10),
        ("CONV_3D", [(1, 4, 4, 4, 2), (3, 3, 3, 2, 8)], (1, 4, 4, 4, 8), {}, 64 * 8 * 27 * 2),
        ("Conv", [(1, 4, 8, 8), (8, 2, 3, 3)], (1, 8, 8, 8), {"group": 2}, 64 * 8 * 18),
        ("ConvTranspose", [(1, 5, 4, 4), (5, 7, 3, 3)], (1, 7, 8, 8), {}, 16 * 5 * 7 * 9),
        ("Gemm", [(10, 2), (10, 4)], (2, 4), {"transA": 1}, 80),
        ("MatMul", [(3, 2, 10), (10, 4)], (3, 2, 4), {}, 240),
        ("QLinearConv", [(1, 3, 8, 8), (), (), (4, 3, 3, 3)], (1, 4, 8, 8), {}, 64 * 4 * 27),
        ("ADD", [(1, 8, 8, 3), (1, 8, 8, 3)], (1, 8, 8, 3), {}, 0),
    ],
)
def test_formulas(kind: str, shapes: list[Shape], output: Shape, options: dict[str, Any], macs: int) -> None:
    tensors = [tensor(f"i{place}", shape) for place, shape in enumerate(shapes)]
    assert one(kind, tensors, tensor("o", output), **options).macs == macs


@pytest.mark.parametrize(
    ("kind", "shapes", "output", "custom", "reason"),
    [
        ("CONV_2D", [(1, 8, 8, 3), (16, 3, 3, 3)], (-1, 4, 4, 16), False, "'o' is ?x4x4x16"),
        ("CONV_2D", [(1, 8, 8, 3), (16, 3, 3, 3)], None, False, "does not tell the shape of 'o'"),
        ("CONV_2D", [(1, 8, 8, 3)], (1, 4, 4, 16), False, "it has no weights"),
        ("TRANSPOSE_CONV", [(4,), (7, 3, 3, 5), (1, -1, 4, 5)], (1, 8, 8, 7), False, "dynamic shape: 'i2'"),
        ("MatMul", [(), ()], (), False, "scalar"),
        ("LSTM", [(1, 8)], (1, 8), False, "no formula for LSTM"),
        ("edgetpu-custom-op", [(1, 8)], (1, 8), True, "not one of the format's own ops"),
        ("BUILTIN_999", [(1, 8)], (1, 8), False, "not one of the format's own ops"),
    ],
)
def test_unknown_is_never_zero(kind: str, shapes: list[Shape], output: Shape | None, custom: bool, reason: str) -> None:
    tensors = [tensor(f"i{place}", shape) for place, shape in enumerate(shapes)]
    found = one(kind, tensors, tensor("o", output), custom=custom)
    assert found.macs is None
    assert reason in found.unknown


def test_dynamic_file_says_why(original: Original) -> None:
    found = cost.cost(ops.load(original("prisma_nchw.onnx")))
    assert (found.macs, found.moved_bytes, found.peak.size_bytes) == (None, None, None)
    assert "?x8x256x256" in found.unknown
    assert "input_3" in found.peak.unknown
    assert found.weight_bytes is not None


def test_bytes_of_an_op() -> None:
    data, weights = tensor("x", (1, 8, 8, 3)), tensor("w", (16, 3, 3, 3), "int8", fixed=True)
    found = one("CONV_2D", [data, weights], tensor("o", (1, 8, 8, 16)))
    assert (found.weight_bytes, found.read_bytes, found.written_bytes) == (432, 768, 4096)
    assert found.moved_bytes == 4864
    doubled = one("ADD", [data, data], tensor("o", (1, 8, 8, 3)))
    assert doubled.read_bytes == 768


def test_memory_bound_by_hand() -> None:
    """x -> a -> b, and a again at the end: while the last op runs, a, b and the result are there."""
    sizes = {"x": 100, "a": 10, "b": 20, "c": 30}
    tensors = {key: tensor(key, (size,), "int8") for key, size in sizes.items()}
    wires = [(("x",), "a"), (("a",), "b"), (("b", "a"), "c")]
    found = cost.peak(_table(tensors, wires, ("x",), ("c",)))
    assert (found.size_bytes, found.op) == (110, 0)
    assert cost.peak(_table(tensors, wires, ("x",), ("c", "x"))).size_bytes == 160


def _table(tensors: dict[str, ops.Tensor], wires: Any, inputs: Shape | Any, outputs: Any) -> ops.OpTable:
    rows = tuple(
        ops.Op(index=index, type="ADD", version=1, name=made, inputs=tuple(used), outputs=(made,), options={})
        for index, (used, made) in enumerate(wires)
    )
    return ops.OpTable(format="tflite", tensors=tensors, ops=rows, inputs=inputs, outputs=outputs)


@st.composite
def graphs(draw: st.DrawFn) -> ops.OpTable:
    """A random graph of int8 tensors: every op reads one or two earlier ones."""
    count = draw(st.integers(1, 12))
    sizes = draw(st.lists(st.integers(0, 50), min_size=count + 1, max_size=count + 1))
    tensors = {str(place): tensor(str(place), (size,), "int8") for place, size in enumerate(sizes)}
    wires = [
        (draw(st.lists(st.integers(0, place).map(str), min_size=1, max_size=2)), str(place + 1))
        for place in range(count)
    ]
    outputs = draw(st.lists(st.integers(1, count).map(str), min_size=1, max_size=2, unique=True))
    return _table(tensors, wires, ("0",), tuple(outputs))


@settings(deadline=None)
@given(graphs())
def test_memory_bound_is_that_of_a_plain_recount(table: ops.OpTable) -> None:
    breadths = []
    for now in table.ops:
        alive = 0
        for key, each in table.tensors.items():
            born = 0 if key in table.inputs else next(op.index for op in table.ops if key in op.outputs)
            uses = [op.index for op in table.ops if key in op.inputs]
            died = len(table.ops) if key in table.outputs else max(uses, default=born)
            alive += (each.size_bytes or 0) if born <= now.index <= died else 0
        breadths.append(alive)
    found = cost.peak(table)
    assert found.size_bytes == max(breadths)
    if found.op is not None:
        assert breadths[found.op] == found.size_bytes
    own = [sum(each.size_bytes or 0 for each in {*table.given(op), *table.made(op)}) for op in table.ops]
    assert (found.size_bytes or 0) >= max(own)
    assert (found.size_bytes or 0) <= sum(each.size_bytes or 0 for each in table.tensors.values())


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 10))))
def test_a_sum_with_an_unknown_is_unknown(parts: list[int | None]) -> None:
    assert (cost.total(parts) is None) == (None in parts)


def test_summary_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.resolve("paradox_4")
    first = cost_zoo.summary(entry, variant="fp32", era="2019", cache=cache)
    assert (first.op_count, first.macs, first.unknown) == (3, 2_424_832, "")
    assert "fp32" in cost_zoo.variants(entry, "2019")

    def never(*_: object, **__: object) -> Path:
        raise AssertionError("read from the cache")

    monkeypatch.setattr(artifacts, "build", never)
    assert cost_zoo.summary(entry, variant="fp32", era="2019", cache=cache) == first


def test_what_is_kept_of_a_file_changes_with_what_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if quantize.missing():
        pytest.skip(quantize.missing() or "")
    entry = catalog.resolve("paradox_3")

    def kept() -> int:
        found = cost_zoo.summary(entry, variant="int8", era="2019", cache=tmp_path)
        assert found.maker == quantize.maker()
        return len(list((tmp_path / "graphs").glob("zoo-paradox_3-int8-*")))

    assert (kept(), kept()) == (1, 1)
    monkeypatch.setattr(quantize, "_tool_version", lambda: "9.9")
    assert kept() == 2
