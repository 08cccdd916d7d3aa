"""Agreement: a case's output on a seeded input against the reference's, before it is timed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from bench.backends import answers, python_runtime
from bench.backends.batch import batch_of
from bench.backends.client import InvocationFailed
from bench.backends.job import Job, Output
from bench.base.paths import ensure_dir, write_atomic
from bench.devices.local import LocalDevice
from bench.devices.protocol import Device
from bench.models.inputs import SEED, input_file
from bench.models.read_tflite import input_quantization
from bench.models.scaling import Scaling
from bench.records.stats.agreement import Array, compare
from bench.records.stats.masks import overlap
from bench.records.types import Agreement, TensorSpec

MakeOutputs = Callable[[Path], list[Output]]
REFERENCE_BACKEND = "litert"
REFERENCE_OPTIONS = {"kernels": "reference"}
REFERENCE_NAME = "LiteRT's reference kernels"
RECIPE = 4  # to be raised when the seeded inputs or what is kept of an output change


class _Kept(msgspec.Struct, frozen=True):
    """One cached output: its bytes lie beside this as output<index>.bin."""

    spec: TensorSpec
    scale: float
    zero_point: int
    sha256: str


@dataclass
class References:
    """Where a device's reference outputs are kept.

    first: model -> (who, outputs) of the first case in this run, for what the reference kernels cannot execute.
    """

    cache: Path
    first: dict[str, tuple[str, list[Array]]] = field(default_factory=dict)

    def judge(
        self, model: str, who: str, tflite: Path | None, tflite_sha256: str, outputs: Sequence[Output], precision: str,
        shapes: Mapping[str, Sequence[int]], make: MakeOutputs,
    ) -> Agreement:  # fmt: skip
        """tflite: the model as TFLite (the case's own file, or the zoo's other form of it); None: there is none.

        shapes: of the inputs that the user fixed; another shape has another reference. make: gives the outputs of
        LiteRT's reference kernels for that file; raises InvocationFailed.
        """
        arrays = list(map(array_of, outputs))
        why_no_reference = "there is no .tflite form of it for LiteRT's reference kernels"
        if tflite is not None:
            try:
                return compare(REFERENCE_NAME, self._reference(tflite, tflite_sha256, shapes, make), arrays, precision)
            except InvocationFailed as failed:
                why_no_reference = f"LiteRT's reference kernels could not run it: {failed.error.message}"
        if model in self.first:
            name, reference = self.first[model]
            return compare(f"{name} (the first backend)", reference, arrays, precision)
        self.first[model] = (who, arrays)
        return Agreement(
            reference="", ok=None, reason=f"{why_no_reference}; this case is the reference of the ones that follow"
        )

    def mask_overlap(
        self, tflite: Path, tflite_sha256: str, outputs: Sequence[Output], shapes: Mapping[str, Sequence[int]],
        make: MakeOutputs,
    ) -> tuple[float | None, str]:  # fmt: skip
        """IoU of the outputs' mask with that of the reference kernels for another file; None with the reason."""
        try:
            reference = self._reference(tflite, tflite_sha256, shapes, make)
        except InvocationFailed as failed:
            return None, f"LiteRT's reference kernels could not run the fp32 model: {failed.error.message}"
        return overlap(reference, list(map(array_of, outputs)))

    def _reference(
        self, tflite: Path, sha256: str, shapes: Mapping[str, Sequence[int]], make: MakeOutputs
    ) -> list[Array]:
        """From the cache, by the artifact's hash, the shapes and the runtime's version, else made and kept."""
        try:
            runtime = version("ai-edge-litert")
        except PackageNotFoundError:
            runtime = "unknown"
        fixed = hashlib.sha256(msgspec.json.encode(shapes, order="sorted")).hexdigest()[:8] if shapes else "as-is"
        folder = self.cache / "references" / f"{sha256[:16]}-{fixed}-litert-{runtime}-r{RECIPE}"
        try:
            kept = msgspec.json.decode((folder / "outputs.json").read_bytes(), type=list[_Kept])
            arrays = [
                Array(each.spec, (folder / f"output{index}.bin").read_bytes(), each.scale, each.zero_point)
                for index, each in enumerate(kept)
            ]
            if all(hashlib.sha256(a.data).hexdigest() == k.sha256 for a, k in zip(arrays, kept, strict=True)):
                return arrays
        except (OSError, msgspec.DecodeError):
            pass
        arrays = list(map(array_of, make(tflite)))
        for index, array in enumerate(arrays):
            write_atomic(folder / f"output{index}.bin", array.data)
        kept = [
            _Kept(array.spec, array.scale, array.zero_point, hashlib.sha256(array.data).hexdigest()) for array in arrays
        ]
        write_atomic(folder / "outputs.json", msgspec.json.encode(kept))
        return arrays


def seeded(device: Device, model: Path, scaling: Scaling | None, cache: Path) -> Callable[[TensorSpec], str]:
    """The path on the device of a model's seeded input: the same picture for all variants of a network of the zoo.

    scaling: what the network makes of pixels; None: no network of the zoo, or none for pictures.
    """
    known = input_quantization(model) if scaling and model.suffix == ".tflite" else {}

    def file(spec: TensorSpec) -> str:
        only = next(iter(known.values())) if len(known) == 1 else None
        quantized = known.get(spec.name, only)  # runtimes may have names of their own
        return device.push(input_file(spec, spec.shape, SEED, cache, scaling=scaling, quantized=quantized))

    return file


def make_reference(job: Job, tflite: Path, scaling: Scaling | None) -> list[Output]:
    """The reference kernels' outputs for a file, on this host whatever the job's device is. Raises InvocationFailed.

    Of a batch, each item is computed alone, unless the file itself has that batch.
    """
    host = LocalDevice()
    case = msgspec.structs.replace(
        job.case, backend=REFERENCE_BACKEND, accelerator="cpu", options=REFERENCE_OPTIONS, threads=1
    )
    folder = ensure_dir(job.folder / "reference")  # the case's own outputs must stay as they are
    here = dataclasses.replace(
        job,
        device=host,
        case=case,
        model=host.push(tflite),
        program=python_runtime.program(host, REFERENCE_BACKEND, {}, job.cache),
        input_file=seeded(host, tflite, scaling, job.cache),
        folder=folder,
        scratch="",
    )
    batch = batch_of(job.case.options)
    if batch == 1 or any(spec.shape[:1] == (batch,) for spec in job.graph.inputs):
        return answers.outputs(here)
    return answers.outputs_of_items(here, batch)


def array_of(output: Output) -> Array:
    """The output with its bytes read."""
    return Array(output.spec, output.file.read_bytes(), output.scale, output.zero_point)
