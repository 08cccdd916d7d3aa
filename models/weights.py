"""The values of a network's parameters: the same bytes on every machine, from a seed and the parameter's name.

Random numbers come from SHAKE-256 (FIPS 202), not from a library's generator, so that no upgrade changes a model.
Only operations that IEEE 754 defines to the last bit are used, so the result does not depend on the machine.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from bench.models import network as n

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST_PLACE = 7  # the leftmost of sixteen places is 2^7, so that the last one is 2^-8


def uniform_bits(stream: str, count: int) -> NDArray[np.uint32]:
    """count 24-bit numbers of the stream of that name (24: exact in float32)."""
    import numpy as np

    digest = hashlib.shake_256(stream.encode()).digest(4 * count)
    return (np.frombuffer(digest, dtype="<u4") >> 8).astype(np.uint32)


def values(parameter: n.Parameter, seed: int) -> NDArray[np.float32]:
    """The parameter's values, float32, in its shape."""
    import numpy as np

    return _numbers(parameter, seed).astype(np.float32).reshape(parameter.shape)


def factor_and_offset(norm: n.Norm, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a normalization multiplies with and adds, per channel; in double precision, from float32 parameters."""
    import numpy as np

    gamma, beta, mean, variance = (values(each, seed).astype(np.float64) for each in norm.parameters)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    return factor, beta - mean * factor


def _numbers(parameter: n.Parameter, seed: int) -> NDArray[np.floating]:
    import numpy as np

    match parameter.fill:
        case n.Uniform(std=std, centre=centre):
            bits = uniform_bits(f"{seed}:{parameter.name}", parameter.elements)
            # a uniform distribution of half width w has the standard deviation w / sqrt(3)
            numbers: NDArray[np.float64] = (bits / 2.0**23 - 1.0) * (std * math.sqrt(3)) + np.array(centre)
            return numbers
        case n.Zeros():
            return np.zeros(parameter.elements)
        case n.CentreTap():
            kernel = np.zeros(parameter.shape)
            kernel[0, parameter.shape[1] // 2, parameter.shape[2] // 2, 0] = 1.0
            return kernel
        case n.BinaryPlaces():
            return np.array([2.0 ** (_FIRST_PLACE - place) for place in range(parameter.elements)])
        case n.Spread(kernel=inner, dilation=step):
            kernel = np.zeros(parameter.shape)
            kernel[:, ::step, ::step] = values(inner, seed)
            return kernel
        case n.ScaledKernel(kernel=inner, norm=norm, axis=axis):
            factor, _ = factor_and_offset(norm, seed)
            sizes = [-1 if place == axis else 1 for place in range(len(parameter.shape))]
            scaled: NDArray[np.float64] = values(inner, seed) * factor.reshape(sizes)
            return scaled
        case n.ShiftedBias(bias=bias, norm=norm):
            factor, offset = factor_and_offset(norm, seed)
            return offset if bias is None else offset + values(bias, seed) * factor
