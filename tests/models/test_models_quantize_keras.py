"""What litert-quantizer refuses, by TensorFlow's converter: what it makes, else the words of both tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.base.errors import NotMeasuredError
from bench.models import artifacts, catalog, inspect, keras_host, modern, quantize, quantize_keras
from bench.models.keras_job import Job
from bench.models.quantize_file import constant_types
from bench.models.read_tflite import input_quantization

Built = Callable[..., Path]
Run = Callable[[str, Path, Any], Any]
Picture = Callable[..., Any]

_MISSING = modern.why_not("tflite") or quantize.missing()
needs_both = pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
PARADOXES = [entry for entry in catalog.entries() if entry.id.startswith("paradox")]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A litert-quantizer that takes nothing."""

    def refuse(source: Path, variant: str, *_: object) -> bytes:
        raise quantize.RefusedError(f"cannot make {variant} of {source.name}", "litert-quantizer says: no.", "Other.")

    monkeypatch.setattr(quantize, "quantize", refuse)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for what is made while nothing else takes it; the float32 files in it are made once."""
    return tmp_path_factory.mktemp("converted")


def build(cache: Path, model: str, variant: str, era: str = "modern") -> Path:
    return artifacts.build(model, variant=variant, era=era, format="tflite", cache=cache)


@needs_both
@pytest.mark.parametrize(
    ("model", "variant", "weights", "ends"),
    [
        ("paradox_4", "fp16", "float16", "float32"),
        ("mnv3_unet_wm05", "dynamic", "int8", "float32"),
        ("deconv_munet_128", "int8-io", "int8", "int8"),
    ],
)
@pytest.mark.usefixtures("refusing")
def test_what_the_quantizer_refuses_the_converter_makes(
    model: str, variant: str, weights: str, ends: str, converted: Path
) -> None:
    path = build(converted, model, variant)
    graph = inspect.describe(path, None)
    assert [spec.dtype for spec in (*graph.inputs, *graph.outputs)] == [ends, ends]
    assert constant_types(path)[weights] > 0
    facts = artifacts.made(path)
    assert facts is not None
    assert facts.maker == modern.maker("tflite")
    assert facts.maker.startswith("TensorFlow ")
    assert f"made {variant} by {facts.maker}".encode() in path.read_bytes()
    if variant == "int8-io":  # calibrated on what the network was made for: [-1, 1]
        (scale,) = (scale for scale, _ in input_quantization(path).values())
        assert scale == pytest.approx(2 / 255, rel=0.05)


@needs_both
def test_who_made_it_stands_beside_it(tmp_path: Path) -> None:
    facts = artifacts.made(build(tmp_path, "paradox_4", "fp16", "2019"))
    assert facts is not None
    assert facts.maker == quantize.maker()
    plain = artifacts.made(build(tmp_path, "paradox_4", "fp32", "2019"))
    assert plain is not None
    assert plain.maker.startswith("bench ")


@pytest.mark.skipif(quantize.missing() is not None, reason=quantize.missing() or "")
@pytest.mark.usefixtures("refusing")
def test_the_era_2019_has_no_file_of_the_converter(tmp_path: Path) -> None:
    with pytest.raises(NotMeasuredError) as caught:
        build(tmp_path, "paradox_4", "int8", "2019")
    assert caught.value.found == "litert-quantizer says: no."
    assert "era modern" in caught.value.todo


@needs_both
def test_dynamic_of_small_models_is_nothing_to_either_tool(built: Built, tmp_path: Path) -> None:
    """What `supported` says of them without trying."""
    jobs = []
    for entry in PARADOXES:
        with pytest.raises(quantize.RefusedError, match="litert-quantizer changed nothing: it made no int8 weights"):
            quantize.quantize(built(entry.id), "dynamic")
        path = str(tmp_path / f"{entry.id}.tflite")
        jobs.append(Job(network=entry.build(), files={"tflite": path}, variant="dynamic"))
    for job, reply in zip(jobs, keras_host.run(jobs), strict=True):
        assert reply.error == ""
        assert set(constant_types(Path(job.files["tflite"]))) <= {"float32", "int32"}
    for entry in PARADOXES:
        reason = artifacts.supported(entry.id, "dynamic", "2019", "tflite")
        assert reason
        assert "litert-quantizer changes nothing then, nor does TensorFlow's converter" in reason


@needs_both
def test_where_the_converter_makes_nothing_either_both_have_their_say(cache: Path) -> None:
    source = build(cache, "paradox_3", "fp32")
    with pytest.raises(quantize.RefusedError) as first:
        quantize.quantize(source, "dynamic")
    entry = catalog.resolve("paradox_3")
    with pytest.raises(quantize.RefusedError) as caught:
        quantize_keras.instead(entry, source, "dynamic", folder=None, seed=0, refused=first.value)
    assert caught.value.found == (
        "litert-quantizer changed nothing: it made no int8 weights. TensorFlow's converter made no int8 weights either."
    )


@needs_both
def test_a_picture_that_cannot_be_read_is_no_refusal(converted: Path, tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image", reason="needs Pillow")
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"text")
    with pytest.raises(NotMeasuredError, match=r"a\.png as a picture") as caught:
        artifacts.build("paradox_4", variant="int8", era="modern", format="tflite", cache=converted, calibration=folder)
    assert not isinstance(caught.value, quantize.RefusedError)


@needs_both
@pytest.mark.usefixtures("refusing")
def test_what_the_converter_makes_is_near_float32(converted: Path, run: Run, picture: Picture) -> None:
    made, plain = (build(converted, "mnv3_unet_wm05", variant) for variant in ("int8", "fp32"))
    x = picture((1, 224, 224, 3))
    wanted, found = (run("litert", path, x) for path in (plain, made))
    assert constant_types(made)["int8"] > 0
    assert 0 < np.sqrt(np.mean((wanted - found) ** 2)) < 0.03 * np.ptp(wanted)
