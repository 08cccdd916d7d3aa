"""The zoo: what it lists, and that what it builds has the original graphs' ops, parameters and wiring."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import NotMeasuredError, UsageError
from bench.models import artifacts, catalog, dag, inspect
from bench.models.builder import NetworkBuilder
from bench.models.zoo.entry import ZooEntry

Built = Callable[..., Path]
Original = Callable[[str], Path]

ENTRIES = catalog.entries()
IDS = [entry.id for entry in ENTRIES]

HISTOGRAMS = {
    "prisma_256": {
        "CONV_2D": 51,
        "DEPTHWISE_CONV_2D": 46,
        "TRANSPOSE_CONV": 5,
        "ADD": 32,
        "RELU": 23,
        "LOGISTIC": 1,
        "RESHAPE": 1,
    },
    "paradox_1": {"DEPTHWISE_CONV_2D": 1},
    "paradox_2": {"DEPTHWISE_CONV_2D": 1, "CONV_2D": 1},
    "paradox_3": {"CONV_2D": 1},
    "paradox_4": {"CONV_2D": 2, "RESHAPE": 1},
    "paradox_5": {"RESHAPE": 2, "CONV_2D": 2},
    "paradox_6": {"STRIDED_SLICE": 1, "CONV_2D": 2, "RESHAPE": 1},
    "paradox_7": {"STRIDED_SLICE": 1, "CONV_2D": 1, "PAD": 1},
}

# The original files' hashes: they hold without the files, too.
DAG_HASHES = {
    "prisma_256": "5fe4ad39302401a87b744810e1a657bc242074d786f41e077b62527291e8c9f7",
    "paradox_1": "11db59c1731d0b529f78ffca12a06faa2f45703c5bb90ad0451aad9aa22016f9",
    "paradox_2": "1b273f86844fdba4de3b622455917d324de91c1755de2b867ea87c8518e37240",
    "paradox_3": "87c44f8dd28fe7481ba784a4a01b168964e612e8d1eeb352853d0f8cdebab9ab",
    "paradox_4": "993e621c947f0e5b1851ff8f7b1d91384bcc9d6fdcbb9adb12cb2a4c0702b855",
    "paradox_5": "986a32c6e2422ca00700a6bf2f29911ab57c3a7124014c2e11400e61932cb371",
    "paradox_6": "d5f72fc00f1b67b4ffbf8c13e376e626cebdfa164e1ee2ff0b4e1f080909da27",
    "paradox_7": "3bc5b9ba1a51ea4d850947883b5ef1f4559f73a0c5458c65631d97f0c8285793",
}
ORIGINAL_NAMES = {"prisma_256": "prisma-net.tflite"} | {
    f"paradox_{number}": f"gpucom/model{number}.tflite" for number in range(1, 8)
}


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_catalog_tells_what_is_built(entry: ZooEntry) -> None:
    network = entry.build()
    assert network.name == entry.id
    assert [value.shape for value in network.inputs] == [entry.input_shape]
    assert [value.shape for value in network.outputs] == [entry.output_shape]
    assert network.parameter_count == entry.params


def test_published_parameter_counts() -> None:
    assert [entry.params for entry in ENTRIES] == [923_057, 10, 27, 148, 54, 45, 45, 28]


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_tflite_has_the_ops_and_weights_of_2019(entry: ZooEntry, built: Built) -> None:
    facts = inspect.describe(built(entry.id), None)
    assert facts.histogram == HISTOGRAMS[entry.id]
    assert facts.op_count == sum(HISTOGRAMS[entry.id].values())
    # 288 zeros: biases of depthwise convolutions that have none; those of 32, 64 and 128 elements are stored once
    assert facts.constant_elements == (923_345 if entry.id == "prisma_256" else entry.params)
    assert [spec.shape for spec in facts.inputs] == [entry.input_shape]
    assert [spec.shape for spec in facts.outputs] == [entry.output_shape]


def test_prisma_has_159_ops(built: Built) -> None:
    assert inspect.describe(built("prisma_256"), None).op_count == 159


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_onnx_has_the_same_input_output_and_weights(entry: ZooEntry, built: Built) -> None:
    facts = inspect.describe(built(entry.id, "onnx"), None)
    assert (facts.inputs, facts.outputs) == (
        inspect.describe(built(entry.id), None).inputs,
        inspect.describe(built(entry.id), None).outputs,
    )
    assert facts.constant_elements == entry.params


def test_onnx_prisma_is_the_published_graph_between_transposes(built: Built) -> None:
    histogram = inspect.describe(built("prisma_256", "onnx"), None).histogram
    published = {"Conv": 97, "Relu": 46, "Add": 27, "ConvTranspose": 5, "Sigmoid": 1}
    assert histogram == published | {"Transpose": 2, "Reshape": 1}


@pytest.mark.parametrize("model", IDS)
def test_dag_is_the_originals(model: str, built: Built) -> None:
    assert dag.dag_hash(dag.read(built(model))) == DAG_HASHES[model]


@pytest.mark.parametrize("model", IDS)
def test_committed_dag_hash_is_that_of_the_original_file(model: str, original: Original) -> None:
    assert dag.dag_hash(dag.read(original(ORIGINAL_NAMES[model]))) == DAG_HASHES[model]


@pytest.mark.parametrize("model", IDS)
def test_ops_are_row_by_row_those_of_the_original(model: str, built: Built, original: Original) -> None:
    ours, theirs = dag.read(built(model)), dag.read(original(ORIGINAL_NAMES[model]))

    def rows(graph: dag.Dag) -> list[object]:
        return [
            (row.op, row.version, row.options, [graph.tensors.get(key) for key in (*row.inputs, *row.outputs)])
            for row in graph.vertices
        ]

    assert rows(ours) == rows(theirs)


@pytest.mark.parametrize("model", IDS)
def test_names_of_input_and_output_are_the_originals(model: str, built: Built, original: Original) -> None:
    ours, theirs = inspect.describe(built(model), None), inspect.describe(original(ORIGINAL_NAMES[model]), None)
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)


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


# building and the cache


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
    assert dag.dag_hash(dag.read(one)) == DAG_HASHES["prisma_256"]


@pytest.mark.parametrize(
    ("variant", "era", "kind", "word"),
    [("int8", "2019", "tflite", "fp32"), ("fp32", "modern", "tflite", "2019"), ("fp32", "2019", "ir", "onnx")],
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


# names


@pytest.mark.parametrize("name", ["prisma", "prisma_256", "Prisma-256", " PRISMA-NET "])
def test_names_of_prisma(name: str) -> None:
    assert catalog.resolve(name).id == "prisma_256"


def test_every_id_resolves_to_itself_and_no_alias_hides_an_id() -> None:
    assert [catalog.resolve(model).id for model in IDS] == IDS
    assert len(set(IDS)) == len(IDS)


def test_ambiguous_alias_lists_its_candidates() -> None:
    with pytest.raises(UsageError) as caught:
        catalog.resolve("paradox")
    assert re.findall(r"paradox_\d", caught.value.found) == [f"paradox_{number}" for number in range(1, 8)]


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


# the vocabulary


def test_a_name_taken_twice_is_refused() -> None:
    net = NetworkBuilder("twice")
    x = net.input("x", (1, 4, 4, 1))
    with pytest.raises(ValueError, match="taken twice"):
        net.finish(net.relu(net.relu(x, name="y"), name="y"))


def test_shapes_that_do_not_fit_are_refused() -> None:
    net = NetworkBuilder("shapes")
    x, y = net.input("x", (1, 4, 4, 1)), net.input("y", (1, 4, 4, 2))
    with pytest.raises(ValueError, match="cannot add"):
        net.add(x, y)
    with pytest.raises(ValueError, match="cannot reshape"):
        net.reshape(x, (1, 15))
