"""What full int8 is calibrated on: seeded pictures, or a folder of the user's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.base.errors import NotMeasuredError, UsageError
from bench.models import artifacts, calibration, inputs, quantize
from bench.models.scaling import SCALINGS, input_array, limits
from bench.records.types import TensorSpec

PIL = pytest.importorskip("PIL.Image", reason="needs Pillow")

RGB = {"x": TensorSpec(name="x", dtype="float32", shape=(1, 4, 6, 3))}
RGB16 = TensorSpec(name="x", dtype="float32", shape=(1, 16, 16, 3))
Save = Callable[..., Path]

needs_tool = pytest.mark.skipif(quantize.missing() is not None, reason=quantize.missing() or "")


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """save(name, colour, size=(6, 4)): a picture of one colour in the folder `pictures`."""
    folder = tmp_path / "pictures"
    folder.mkdir()

    def write(name: str, colour: tuple[int, ...], size: tuple[int, int] = (6, 4)) -> Path:
        PIL.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(folder / name)
        return folder / name

    return write


def test_seeded_samples_are_the_seeded_inputs_but_not_the_measured_one() -> None:
    arrays = [each["x"] for each in calibration.samples(RGB, ())]
    assert len(arrays) == 8
    spec = RGB["x"]
    expected = [np.frombuffer(inputs.seeded_input(spec, spec.shape, seed), "<f4") for seed in range(9)]
    for seed, array in enumerate(arrays, 1):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array.ravel(), expected[seed])
        assert not np.array_equal(array.ravel(), expected[0])


def test_seeded_samples_of_several_inputs() -> None:
    two = {**RGB, "n": TensorSpec(name="n", dtype="int32", shape=(2,))}
    assert [sorted(each) for each in calibration.samples(two, ())] == [["n", "x"]] * 8


def test_pictures_in_the_order_of_their_names(save: Save) -> None:
    for name in ("b.jpg", "a.PNG", "c.jpeg"):
        save(name, (0, 0, 0))
    folder = save("d.png", (0, 0, 0)).parent
    (folder / "notes.txt").write_text("no picture")
    (folder / "z.png").mkdir()
    assert [path.name for path in calibration.pictures(folder)] == ["a.PNG", "b.jpg", "c.jpeg", "d.png"]


def test_many_pictures_are_thinned_evenly(save: Save) -> None:
    folder = save("000.png", (0, 0, 0)).parent
    for number in range(1, 200):
        shutil.copy(folder / "000.png", folder / f"{number:03}.png")
    names = [int(path.stem) for path in calibration.pictures(folder)]
    assert len(names) == 64
    assert names[0] == 0
    assert set(np.diff(names)) == {3, 4}


def test_a_picture_as_an_input(save: Save) -> None:
    path = save("a.png", (255, 51, 0), size=(30, 12))
    array = calibration.samples(RGB, [path])[0]["x"]
    assert array.dtype == np.float32
    assert array.shape == (1, 4, 6, 3)
    np.testing.assert_allclose(array, np.broadcast_to(np.float32([1.0, 0.2, 0.0]), array.shape))


def test_channels(save: Save) -> None:
    """The fourth is for a mask: without an alpha there is none, as before the first frame."""
    opaque, clear = save("a.png", (0, 255, 0)), save("b.png", (0, 255, 0, 51))
    assert calibration.read_picture(opaque, (1, 2, 2, 4))[0, 0, 0].tolist() == [0.0, 1.0, 0.0, 0.0]
    np.testing.assert_allclose(calibration.read_picture(clear, (1, 2, 2, 4))[0, 0, 0], [0.0, 1.0, 0.0, 0.2])
    assert 0.5 < calibration.read_picture(opaque, (1, 2, 2, 1)).max() < 0.7  # green's share of grey


@pytest.mark.parametrize(
    ("scaling", "pixel"),
    [
        (None, [1.0, 0.2, 0.0]),
        ("unit", [1.0, 0.2, 0.0]),
        ("signed", [1.0, -0.6, -1.0]),
        ("raw", [255.0, 51.0, 0.0]),
        ("portrait", [-103.94 * 0.017, (51 - 116.78) * 0.017, (255 - 123.68) * 0.017]),
    ],
)
def test_pixels_become_what_the_network_was_made_for(scaling: Any, pixel: list[float], save: Save) -> None:
    path = save("a.png", (255, 51, 0))
    (sample,) = calibration.samples(RGB, [path], scaling)
    assert sample["x"].dtype == np.float32
    np.testing.assert_allclose(sample["x"], np.broadcast_to(np.float32(pixel), (1, 4, 6, 3)), rtol=1e-6)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_seeded_samples_are_scaled_and_lie_within_the_limits(scaling: Any) -> None:
    spec = TensorSpec(name="x", dtype="float32", shape=(1, 16, 16, 4))
    low, high = limits(scaling)
    plain, scaled = calibration.samples({"x": spec}, ()), calibration.samples({"x": spec}, (), scaling)
    for before, after in zip(plain, scaled, strict=True):
        assert low <= after["x"].min() <= after["x"].max() <= high
        np.testing.assert_array_equal(after["x"][..., 3], before["x"][..., 3])  # the mask is no colour
        pixels = np.rint(before["x"][0, :, :, :3] * 255).astype(np.uint8)
        np.testing.assert_array_equal(after["x"][..., :3], input_array(pixels, RGB16, scaling, 0.0, 0))


@needs_tool
@pytest.mark.parametrize(
    ("model", "scale", "zero_point"),
    [
        ("portrait_net_224", 0.018316, -13),  # as published (input.1 of the portrait video file)
        ("deconv_munet_128", 2 / 255, -1),
        ("mnv3_unet_wm05", 1 / 255, -128),
        ("paradox_3", 1 / 255, -128),  # it takes no pictures: as it was
    ],
)
def test_the_input_is_quantized_over_the_scalings_limits(
    model: str, scale: float, zero_point: int, cache: Path
) -> None:
    path = artifacts.build(model, variant="int8-io", era="2019", format="tflite", cache=cache)
    found = import_module("ai_edge_litert.interpreter").Interpreter(str(path)).get_input_details()[0]["quantization"]
    assert found == (pytest.approx(scale, abs=1e-6), zero_point)


@needs_tool
def test_another_scaling_is_another_artifact_and_says_so(cache: Path) -> None:
    keys = {quantize.recipe_key("int8", None, scaling) for scaling in (None, *SCALINGS)}
    assert len(keys) == 5
    assert quantize.recipe_key("dynamic", None, "raw") == quantize.recipe_key("dynamic", None, None)
    path = artifacts.build("deconv_munet_128", variant="int8-io", era="2019", format="tflite", cache=cache)
    assert b"calibrated on 8 seeded pictures as pixel / 127.5 - 1" in path.read_bytes()


def test_a_turned_picture_is_turned_upright(tmp_path: Path) -> None:
    picture = PIL.new("RGB", (2, 1))
    picture.putpixel((0, 0), (255, 255, 255))
    turned = PIL.Exif()
    turned[0x0112] = 6  # the camera was held on its side: turn by 90 degrees clockwise
    picture.save(tmp_path / "a.png", exif=turned)
    upright = calibration.read_picture(tmp_path / "a.png", (1, 2, 1, 3))
    assert upright[0, :, 0, 0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("what", ["missing", "empty", "a file"])
def test_no_folder_of_pictures(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    if what == "empty":
        folder.mkdir()
    elif what == "a file":
        folder.write_text("")
    with pytest.raises(UsageError) as caught:
        calibration.pictures(folder)
    assert str(folder) in caught.value.asked
    assert caught.value.found
    assert caught.value.todo


def test_without_pillow(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save("a.png", (0, 0, 0)).parent
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(UsageError, match="cannot calibrate") as caught:
        calibration.pictures(folder)
    assert caught.value.todo == "pip install pillow"


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"text", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"])
def test_no_picture(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(NotMeasuredError, match=r"broken\.png as a picture"):
        calibration.read_picture(path, (1, 2, 2, 3))


@pytest.mark.parametrize("shape", [(1, 4, 6, 2), (1, 3, 4, 6), (2, 4, 6, 3), (1, 10)])
def test_inputs_that_no_picture_fits(shape: tuple[int, ...], save: Save) -> None:
    path = save("a.png", (0, 0, 0))
    with pytest.raises(NotMeasuredError, match="cannot calibrate with pictures"):
        calibration.samples({"x": TensorSpec(name="x", dtype="float32", shape=shape)}, [path])


@needs_tool
def test_a_model_calibrated_by_the_users_pictures(save: Save, tmp_path: Path, cache: Path) -> None:
    def build(folder: Path | None, variant: str = "int8") -> Path:
        return artifacts.build(
            "mnv3_unet_wm05", variant=variant, era="2019", format="tflite", cache=cache, calibration=folder
        )

    folder = save("a.png", (200, 180, 160)).parent
    save("b.png", (20, 80, 60))
    seeded, own = build(None), build(folder)
    assert own.name == "mnv3_unet_wm05_224_int8_2019_pictures.tflite"
    assert own.read_bytes() != seeded.read_bytes()
    assert b"calibrated on 2 pictures of content " in own.read_bytes()
    same = shutil.copytree(folder, tmp_path / "same content elsewhere")
    assert build(same) == own
    save("b.png", (21, 80, 60))
    assert build(folder) != own
    assert build(folder, "dynamic") == build(None, "dynamic")


@needs_tool
def test_a_broken_picture_is_told(save: Save, cache: Path) -> None:
    path = save("a.png", (0, 0, 0))
    os.truncate(path, 40)
    with pytest.raises(NotMeasuredError, match=r"a\.png as a picture"):
        artifacts.build(
            "mnv3_unet_wm05", variant="int8", era="2019", format="tflite", cache=cache, calibration=path.parent
        )
