"""Files that trtexec writes on the device, and the outputs among them.

`--exportOutput` (TensorRT, samples/common/sampleReporting.cpp, exportJSONOutput) looks like JSON: names are written as
they are, and numbers with six digits, `nan` and `inf` among them.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from typing import Final

from bench.backends.job import Job, Output
from bench.base.errors import NotMeasuredError
from bench.records.types import TensorSpec

_TENSOR: Final = re.compile(
    r'"name" : "(?P<name>[^\n]*)"\s*, "dimensions" : "(?P<shape>[0-9x]*)"\s*, "values" : \[(?P<values>[^\]]*)\]'
)
# numpy's name -> struct's letter; half floats are printed as floats
_LETTERS: Final = {"float32": "f", "float16": "e", "int32": "i", "int64": "q", "int8": "b", "uint8": "B", "bool": "?"}


class Files:
    """What trtexec is asked to write. wanted: the outputs, too; they are those of the last inference."""

    def __init__(self, job: Job, wanted: bool) -> None:
        assert job.program.help is not None
        self._job = job
        # A name per invocation: one that writes nothing must not show what the one before it wrote.
        self._number = len(list(job.folder.glob("trtexec-*")))
        self.flags: list[str] = []
        if wanted and "exportOutput" in job.program.help:
            self.flags.append(f"--exportOutput={self.path('outputs')}")

    def path(self, name: str) -> str:
        return f"{self._job.scratch}/{name}-{self._number}.json"

    def pull(self, name: str) -> bytes | None:
        """None where it wrote no such file. Raises StorageError."""
        to = self._job.folder / f"trtexec-{name}-{self._number}.json"
        try:
            self._job.device.pull(self.path(name), to)
        except NotMeasuredError:
            return None
        return to.read_bytes()

    def outputs(self) -> tuple[list[Output], str]:
        """The outputs in the model's order, or why there are none."""
        if not self.flags:
            return [], "this trtexec cannot write its outputs to a file"
        data = self.pull("outputs")
        if data is None:
            return [], "trtexec wrote no outputs"
        try:
            found = packed(data.decode("utf-8", "replace"), self._job.graph.outputs)
        except ValueError as error:
            return [], f"trtexec's outputs cannot be read: {error}"
        made = []
        for index, (spec, raw) in enumerate(found):
            file = self._job.folder / f"output-{self._number}-{index}.bin"
            file.write_bytes(raw)
            made.append(Output(spec, file))
        return made, ""


def packed(text: str, specs: Sequence[TensorSpec]) -> list[tuple[TensorSpec, bytes]]:
    """Each output as it is, with its shape and little-endian bytes. Raises ValueError with the reason."""
    found = {match["name"]: (match["shape"], match["values"]) for match in _TENSOR.finditer(text)}
    made = []
    for spec in specs:
        if spec.name not in found:
            raise ValueError(f"{spec.name} is not among them")
        letter = _LETTERS.get(spec.dtype)
        if letter is None:
            raise ValueError(f"{spec.name} is of type {spec.dtype}")
        shape = tuple(int(size) for size in found[spec.name][0].split("x") if size)
        words = [word.strip() for word in found[spec.name][1].split(",")]
        values = [_value(word, letter) for word in words if word]
        if len(values) != math.prod(shape):
            raise ValueError(f"{spec.name} of shape {found[spec.name][0]} has {len(values)} values")
        closed = TensorSpec(name=spec.name, dtype=spec.dtype, shape=shape)
        made.append((closed, struct.pack(f"<{len(values)}{letter}", *values)))
    return made


def _value(word: str, letter: str) -> float | int:
    return float(word) if letter in "fe" else int(float(word))
