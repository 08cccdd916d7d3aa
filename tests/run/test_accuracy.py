"""Accuracy in the real runtimes, against the same worked out here by other means; and what becomes a reason."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.backends import python_runtime
from bench.backends.job import Job
from bench.base.progress import Progress
from bench.devices.local import LocalDevice
from bench.models import artifacts, pictures, synthetic_portraits
from bench.models.inputs import seeded_input
from bench.models.inspect import describe
from bench.models.pictures import PictureSet
from bench.models.quantize import missing
from bench.records.types import Accuracy, Case, MaskPixels, Record, TensorSpec
from bench.run import accuracy
from bench.run.config import Config
from bench.run.plan import Request, make_plan
from bench.run.runner import Runner, new_run
from bench.run.settings import Settings

ORIGINALS = Path(__file__).parents[3] / "shared" / "zoo" / "originals"
COUNT = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return pictures.find(synthetic_portraits.write(tmp_path_factory.mktemp("synthetic"), COUNT, 256))


def job(model: Path, cache: Path, folder: Path, backend: str = "litert", **changes: Any) -> Job:
    options = {"litert": {"kernels": "builtin"}, "onnxruntime": {"optimization": "all"}, "openvino": {}}[backend]
    case = Case(
        device="local", backend=backend, accelerator="cpu", model="m", variant="fp32", era="", format="", threads=1,
        options=options, shapes=changes.pop("shapes", {}),
    )  # fmt: skip
    device = LocalDevice()
    return Job(
        device, case, str(model), python_runtime.program(device, backend, {}, cache), describe(model, cache),
        lambda spec: "", folder, cache, changes.pop("limit_s", 60),
    )  # fmt: skip


def by_hand(model: Path, size: int, scale: Callable[[Any], Any], to_mask: Callable[[Any], Any]) -> MaskPixels:
    """The same with LiteRT in this process and NumPy alone."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(model), num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    counts = np.zeros((2, 2), int)
    for index in range(COUNT):
        pixels, truth = synthetic_portraits.portrait(index, 256)
        if size != 256:
            pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
            truth = np.asarray(Image.fromarray(truth).resize((size, size), Image.Resampling.NEAREST))
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], scale(pixels)[None].astype(np.float32))
        interpreter.invoke()
        found = to_mask(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])).reshape(size, size)
        np.add.at(counts, (truth.astype(int), found.astype(int)), 1)
    return MaskPixels(
        true_positives=int(counts[1, 1]), false_negatives=int(counts[1, 0]), false_positives=int(counts[0, 1]),
        true_negatives=int(counts[0, 0]),
    )  # fmt: skip


def test_prisma_is_as_accurate_as_by_hand_in_all_runtimes(
    zoo_file: Callable[..., Path], cache_folder: Path, data: PictureSet, tmp_path: Path
) -> None:
    wanted = by_hand(zoo_file("prisma"), 256, lambda x: x / 255, lambda y: y > 0.5)
    assert min(wanted.true_positives, wanted.true_negatives) > 0
    told: list[int] = []
    found = accuracy.measure(job(zoo_file("prisma"), cache_folder, tmp_path), data, "unit", True, told.append)
    assert found.pixels == wanted
    assert found == Accuracy(
        data=data.name, data_sha256=data.sha256, pictures=COUNT, pixels=wanted, scaling="unit: pixel / 255",
        untrained=True,
    )  # fmt: skip
    assert told == list(range(COUNT))
    for backend, kind in (("onnxruntime", "onnx"), ("openvino", "tflite")):
        model = job(zoo_file("prisma", kind), cache_folder, tmp_path, backend)
        other = accuracy.measure(model, data, "unit", True, told.append).pixels
        assert other is not None
        assert other.total == wanted.total
        assert other.true_positives == pytest.approx(wanted.true_positives, abs=20)
        assert other.false_positives == pytest.approx(wanted.false_positives, abs=20)


@pytest.mark.parametrize(
    ("name", "size", "asked", "mean_iou"),
    [
        ("prisma-net.tflite", 256, None, 0.2),
        ("slim_reshape_v2.tflite", 512, None, 0.3),
        ("mnv3_seg_float.tflite", 256, "signed", 0.7),
    ],
)
def test_trained_originals(
    name: str, size: int, asked: Any, mean_iou: float, cache_folder: Path, data: PictureSet, tmp_path: Path
) -> None:
    """Ellipses are no people: two of these networks hardly take them for such, the third does."""
    path = ORIGINALS / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    found = accuracy.measure(job(path, cache_folder, tmp_path), data, asked, False, lambda _: None)
    if asked is None:
        wanted = by_hand(path, size, lambda x: x / 255, lambda y: y > 0.5)
    else:
        wanted = by_hand(path, size, lambda x: x / 127.5 - 1, lambda y: y[..., 1] > y[..., 0])
    assert found.pixels == wanted
    assert not found.untrained
    assert wanted.mean_iou is not None
    assert wanted.mean_iou > mean_iou


@pytest.mark.parametrize("name", ["prisma_quant.tflite", "deeplab_aiseg_quant513.tflite"])
def test_originals_with_quantized_inputs_and_class_maps(
    name: str, cache_folder: Path, data: PictureSet, tmp_path: Path
) -> None:
    path = ORIGINALS / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    found = accuracy.measure(job(path, cache_folder, tmp_path), data, None, False, lambda _: None)
    assert found.pixels is not None, found.reason
    size = {"prisma_quant.tflite": 256, "deeplab_aiseg_quant513.tflite": 513}[name]
    assert found.pixels.total == COUNT * size * size


def test_a_picture_that_goes_bad_is_named_and_the_others_count(
    zoo_file: Callable[..., Path], cache_folder: Path, tmp_path: Path
) -> None:
    found = pictures.find(synthetic_portraits.write(tmp_path / "set", 3, 64))
    found.pairs[0].picture.write_bytes(b"broken")
    found.pairs[1].mask.unlink()
    model = job(zoo_file("bilinear"), cache_folder, tmp_path)
    measured = accuracy.measure(model, found, "signed", True, lambda _: None)
    assert measured.pictures == 1
    assert [text.split(":")[0] for text in measured.unusable] == ["synthetic_00.png", "synthetic_01.png"]
    found.pairs[2].mask.unlink()
    measured = accuracy.measure(model, found, "signed", True, lambda _: None)
    assert measured.pixels is None
    assert measured.reason == "no picture could be read"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("paradox_7", "1 x 256 x 256 x 4 is no mask|256 x 256 x 4 is no mask"),
        ("paradox_5", "not one picture"),
        ("paradox_2", "no probabilities"),
    ],
)
def test_what_is_no_segmentation_model_says_why(
    model: str, said: str, zoo_file: Callable[..., Path], cache_folder: Path, data: PictureSet, tmp_path: Path
) -> None:
    found = accuracy.measure(job(zoo_file(model), cache_folder, tmp_path), data, None, False, lambda _: None)
    assert found.pixels is None
    assert any(part in found.reason for part in said.split("|")), found.reason


def test_a_crash_and_a_time_limit_are_reasons(
    zoo_file: Callable[..., Path], crashing_tflite: Path, cache_folder: Path, data: PictureSet, tmp_path: Path
) -> None:
    crash = dataclasses.replace(job(crashing_tflite, cache_folder, tmp_path))
    found = accuracy.measure(crash, data, None, False, lambda _: None)
    assert found.pixels is None
    assert found.reason.endswith(f"after 0 of {COUNT} pictures")
    many = dataclasses.replace(data, pairs=data.pairs * 500)
    slow = job(zoo_file("prisma"), cache_folder, tmp_path, limit_s=2.0)
    found = accuracy.measure(slow, many, "unit", True, lambda _: None)
    assert found.pixels is None
    assert "no answer within 2 s" in found.reason
    assert 0 < found.pictures < 2000


def measured(cache: Path, results: Path, data: PictureSet | None, *models: str, **asked: Any) -> list[Record]:
    settings = Settings(
        time_s=0.05, invocations=1, warmup_s=0.0, limit_s=60.0, wait_s=1.0, profile=False, pictures=data
    )
    progress = Progress(1.0, stream=io.StringIO())
    runner = Runner(new_run(["bench"]), settings, {"local": LocalDevice()}, cache, results, progress)
    return [record for record, _ in runner.measure_all(make_plan(Request(models=models, **asked), Config()).cases)]


def test_records_hold_it_with_its_findings(
    cache_folder: Path, results_folder: Path, data: PictureSet, dynamic_tflite: Path
) -> None:
    models = ("prisma", "paradox_1", str(dynamic_tflite))
    prisma, paradox, failed = measured(cache_folder, results_folder, data, *models)
    assert prisma.accuracy is not None
    assert prisma.accuracy.untrained
    assert prisma.accuracy.pixels is not None
    assert "untrained-weights" in [finding.code for finding in prisma.findings]
    assert paradox.accuracy is not None
    assert paradox.accuracy.reason == "paradox_1 is no segmentation model"
    assert "accuracy-unknown" in [finding.code for finding in paradox.findings]
    assert failed.accuracy is not None
    assert failed.error is not None
    assert failed.accuracy.reason == "the case ended before it was measured"
    (plain,) = measured(cache_folder, results_folder, None, "paradox_1")
    assert plain.accuracy is None
    assert plain.agreement is not None
    assert (plain.agreement.fp32_mask_iou, plain.agreement.fp32_reason) == (None, "")


def seeded_mask(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(path), num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    (source,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    shape = tuple(map(int, source["shape"]))
    spec = TensorSpec(name="x", dtype=np.dtype(source["dtype"]).name, shape=shape)
    interpreter.set_tensor(source["index"], np.frombuffer(seeded_input(spec, shape, 0), source["dtype"]).reshape(shape))
    interpreter.invoke()
    scale, zero_point = output["quantization"]
    found = interpreter.get_tensor(output["index"]).astype(float)
    return ((found - zero_point) * scale if scale else found) > 0.5


@pytest.mark.skipif(missing() is not None, reason="needs the quantizer")
def test_variants_are_compared_with_the_fp32_model(cache_folder: Path, results_folder: Path) -> None:
    asked = {"variants": ("fp32", "fp16", "int8-io"), "options": {"kernels": ("builtin",)}}
    records = measured(cache_folder, results_folder, None, "prisma", **asked)
    ious = [record.agreement.fp32_mask_iou for record in records if record.agreement is not None]
    assert ious[0] is None
    masks = [
        seeded_mask(artifacts.build("prisma", variant=variant, era="2019", format="tflite", cache=cache_folder))
        for variant in asked["variants"]
    ]
    for iou, mask in zip(ious[1:], masks[1:], strict=True):
        assert iou == pytest.approx((masks[0] & mask).sum() / (masks[0] | mask).sum(), abs=1e-3)
    assert 0.5 < (masks[0] & masks[2]).sum() / (masks[0] | masks[2]).sum() < 0.99
