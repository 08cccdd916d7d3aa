"""Sixteen 0/1 pixels of a row in one float, exactly: what a packing convolution writes, and its inverse.

The kernel's values are 128, 64, ..., 1/256 from left to right, so that a float's 256-fold is the bit pattern of its
sixteen pixels, the leftmost one in bit 15. The largest value, 255.99609375, and all others are exact in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PIXELS = 16
FACTOR = 256.0


def pack(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """... x (16 * width) pixels of 0 or 1 -> ... x width floats. Raises ValueError for other widths and values."""
    import numpy as np

    if pixels.shape[-1] % PIXELS or (pixels.size and pixels.max() > 1):
        raise ValueError(f"pixels of 0 and 1, a multiple of {PIXELS} in each row, not {pixels.shape}")
    octets = np.packbits(np.ascontiguousarray(pixels, dtype=np.uint8), axis=-1)
    return octets.view(">u2").astype(np.float32) / np.float32(FACTOR)


def unpack(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """... x width packed floats -> ... x (16 * width) pixels of 0 or 1.

    Raises ValueError for a value that no sixteen pixels give: it was rounded, or is no packed pixels at all.
    """
    import numpy as np

    with np.errstate(over="ignore"):  # what overflows is no packed value, and is refused below
        scaled = np.asarray(values, dtype=np.float32) * np.float32(FACTOR)
    with np.errstate(invalid="ignore"):  # NaN and what is too large are told below
        patterns = scaled.astype(np.uint16)
    if not (patterns == scaled).all():
        raise ValueError("values that no sixteen pixels of 0 and 1 give")
    return np.unpackbits(np.ascontiguousarray(patterns, dtype=">u2").view(np.uint8), axis=-1)
