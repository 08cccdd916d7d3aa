"""Agreement: a case's output on a seeded input against the reference's, before it is timed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from bench.backends.client import InvocationFailed
from bench.backends.python_runtime import Output
from bench.base.paths import write_atomic
from bench.records.stats.agreement import Array, compare
from bench.records.types import Agreement, TensorSpec

REFERENCE_BACKEND = "litert"
REFERENCE_OPTIONS = {"kernels": "reference"}
REFERENCE_NAME = "LiteRT's reference kernels"


class _Kept(msgspec.Struct, frozen=True):
    """One cached output: its bytes lie beside this as output<index>.bin."""

    spec: TensorSpec
    sha256: str


@dataclass
class References:
    """Where reference outputs come from and are kept.

    run: gives the outputs of LiteRT's reference kernels for a .tflite file on the device; raises InvocationFailed.
    first: model -> (who, outputs) of the first case in this run, for what the reference kernels cannot execute.
    """

    cache: Path
    run: Callable[[Path], list[Output]]
    first: dict[str, tuple[str, list[Array]]] = field(default_factory=dict)

    def judge(
        self, model: str, who: str, tflite: Path | None, tflite_sha256: str, outputs: Sequence[Output], precision: str
    ) -> Agreement:
        """tflite: the model as TFLite (the case's own file, or the zoo's other form of it); None: there is none."""
        arrays = [Array(output.spec, output.file.read_bytes()) for output in outputs]
        why_no_reference = "there is no .tflite form of it for LiteRT's reference kernels"
        if tflite is not None:
            try:
                return compare(REFERENCE_NAME, self._reference(tflite, tflite_sha256), arrays, precision)
            except InvocationFailed as failed:
                why_no_reference = f"LiteRT's reference kernels could not run it: {failed.error.message}"
        if model in self.first:
            name, reference = self.first[model]
            return compare(f"{name} (the first backend)", reference, arrays, precision)
        self.first[model] = (who, arrays)
        return Agreement(
            reference="", ok=None, reason=f"{why_no_reference}; this case is the reference of the ones that follow"
        )

    def _reference(self, tflite: Path, sha256: str) -> list[Array]:
        """From the cache, by the artifact's hash and the runtime's version, else made and kept."""
        try:
            runtime = version("ai-edge-litert")
        except PackageNotFoundError:
            runtime = "unknown"
        folder = self.cache / "references" / f"{sha256[:16]}-litert-{runtime}"
        try:
            kept = msgspec.json.decode((folder / "outputs.json").read_bytes(), type=list[_Kept])
            arrays = [Array(each.spec, (folder / f"output{i}.bin").read_bytes()) for i, each in enumerate(kept)]
            if all(hashlib.sha256(a.data).hexdigest() == k.sha256 for a, k in zip(arrays, kept, strict=True)):
                return arrays
        except (OSError, msgspec.DecodeError):
            pass
        arrays = [Array(output.spec, output.file.read_bytes()) for output in self.run(tflite)]
        for index, array in enumerate(arrays):
            write_atomic(folder / f"output{index}.bin", array.data)
        kept = [_Kept(array.spec, hashlib.sha256(array.data).hexdigest()) for array in arrays]
        write_atomic(folder / "outputs.json", msgspec.json.encode(kept))
        return arrays
