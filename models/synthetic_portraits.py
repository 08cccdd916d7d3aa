"""Pictures with exact masks for tests and examples: soft ellipses before a gradient. They are no photographs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.paths import storage_error
from bench.models.inputs import seeded_input
from bench.records.types import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST_SEED = 1000  # far from those that models are measured and calibrated with


def portrait(index: int, size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(size x size x 3 pixels, size x size mask): the same for an index and size on every machine."""
    import numpy as np

    shape = (1, size, size, 4)
    spec = TensorSpec(name="portrait", dtype="float32", shape=shape)
    values = np.frombuffer(seeded_input(spec, shape, _FIRST_SEED + index), "<f4").reshape(shape)[0]
    return np.rint(values[:, :, :3] * 255).astype(np.uint8), values[:, :, 3] > 0.5


def write(folder: Path, count: int = 8, size: int = 256) -> Path:
    """images/synthetic_NN.png and masks/synthetic_NN.png below the folder. Raises StorageError."""
    import numpy as np

    pillow = import_module("PIL.Image")
    try:
        for place in ("images", "masks"):
            (folder / place).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels, mask = portrait(index, size)
            pillow.fromarray(pixels).save(folder / "images" / f"synthetic_{index:02}.png")
            pillow.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"synthetic_{index:02}.png")
    except OSError as error:
        raise storage_error(folder, error) from None
    return folder
