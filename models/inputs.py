"""Seeded inputs that make a model work as it would on real data: the same bytes on every machine.

Only SHAKE-256 (FIPS 202) and operations that IEEE 754 defines to the last bit are used, so neither a library's
generator nor its sine changes an input.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import NotMeasuredError
from bench.base.paths import write_atomic
from bench.models.scaling import Scaling, input_array
from bench.models.weights import uniform_bits
from bench.records.types import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 0  # of the inputs that cases run on
_RECIPE = 3  # to be raised when an input's bytes change: part of the cached name
_FLOATS = {"float16": 2, "float32": 4, "float64": 8}
_WHOLE_RANGE = {"int8": 1, "uint8": 1, "int16": 2, "uint16": 2}
_INDICES = {"int32": 4, "int64": 8, "uint32": 4, "uint64": 8}
_BYTES = _FLOATS | _WHOLE_RANGE | _INDICES | {"bool": 1}
_IMAGE_CHANNELS = (3, 4)
_PICTURE_CHANNELS = (1, *_IMAGE_CHANNELS)
_COARSE = 16  # texture cells along each side


def seeded_input(
    spec: TensorSpec,
    shape: tuple[int, ...],
    seed: int,
    *,
    scaling: Scaling | None = None,
    quantized: tuple[float, int] | None = None,
) -> bytes:
    """Raw little-endian bytes of an input of spec's type and of this shape (without dynamic dimensions).

    Floats of rank 4: with 3 or 4 channels, first or last, a picture in [0, 1] that looks like a portrait (a fourth
    channel is its soft mask); with one channel, pixels 0 or 1. Other floats: uniform in [0, 1]. int8 to uint16: the
    same pictures, stretched over the type's range; else uniform over it. Wider integers: 0 to 9, since they are mostly
    indices. bool: 0 or 1.
    scaling: what the network makes of pixels, in place of [0, 1]. quantized: (scale, zero point) of an input of int8 to
    uint16: the numbers that stand for the float input, in place of the stretched ones.
    Raises NotMeasuredError for other types and for a shape that is not known.
    """
    import numpy as np

    size_bytes = _size_bytes(spec, shape)
    count = math.prod(shape)
    stream = f"input:{seed}:{','.join(map(str, shape))}"
    if spec.dtype in _FLOATS:
        return scaled(_floats(shape, stream), scaling).astype(f"<f{_FLOATS[spec.dtype]}").tobytes()
    if quantized is not None and spec.dtype in _WHOLE_RANGE:
        return _quantized(scaled(_floats(shape, stream), scaling), spec.dtype, *quantized).tobytes()
    raw = hashlib.shake_256(stream.encode()).digest(size_bytes)
    if spec.dtype in _WHOLE_RANGE:
        return _whole_range(shape, stream, spec.dtype).tobytes() if _is_picture(shape) else raw
    digits = np.frombuffer(hashlib.shake_256(stream.encode()).digest(count), dtype=np.uint8)
    if spec.dtype == "bool":
        return (digits & 1).tobytes()
    return (digits % 10).astype(f"<u{_INDICES[spec.dtype]}").tobytes()


def input_file(
    spec: TensorSpec,
    shape: tuple[int, ...],
    seed: int,
    cache: Path,
    *,
    scaling: Scaling | None = None,
    quantized: tuple[float, int] | None = None,
) -> Path:
    """The same as a file in the cache, made where it is missing or has another size. The name plays no part."""
    size_bytes = _size_bytes(spec, shape)
    dims = "x".join(map(str, shape)) or "scalar"
    how = f"_{scaling}" if scaling else ""
    how += f"_{quantized[0]!r}_{quantized[1]}" if quantized else ""
    path = cache / "inputs" / f"{spec.dtype}_{dims}_seed{seed}{how}_r{_RECIPE}.bin"
    if path.is_file() and path.stat().st_size == size_bytes:
        return path
    return write_atomic(path, seeded_input(spec, shape, seed, scaling=scaling, quantized=quantized))


def scaled(picture: NDArray[np.floating[Any]], scaling: Scaling | None) -> NDArray[np.floating[Any]]:
    """Pictures in [0, 1], with channels last or first, in the numbers that the network takes.

    A fourth channel is a mask: it stays. What is no such picture stays as it is.
    """
    shape = picture.shape
    if scaling is None or scaling == "unit" or len(shape) != 4 or not shape[0]:
        return picture
    if shape[0] > 1:
        import numpy as np

        return np.concatenate([scaled(picture[index : index + 1], scaling) for index in range(shape[0])])
    if shape[3] in _PICTURE_CHANNELS:
        return _scaled(picture, scaling)
    if shape[1] in _PICTURE_CHANNELS:
        return _scaled(picture.transpose(0, 2, 3, 1), scaling).transpose(0, 3, 1, 2)
    return picture


def _scaled(picture: NDArray[np.floating[Any]], scaling: Scaling) -> NDArray[np.floating[Any]]:
    import numpy as np

    channels = picture.shape[3]
    colours = picture[0, :, :, :3] if channels > 1 else np.repeat(picture[0], 3, axis=2)
    spec = TensorSpec(name="picture", dtype="float64", shape=picture.shape)
    result = input_array(np.rint(colours * 255.0).astype(np.uint8), spec, scaling, 0.0, 0).astype(picture.dtype)
    if channels == 4:
        result[..., 3] = picture[..., 3]
    return result


def _quantized(values: NDArray[np.floating[Any]], dtype: str, scale: float, zero_point: int) -> NDArray[np.generic]:
    import numpy as np

    info = np.iinfo(dtype)
    levels: NDArray[np.float64] = np.clip(np.rint(values / scale) + zero_point, int(info.min), int(info.max))
    return levels.astype(np.dtype(dtype).newbyteorder("<"))


def _size_bytes(spec: TensorSpec, shape: tuple[int, ...]) -> int:
    """Bytes of such an input. Raises NotMeasuredError where there is no recipe for it."""
    asked = f"cannot make an input for {spec.name!r}"
    if spec.dtype not in _BYTES:
        todo = f"Inputs can be made for: {', '.join(sorted(_BYTES))}."
        raise NotMeasuredError(asked, f"Its type is {spec.dtype}.", todo)
    if any(size < 0 for size in shape):
        raise NotMeasuredError(asked, f"Its shape {list(shape)} has dynamic dimensions.", "Give its shape.")
    return math.prod(shape) * _BYTES[spec.dtype]


def _uniform(stream: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Uniform in [0, 1), 24 bits each."""
    return (uniform_bits(stream, math.prod(shape)) / 2.0**24).reshape(shape)


def _floats(shape: tuple[int, ...], stream: str) -> NDArray[np.float64]:
    import numpy as np

    if len(shape) == 4 and 1 in (shape[-1], shape[1]):
        return np.where(_uniform(stream, shape) < 0.5, 0.0, 1.0)
    if not _is_picture(shape):
        return _uniform(stream, shape)
    if shape[-1] in _IMAGE_CHANNELS:
        return _pictures(shape, stream)
    batch, channels, height, width = shape
    return _pictures((batch, height, width, channels), stream).transpose(0, 3, 1, 2)


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and (shape[-1] in _IMAGE_CHANNELS or shape[1] in _IMAGE_CHANNELS) and 1 not in (
        shape[-1], shape[1]
    )  # fmt: skip


def _whole_range(shape: tuple[int, ...], stream: str, dtype: str) -> NDArray[np.generic]:
    """0 to 1 stretched from the type's lowest to its highest value: what quantized image models mostly expect."""
    import numpy as np

    lowest, highest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    levels = np.rint(_floats(shape, stream) * (highest - lowest)) + lowest
    return levels.astype(np.dtype(dtype).newbyteorder("<"))


def _pictures(shape: tuple[int, ...], stream: str) -> NDArray[np.float64]:
    import numpy as np

    if 0 in shape:
        return np.zeros(shape)
    return np.stack([_portrait(shape[1], shape[2], shape[3], f"{stream}:{index}") for index in range(shape[0])])


def _portrait(height: int, width: int, channels: int, stream: str) -> NDArray[np.float64]:
    """height x width x channels in steps of 1/255: a soft head and shoulders before a gradient, with texture."""
    import numpy as np

    down = ((2.0 * np.arange(height) + 1.0) / height - 1.0)[:, None]
    right = ((2.0 * np.arange(width) + 1.0) / width - 1.0)[None, :]
    choice = _uniform(f"{stream}:choice", (7,))
    centre = (choice[0] - 0.5) * 0.4
    head = _soft_ellipse(down + 0.2, right - centre, 0.5, 0.36)
    shoulders = _soft_ellipse(down - 1.1, right - centre, 0.7, 0.8)
    mask = np.maximum(head, shoulders)[:, :, None]
    background = 0.3 + 0.2 * down[:, :, None] * choice[1:4] + 0.2 * right[:, :, None]
    person = 0.45 + 0.4 * choice[4:7]
    texture = 0.25 * (_coarse(height, width, stream) - 0.5) + 0.1 * (_uniform(stream, (height, width, 3)) - 0.5)
    colours = background * (1.0 - mask) + person * mask + texture
    picture = np.concatenate([colours, mask], axis=2)[:, :, :channels]
    levels: NDArray[np.float64] = np.rint(np.clip(picture, 0.0, 1.0) * 255.0) / 255.0
    return levels


def _soft_ellipse(
    down: NDArray[np.float64], right: NDArray[np.float64], high: float, wide: float
) -> NDArray[np.float64]:
    """1 inside, 0 outside, with a smooth edge (smoothstep)."""
    import numpy as np

    vertical, horizontal = down / high, right / wide
    edge = np.clip((1.3 - vertical * vertical - horizontal * horizontal) / 0.6, 0.0, 1.0)
    smooth: NDArray[np.float64] = edge * edge * (3.0 - 2.0 * edge)
    return smooth


def _coarse(height: int, width: int, stream: str) -> NDArray[np.float64]:
    """Random cells, stretched bilinearly over the picture: height x width x 1, in [0, 1)."""
    import numpy as np

    cells = _uniform(f"{stream}:coarse", (_COARSE + 1, _COARSE + 1))
    down, right = np.arange(height) * (_COARSE / height), np.arange(width) * (_COARSE / width)
    row, column = down.astype(np.int64), right.astype(np.int64)
    below, beside = (down - row)[:, None], (right - column)[None, :]
    upper = cells[row][:, column] * (1.0 - beside) + cells[row][:, column + 1] * beside
    lower = cells[row + 1][:, column] * (1.0 - beside) + cells[row + 1][:, column + 1] * beside
    stretched: NDArray[np.float64] = upper * (1.0 - below) + lower * below
    return stretched[:, :, None]
