"""era=modern: what today's converters make of the deployed graph, written in Keras with the same weights as era 2019.

TFLite: by the converter that TensorFlow brings; ONNX: by tf2onnx. Both keep what the converter chose: bias and
activation within TRANSPOSE_CONV, `same` in place of a PAD before a convolution, SLICE for STRIDED_SLICE; PReLU as
Relu, Neg, Mul and Add in ONNX. Names, description and metadata are the converter's, too. The converters' versions are
part of what they make.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import NotMeasuredError
from bench.models import keras_host
from bench.models.keras_job import Job
from bench.models.network import Network
from bench.models.sources import fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

ERA = "modern"
_SOURCES = ("modern.py", "keras_*.py")
_COMMAND = "pip install '.[convert]'"
_MAKERS: dict[str, tuple[str, ...]] = {"tflite": ("tensorflow", "keras"), "onnx": ("tensorflow", "keras", "tf2onnx")}
_TITLES = {"tensorflow": "TensorFlow", "keras": "Keras", "tf2onnx": "tf2onnx"}


def why_not(format: str) -> str | None:
    """Why no file of this era can be made here, in one sentence or two; None where it can."""
    try:
        found = keras_host.packages()
    except keras_host.HostError as error:
        return f"Files of the era {ERA} are made by today's converters: {error}"
    missing = [_TITLES[module] for module in _MAKERS[format] if module not in found]
    if not missing:
        return None
    where = f"in {keras_host.interpreter()}" if keras_host.chosen() else "installed"
    verb = "is" if len(missing) == 1 else "are"
    return (
        f"Files of the era {ERA} are made by today's converters, and {' and '.join(missing)} {verb} not {where}: "
        f"{_COMMAND}. Without them there is the era 2019."
    )


def recipe_key(format: str) -> str:
    """Hex sha256 of what decides, beside the network, how a file comes out: the converters and our code.

    Raises NotMeasuredError where there are none.
    """
    found = _found(format)
    parts = (format, *(f"{module} {found[module]}" for module in _MAKERS[format]), fingerprint(_SOURCES))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def maker(format: str) -> str:
    """The converters and their versions. Raises NotMeasuredError where there are none."""
    found = _found(format)
    return ", ".join(f"{_TITLES[module]} {found[module]}" for module in _MAKERS[format])


def emit(
    network: Network, *, format: str, seed: int = 0, variant: str = "", samples: NDArray[Any] | None = None
) -> bytes:
    """The bytes of the network's .tflite or .onnx file.

    variant: of a .tflite, as the converter quantizes it; samples: inputs that calibrate it, one behind the other.
    Raises NotMeasuredError, with the converter's words, where it makes none.
    """
    _found(format)
    asked = f"cannot convert {network.name} to {format} of the era {ERA}"
    todo = "Measure the era 2019 of it."
    with tempfile.TemporaryDirectory(prefix="bench-modern-") as folder:
        path = Path(folder) / f"model.{format}"
        given = "" if samples is None else str(_saved(samples, Path(folder)))
        job = Job(network=network, seed=seed, files={format: str(path)}, variant=variant, samples=given)
        try:
            replies = list(keras_host.run([job]))
        except keras_host.HostError as error:
            raise NotMeasuredError(asked, _sentence(str(error)), todo) from None
        if replies[0].error:
            raise NotMeasuredError(asked, f"The converter says: {replies[0].error}", todo)
        return path.read_bytes()


def _saved(samples: NDArray[Any], folder: Path) -> Path:
    import numpy as np

    np.save(folder / "samples.npy", samples)
    return folder / "samples.npy"


def _found(format: str) -> dict[str, str]:
    reason = why_not(format)
    if reason:
        raise NotMeasuredError(f"cannot make {format} of the era {ERA}", reason, f"Run {_COMMAND}.")
    return keras_host.packages()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
