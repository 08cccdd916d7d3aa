"""The zoo's graphs against the original files: the same ops, versions, options, shapes and wiring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.models import catalog, dag, inspect

Built = Callable[..., Path]
Original = Callable[[str], Path]

# Graphs as they were built when they agreed with the originals: they hold without the files, too.
DAG_HASHES = {
    "deconv_munet_128": "fed0dc4197ffdf7d50b8349725a69fb3d00e231c8762e342801235eb2e5e013f",
    "bilinear_munet_128": "34823354358692fb7046236071e34b5df4adb3d150a5723b6979e54a74e1b2b6",
    "mnv3_unet_wm10_224": "c6db7d1ce9c13ee943fa8ab1722ca5807af7c51ac81c3f7988cbf7e2ac400daf",
    "mnv3_unet_wm05_224": "b3ab4ed0197dde668d01b66fcb53b9790b318cf86cb093f3e60579a3dd3cd44d",
    "prisma_256": "5fe4ad39302401a87b744810e1a657bc242074d786f41e077b62527291e8c9f7",
    "portrait_net_224": "4918d27bc1f6802138b1b38288b1520920a812563c9a0ae88a7e9e3d2ff3456a",
    "portrait_net_256": "1d29a029cf10ef97ae6d92a9b9b99c61ba940fb1ff1483257b25933a0351bb07",
    "slim_net_512": "aba0816e2def7aaa0934c46b882218bb9bdbeb508873ed0a9857f9b05989fb28",
    "slim_net_512_raw": "8d10ece545b1e0fa88d5cbd9c394dfeddd830c16370b775a64c01f6ffff147b5",
    "deeplab_dm05_513": "f65a2ca4668132b6d3fa218c3c211420fd7321985cac6ee5abdbf27489589152",
    "deeplab_dm05_513_dense": "a50f72849466e7f8c8c4ef3c590a948b6614dfb3c58e07916e0cc8b20437f92e",
    "mnv3_transition_256": "51caeda6654ab89b897708b2eba109dc9d2ecad17313d1d0181f2c8ecb15493c",
    "paradox_1": "11db59c1731d0b529f78ffca12a06faa2f45703c5bb90ad0451aad9aa22016f9",
    "paradox_2": "1b273f86844fdba4de3b622455917d324de91c1755de2b867ea87c8518e37240",
    "paradox_3": "87c44f8dd28fe7481ba784a4a01b168964e612e8d1eeb352853d0f8cdebab9ab",
    "paradox_4": "993e621c947f0e5b1851ff8f7b1d91384bcc9d6fdcbb9adb12cb2a4c0702b855",
    "paradox_5": "986a32c6e2422ca00700a6bf2f29911ab57c3a7124014c2e11400e61932cb371",
    "paradox_6": "d5f72fc00f1b67b4ffbf8c13e376e626cebdfa164e1ee2ff0b4e1f080909da27",
    "paradox_7": "3bc5b9ba1a51ea4d850947883b5ef1f4559f73a0c5458c65631d97f0c8285793",
}
# Float files, row by row the same or with the rows in another order that can run.
SAME_ORDER = {"prisma_256": "prisma-net.tflite"} | {
    f"paradox_{number}": f"gpucom/model{number}.tflite" for number in range(1, 8)
}
FLOAT = SAME_ORDER | {
    "slim_net_512": "slim_reshape_v2.tflite",
    "deeplab_dm05_513_dense": "deeplab_aiseg513_dm05_float.tflite",
    "mnv3_transition_256": "mnv3_seg_float.tflite",
}
# Quantized files: the same but for types, versions and the ops that turn one type into another.
QUANTIZED = [
    ("bilinear_munet_128", "bilinear_fin_munet_uint8.tflite"),
    ("portrait_net_224", "portrait_video_quant.tflite"),
    ("deeplab_dm05_513", "deeplab_aiseg_quant513.tflite"),
    ("mnv3_transition_256", "mnv3_seg_quant.tflite"),
    ("prisma_256", "prisma-net_fp16.tflite"),
    ("prisma_256", "prisma-net_uint8.tflite"),
]


def test_every_model_has_its_hash() -> None:
    assert list(DAG_HASHES) == [entry.id for entry in catalog.entries()]


@pytest.mark.parametrize("model", DAG_HASHES)
def test_dag_is_the_originals(model: str, built: Built) -> None:
    assert dag.dag_hash(dag.read(built(model))) == DAG_HASHES[model]


@pytest.mark.parametrize(("model", "name"), FLOAT.items())
def test_committed_dag_hash_is_that_of_the_original_file(model: str, name: str, original: Original) -> None:
    assert dag.dag_hash(dag.read(original(name))) == DAG_HASHES[model]


@pytest.mark.parametrize(("model", "name"), SAME_ORDER.items())
def test_ops_are_row_by_row_those_of_the_original(model: str, name: str, built: Built, original: Original) -> None:
    ours, theirs = dag.read(built(model)), dag.read(original(name))

    def rows(graph: dag.Dag) -> list[object]:
        return [
            (row.op, row.version, row.options, [graph.tensors.get(key) for key in (*row.inputs, *row.outputs)])
            for row in graph.vertices
        ]

    assert rows(ours) == rows(theirs)


@pytest.mark.parametrize(("model", "name"), FLOAT.items())
def test_names_of_input_and_output_are_the_originals(model: str, name: str, built: Built, original: Original) -> None:
    ours, theirs = inspect.describe(built(model), None), inspect.describe(original(name), None)
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)


def without_types(graph: dag.Dag, *, activations: bool) -> dag.Dag:
    """The graph without data types, versions, conversions and a final ARG_MAX; perhaps without fused activations."""
    converting = [row for row in graph.vertices if row.op in ("DEQUANTIZE", "QUANTIZE", "ARG_MAX")]
    sources = {row.outputs[0]: row.inputs[0] for row in converting}

    def plain(row: dag.Vertex) -> dag.Vertex:
        inputs = tuple(sources.get(key, key) for key in row.inputs)
        options = {key: value for key, value in row.options.items() if activations or key != "fusedActivationFunction"}
        return msgspec.structs.replace(row, version=0, inputs=inputs, options=options)

    return msgspec.structs.replace(
        graph,
        tensors={key: ("", shape) for key, (_, shape) in graph.tensors.items()},
        outputs=tuple(sources.get(key, key) for key in graph.outputs),
        vertices=tuple(plain(row) for row in graph.vertices if row not in converting),
    )


@pytest.mark.parametrize(("model", "name"), QUANTIZED)
def test_dag_is_that_of_a_quantized_file(model: str, name: str, built: Built, original: Original) -> None:
    ours, theirs = dag.read(built(model)), dag.read(original(name))
    # an unsigned range of 0 to 6 says ReLU6 already: the fully quantized deeplab has no flags for it
    activations = model != "deeplab_dm05_513"
    hashes = [dag.dag_hash(without_types(graph, activations=activations)) for graph in (ours, theirs)]
    assert hashes[0] == hashes[1]


def test_dense_and_dilated_deeplab_are_not_one_graph(built: Built) -> None:
    """Without types and versions they still differ, in the kernels' sizes."""
    graphs = [dag.read(built(model)) for model in ("deeplab_dm05_513", "deeplab_dm05_513_dense")]
    hashes = {dag.dag_hash(without_types(graph, activations=False)) for graph in graphs}
    assert len(hashes) == 2


@pytest.mark.parametrize("model", DAG_HASHES)
def test_versions_are_those_that_the_options_need(model: str, built: Built) -> None:
    for row in dag.read(built(model)).vertices:
        dilated = row.op == "DEPTHWISE_CONV_2D" and row.options.get("dilationHFactor", 1) > 1
        half_pixel = row.options.get("halfPixelCenters", False)
        assert row.version == (2 if dilated else 3 if half_pixel else 1)
