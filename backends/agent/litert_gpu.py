"""LiteRT's GPU accelerator on a computer: WebGPU through Vulkan (Metal, Direct3D), with LiteRT's CompiledModel.

Its run call only queues work, so that a sample is the run and the reading of every output into host memory.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

from .adapter import Adapter, Json, Refused
from .overheard import overheard

LIBRARIES = ("libLiteRtGpuAccelerator", "libLiteRtWebGpuAccelerator", "libLiteRtMetalAccelerator")
ENDINGS = {"darwin": ".dylib", "win32": ".dll"}
VULKAN = "libvulkan.so.1"
NEEDS_VULKAN = (
    "It needs Vulkan: libvulkan1 and the GPU's own driver with its file in /usr/share/vulkan/icd.d "
    "(mesa-vulkan-drivers for Intel and AMD); `vulkaninfo --summary` lists what Vulkan finds."
)
ADAPTER_LINE = re.compile(r"Selected adapter: (.*)")
SHARES_LINE = re.compile(
    r"(\d+) operations will run on the GPU, and the remaining (\d+) operations will run on the CPU"
)
LEFT_LINE = re.compile(r"^([A-Z0-9_]+): (.+)")
ERROR_LINE = re.compile(r"^ERROR: (?!\[)(.+)")
UNREADABLE = ("int64", "float64", "int16", "bool", "string")  # that TensorBuffer.read or write does not take


class LiteRtGpu(Adapter):
    name = "litert"
    sync = (
        "run and read: CompiledModel.run_by_index() returns when the work is queued, so each sample ends when all "
        "outputs are read into host memory (TensorBuffer.read); inputs written beforehand"
    )

    def version(self) -> str:
        try:
            from ai_edge_litert import compiled_model as module
        except ImportError as error:
            raise Refused(
                "LiteRT with CompiledModel cannot be imported: %s" % error, "pip install 'ai-edge-litert>=2.3,<2.4'"
            ) from None
        self._module: Any = module
        folder = os.path.dirname(module.__file__)
        ending = ENDINGS.get(sys.platform, ".so")
        if not any(os.path.exists(os.path.join(folder, name + ending)) for name in LIBRARIES):
            raise Refused(
                "this LiteRT has no GPU accelerator: no %s in %s" % (LIBRARIES[1] + ending, folder),
                "Its wheels for x86-64 Linux, macOS and Windows have one.",
            )
        if sys.platform.startswith("linux"):
            require_library(VULKAN)
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("ai-edge-litert")
        except PackageNotFoundError:
            return "unknown"

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        if shapes:
            raise Refused("LiteRT's GPU accelerator takes the shapes of the file", "Leave --shape out.")
        gpu, cpu = self._module.HardwareAccelerator.GPU, self._module.HardwareAccelerator.CPU
        # Alone first: with the CPU beside it, the runtime does not tell for sure that nothing was left to that one.
        self._alone = True
        said, model = self._compile(path, gpu)
        if model is None and shares(said) is not None:
            self._alone = False
            said, model = self._compile(path, gpu | cpu)
        if model is None:
            raise refusal(said)
        self._model, self._said = model, said
        key = next(iter(model.get_signature_list()))
        names = model.get_signature_by_index(0)
        self._inputs = self._specs(model.get_input_tensor_details(key), names["inputs"])
        self._outputs = self._specs(model.get_output_tensor_details(key), names["outputs"])
        self._in, self._out = model.create_input_buffers(0), model.create_output_buffers(0)

    def _compile(self, path: str, accelerators: Any) -> Tuple[List[str], Any]:
        """What the runtime said, and the model or None."""
        options = self._module.Options(
            hardware_accelerators=accelerators,
            cpu_options=self._module.CpuOptions(num_threads=self.threads),
            gpu_options=self._module.GpuOptions(enforce_f32=self.options.get("precision", "f32") == "f32"),
        )
        model = None
        error = ""
        with overheard() as said:
            try:
                model = self._module.CompiledModel.from_file(path, options=options)
            except (RuntimeError, ValueError) as raised:
                error = str(raised)
        return said + error.splitlines(), model

    @staticmethod
    def _specs(details: Dict[str, Json], names: List[str]) -> List[Json]:
        specs = [
            {
                "name": name,
                "dtype": str(details[name]["dtype"]),
                "shape": [int(size) for size in details[name]["shape"]],
            }
            for name in names
        ]
        for spec in specs:
            if spec["dtype"] in UNREADABLE:
                raise Refused(
                    "LiteRT's GPU accelerator gives no access to %(name)s, which is %(dtype)s" % spec,
                    "Measure a form of the model whose inputs and outputs are float32 or int8.",
                )
        return specs

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        return self._inputs, self._outputs

    def set_inputs(self, arrays: List[Any]) -> None:
        self._arrays = arrays
        for buffer, array in zip(self._in, arrays):
            buffer.write(array)

    def _readers(self) -> List[Callable[[], Any]]:
        import numpy as np

        def reader(buffer: Any, spec: Json) -> Callable[[], Any]:
            size, dtype = int(np.prod(spec["shape"])), np.dtype(spec["dtype"])
            return lambda: buffer.read(size, dtype)

        return [reader(buffer, spec) for buffer, spec in zip(self._out, self._outputs)]

    def queue(self) -> Callable[[], Any]:
        """The run call alone, which returns before the work is done: no sample may end with it."""
        run, inputs, outputs = self._model.run_by_index, self._in, self._out
        return lambda: run(0, inputs, outputs)

    def invoker(self) -> Callable[[], Any]:
        queue, readers = self.queue(), self._readers()

        def call() -> None:
            queue()
            for read in readers:
                read()

        return call

    def outputs(self) -> List[Any]:
        return [read().reshape(spec["shape"]) for read, spec in zip(self._readers(), self._outputs)]

    def io_calls(self) -> Tuple[Callable[[], Any], Callable[[], Any]]:
        # The work is done by now: what reading takes here is the transfer alone, which each sample holds too.
        return (lambda: self.set_inputs(self._arrays)), self.outputs

    def _gpu(self) -> str:
        return next((match[1] for match in map(ADAPTER_LINE.search, self._said) if match), "")

    def placement(self) -> Json:
        delegate = "WebGPU on %s" % (self._gpu().split(", arch=")[0] or "an unnamed adapter")
        if "CPU / Software" in self._gpu():
            delegate += ", in software"
        if self._alone:
            evidence = "compiled with the GPU as its only accelerator, which fails where it lacks an op"
            return {"kind": "full", "delegate": delegate, "evidence": evidence}
        taken, left = shares(self._said) or (0, 0)
        ops = "; ".join(ops_left(self._said))
        return {
            "kind": "partial" if taken else "none",
            "delegate": delegate,
            "nodes": taken,
            "total": taken + left,
            "evidence": "the delegate's own count; not on the GPU: %s" % ops,
        }

    def settings(self) -> Dict[str, str]:
        found = {"adapter": self._gpu() or "not told", "precision": self.options.get("precision", "f32")}
        return found if self._alone else dict(found, loading="compiled twice: on the GPU alone, then with the CPU")

    def profile(self, inferences: int) -> Json:
        raise Refused("op profile unavailable: LiteRT's WebGPU accelerator gives no times of ops")


def require_library(name: str) -> None:
    """Raises Refused where the Vulkan loader is missing."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        raise Refused("LiteRT's GPU accelerator finds no Vulkan here: %s" % error, NEEDS_VULKAN) from None


def shares(said: List[str]) -> Optional[Tuple[int, int]]:
    """(ops on the GPU, ops on the CPU) as the delegate said; None where it said nothing: it took all, or none."""
    found = [match for match in map(SHARES_LINE.search, said) if match]
    return (int(found[-1][1]), int(found[-1][2])) if found else None


def ops_left(said: List[str]) -> List[str]:
    """`ARG_MAX: Tensor type(INT64) is not supported`, for each kind of op that the GPU does not take; each once."""
    begin = next(
        (n for n, line in enumerate(said) if "operations are not supported by GPU delegate" in line), len(said)
    )
    found: List[str] = []
    for line in said[begin + 1 :]:
        if LEFT_LINE.match(line) is None:
            break
        found += [line] if line not in found else []
    return found


def refusal(said: List[str]) -> Refused:
    """Why a model could not be compiled, from what the runtime said."""
    if any("No adapters found" in line for line in said):
        return Refused("LiteRT's GPU accelerator finds no GPU here: Vulkan has no driver for one", NEEDS_VULKAN)
    reasons = [match[1] for match in map(ERROR_LINE.match, said) if match]
    words = "; ".join(reasons) or " ".join(line.strip("└ ") for line in said[-2:])
    return Refused(
        "LiteRT's GPU accelerator refuses the model: %s" % words, "Measure it on the CPU: --accelerator cpu."
    )
