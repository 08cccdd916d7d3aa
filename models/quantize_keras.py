"""A variant by TensorFlow's converter, for what litert-quantizer refuses.

That converter quantizes as it converts from Keras, so what it makes has the op forms of the era modern. It takes the
ranges of inputs from the pictures that calibrate, where litert-quantizer is told the scaling's limits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.base.errors import NotMeasuredError
from bench.models import calibration, modern, quantize
from bench.models.quantize import RefusedError
from bench.models.zoo.entry import ZooEntry
from bench.records.types import TensorSpec

TOOL = "TensorFlow's converter"
_FORMAT = "tflite"


def instead(
    entry: ZooEntry, source: Path, variant: str, *, folder: Path | None, seed: int, refused: RefusedError
) -> tuple[bytes, str]:
    """The variant, and its maker. source: the float32 file of the era modern; folder: of pictures that calibrate.

    Raises RefusedError, with the words of both tools, where the converter has nothing better.
    """
    from bench.models.quantize_file import constant_types, finished

    chosen = quantize.chosen_pictures(variant, folder)
    maker = modern.maker(_FORMAT)
    try:
        data = _converted(entry, variant, chosen, seed)
    except NotMeasuredError as error:
        raise _neither(refused, f"{TOOL} neither: {error.found}") from None
    with tempfile.TemporaryDirectory(prefix="bench-quantize-") as scratch:
        path = Path(scratch) / f"variant.{_FORMAT}"
        path.write_bytes(finished(data, quantize.note(variant, maker, chosen, entry.scaling)))
        wanted = quantize.WEIGHTS[variant]
        if constant_types(path)[wanted] <= constant_types(source)[wanted]:
            raise _neither(refused, f"{TOOL} made no {wanted} weights either.")
        return path.read_bytes(), maker


def _converted(entry: ZooEntry, variant: str, chosen: Sequence[Path], seed: int) -> bytes:
    import numpy as np

    samples = None
    if variant in quantize.CALIBRATED:
        specs = {"x": TensorSpec(name="x", dtype="float32", shape=entry.input_shape)}
        samples = np.stack([each["x"] for each in calibration.samples(specs, chosen, entry.scaling)])
    return modern.emit(entry.build(), format=_FORMAT, seed=seed, variant=variant, samples=samples)


def _neither(refused: RefusedError, more: str) -> RefusedError:
    return RefusedError(refused.asked, f"{refused.found} {more}", refused.todo)
