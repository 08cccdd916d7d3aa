"""Folders of pictures and masks: both layouts, files that cannot be used, and masks of every kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import StorageError, UsageError
from bench.models import pictures, synthetic_portraits
from bench.models.pictures import Unusable

RED = Image.new("RGB", (40, 20), (255, 0, 0))
MASK = np.zeros((20, 40), bool)
MASK[5:15, 10:30] = True


def save(path: Path, picture: Any = RED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path)
    return path


def grey(mask: Any = MASK, high: int = 255) -> Any:
    return mask.astype(np.uint8) * high


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("images/a.png", "masks/a.png", "images/b.JPG", "masks/b.png"), ["a.png", "b.JPG"]),
        (("a.jpg", "a_mask.png", "b.jpeg", "b.png", "c.png", "c_mask.png"), ["a.jpg", "b.jpeg", "c.png"]),
        (("a.jpg", "a_mask.png", "notes.txt.png", "notes.txt_mask.png"), ["a.jpg", "notes.txt.png"]),
    ],
)
def test_both_layouts(files: tuple[str, ...], names: list[str], tmp_path: Path) -> None:
    for name in files:
        mask = "mask" in name or name == "b.png"
        save(tmp_path / name, grey() if mask else RED)
    found = pictures.find(tmp_path)
    assert [pair.name for pair in found.pairs] == names
    assert found.unusable == ()
    assert found.name == tmp_path.name
    for pair in found.pairs:
        assert (pictures.read_mask(pair.mask, 40, 20) == MASK).all()
        assert pictures.read_picture(pair.picture, 40, 20).reshape(-1, 3).mean(axis=0)[0] > 240


def test_what_cannot_be_used_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    for name in ("good", "cut", "lonely", "turned", "text"):
        save(tmp_path / "images" / f"{name}.jpg")
        save(tmp_path / "masks" / f"{name}.png", grey())
    cut = tmp_path / "images" / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    (tmp_path / "masks" / "lonely.png").unlink()
    save(tmp_path / "masks" / "turned.png", grey(MASK.T))
    (tmp_path / "masks" / "text.png").write_text("words")
    save(tmp_path / "images" / "._good.jpg")
    found = pictures.find(tmp_path)
    assert [pair.name for pair in found.pairs] == ["good.jpg"]
    said = dict(text.split(": ", 1) for text in found.unusable)
    assert "cut.jpg cannot be read" in said["cut.jpg"]
    assert said["lonely.jpg"] == "it has no mask"
    assert said["turned.jpg"] == "its mask is 20 x 40, the picture 40 x 20"
    assert said["text.jpg"] == "text.png is no picture"
    assert len(found.unusable) == 4


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "no masks", "all broken"])
def test_a_folder_of_which_nothing_can_be_used(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    if kind == "file":
        folder.write_text("")
    elif kind != "missing":
        folder.mkdir()
    if kind == "no masks":
        save(folder / "a.jpg")
    if kind == "all broken":
        for name in "abcde":
            save(folder / f"{name}_mask.png", grey())
            (folder / f"{name}.jpg").write_bytes(b"broken")
    with pytest.raises(UsageError) as caught:
        pictures.find(folder)
    error = caught.value
    assert str(folder) in error.asked
    assert error.found
    assert "NAME_mask.png" in error.todo
    if kind == "all broken":
        assert "None of its 5" in error.found
        assert "and 2 more" in error.found


def test_the_digest_is_of_contents_and_names(tmp_path: Path) -> None:
    folders = [synthetic_portraits.write(tmp_path / name, 2, 32) for name in ("one", "two")]
    one, two = map(pictures.find, folders)
    assert one.sha256 == two.sha256
    save(folders[1] / "masks" / "synthetic_00.png", np.zeros((32, 32), np.uint8))
    assert pictures.find(folders[1]).sha256 != one.sha256
    (folders[0] / "images" / "synthetic_00.png").rename(folders[0] / "images" / "a.png")
    (folders[0] / "masks" / "synthetic_00.png").rename(folders[0] / "masks" / "a.png")
    assert pictures.find(folders[0]).sha256 != one.sha256


def palette(colours: list[int]) -> Image.Image:
    picture = Image.fromarray(MASK.astype(np.uint8), "P")
    picture.putpalette(colours)
    return picture


MASKS: dict[str, Callable[[], Any]] = {
    "grey": lambda: grey(),
    "just above half": lambda: np.where(MASK, 128, 127).astype(np.uint8),
    "class numbers": lambda: grey(high=1),
    "one bit": lambda: Image.fromarray(MASK),
    "rgb": lambda: np.stack([grey()] * 3, axis=-1),
    "cut-out": lambda: np.dstack([np.full((20, 40, 3), 9, np.uint8), grey()]),
    "opaque": lambda: np.dstack([grey(), grey(), grey(), np.full((20, 40), 255, np.uint8)]),
    "16 bits": lambda: MASK.astype(np.uint16) * 65535,
    "palette of class numbers": lambda: palette([0, 0, 0, 128, 0, 0]),
    "palette of grey": lambda: Image.fromarray(grey()).convert("P"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_every_kind(kind: str, tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", MASKS[kind]())
    assert (pictures.read_mask(path, 40, 20) == MASK).all()
    half = pictures.read_mask(path, 20, 10)
    assert half.shape == (10, 20)
    assert half.sum() == pytest.approx(MASK.sum() / 4, abs=20)


def test_masks_are_not_blended(tmp_path: Path) -> None:
    """Halved, a mask keeps every second column as it is."""
    for column in (10, 11):
        line = np.zeros((20, 40), np.uint8)
        line[:, column] = 255
        found = pictures.read_mask(save(tmp_path / f"{column}.png", line), 20, 20)
        assert found.any(axis=0).tolist() == [column == 11 and place == 5 for place in range(20)]


def test_an_empty_and_a_full_mask(tmp_path: Path) -> None:
    assert not pictures.read_mask(save(tmp_path / "a.png", grey(high=0)), 40, 20).any()
    assert pictures.read_mask(save(tmp_path / "b.png", grey(np.ones_like(MASK))), 40, 20).all()


def test_pictures_are_turned_upright_and_made_rgb(tmp_path: Path) -> None:
    source = Image.new("RGB", (40, 20), (255, 0, 0))
    source.paste((0, 0, 255), (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    path = tmp_path / "a.png"
    source.save(path, exif=exif)
    found = pictures.read_picture(path, 20, 40)
    assert found[5, 10].tolist() == [255, 0, 0]
    assert found[35, 10].tolist() == [0, 0, 255]
    assert pictures.read_picture(save(tmp_path / "grey.png", grey()), 8, 8).shape == (8, 8, 3)
    with pytest.raises(Unusable, match=r"gone\.png"):
        pictures.read_picture(tmp_path / "gone.png", 8, 8)


def test_synthetic_portraits_are_the_same_every_time_and_have_a_person_sized_mask(tmp_path: Path) -> None:
    shares = []
    for index in range(8):
        pixels, mask = synthetic_portraits.portrait(index, 64)
        again, _ = synthetic_portraits.portrait(index, 64)
        assert (pixels == again).all()
        assert (pixels.shape, mask.shape) == ((64, 64, 3), (64, 64))
        shares.append(float(mask.mean()))
        inside, outside = pixels[mask].mean(axis=0), pixels[~mask].mean(axis=0)
        assert math.dist(inside, outside) > 20
    assert 0.2 < min(shares) <= max(shares) < 0.6
    first, second = (synthetic_portraits.portrait(index, 64)[0] for index in (0, 1))
    assert (first != second).any()
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError):
        synthetic_portraits.write(blocked)
