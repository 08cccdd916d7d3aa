"""OpenCV's DNN module: its outputs, its layers, its refusals; and the reader of an ONNX file's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.agent.adapter import Refused
from bench.backends.agent.adapter_opencv import layer_rows, reason_of
from bench.backends.agent.onnx_tensors import node_names, tensors_of
from bench.backends.client import InvocationFailed
from bench.records.stats.agreement import TOLERANCES

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask(answers: Ask, zoo_file: Callable[..., Path]) -> Ask:
    pytest.importorskip("cv2", reason="needs opencv-python-headless")
    return lambda model, **asked: answers(zoo_file(model, "onnx"), "opencv", **asked)


@pytest.mark.parametrize("model", ["paradox_1", "paradox_7", "prisma"])
@pytest.mark.parametrize("engine", ["", "classic"])
def test_it_gives_the_same_output_as_onnxruntime(
    ask: Ask, answers: Ask, zoo_file: Callable[..., Path], model: str, engine: str
) -> None:
    (found,) = ask(model, engine=engine).outputs
    (reference,) = answers(zoo_file(model, "onnx"), "onnxruntime").outputs
    assert reference.std() > 0
    assert found.shape == reference.shape
    assert np.abs(found - reference).max() / np.ptp(reference) <= TOLERANCES["fp32"]


def test_it_says_where_it_ran_and_with_what(ask: Ask) -> None:
    found = ask("paradox_7", threads=2)
    assert "blocking call" in found.hello["sync"]
    placement = found.finish["placement"]
    assert (placement["kind"], placement["delegate"]) == ("full", "OpenCV CPU")
    assert placement["nodes"] >= 5
    assert found.finish["settings"].items() >= {"threads": "2"}.items()
    classic = ask("paradox_7", engine="classic").finish["settings"]
    assert classic.items() >= {"engine": "classic", "threads": "1"}.items()


def test_the_first_inference_is_the_first() -> None:
    """OpenCV makes room and packs weights in it: it must not have run before."""
    from bench.backends.agent.adapter_opencv import ADAPTER

    class Net:
        runs = 0

        def forward(self, names: list[str]) -> list[int]:
            self.runs += 1
            return [1]

    adapter = ADAPTER("cpu", 1, {})
    adapter._net, adapter._outputs = Net(), [{"name": "y"}]
    adapter._cv = type("cv2", (), {"error": RuntimeError})
    call = adapter.invoker()
    assert adapter._net.runs == 0
    call()
    assert adapter._net.runs == 1


@pytest.mark.parametrize("engine", ["", "classic"])
def test_the_layers_of_prisma_explain_its_time(ask: Ask, engine: str, zoo_file: Callable[..., Path]) -> None:
    import onnx

    gaps: list[float] = []
    for attempt in range(3):  # on a busy machine others take their turns between two layers
        profile = ask("prisma", engine=engine, profile=6 + attempt).profile
        rows, total = profile["rows"], profile["total_ns"]
        gaps.append((total - sum(row["time_ns"] for row in rows)) / total)
        if abs(gaps[-1]) <= 0.10:
            break
    assert abs(gaps[-1]) <= 0.10, gaps
    assert total == sum(profile["samples_ns"])
    assert len(profile["samples_ns"]) == profile["inferences"]
    nodes = {node.name for node in onnx.load(zoo_file("prisma", "onnx")).graph.node}
    sources = [name for row in rows for name in row["source_ops"]]
    assert len(sources) > 80
    assert set(sources) <= nodes
    assert all(row["op_type"] and row["where"] for row in rows)


def test_a_layer_without_time_was_fused_and_what_is_put_in_between_has_no_source() -> None:
    layers = [("onnx_node!Conv:a/b", "Convolution"), ("onnx_node!c", "ReLU"), ("trlayout.0", "TransformLayout")]
    rows = layer_rows(layers, [10, 0, 5], 2, {"Conv:a/b", "c"})
    assert [(row["position"], row["name"], row["source_ops"]) for row in rows] == [
        (0, "Conv:a/b", ["Conv:a/b"]),
        (2, "trlayout.0", []),
    ]
    assert [row["time_ns"] for row in rows] == [10, 5]


def test_a_file_that_is_no_model_is_refused_in_words(ask: Ask, answers: Ask, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x3a\x05hello")
    with pytest.raises(InvocationFailed) as refused:
        answers(broken, "opencv")
    assert refused.value.error.kind == "refused"
    assert "no ONNX model" in refused.value.error.message


def test_its_messages_lose_the_place_in_its_sources() -> None:
    said = "OpenCV(5.0.0) /io/x/onnx_importer.cpp:346: error: (-210:Unsupported format) Failed to parse\n in 'f'"
    assert reason_of(said) == "(-210:Unsupported format) Failed to parse in 'f'"
    assert reason_of("other") == "other"


@pytest.mark.parametrize("name", ["prisma_nchw.onnx", "deeplab_nchw.onnx"])
def test_published_files_are_read_as_onnx_itself_reads_them(original: Callable[[str], Path], name: str) -> None:
    import onnx

    path = original(name)
    graph = onnx.load(path).graph
    weights = {tensor.name for tensor in graph.initializer}

    def expected(infos: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": info.name,
                "dtype": onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type).name,
                "shape": [dim.dim_value or -1 for dim in info.type.tensor_type.shape.dim],
            }
            for info in infos
            if info.name not in weights
        ]

    assert tensors_of(path.read_bytes()) == (expected(graph.input), expected(graph.output))
    assert node_names(path.read_bytes()) == [node.name for node in graph.node]


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_they_are_read_or_refused(data: bytes) -> None:
    try:
        inputs, outputs = tensors_of(data)
    except Refused:
        return
    assert all(spec["dtype"] for spec in [*inputs, *outputs])


@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.sampled_from([1, 2, 3, 6, 7, 10]), st.lists(st.integers(1, 2**40))),
        max_size=4,
    )
)
def test_what_onnx_writes_is_read_back(infos: list[tuple[str, int, list[int]]]) -> None:
    import onnx

    made = [onnx.helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in infos]
    graph = onnx.helper.make_graph([], "g", made, made[:1])
    inputs, outputs = tensors_of(onnx.helper.make_model(graph).SerializeToString())
    assert [(spec["name"], spec["shape"]) for spec in inputs] == [(name, shape) for name, _, shape in infos]
    assert len(outputs) == min(len(infos), 1)
