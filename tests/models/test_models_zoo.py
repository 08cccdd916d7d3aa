"""The zoo: what it lists, and that what it builds has the published counts of parameters, weights and ops."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import UsageError
from bench.models import catalog, inspect
from bench.models.layers import TransposedConv
from bench.models.zoo.entry import ZooEntry

Built = Callable[..., Path]

ENTRIES = catalog.entries()
IDS = [entry.id for entry in ENTRIES]

_COLUMNS = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "ADD", "MUL", "CONCATENATION", "PAD", "RESIZE_BILINEAR", "RELU",
    "PRELU", "MAX_POOL_2D", "AVERAGE_POOL_2D", "LOGISTIC", "SOFTMAX", "STRIDED_SLICE", "RESHAPE",
)  # fmt: skip
# Ops of the graphs that the converter of 2019 wrote, in the order of _COLUMNS, and their total.
_OPS = {
    "deconv_munet_128": ((34, 17, 6, 21, 5, 4, 5, 0, 0, 0, 0, 0, 1, 0, 0, 1), 94),
    "bilinear_munet_128": ((39, 17, 1, 11, 0, 4, 5, 5, 0, 0, 0, 0, 1, 0, 0, 1), 84),
    "mnv3_unet_wm10_224": ((23, 11, 6, 12, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1), 58),
    "mnv3_unet_wm05_224": ((23, 11, 6, 12, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1), 58),
    "prisma_256": ((51, 46, 5, 32, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 1), 159),
    "portrait_net_224": ((51, 27, 5, 18, 0, 0, 29, 0, 0, 0, 0, 0, 0, 1, 6, 1), 138),
    "portrait_net_256": ((51, 27, 5, 18, 0, 0, 29, 0, 0, 0, 0, 0, 0, 1, 6, 1), 138),
    "slim_net_512": ((90, 28, 5, 36, 0, 2, 0, 3, 0, 100, 3, 0, 0, 1, 1, 1), 270),
    "slim_net_512_raw": ((90, 28, 5, 36, 0, 2, 0, 3, 0, 100, 3, 0, 0, 0, 0, 0), 267),
    "deeplab_dm05_513": ((38, 17, 0, 10, 0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0), 70),
    "deeplab_dm05_513_dense": ((38, 17, 0, 10, 0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0), 70),
    "mnv3_transition_256": ((36, 19, 0, 13, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0), 77),
    "paradox_1": ((0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1),
    "paradox_2": ((1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 2),
    "paradox_3": ((1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1),
    "paradox_4": ((2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 3),
    "paradox_5": ((2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2), 4),
    "paradox_6": ((2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1), 4),
    "paradox_7": ((1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0), 3),
}
# Keras' totals, trained and deployed. Nobody trained the dense deeplab: the dilated one with larger kernels.
_PARAMS = {
    "deconv_munet_128": (3_648_561, 3_624_585),
    "bilinear_munet_128": (3_648_561, 3_620_617),
    "mnv3_unet_wm10_224": (2_578_449, 2_552_241),
    "mnv3_unet_wm05_224": (1_216_293, 1_192_213),
    "prisma_256": (923_057, 923_057),
    "portrait_net_224": (2_115_050, 2_064_050),
    "portrait_net_256": (2_115_050, 2_064_050),
    "slim_net_512": (347_570, 347_570),
    "slim_net_512_raw": (347_570, 347_570),
    "deeplab_dm05_513": (709_442, 683_474),
    "deeplab_dm05_513_dense": (709_442 + 813_266 - 683_474, 813_266),
    "mnv3_transition_256": (969_970, 940_122),
} | {f"paradox_{number}": (count, count) for number, count in enumerate((10, 27, 148, 54, 45, 45, 28), 1)}
# Where a TFLite file's weights are not the deployed parameters.
_WEIGHTS = {
    # a normalization's four vectors became a factor and an offset: 512, 256, 128, 64 and 32 channels
    "deconv_munet_128": 3_622_601,
    # zeros: biases of depthwise convolutions that have none; those of 16 elements and more are stored once per length
    "prisma_256": 923_057 + 288,
    "slim_net_512": 347_570 + 96,
    "slim_net_512_raw": 347_570 + 96,
}
_RELU6_BOUNDS = {"deconv_munet_128", "bilinear_munet_128", "deeplab_dm05_513", "deeplab_dm05_513_dense"}


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_catalog_tells_what_is_built(entry: ZooEntry) -> None:
    trained, network = entry.train(), entry.build()
    assert network.name == trained.name == entry.id
    assert [value.shape for value in network.inputs] == [entry.input_shape]
    assert [value.shape for value in network.outputs] == [entry.output_shape]
    assert (trained.parameter_count, network.parameter_count) == (entry.params_train, entry.params)
    # published with one decimal, the small ones with two
    assert network.macs == pytest.approx(entry.mmac * 1e6, abs=5.01e4 if entry.mmac > 10 else 5.01e3)


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_published_parameter_counts(entry: ZooEntry) -> None:
    assert (entry.params_train, entry.params) == _PARAMS[entry.id]


def test_published_share_of_transposed_convolutions() -> None:
    """94.7 % of deconv's multiply-accumulates; its bilinear sister has 3.84 times as many."""
    deconv, bilinear = (catalog.resolve(name).build() for name in ("deconv", "bilinear"))
    share = sum(layer.macs for layer in deconv.layers if isinstance(layer, TransposedConv)) / deconv.macs
    assert share == pytest.approx(0.947, abs=5e-4)
    assert bilinear.macs / deconv.macs == pytest.approx(3.84, abs=5e-3)


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_tflite_has_the_ops_and_weights_of_2019(entry: ZooEntry, built: Built) -> None:
    facts = inspect.describe(built(entry.id), None)
    counts, total = _OPS[entry.id]
    expected = {op: count for op, count in zip(_COLUMNS, counts, strict=True) if count}
    assert facts.histogram == dict(sorted(expected.items()))
    assert facts.op_count == total
    assert facts.constant_elements == _WEIGHTS.get(entry.id, entry.params)
    assert [spec.shape for spec in facts.inputs] == [entry.input_shape]
    assert [spec.shape for spec in facts.outputs] == [entry.output_shape]


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_onnx_has_the_same_input_output_and_weights(entry: ZooEntry, built: Built) -> None:
    facts = inspect.describe(built(entry.id, "onnx"), None)
    assert (facts.inputs, facts.outputs) == (
        inspect.describe(built(entry.id), None).inputs,
        inspect.describe(built(entry.id), None).outputs,
    )
    assert facts.constant_elements == entry.params + 2 * (entry.id in _RELU6_BOUNDS)


def test_onnx_prisma_is_the_published_graph_between_transposes(built: Built) -> None:
    histogram = inspect.describe(built("prisma_256", "onnx"), None).histogram
    published = {"Conv": 97, "Relu": 46, "Add": 27, "ConvTranspose": 5, "Sigmoid": 1}
    assert histogram == published | {"Transpose": 2, "Reshape": 1}


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_onnx_turns_only_input_and_output(entry: ZooEntry, built: Built) -> None:
    assert inspect.describe(built(entry.id, "onnx"), None).histogram.get("Transpose", 0) <= 2


# names


@pytest.mark.parametrize("name", ["prisma", "prisma_256", "Prisma-256", " PRISMA-NET "])
def test_names_of_prisma(name: str) -> None:
    assert catalog.resolve(name).id == "prisma_256"


def test_every_id_resolves_to_itself_and_no_alias_hides_an_id() -> None:
    assert [catalog.resolve(model).id for model in IDS] == IDS
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("deconv", "deconv_munet_128"), ("bilinear-munet", "bilinear_munet_128"),
        ("mnv3_unet_wm05", "mnv3_unet_wm05_224"), ("Portrait", "portrait_net_224"),
        ("portrait_256", "portrait_net_256"), ("slim", "slim_net_512"), ("slim-net", "slim_net_512"),
        ("slim_raw", "slim_net_512_raw"), ("deeplab", "deeplab_dm05_513"), ("deeplab_dense", "deeplab_dm05_513_dense"),
        ("transition", "mnv3_transition_256"),
    ],
)  # fmt: skip
def test_names_that_people_type(name: str, model: str) -> None:
    assert catalog.resolve(name).id == model


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("paradox", [f"paradox_{number}" for number in range(1, 8)]),
        ("munet", ["deconv_munet_128", "bilinear_munet_128"]),
        ("mnv3-unet", ["mnv3_unet_wm10_224", "mnv3_unet_wm05_224"]),
        ("unet", ["deconv_munet_128", "bilinear_munet_128", "mnv3_unet_wm10_224", "mnv3_unet_wm05_224"]),
    ],
)
def test_ambiguous_alias_lists_its_candidates(name: str, candidates: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        catalog.resolve(name)
    assert re.findall(r"\w+_\w+", caught.value.found) == candidates


def test_mistyped_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="prisma"):
        catalog.resolve("prsima")


@given(st.text(max_size=20))
def test_any_name_resolves_or_is_refused_politely(name: str) -> None:
    try:
        found: object = catalog.resolve(name)
    except UsageError as error:
        found = error
    assert found in ENTRIES or (isinstance(found, UsageError) and found.todo)
