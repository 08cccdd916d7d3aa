"""What the process with TensorFlow is asked, and what it answers. Standard library only: both sides load it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from bench.models.network import Network


@dataclass(frozen=True, kw_only=True)
class Job:
    """One keras.Model, and the files to make of it, none for just its parameters. seed: of the weights.

    files: kind -> path. Kinds: `tflite` and `onnx`, what the converters make of the model; `output`, what the model
    gives in inference mode, as .npy, for the .npy that `input` names.
    variant: of `tflite` (models/quantize.py), fp32 where it is empty; samples: a .npy of inputs that calibrate it, one
    behind the other.
    """

    network: Network
    seed: int = 0
    files: dict[str, str] = field(default_factory=dict)
    input: str = ""
    variant: str = ""
    samples: str = ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """params: as Keras counts them. seconds: of `build` and of each file. error: in one line; empty: all was done."""

    params: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, line: bytes) -> Reply:
        """Raises ValueError or TypeError for what is no reply."""
        return cls(**json.loads(line))
