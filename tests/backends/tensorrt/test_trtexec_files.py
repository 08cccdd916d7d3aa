"""What trtexec writes to files: samples, layer times, layers, outputs; its help."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.backends.tensorrt import layers, profile_file, times
from bench.backends.tensorrt.help import parse_help, version_of
from bench.backends.tensorrt.log_types import Layer
from bench.backends.tensorrt.outputs import packed
from bench.backends.tensorrt.profile_file import LayerTime, ProfileFileError
from bench.backends.tensorrt.times import TimesError
from bench.records.types import TensorSpec

SAMPLES = Path(__file__).parents[4] / "shared" / "formats" / "samples"


def sample(start: float, compute: float) -> dict[str, float]:
    end = start + compute
    return {
        "startEnqMs": start, "endEnqMs": start, "startH2dMs": start, "endH2dMs": start, "startComputeMs": start,
        "endComputeMs": end, "startD2hMs": end, "endD2hMs": end, "h2dMs": 0.25, "computeMs": compute, "d2hMs": 0.125,
        "latencyMs": compute + 0.375, "endToEndMs": 9.0,
    }  # fmt: skip


def file(*starts: float) -> bytes:
    return json.dumps([sample(start, 2.0) for start in starts]).encode()


def test_the_warm_up_of_old_versions_is_left_out() -> None:
    found = times.parse(file(0, 100, 199, 201, 300), 200.0, 2)
    assert ([each.start_compute_ms for each in found.samples], found.warmups) == ([201, 300], 3)


def test_newer_versions_leave_it_out_themselves() -> None:
    found = times.parse(file(201, 300), 200.0, 2)
    assert (len(found.samples), found.warmups) == (2, 0)


def test_six_digits_that_round_over_the_warm_ups_end_do_not_add_an_inference() -> None:
    found = times.parse(file(0, 200, 201, 300), 200.0, 2)
    assert [each.start_compute_ms for each in found.samples] == [201, 300]


def test_version_7_does_not_count() -> None:
    assert len(times.parse(file(0, 201, 300), 200.0, None).samples) == 2


@pytest.mark.parametrize(
    ("data", "queries", "words"),
    [(file(201, 300), 5, "the log has 5"), (file(201, 202, 203), 1, "the log has 1"),
     (file(201, 300)[:-20], 2, "not whole"), (b"", 2, "not whole"),
     (file(0, 1), None, "no inference after"), (b'[{"computeMs": 1}]', 1, "not whole")],
)  # fmt: skip
def test_samples_that_do_not_fit_the_log_are_none(data: bytes, queries: int | None, words: str) -> None:
    with pytest.raises(TimesError, match=words):
        times.parse(data, 200.0, queries)


@given(st.integers(1, 60), st.integers(0, 40), st.integers(0, 3000))
def test_a_cut_file_of_samples_is_refused(count: int, warmups: int, cut: int) -> None:
    data = file(*range(count + warmups))
    assert len(times.parse(data, float(warmups), count).samples) == count
    assume(0 < cut < len(data))
    with pytest.raises(TimesError):
        times.parse(data[:-cut], float(warmups), count)


def test_turns_fill_25_ms_and_know_when_they_began() -> None:
    found = times.parse(file(*(201 + 2 * index for index in range(30))), 200.0, 30)
    made = times.turns(found.samples)
    assert [len(turn.samples_ns) for turn in made] == [12, 12, 6]
    assert made[1].start_ns == (201 + 24) * 1_000_000
    assert set(made[0].samples_ns) == {2_000_000}


def test_the_clocks_steps_grow_with_the_run() -> None:
    assert times.parse(file(201), 200.0, 1).resolution_ns == 500
    assert times.parse(file(9000), 200.0, 1).resolution_ns == pytest.approx(2**-10 * 1e6)  # 2^13 ms, 24 bits


def test_the_real_profile_of_8_0() -> None:
    path = SAMPLES / "trtexec_8.0_exportProfile_json_no_median.txt"
    if not path.is_file():
        pytest.skip(f"the samples are not at {SAMPLES}")
    count, found = profile_file.parse(path.read_text())
    assert (count, len(found)) == (625, 6)
    assert found[1] == LayerTime("Conv_0 + PWN(Clip_3)", 41.4232, 0.0662771)
    assert found[3].total_ms == 0


def written(count: int, found: list[tuple[str, float]], median: bool) -> str:
    middle = ', "medianMs" : 0.5' if median else ""
    lines = "".join(
        f', {{ "name" : "{name}", "timeMs" : {ms:g}, "averageMs" : {ms / count:g}{middle}, "percentage" : -nan }}\n'
        for name, ms in found
    )
    return f'[\n  {{ "count" : {count} }}\n{lines}]\n'


names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r"), min_size=1, max_size=30)


@given(st.integers(1, 999), st.lists(st.tuples(names, st.integers(0, 500)), min_size=1, max_size=8), st.booleans())
def test_any_name_is_read_as_it_is_written(count: int, found: list[tuple[str, int]], median: bool) -> None:
    exact = [(name, float(ms)) for name, ms in found]
    got, read = profile_file.parse(written(count, exact, median))
    assert got == count
    assert [(each.name, each.total_ms) for each in read] == exact
    assert all((each.median_ms == 0.5) == median for each in read)


@pytest.mark.parametrize("name", ['a "quoted" name', '", "timeMs" : 1', "back\\slash", "a\x1eb", "}", "{ [ ,"])
def test_names_that_are_no_json(name: str) -> None:
    assert profile_file.parse(written(10, [(name, 1.0), ("next", 2.0)], True))[1][0].name == name


def test_a_profile_cut_anywhere_is_refused() -> None:
    text = written(10, [("a", 1.0), ('b "c"', 2.0)], False)
    for end in range(len(text) - 2):
        with pytest.raises(ProfileFileError):
            profile_file.parse(text[:end])


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Conv_0", ("Conv_0",)),
        ("Conv__302 + model/tf.nn.relu/Relu", ("Conv__302", "model/tf.nn.relu/Relu")),
        ("Conv__388 + relu_30 || Conv__385 + relu_46", ("Conv__388", "relu_30", "Conv__385", "relu_46")),
        ("PWN(multiply_2/Mul, add_82/Add + relu_43/Relu)", ("multiply_2/Mul", "add_82/Add", "relu_43/Relu")),
        ("PWN(const_500, PWN(subtract/Sub, minimum/Minimum))", ("const_500", "subtract/Sub", "minimum/Minimum")),
        ("{ForeignNode[/cnn/cnn.0/Conv.../cnn/cnn.11/Relu]}", ("/cnn/cnn.0/Conv", "/cnn/cnn.11/Relu")),
        ("{ForeignNode[318...(Unnamed Layer* 4183) [Shuffle]]}", ("318",)),
        ("(Unnamed Layer* 144) [Shuffle] + model/depthwise__179", ("model/depthwise__179",)),
        ("Reformatting CopyNode for Input Tensor 0 to Conv_0 + PWN(Clip_3)", ()),
        ("Resize__260:0 copy", ()),
        ("shuffle_between_pool5_and_fc6", ()),
        ("reshape_after_/linear/Gemm", ()),
    ],
)
def test_what_of_the_model_stands_in_a_name(name: str, parts: tuple[str, ...]) -> None:
    assert layers.fused(name) == parts


def test_layer_info_tells_all_nodes_of_a_group() -> None:
    text = '{"Layers": [{"Name": "g", "LayerType": "Myelin", "Metadata": "[ONNX Layer: a[0]]\x1e[ONNX Layer: b]"}]}'
    (found,) = layers.parse_info(text)
    assert (found.kind, found.onnx) == ("Myelin", ("a[0]", "b"))
    assert layers.parse_info('{"Layers": ["a + b"]}')[0].name == "a + b"
    assert layers.parse_info("{") == ()
    assert layers.parse_info("[]") == ()


def test_rows_are_per_inference_and_say_where() -> None:
    group = "{ForeignNode[a...d]}"
    timed = [LayerTime("x + y", 10.0, 0.1), LayerTime(group, 20.0, 0.2), LayerTime("z copy", 0.0, 0.0)]
    built = [Layer(name=group, on_dla=True), Layer(name="x + y", on_dla=False, kind="CONVOLUTION")]
    rows, notes = layers.rows(100, timed, (), built)
    assert [(row.op_type, row.time_ns, row.where) for row in rows] == [
        ("CONVOLUTION", 100_000, "GPU"), ("ForeignNode", 200_000, "DLA"), ("Reformat", 0, "GPU"),
    ]  # fmt: skip
    assert [row.source_ops for row in rows] == [("x", "y"), ("a", "d"), ()]
    assert any("only the first and the last" in note for note in notes)


def tensor(name: str, values: str, shape: str) -> str:
    return f'  {{ "name" : "{name}"\n  , "dimensions" : "{shape}"\n  , "values" : [ {values} ]\n  }}\n'


def test_outputs_are_read_with_names_and_numbers_that_are_no_json() -> None:
    text = f"[\n{tensor('b', '1, 2', '2')}, {tensor('a', '0.5, -nan, inf', '1x3')}]\n"
    first, second = (
        TensorSpec(name="a", dtype="float32", shape=(-1, 3)),
        TensorSpec(name="b", dtype="int64", shape=(2,)),
    )
    (spec, raw), (_, whole) = packed(text, [first, second])
    assert spec.shape == (1, 3)
    values = struct.unpack("<3f", raw)
    assert (values[0], values[1] == values[1], values[2]) == (0.5, False, float("inf"))
    assert struct.unpack("<2q", whole) == (1, 2)
    with pytest.raises(ValueError, match="has 2 values"):
        packed(text.replace('"2"', '"3"'), [second])
    with pytest.raises(ValueError, match="not among them"):
        packed(text, [TensorSpec(name="c", dtype="float32", shape=(1,))])


def test_help_tells_flags_and_version() -> None:
    text = """&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # trtexec --help
=== Inference Options ===
  --loadInputs=spec           Load input values. Input names can be wrapped with single quotes (ex: 'Input:0')
                              --not a flag of its own
  --useCudaGraph              Use CUDA graph
  --help, -h                  Print this message
"""
    found = parse_help(text)
    assert set(found.flags) == {"loadInputs", "useCudaGraph", "help"}
    assert "quotes" in found.flags["loadInputs"].meaning
    assert version_of(found) == "8.6.1"
    assert parse_help("usage: ls --all").flags == {}
