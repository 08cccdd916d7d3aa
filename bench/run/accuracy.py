"""Accuracy of a case: its masks against given ones, in an invocation of its own, after all that is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from bench.backends.answers import Answer, answering
from bench.backends.client import InvocationFailed
from bench.backends.job import Job
from bench.backends.python_runtime import Slot
from bench.base.paths import storage_error
from bench.models import pictures, scaling
from bench.models.pictures import Pair, PictureSet, Unusable
from bench.models.scaling import MEANING, NoPicture, Scaling
from bench.records.stats.masks import NoMask, foreground, pixels, shaped
from bench.records.types import Accuracy, MaskPixels
from bench.run.reference import array_of

INPUT_FILE = "picture.bin"


@dataclass
class _Counted:
    """What is known so far. scaling: in words."""

    pictures: int = 0
    pixels: MaskPixels = field(default_factory=MaskPixels)
    unusable: list[str] = field(default_factory=list)
    scaling: str = ""


def unknown(data: PictureSet, reason: str) -> Accuracy:
    """The accuracy of a case that was not measured."""
    return Accuracy(data=data.name, data_sha256=data.sha256, unusable=data.unusable, reason=reason)


def measure(
    job: Job, data: PictureSet, asked: Scaling | None, untrained: bool, tell: Callable[[int], None]
) -> Accuracy:
    """Every picture through the model once, untimed. What cannot be measured is a reason, not an error.

    asked: the scaling of the input; None: by its type. tell: how many pictures are done. Raises StorageError.
    """
    counted = _Counted(unusable=list(data.unusable))
    reason = ""
    try:
        with answering(job) as (inputs, answer):
            if len(inputs) != 1:
                raise NoPicture(f"it has {len(inputs)} inputs, and not one for a picture")
            slot = inputs[0]
            how = scaling.choose(slot.spec, asked, slot.scale, slot.zero_point)
            counted.scaling = f"{how}: {MEANING[how]}"
            for done, pair in enumerate(data.pairs):
                tell(done)
                _count(pair, slot, how, job, answer, counted)
    except InvocationFailed as failed:
        reason = f"{failed.error.message}, after {counted.pictures} of {len(data.pairs)} pictures"
    except (NoPicture, NoMask) as why:
        reason = str(why)
    if not reason and not counted.pictures:
        reason = "no picture could be read"
    found = Accuracy(
        data=data.name,
        data_sha256=data.sha256,
        pictures=counted.pictures,
        unusable=tuple(counted.unusable),
        scaling=counted.scaling,
        untrained=untrained,
        reason=reason,
    )
    return found if reason else msgspec.structs.replace(found, pixels=counted.pixels)


def _count(pair: Pair, slot: Slot, how: str, job: Job, answer: Answer, counted: _Counted) -> None:
    """One picture. Raises InvocationFailed, NoPicture, NoMask (the output's fault) and StorageError."""
    place = scaling.layout(slot.spec)
    try:
        rgb = pictures.read_picture(pair.picture, place.width, place.height)
    except Unusable as why:  # it could be read when the run began
        counted.unusable.append(f"{pair.name}: {why}")
        return
    array = scaling.input_array(rgb, slot.spec, how, slot.scale, slot.zero_point)
    path = job.folder / INPUT_FILE
    try:
        path.write_bytes(array.tobytes())
    except OSError as error:
        raise storage_error(path, error) from None
    outputs = answer([job.device.push(path)])
    try:
        found = shaped(foreground([array_of(output) for output in outputs]), (place.height, place.width))
    except NoMask as why:
        raise NoMask(f"the output is no mask: {why} (picture {pair.name})") from None
    try:
        truth = pictures.read_mask(pair.mask, found.shape[1], found.shape[0])
    except Unusable as why:
        counted.unusable.append(f"{pair.name}: {why}")
        return
    counted.pixels += pixels(truth, found)
    counted.pictures += 1
