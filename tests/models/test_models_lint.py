"""Each rule of the lint on a graph that it is about and on one that it is not; the delegates' tables; the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.models import lint, lint_kernels, ops
from bench.models.delegate_ops import DELEGATES, TARGETS
from bench.models.delegates import Accepts, Target, refusal

Built = Callable[..., Path]
Original = Callable[[str], Path]
Changed = Callable[..., Path]
Shape = tuple[int, ...]


def graph(
    kind: str,
    before: Shape,
    after: Shape,
    dtype: str = "float32",
    version: int = 1,
    format: str = "tflite",
    inner: bool = True,
    **options: Any,
) -> lint.Subject:
    """x -> RELU -> the op -> RELU -> out; with inner=False the op stands alone, between input and output."""
    shapes = {"x": before, "a": before, "b": after, "out": after}
    wires = [("RELU", "x", "a"), (kind, "a", "b"), ("RELU", "b", "out")] if inner else [(kind, "x", "out")]
    used = {key for _, one, other in wires for key in (one, other)}
    tensors = {key: ops.Tensor(key=key, name=key, dtype=dtype, shape=shapes[key]) for key in used}
    rows = tuple(
        ops.Op(
            index=index, type=each, version=version if each == kind else 1, name=made, inputs=(given_,),
            outputs=(made,), options=options if each == kind else {},
        )
        for index, (each, given_, made) in enumerate(wires)
    )  # fmt: skip
    table = ops.OpTable(format=format, tensors=tensors, ops=rows, inputs=("x",), outputs=("out",))
    return lint.Subject(table=table, lattices={})


def found(subject: lint.Subject, code: str) -> list[lint.Advice]:
    return [each for each in lint.assess(subject) if each.code == code]


IMAGE = (1, 64, 64, 4)


@pytest.mark.parametrize(
    ("shape", "format", "padding", "severity"),
    [
        ((1, 64, 64, 3), "tflite", 64 * 64 * 4, "warning"),
        ((1, 64, 64, 5), "tflite", 64 * 64 * 3 * 4, "warning"),
        ((1, 1, 1, 3), "tflite", 4, "info"),
        ((1, 3, 64, 64), "onnx", 64 * 64 * 4, "warning"),
        ((1, 64, 64, 4), "tflite", None, None),
        ((1, 4, 63, 63), "onnx", None, None),
        ((1, 3), "tflite", None, None),
    ],
)
def test_channels(shape: Shape, format: str, padding: int | None, severity: str | None) -> None:
    advice = found(graph("LOGISTIC", shape, shape, format=format, inner=False), "channels-of-4")
    assert len(advice) == (0 if padding is None else 2)
    for each in advice:
        assert (each.estimated_bytes, each.severity) == (padding, severity)
    if advice:
        assert (advice[0].op, advice[0].tensor, advice[1].op, advice[1].tensor) == (None, "x", 0, "out")


def test_onnx_with_channels_last_at_its_ends(built: Built) -> None:
    """The zoo's ONNX files change the layout at their borders: the input has 3 channels, not 513."""
    advice = found(lint.gather(built("deeplab_dm05_513", "onnx")), "channels-of-4")
    assert {each.what.split()[0] for each in advice} == {"2", "3"}
    assert advice[0].tensor == lint.gather(built("deeplab_dm05_513", "onnx")).table.inputs[0]
    (output,) = found(lint.gather(built("deeplab_dm05_513", "onnx")), "large-output")
    assert output.estimated_bytes == 513 * 513 * 2 * 4 - 65_796


@settings(deadline=None)
@given(st.integers(1, 64))
def test_padding_is_what_is_missing_to_four(channels: int) -> None:
    advice = found(graph("RELU6", (1, 64, 64, channels), (1, 64, 64, channels), inner=False), "channels-of-4")
    assert bool(advice) == (channels % 4 != 0)
    for each in advice:
        assert each.estimated_bytes == 64 * 64 * (-channels % 4) * 4


@pytest.mark.parametrize("kind", ["RESHAPE", "STRIDED_SLICE", "SLICE", "PAD", "TRANSPOSE", "SPACE_TO_BATCH_ND"])
def test_ops_that_only_move_data(kind: str) -> None:
    (advice,) = found(graph(kind, IMAGE, IMAGE), "shape-ops")
    assert (advice.op, advice.severity, advice.estimated_bytes) == (1, "warning", 2 * 64 * 64 * 4 * 4)


def test_reshape_of_the_output_is_a_note_and_other_ops_are_none() -> None:
    (advice,) = found(graph("RESHAPE", IMAGE, (1, 16384), inner=False), "shape-ops")
    assert advice.severity == "info"
    assert found(graph("STRIDED_SLICE", IMAGE, IMAGE, inner=False), "shape-ops")[0].severity == "warning"
    assert not found(graph("ADD", IMAGE, IMAGE), "shape-ops")


@pytest.mark.parametrize(
    ("shape", "dtype", "saved"),
    [
        ((1, 256, 256, 1), "float32", 245_760),  # as measured in the source: 16 384 of 262 144 bytes are left
        ((1, 65536), "float32", 245_760),
        ((1, 512, 512, 2), "float32", 2_097_152 - 65_536),
        ((1, 256, 256, 8), "float32", None),
        ((1, 513, 513), "int64", None),
    ],
)
def test_large_output(shape: Shape, dtype: str, saved: int | None) -> None:
    (advice,) = found(graph("LOGISTIC", shape, shape, dtype, inner=False), "large-output")
    assert advice.estimated_bytes == saved
    assert advice.op == 0
    assert ("packed" in advice.what) == (saved is not None)


def test_small_output_is_fine(built: Built) -> None:
    assert not found(graph("LOGISTIC", (1, 256, 16, 1), (1, 256, 16, 1)), "large-output")
    assert found(lint.gather(built("paradox_1")), "large-output")
    assert not found(lint.gather(built("paradox_2")), "large-output")


@pytest.mark.parametrize(
    ("options", "severity", "said"),
    [
        ({}, "warning", "moved by 0.5 px"),
        ({"align_corners": True}, "info", "stretched by up to 0.5 px"),
        ({"half_pixel_centers": True}, None, ""),
    ],
)
def test_bilinear_flags(options: dict[str, bool], severity: str | None, said: str) -> None:
    advice = found(graph("RESIZE_BILINEAR", (1, 32, 32, 4), IMAGE, **options), "bilinear-shift")
    assert [each.severity for each in advice] == ([severity] if severity else [])
    assert all(said in each.what for each in advice)


def test_resizing_that_moves_nothing() -> None:
    assert not found(graph("RESIZE_BILINEAR", IMAGE, IMAGE), "bilinear-shift")
    assert not found(graph("RESIZE_BILINEAR", (1, 1, 1, 4), IMAGE), "bilinear-shift")
    assert not found(graph("RESIZE_NEAREST_NEIGHBOR", (1, 32, 32, 4), IMAGE), "bilinear-shift")


@pytest.mark.parametrize(
    ("kind", "version", "options", "count"),
    [
        ("Resize", 13, {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}, 1),
        ("Resize", 13, {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, 1),
        ("Resize", 13, {"mode": "linear"}, 0),
        ("Resize", 10, {"mode": "linear"}, 1),
        ("Upsample", 9, {"mode": "linear"}, 1),
        ("Resize", 13, {}, 0),
    ],
)
def test_onnx_resize(kind: str, version: int, options: dict[str, str], count: int) -> None:
    subject = graph(kind, (1, 4, 32, 32), (1, 4, 64, 64), version=version, format="onnx", **options)
    assert len(found(subject, "bilinear-shift")) == count


def test_zoo_resizes_as_the_architectures_say(built: Built) -> None:
    """Flags: mobile-unet has none set, DeepLab and slim-net align corners, the transition net takes half pixels."""
    models = ("bilinear_munet_128", "deeplab_dm05_513", "slim_net_512", "mnv3_transition_256")
    severities = [{each.severity for each in found(lint.gather(built(each)), "bilinear-shift")} for each in models]
    assert severities == [{"warning"}, {"info"}, {"info"}, set()]


def test_dilations_written_out(original: Original) -> None:
    subject = lint.gather(original("deeplab_aiseg513_dm05_float.tflite"))
    sizes = [(each.size, each.dilation, each.taps) for each in subject.lattices.values()]
    assert sizes == [((5, 5), (2, 2), (3, 3))] * 7 + [((9, 9), (4, 4), (3, 3))] * 3
    advice = found(subject, "dense-dilation")
    assert len(advice) == 10
    assert {each.op_type for each in advice} == {"DEPTHWISE_CONV_2D"}
    elements = sum(each.estimated_bytes or 0 for each in advice) // 4
    assert elements == 813_266 - 683_474  # constant elements of the dense file and of the dilated one
    assert len(lint.gather(original("deeplab_nchw.onnx")).lattices) == 10


@pytest.mark.parametrize("name", ["deeplab_aiseg_quant513.tflite", "prisma-net_fp16.tflite", "prisma_quant.tflite"])
def test_kernels_without_zeros(name: str, original: Original) -> None:
    assert lint.gather(original(name)).lattices == {}


def test_zoo_kernels(built: Built) -> None:
    assert len(lint.gather(built("deeplab_dm05_513_dense")).lattices) == 10
    for name in ("deeplab_dm05_513", "paradox_1", "prisma_256"):
        assert lint.gather(built(name)).lattices == {}


def test_zero_point_is_the_zero_of_quantized_weights(built: Built, changed: Changed) -> None:
    """A 3 x 3 uint8 kernel that is its zero point but in the corners: 2 x 2 with dilation 2."""
    from ai_edge_litert import schema_py_generated as schema

    def quantized(model: Any) -> None:
        operator = model.subgraphs[0].operators[0]
        weights = model.subgraphs[0].tensors[operator.inputs[1]]
        kernel = np.full(weights.shape, 128, dtype=np.uint8)
        kernel[:, ::2, ::2, :] = 7
        weights.type = schema.TensorType.UINT8
        weights.quantization = schema.QuantizationParametersT()
        weights.quantization.scale, weights.quantization.zeroPoint = [0.5], [128]
        model.buffers[weights.buffer].data = kernel.reshape(-1)

    (lattice,) = lint.gather(changed(built("paradox_3"), quantized)).lattices.values()
    assert (lattice.size, lattice.dilation, lattice.taps) == ((3, 3), (2, 2), (2, 2))


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32))
def test_a_kernel_spread_out_is_recognized(rows: int, columns: int, down: int, across: int, seed: int) -> None:
    dense = np.random.default_rng(seed).uniform(0.1, 1, (2, rows, columns, 3))
    spread = np.zeros((2, (rows - 1) * down + 1, (columns - 1) * across + 1, 3))
    spread[:, ::down, ::across, :] = dense
    expected = (down if rows > 1 else 1, across if columns > 1 else 1)
    lattice = lint_kernels._lattice(spread != 0, 1)
    if expected == (1, 1):
        assert lattice is None
    else:
        assert lattice is not None
        assert (lattice.dilation, lattice.taps) == (expected, (rows, columns))


@pytest.mark.parametrize(
    "row",
    [[0, 1, 0], [1, 1, 0, 1, 1], [0, 0, 0], [0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]],
)
def test_other_zeros_are_no_dilation(row: list[int]) -> None:
    kernel = np.broadcast_to(np.array(row, dtype=bool)[:, None] & np.array(row, dtype=bool), (1, len(row), len(row)))
    assert lint_kernels._lattice(kernel[..., None], 1) is None


def test_dynamic_shapes(original: Original, built: Built) -> None:
    (advice,) = found(lint.gather(original("prisma_nchw.onnx")), "dynamic-shape")
    assert "?x3x256x256" in advice.what
    assert (advice.op, advice.tensor_name) == (None, "input_3")
    assert not found(lint.gather(built("prisma")), "dynamic-shape")
    (inside,) = found(graph("GATHER", IMAGE, (-1, 4)), "dynamic-shape")
    assert inside.op == 1


@pytest.mark.parametrize(("version", "severity"), [(1, None), (2, None), (3, "warning"), (4, "error")])
def test_transpose_conv_versions(version: int, severity: str | None) -> None:
    advice = found(graph("TRANSPOSE_CONV", IMAGE, IMAGE, "int8", version=version), "edgetpu-transpose-conv-version")
    assert [each.severity for each in advice] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("target", "kind", "dtype", "version", "options", "taken"),
    [
        ("gpu", "CONV_2D", "float32", 1, {"activation": "relu6"}, True),
        ("gpu", "CONV_2D", "float32", 1, {"activation": "sign_bit"}, False),
        ("gpu", "ARG_MAX", "float32", 1, {}, False),
        ("gpu", "BATCH_TO_SPACE_ND", "float32", 1, {}, False),
        ("gpu", "STRIDED_SLICE", "float32", 1, {}, False),  # four inputs are wanted
        ("gpu", "RESIZE_BILINEAR", "float32", 3, {"align_corners": True, "half_pixel_centers": True}, False),
        ("gpu", "RESIZE_BILINEAR", "float32", 3, {"half_pixel_centers": True}, True),
        ("gpu", "RELU", "int16", 1, {}, False),
        ("nnapi", "TRANSPOSE_CONV", "float32", 3, {}, True),
        ("nnapi", "TRANSPOSE_CONV", "float32", 4, {}, False),
        ("nnapi", "ARG_MAX", "int8", 2, {}, False),  # int8 is written here, it wants int32
        ("nnapi", "CONCATENATION", "float32", 1, {"activation": "relu"}, False),
        ("nnapi", "GELU", "float32", 1, {}, False),
        ("hexagon", "CONV_2D", "int8", 3, {"stride": [2, 2]}, True),
        ("hexagon", "CONV_2D", "int8", 3, {"stride": [1, 16]}, False),
        ("hexagon", "CONV_2D", "int8", 3, {"dilation": [2, 2]}, False),
        ("hexagon", "DEPTHWISE_CONV_2D", "int8", 3, {"dilation": [2, 2]}, True),
        ("hexagon", "DEPTHWISE_CONV_2D", "int8", 3, {"dilation": [2, 2], "stride": [2, 2]}, False),
        ("hexagon", "RELU", "uint8", 1, {}, False),
        ("hexagon", "RELU", "int8", 2, {}, True),
        ("hexagon", "CONV_2D", "float32", 1, {}, False),
        ("edgetpu", "CONV_2D", "int8", 3, {}, True),
        ("edgetpu", "HARD_SWISH", "int8", 1, {}, False),
        ("edgetpu", "MAX_POOL_2D", "int8", 2, {"activation": "relu"}, False),
        ("edgetpu", "CONV_2D", "float32", 1, {}, False),
    ],
)  # fmt: skip
def test_delegates(target: Target, kind: str, dtype: str, version: int, options: dict[str, Any], taken: bool) -> None:
    table = graph(kind, IMAGE, IMAGE, dtype, version=version, inner=False, **options).table
    reason = refusal(DELEGATES[target], table, table.ops[0])
    assert (reason is None) == taken, reason


def test_hexagon_resizes_small_pictures_only() -> None:
    for side, taken in ((65, True), (66, False)):
        table = graph("RESIZE_BILINEAR", IMAGE, (1, side, side, 4), "int8", version=2, inner=False).table
        assert (refusal(DELEGATES["hexagon"], table, table.ops[0]) is None) == taken


def test_published_8_bit_files(original: Original) -> None:
    """The one that the Edge TPU compiler took has nothing against it; the ARG_MAX of DeepLab has, everywhere."""
    for target in TARGETS:
        assert not [each for each in _of(original("prisma_quant.tflite"), target) if each.code == f"{target}-op"]
    refused = {target: _refused(original("deeplab_aiseg_quant513.tflite"), target) for target in TARGETS}
    assert refused == {
        "gpu": {"ARG_MAX"}, "nnapi": {"ARG_MAX"}, "hexagon": {"RESIZE_BILINEAR"}, "edgetpu": {"ARG_MAX"},
    }  # fmt: skip


def _of(path: Path, target: Target) -> list[lint.Advice]:
    return lint.lint(path, [target])


def _refused(path: Path, target: Target) -> set[str]:
    return {each.op_type for each in _of(path, target) if each.code == f"{target}-op" and each.severity != "info"}


def test_float_graph_is_told_once(built: Built) -> None:
    codes = [each.code for each in lint.lint(built("deeplab_dm05_513"), ["edgetpu"])]
    assert codes.count("edgetpu-needs-8-bit") == 1
    assert "edgetpu-op" not in codes
    assert "gpu-needs-8-bit" not in {each.code for each in lint.lint(built("deeplab_dm05_513"))}


def test_float_graph_is_asked_about_its_ops_as_if_quantized(built: Built) -> None:
    refused = {each.what for each in lint.lint(built("slim_net_512"), ["hexagon"]) if each.code == "hexagon-op"}
    assert any("PRELU" in each for each in refused)
    assert not any("version" in each or "float32" in each for each in refused)
    assert not any("RELU stays" in each for each in _texts(built("prisma"), "hexagon"))  # version 1 until quantized


def _texts(path: Path, target: Target) -> list[str]:
    return [each.what for each in _of(path, target)]


def test_compiled_file_is_not_told_to_be_quantized(original: Original) -> None:
    codes = {each.code for each in lint.lint(original("prisma_quant_edgetpu.tflite"), ["edgetpu"])}
    assert not codes & {"edgetpu-op", "edgetpu-needs-8-bit"}
    assert "gpu-op" in {each.code for each in lint.lint(original("prisma_quant_edgetpu.tflite"), ["gpu"])}


def test_onnx_says_that_delegates_were_not_looked_at(built: Built) -> None:
    codes = {each.code for each in lint.lint(built("paradox_1", "onnx"))}
    assert "delegates-not-checked" in codes
    assert "delegates-not-checked" not in {each.code for each in lint.lint(built("paradox_1"))}


def test_targets_choose_and_worst_comes_first(built: Built) -> None:
    subject = lint.gather(built("prisma"))
    everything = lint.assess(subject)
    for target in TARGETS:
        chosen = lint.assess(subject, [target])
        assert all(target in each.targets for each in chosen)
        assert len(chosen) < len(everything)
    order = [lint.SEVERITIES.index(each.severity) for each in everything]
    assert order == sorted(order, reverse=True)


def test_threshold() -> None:
    advice = lint.assess(graph("TRANSPOSE_CONV", IMAGE, IMAGE, "int8", version=4))
    assert lint.reached(advice, "error")
    milder = [each for each in advice if each.severity == "info"]
    assert not lint.reached(milder, "warning")
    assert not lint.reached([], "info")


def test_every_rule_names_its_source_and_its_remedy() -> None:
    rules = lint.rules()
    assert len({rule.code for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.source
        assert rule.remedy
        assert rule.title
        assert set(rule.targets) <= set(TARGETS)
    sources = {rule.code: rule.source for rule in rules}
    assert "unverified for RSQRT" in sources["edgetpu-op"]


def test_tables_name_ops_of_the_schema() -> None:
    from ai_edge_litert import schema_py_generated as schema

    known = set(vars(schema.BuiltinOperator))
    custom = {"Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Resampler"}
    for delegate in DELEGATES.values():
        assert set(delegate.ops) - known <= custom
        assert set(delegate.unchecked) <= set(delegate.ops)
        assert all(isinstance(each, Accepts) for each in delegate.ops.values())


def _codes(advice: Sequence[lint.Advice]) -> set[str]:
    return {each.code for each in advice}


def test_paradox_models_as_the_source_tells_them(built: Built) -> None:
    """1: one channel, large output. 3: four channels. 5: flattened input. 6: slice instead. 4: as good as it gets."""
    advice = {number: lint.lint(built(f"paradox_{number}"), ["gpu"]) for number in range(1, 8)}
    assert _codes(advice[1]) == {"channels-of-4", "large-output"}
    assert _codes(advice[3]) == {"large-output"}
    assert {each.op_type for each in advice[5] if each.code == "shape-ops" and each.severity == "warning"} == {
        "RESHAPE"
    }
    assert {each.op_type for each in advice[7] if each.code == "shape-ops"} == {"STRIDED_SLICE", "PAD"}
    assert "large-output" not in _codes(advice[4])
    assert not [each for each in advice[4] if each.code == "shape-ops" and each.severity == "warning"]
