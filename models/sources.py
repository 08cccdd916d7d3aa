"""A hash of our own code, so that what older code made is not taken from the cache."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import bench

VERSION = bench.__version__
_HERE = Path(__file__).parent
EMITTERS = (
    "network.py",
    "layers.py",
    "collector.py",
    "convolutions.py",
    "builder.py",
    "deploy.py",
    "weights.py",
    "tflite_writer.py",
    "onnx_writer.py",
    "emit_*.py",
    "zoo/*.py",
)
READERS = ("model_file.py", "read_tflite.py", "read_onnx.py", "read_ir.py")


@functools.cache
def fingerprint(patterns: tuple[str, ...]) -> str:
    """Hex sha256 of bench's version and of the files of this room that the patterns match."""
    digest = hashlib.sha256(VERSION.encode())
    for pattern in patterns:
        for path in sorted(_HERE.glob(pattern)):
            digest.update(f"\n{path.name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
