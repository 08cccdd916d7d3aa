"""The zoo in Keras: published parameter totals, the function of the files of 2019, what today's converters make."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bench.models import artifacts, catalog, dag, inspect, keras_host, modern, quantize
from bench.models.builder import NetworkBuilder
from bench.models.keras_job import Job, Reply
from bench.models.network import Network
from bench.models.zoo.entry import ZooEntry

Built = Callable[..., Path]
Run = Callable[[str, Path, Any], Any]
Picture = Callable[..., Any]
Written = Callable[[Network], dict[str, Path]]

pytestmark = pytest.mark.skipif(modern.why_not("tflite") is not None, reason=modern.why_not("tflite") or "")

ENTRIES = catalog.entries()
IDS = [entry.id for entry in ENTRIES]
_COUNTED = "2.21"  # the TensorFlow whose op counts these are
# Total ops of a file of today, and what differs from the file of 2019: biases within transposed convolutions,
# normalization folded into them, padding within convolutions, and slices.
_OPS: dict[str, tuple[int, dict[str, int]]] = {
    "deconv_munet_128": (73, {"ADD": -11, "MUL": -5, "PAD": -5}),
    "bilinear_munet_128": (78, {"ADD": -1, "PAD": -5}),
    "mnv3_unet_wm05_224": (52, {"ADD": -6}),
    "prisma_256": (154, {"ADD": -5}),
    "portrait_net_224": (114, {"PAD": -24, "STRIDED_SLICE": -1, "SLICE": 1}),
    "slim_net_512": (265, {"ADD": -5, "STRIDED_SLICE": -1, "SLICE": 1}),
    "deeplab_dm05_513": (70, {}),
    "mnv3_transition_256": (73, {"PAD": -4}),
    "paradox_1": (1, {"DEPTHWISE_CONV_2D": -1, "CONV_2D": 1}),
    "paradox_2": (2, {"DEPTHWISE_CONV_2D": -1, "CONV_2D": 1}),
    "paradox_3": (1, {}),
    "paradox_4": (3, {}),
    "paradox_5": (4, {}),
    "paradox_6": (4, {"STRIDED_SLICE": -1, "SLICE": 1}),
    "paradox_7": (3, {"STRIDED_SLICE": -1, "SLICE": 1}),
}
_ONNX = ("deconv_munet_128", "deeplab_dm05_513", "paradox_7")


class Done(NamedTuple):
    """One job's reply, and its files by kind."""

    reply: Reply
    files: dict[str, Path]


def corners() -> Network:
    """The layers and options that the zoo has not, in one network, and a name that Keras takes not."""
    net = NetworkBuilder("corners")
    x = net.input("a/b.c", (1, 9, 10, 3))
    x = net.conv(x, 6, (3, 2), stride=(2, 1), activation="relu6")
    x = net.mul(x, net.add(x, x, activation="relu6"))
    x = net.batch_norm(net.depthwise(x, 3, dilation=2), activation="relu6")
    x = net.concat(net.max_pool(x, 3, stride=2), net.average_pool(x, (3, 2), stride=2))
    x = net.prelu(net.transposed_conv(x, 5, 3, stride=2, padding="valid"))
    x = net.pad(x, (0, 2, 1, 0), (0, 0, 3, 1))
    x = net.slice(x, (0, 1, 0, 2), (1, *x.shape[1:3], 5))
    x = net.softmax(net.resize(net.crop(x, 1), (11, 7), "half_pixel"))
    x = net.resize(net.resize(x, (9, 15)), 8, "align_corners")
    return net.finish(net.sigmoid(net.relu(net.reshape(x, (8, 24)))))


def jobs(folder: Path, picture: Picture) -> Iterator[tuple[str, Job]]:
    """By name: each model deployed; trained where that is another graph; the corners; one job that fails."""
    for entry in ENTRIES:
        kinds = ["output", *(["tflite"] if entry.id in _OPS else []), *(["onnx"] if entry.id in _ONNX else [])]
        yield job(folder, picture, entry.id, entry.build(), kinds)
        if entry.train() != entry.build():
            yield job(folder, picture, f"{entry.id} trained", entry.train(), ["output"])
    yield job(folder, picture, "wrong", corners(), ["nonsense"])
    yield job(folder, picture, "corners", corners(), ["output", "tflite", "onnx"])


def job(folder: Path, picture: Picture, name: str, network: Network, kinds: list[str]) -> tuple[str, Job]:
    x = folder / f"{name}.in.npy"
    np.save(x, picture(network.inputs[0].shape))
    suffixes = {"output": "npy"}
    files = {kind: str(folder / f"{name}.{suffixes.get(kind, kind)}") for kind in kinds}
    return name, Job(network=network, files=files, input=str(x))


@pytest.fixture(scope="session")
def keras(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> dict[str, Done]:
    """All jobs, done in one process."""
    asked = dict(jobs(tmp_path_factory.mktemp("keras"), picture))
    replies = list(keras_host.run(list(asked.values())))
    return {
        name: Done(reply, {kind: Path(path) for kind, path in each.files.items()})
        for (name, each), reply in zip(asked.items(), replies, strict=True)
    }


def agree(output: Any, reference: Any) -> None:
    np.testing.assert_allclose(output, reference, rtol=0, atol=1e-4 * max(np.ptp(reference), 1e-3))


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_keras_counts_the_published_parameters(entry: ZooEntry, keras: dict[str, Done]) -> None:
    trained = keras.get(f"{entry.id} trained", keras[entry.id])
    assert (trained.reply.params, keras[entry.id].reply.params) == (entry.params_train, entry.params)
    assert (trained.reply.error, keras[entry.id].reply.error) == ("", "")


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_keras_computes_what_the_file_of_2019_does(
    entry: ZooEntry, keras: dict[str, Done], built: Built, run: Run, picture: Picture
) -> None:
    """Deployed, and trained, with every normalization as a layer."""
    reference = run("litert", built(entry.id), picture(entry.input_shape))
    assert np.ptp(reference) > 0
    agree(np.load(keras[entry.id].files["output"]), reference)
    if f"{entry.id} trained" in keras:
        agree(np.load(keras[f"{entry.id} trained"].files["output"]), reference)


@pytest.mark.parametrize("model", _OPS)
def test_the_converter_of_today_makes_these_ops(model: str, keras: dict[str, Done], built: Built) -> None:
    version = keras_host.packages()["tensorflow"]
    if not version.startswith(_COUNTED):
        pytest.skip(f"the ops were counted with TensorFlow {_COUNTED}, this is {version}")
    total, changes = _OPS[model]
    facts, old = inspect.describe(keras[model].files["tflite"], None), inspect.describe(built(model), None)
    expected = Counter(old.histogram)
    expected.update(changes)
    assert facts.histogram == {op: count for op, count in expected.items() if count}
    assert facts.op_count == total
    assert [spec.shape for spec in (*facts.inputs, *facts.outputs)] == [
        spec.shape for spec in (*old.inputs, *old.outputs)
    ]


@pytest.mark.parametrize("model", _OPS)
def test_todays_tflite_computes_what_the_file_of_2019_does(
    model: str, keras: dict[str, Done], built: Built, run: Run, picture: Picture
) -> None:
    x = picture(catalog.resolve(model).input_shape)
    agree(run("litert", keras[model].files["tflite"], x), run("litert", built(model), x))


@pytest.mark.parametrize("model", _ONNX)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_todays_onnx_computes_what_the_file_of_2019_does(
    model: str, runtime: str, keras: dict[str, Done], built: Built, run: Run, picture: Picture
) -> None:
    if "onnx" not in keras[model].files or modern.why_not("onnx"):
        pytest.skip(modern.why_not("onnx") or "")
    x = picture(catalog.resolve(model).input_shape)
    agree(run(runtime, keras[model].files["onnx"], x), run("litert", built(model), x))


def test_layers_and_options_that_the_zoo_has_not(
    keras: dict[str, Done], written: Written, run: Run, picture: Picture
) -> None:
    network, files = corners(), keras["corners"].files
    assert keras["corners"].reply == Reply(params=network.parameter_count, seconds=keras["corners"].reply.seconds)
    x = picture(network.inputs[0].shape)
    reference = run("reference", written(network)["tflite"], x)
    assert reference.std() > 1e-3
    agree(np.load(files["output"]), reference)
    agree(run("litert", files["tflite"], x), reference)
    agree(run("onnxruntime", files["onnx"], x), reference)


def test_a_job_that_fails_says_why_and_the_next_one_is_done(keras: dict[str, Done]) -> None:
    assert keras["wrong"].reply.error == "KeyError: 'nonsense'"
    assert keras["corners"].reply.error == ""


def test_artifact_alone_is_the_same_whatever_the_user_has_set(
    keras: dict[str, Done], cache: Path, tmp_path: Path
) -> None:
    """The fixture made it after many others. Set: another image format and backend, a module that is called as ours.

    The second call converts nothing, and loads nothing heavy.
    """
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "floatx": "float16"}')
    (tmp_path / "bench.py").write_text("raise SystemExit('not this one')")
    script = (
        "import sys; from pathlib import Path; from bench.models import artifacts, keras_host\n"
        "keras_host.LIMIT_S = float(sys.argv[2])\n"
        "print(artifacts.build('prisma', variant='fp32', era='modern', format='tflite', cache=Path(sys.argv[1])))\n"
        "print(*({'numpy', 'tensorflow', 'keras', 'ai_edge_litert'} & set(sys.modules)))"
    )
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax", "PYTHONHASHSEED": "4711"}
    heavy = ""
    for limit_s in ("600", "0"):
        command = [sys.executable, "-P", "-c", script, str(cache), limit_s]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        name, heavy = done.stdout.splitlines()
        assert Path(name).name == "prisma_256_fp32_modern.tflite"
        assert Path(name).read_bytes() == keras["prisma_256"].files["tflite"].read_bytes()
    assert heavy == ""


def test_onnx_artifact_is_the_same_graph(keras: dict[str, Done], cache: Path) -> None:
    """tf2onnx counts its names through the whole process, so that the bytes differ from the fixture's."""
    if modern.why_not("onnx"):
        pytest.skip(modern.why_not("onnx") or "")
    path = artifacts.build("paradox_7", variant="fp32", era="modern", format="onnx", cache=cache)
    assert path.name == "paradox_7_fp32_modern.onnx"
    assert dag.dag_hash(dag.read(path)) == dag.dag_hash(dag.read(keras["paradox_7"].files["onnx"]))


def test_variants_are_made_of_it(keras: dict[str, Done], cache: Path, run: Run, picture: Picture) -> None:
    if quantize.missing():
        pytest.skip(quantize.missing() or "")
    path = artifacts.build("prisma", variant="int8", era="modern", format="tflite", cache=cache)
    assert path.name == "prisma_256_int8_modern.tflite"
    plain = keras["prisma_256"].files["tflite"]
    histogram = inspect.describe(plain, None).histogram
    assert inspect.describe(path, None).histogram == {**histogram, "QUANTIZE": 1, "DEQUANTIZE": 1}
    wanted, found = (run("litert", each, picture((1, 256, 256, 3))) for each in (plain, path))
    assert 0 < np.sqrt(np.mean((wanted - found) ** 2)) < 0.025 * np.ptp(wanted)
