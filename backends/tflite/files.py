"""Files that the tool needs on the device, and those that it writes there."""

from __future__ import annotations

import math
from pathlib import Path

from bench.backends import tool_run
from bench.backends.job import Job, Output
from bench.backends.registry import backend
from bench.backends.tflite.proto import RuntimeInfo, parse_runtime_info
from bench.base.errors import NotMeasuredError

COPY_LIMIT_S = 60.0
_FLAGS = {"runtime_info": "model_runtime_info_output_file", "outputs": "output_filepath"}
_BYTES = {"float16": 2, "float32": 4, "float64": 8, "int8": 1, "uint8": 1, "bool": 1, "int16": 2, "uint16": 2}
_BYTES |= {"int32": 4, "uint32": 4, "int64": 8, "uint64": 8}


def place(job: Job) -> dict[str, str]:
    """Options that are files of this host -> their paths on the device. What is not here is a path there.

    Raises NotMeasuredError, StorageError.
    """
    known = backend(job.case.backend).options
    chosen = ((key, Path(value).expanduser()) for key, value in job.case.options.items() if known[key].file)
    return {key: _placed(job, path) for key, path in chosen if path.exists()}


def _placed(job: Job, path: Path) -> str:
    """A library by itself; of a folder, its files side by side, since loaders look for one beside the other."""
    if path.is_file():
        return job.device.push(path)
    there = f"{job.scratch}/{path.name}"
    _must(job, ["mkdir", "-p", there])
    for each in sorted(path.iterdir()):
        if each.is_file():
            _must(job, ["cp", job.device.push(each), f"{there}/{each.name}"])
    return there


def _must(job: Job, argv: list[str]) -> None:
    ran = tool_run.run(job.device, argv, COPY_LIMIT_S)
    if ran.returncode != 0:
        raise NotMeasuredError(f"cannot lay libraries on {job.device.name}", f"{ran.stderr.strip()} ({ran.end})")


class Files:
    """What the tool is asked to write, as far as this build can. outputs: of the last inference, too."""

    def __init__(self, job: Job, outputs: bool) -> None:
        assert job.program.help is not None
        wanted = {name: flag for name, flag in _FLAGS.items() if flag in job.program.help}
        if not outputs:
            wanted.pop("outputs", None)
        self._job = job
        self._paths = {name: f"{job.scratch}/{name}.bin" for name in wanted}
        self.flags = [f"--{flag}={self._paths[name]}" for name, flag in wanted.items()]
        if "runtime_info" in wanted and "export_model_runtime_info" in job.program.help:
            self.flags.append("--export_model_runtime_info=true")

    def _pull(self, name: str) -> bytes | None:
        """None where the tool wrote no such file. Raises StorageError."""
        if name not in self._paths:
            return None
        to = self._job.folder / f"{name}.bin"
        try:
            self._job.device.pull(self._paths[name], to)
        except NotMeasuredError:
            return None
        return to.read_bytes()

    def runtime_info(self) -> RuntimeInfo | None:
        """Which delegate took which node; None where the tool wrote nothing that can be read. Raises StorageError."""
        data = self._pull("runtime_info")
        try:
            return None if data is None else parse_runtime_info(data)
        except NotMeasuredError:
            return None

    def outputs(self) -> tuple[list[Output], str]:
        """The outputs, or why there are none. The tool writes them one behind the other."""
        if "outputs" not in self._paths:
            return [], "this build of the tool cannot write its outputs to a file"
        data = self._pull("outputs")
        if data is None:
            return [], "the tool wrote no outputs"
        specs = self._job.graph.outputs
        if len(specs) != 1:
            return [], "the model has several outputs, and the tool does not tell their order in its file"
        if any(spec.dynamic or spec.dtype not in _BYTES for spec in specs):
            return [], "the shape of the output is not known from the file"
        expected = sum(math.prod(spec.shape) * _BYTES[spec.dtype] for spec in specs)
        if len(data) != expected:
            return [], f"the tool wrote {len(data):,} bytes of output, {expected:,} were expected"
        return [Output(specs[0], self._job.folder / "outputs.bin")], ""
