"""The pictures that the ranges of a full int8 model are taken from: seeded ones, or a folder of the user's.

Pixels become what the network was made for (models/scaling.py), [0, 1] where that is not known. The user's pictures are
.png, .jpg and .jpeg files of one folder, in the order of their names; each is turned upright and stretched to the
input's height and width (bilinear). Channels: 1 is grey, 3 is RGB; the fourth is for a mask: the picture's alpha, 0
where it has none. From a folder of more than 64 pictures, 64 are taken, evenly spaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import NotMeasuredError, UsageError
from bench.models.inputs import scaled, seeded_input
from bench.models.scaling import Scaling
from bench.records.types import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEEDS = tuple(range(1, 9))  # the runner measures with seed 0, which a calibration should not have seen
MOST_PICTURES = 64
_SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder that calibrate. Raises UsageError: no folder, none in it, or Pillow is missing."""
    asked = f"cannot calibrate with {folder}"
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    except OSError as error:
        raise UsageError(asked, error.strerror or str(error), "Give a folder of .png or .jpg pictures.") from None
    if not found:
        raise UsageError(asked, "It has no .png or .jpg pictures.", "Put some in; eight or more are a good start.")
    if find_spec("PIL") is None:
        raise UsageError(asked, "Reading pictures needs Pillow, which is not installed.", "pip install pillow")
    if len(found) <= MOST_PICTURES:
        return found
    return [found[place * len(found) // MOST_PICTURES] for place in range(MOST_PICTURES)]


def digest(paths: Sequence[Path]) -> str:
    """Hex sha256 of the pictures' contents, in order."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(_sha256(path))
    return whole.hexdigest()


def _sha256(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise UsageError(f"cannot read {path}", error.strerror or str(error), "Check its permissions.") from None


def samples(
    inputs: Mapping[str, TensorSpec], chosen: Sequence[Path], scaling: Scaling | None = None
) -> list[dict[str, NDArray[Any]]]:
    """One array for every input, for each picture in turn; seeded ones where no picture is chosen.

    Raises NotMeasuredError: pictures do not fit the inputs, a file is no picture, or there is no recipe for an input.
    """
    if not chosen:
        return [{name: _seeded(spec, seed, scaling) for name, spec in inputs.items()} for seed in SEEDS]
    name, spec = _only_picture(inputs)
    return [{name: scaled(read_picture(path, spec.shape), scaling)} for path in chosen]


def _seeded(spec: TensorSpec, seed: int, scaling: Scaling | None) -> NDArray[Any]:
    import numpy as np

    dtype = np.dtype(spec.dtype).newbyteorder("<")
    data = seeded_input(spec, spec.shape, seed, scaling=scaling)
    return np.frombuffer(data, dtype).reshape(spec.shape).astype(spec.dtype)


def _only_picture(inputs: Mapping[str, TensorSpec]) -> tuple[str, TensorSpec]:
    def fits(spec: TensorSpec) -> bool:
        return spec.dtype == "float32" and len(spec.shape) == 4 and spec.shape[0] == 1 and spec.shape[3] in _MODES

    if len(inputs) == 1 and all(map(fits, inputs.values())):
        return next(iter(inputs.items()))
    shapes = ", ".join(f"{name} {spec.dtype} {list(spec.shape)}" for name, spec in inputs.items())
    todo = "Pictures calibrate a model of one float32 input, 1 x height x width x 1, 3 or 4; leave the folder out."
    raise NotMeasuredError("cannot calibrate with pictures", f"Its inputs: {shapes}.", todo)


def read_picture(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """1 x height x width x channels, float32 in [0, 1]. Raises NotMeasuredError when it is no picture."""
    import numpy as np

    pillow, upright = import_module("PIL.Image"), import_module("PIL.ImageOps").exif_transpose
    height, width, channels = shape[1:]
    try:
        with pillow.open(path) as opened:
            whole = upright(opened)
            picture = whole.convert(_MODES[channels]).resize((width, height), pillow.Resampling.BILINEAR)
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        asked = f"cannot read {path} as a picture"
        raise NotMeasuredError(asked, str(error), "Take it out of the folder or save it again.") from None
    values = (np.asarray(picture, dtype=np.float32) / np.float32(255)).reshape(shape)
    if channels == 4 and not whole.has_transparency_data:
        values[..., 3] = 0.0
    return values
