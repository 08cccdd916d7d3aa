"""The values of a network's parameters: the same bytes on every machine, from a seed and the parameter's name.

Random numbers come from SHAKE-256 (FIPS 202), not from a library's generator, so that no upgrade changes a model.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from bench.models.network import BinaryPlaces, CentreTap, Parameter, Uniform, Zeros

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST_PLACE = 7  # the leftmost of sixteen places is 2^7, so that the last one is 2^-8


def uniform_bits(stream: str, count: int) -> NDArray[np.uint32]:
    """count 24-bit numbers of the stream of that name (24: exact in float32)."""
    import numpy as np

    digest = hashlib.shake_256(stream.encode()).digest(4 * count)
    return (np.frombuffer(digest, dtype="<u4") >> 8).astype(np.uint32)


def values(parameter: Parameter, seed: int) -> NDArray[np.float32]:
    """The parameter's values, float32, in its shape.

    Only operations that IEEE 754 defines to the last bit are used, so the result does not depend on the machine.
    """
    import numpy as np

    match parameter.fill:
        case Uniform(std=std):
            bits = uniform_bits(f"{seed}:{parameter.name}", parameter.elements)
            # a uniform distribution of half width w has the standard deviation w / sqrt(3)
            data = (bits / 2.0**23 - 1.0) * (std * math.sqrt(3))
        case Zeros():
            data = np.zeros(parameter.elements)
        case CentreTap():
            kernel = np.zeros(parameter.shape)
            kernel[0, parameter.shape[1] // 2, parameter.shape[2] // 2, 0] = 1.0
            data = kernel
        case BinaryPlaces():
            data = np.array([2.0 ** (_FIRST_PLACE - place) for place in range(parameter.elements)])
    return data.astype(np.float32).reshape(parameter.shape)
