"""From a picture's pixels to a network's input: what number stands for black, and what for white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from bench.records.types import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scaling = Literal["unit", "signed", "raw", "portrait"]
SCALINGS: tuple[Scaling, ...] = get_args(Scaling)
MEANING: dict[str, str] = {
    "unit": "pixel / 255",
    "signed": "pixel / 127.5 - 1",
    "raw": "the pixel itself",
    "portrait": "(BGR - mean) * 0.017",
    "stretched": "0 to 255 over the whole range of the input's type",
}
# Portrait-net's: blue, green, red
_PORTRAIT_MEAN = (103.94, 116.78, 123.68)
_PORTRAIT_FACTOR = 0.017
# ITU-R BT.601, as Pillow's mode L: red, green, blue
_LUMA = (0.299, 0.587, 0.114)
_RANGES: tuple[tuple[Scaling, float, float], ...] = (("unit", 0.0, 1.0), ("signed", -1.0, 1.0), ("raw", 0.0, 255.0))
_NEAR = 0.1  # of a range: calibration leaves it somewhat short or long
_CHANNELS = (1, 3, 4)


def limits(scaling: Scaling) -> tuple[float, float]:
    """The least and the greatest number that a pixel of any channel becomes."""
    if scaling == "portrait":
        return (0.0 - max(_PORTRAIT_MEAN)) * _PORTRAIT_FACTOR, (255.0 - min(_PORTRAIT_MEAN)) * _PORTRAIT_FACTOR
    return next((low, high) for name, low, high in _RANGES if name == scaling)


class NoPicture(Exception):
    """An input that takes no picture; the text says why."""


@dataclass(frozen=True)
class Layout:
    """Where a rank 4 input of batch 1 has its pixels."""

    height: int
    width: int
    channels: int
    channels_first: bool


def layout(spec: TensorSpec) -> Layout:
    """Of an input with 1, 3 or 4 channels, last or first. Raises NoPicture."""
    sizes = " x ".join(map(str, spec.shape))
    if len(spec.shape) != 4 or spec.shape[0] != 1:
        raise NoPicture(f"its input {spec.name} is {sizes}, not one picture")
    _, *rest = spec.shape
    if rest[-1] in _CHANNELS:
        return Layout(rest[0], rest[1], rest[2], channels_first=False)
    if rest[0] in _CHANNELS:
        return Layout(rest[1], rest[2], rest[0], channels_first=True)
    raise NoPicture(f"its input {spec.name} is {sizes}: no 1, 3 or 4 channels first or last")


def choose(spec: TensorSpec, asked: Scaling | None, scale: float, zero_point: int) -> str:
    """The scaling of an input: one of MEANING. asked: None: by the input's type.

    Floats: unit. A quantized input whose range is (nearly) [0, 1], [-1, 1] or [0, 255]: the scaling of that range.
    Other integers of 8 or 16 bits: stretched, also where something was asked for and the runtime does not tell what
    the integers stand for; raw where that was asked. Raises NoPicture for other types.
    """
    import numpy as np

    dtype = np.dtype(spec.dtype)
    if dtype.kind == "f":
        return asked or "unit"
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        raise NoPicture(f"its input {spec.name} is {spec.dtype}, which is no type for pixels")
    if asked is not None and (scale or asked == "raw"):
        return asked
    if asked is None and scale:
        low, high = ((int(end) - zero_point) * scale for end in (np.iinfo(dtype).min, np.iinfo(dtype).max))
        for name, bottom, top in _RANGES:
            if max(abs(low - bottom), abs(high - top)) <= _NEAR * (top - bottom):
                return name
    return "stretched"


def input_array(
    rgb: NDArray[np.uint8], spec: TensorSpec, scaling: str, scale: float, zero_point: int
) -> NDArray[np.generic]:
    """height x width x 3 pixels, of the input's size, as the input's array (little-endian, its shape and type).

    scaling: from `choose`; scale: 0 where the input is not quantized, or the runtime does not tell. One channel: the
    luminance. A fourth channel is 0: it is for the mask of the frame before, and there was none.
    """
    import numpy as np

    place = layout(spec)
    if rgb.shape != (place.height, place.width, 3):
        raise ValueError(f"a picture of {rgb.shape} for an input of {spec.shape}")
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    picture = _channels(rgb, place.channels, scaling)
    if dtype.kind != "f":
        lowest, highest = int(np.iinfo(spec.dtype).min), int(np.iinfo(spec.dtype).max)
        if scaling == "stretched":
            picture = picture / 255.0 * (highest - lowest) + lowest
        elif scale:
            picture = picture / scale + zero_point
        picture = np.clip(np.rint(picture), lowest, highest)
    if place.channels_first:
        picture = picture.transpose(2, 0, 1)
    return np.ascontiguousarray(picture, dtype=dtype).reshape(spec.shape)


def _channels(rgb: NDArray[np.uint8], channels: int, scaling: str) -> NDArray[np.float64]:
    """height x width x channels in real values (stretched: still pixels)."""
    import numpy as np

    pixels = rgb.astype(np.float64)
    if scaling == "portrait":
        pixels = (pixels[:, :, ::-1] - _PORTRAIT_MEAN) * _PORTRAIT_FACTOR
    elif scaling == "unit":
        pixels = pixels / 255.0
    elif scaling == "signed":
        pixels = pixels / 127.5 - 1.0
    if channels == 1:
        weights = _LUMA[::-1] if scaling == "portrait" else _LUMA
        grey: NDArray[np.float64] = pixels @ np.array(weights)[:, None]
        return grey
    if channels == 3:
        return pixels
    return np.concatenate([pixels, np.zeros((*pixels.shape[:2], 1))], axis=2)
