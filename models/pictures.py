"""A folder of pictures and their masks: which belong together, which cannot be used, and reading them with Pillow.

Either images/NAME.(jpg|jpeg|png) and masks/NAME.png, or, in one folder, NAME.jpg (.jpeg, .png) beside NAME_mask.png, or
NAME.jpg beside NAME.png.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import UsageError
from bench.base.paths import portable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PHOTOS = (".jpg", ".jpeg")
_SUFFIXES = (*_PHOTOS, ".png")
_MASK = "_mask"
_TODO = (
    "Give a folder of images/NAME.jpg (or .png) and masks/NAME.png, or of NAME.jpg beside NAME_mask.png or NAME.png."
)
_ASPECT = 0.02  # by how much a mask's shape may differ from its picture's


@dataclass(frozen=True)
class Pair:
    """A picture and its mask. name: the picture's file name."""

    name: str
    picture: Path
    mask: Path


@dataclass(frozen=True)
class PictureSet:
    """What a folder has. name: the folder's; unusable: `NAME: why`; sha256: of the usable files and their names."""

    name: str
    pairs: tuple[Pair, ...]
    unusable: tuple[str, ...]
    sha256: str


class Unusable(Exception):
    """A picture or mask that cannot be read, or does not fit the other; the text says why."""


def find(folder: Path) -> PictureSet:
    """The pairs of a folder that can be read, in the order of their names; each is decoded once to know that.

    Raises UsageError where there is no such folder or nothing in it that can be used, and where Pillow is missing.
    """
    asked = f"cannot measure accuracy with {folder}"
    if find_spec("PIL") is None:
        raise UsageError(asked, "Reading pictures needs Pillow, which is not installed.", "pip install pillow")
    try:
        candidates = list(_candidates(folder))
    except OSError as error:
        raise UsageError(asked, error.strerror or str(error), _TODO) from None
    if not candidates:
        raise UsageError(asked, "It has no .jpg or .png pictures.", _TODO)
    pairs, unusable, digest = [], [], hashlib.sha256()
    for picture, mask in candidates:
        if mask is None:
            unusable.append(f"{portable(picture.name)}: it has no mask")
            continue
        pair = Pair(portable(picture.name), picture, mask)
        try:
            digest.update(_checked(pair))
            pairs.append(pair)
        except Unusable as why:
            unusable.append(f"{pair.name}: {why}")
    if not pairs:
        shown = "; ".join(unusable[:3]) + (f"; and {len(unusable) - 3} more" if len(unusable) > 3 else "")
        raise UsageError(asked, f"None of its {len(unusable)} pictures can be used: {shown}.", _TODO)
    return PictureSet(portable(folder.absolute().name), tuple(pairs), tuple(unusable), digest.hexdigest())


def read_picture(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """height x width x 3, RGB, resized (bilinear). Raises Unusable."""
    import numpy as np

    picture = _opened(path).convert("RGB").resize((width, height), import_module("PIL.Image").Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8)


def read_mask(path: Path, width: int, height: int) -> NDArray[np.bool_]:
    """height x width, True for foreground, resized (nearest). Raises Unusable.

    Foreground is what lies above half of the largest possible grey, or of the alpha where that varies (a cut-out); in a
    mask of the values 0 and 1 only (class numbers), it is 1.
    """
    import numpy as np

    pillow = import_module("PIL.Image")
    mask = pillow.fromarray(_foreground(_opened(path)).astype(np.uint8))
    found: NDArray[np.bool_] = np.asarray(mask.resize((width, height), pillow.Resampling.NEAREST)) > 0
    return found


def _candidates(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """(picture, its mask or None). Raises OSError."""
    images, masks = folder / "images", folder / "masks"
    if images.is_dir() and masks.is_dir():
        by_name = {path.stem: path for path in _files(masks) if path.suffix.lower() == ".png"}
        for path in _files(images):
            yield path, by_name.get(path.stem)
        return
    files = _files(folder)
    pngs = {path.stem: path for path in files if path.suffix.lower() == ".png"}
    photos = {path.stem for path in files if path.suffix.lower() in _PHOTOS}
    for path in files:
        photo = path.suffix.lower() in _PHOTOS
        if path.stem.endswith(_MASK) or (not photo and path.stem in photos):
            continue  # a mask itself
        yield path, pngs.get(path.stem + _MASK) or (pngs.get(path.stem) if photo else None)


def _files(folder: Path) -> list[Path]:
    # Hidden ones are no pictures: copying from a Mac leaves `._name.jpg` beside each file.
    listed = (path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in listed if path.is_file())


def _checked(pair: Pair) -> bytes:
    """A digest of both files and their name. Raises Unusable where they cannot be read or do not belong together."""
    picture, mask = _opened(pair.picture), _opened(pair.mask)
    (width, height), (across, down) = picture.size, mask.size
    if abs(width * down - across * height) > _ASPECT * width * down:
        raise Unusable(f"its mask is {across} x {down}, the picture {width} x {height}")
    digest = hashlib.sha256(pair.name.encode())
    for path in (pair.picture, pair.mask):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise Unusable(error.strerror or str(error)) from None
    return digest.digest()


def _opened(path: Path) -> Any:
    """The decoded picture, turned upright. Raises Unusable."""
    pillow, upright = import_module("PIL.Image"), import_module("PIL.ImageOps").exif_transpose
    try:
        with pillow.open(path) as opened:
            return upright(opened)
    except pillow.UnidentifiedImageError:
        raise Unusable(f"{portable(path.name)} is no picture") from None
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise Unusable(f"{portable(path.name)} cannot be read: {error}") from None


def _foreground(mask: Any) -> NDArray[np.bool_]:
    import numpy as np

    if mask.has_transparency_data:
        alpha = np.asarray(mask.convert("RGBA"))[:, :, 3]
        if alpha.min() != alpha.max():
            return alpha > 127
    found: NDArray[np.bool_]
    if mask.mode == "P" or mask.mode.startswith(("I", "F")):  # class numbers, or 16 bits
        values = np.asarray(mask)
        if values.max() <= 1:
            found = values > 0
            return found
        if mask.mode != "P":
            found = values > (32767 if values.max() > 255 else 127)
            return found
    grey = np.asarray(mask.convert("L"))
    found = grey > (0 if grey.max() <= 1 else 127)
    return found
