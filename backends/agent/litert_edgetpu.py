"""A Coral Edge TPU: LiteRT's Interpreter with the delegate of libedgetpu, for files that edgetpu_compiler wrote.

On boards whose Python is too old for LiteRT, tflite_runtime does the same.
"""

from __future__ import annotations

import importlib
import mmap
import sys
from typing import Any, Callable, Dict, List, Tuple

from .adapter import Adapter, Json, Refused
from .adapter_litert import LiteRt

LIBRARIES = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}
COMPILED_OP = "edgetpu-custom-op"
# Option clock -> the library's own words for the frequencies of a USB stick (libedgetpu, driver options).
CLOCKS = {"standard": "High", "maximum": "Max"}
GET_LIBRARY = (
    "Install Coral's Edge TPU runtime (packages libedgetpu1-std or libedgetpu1-max), built for the TensorFlow that "
    "this runtime comes from."
)
NO_DEVICE = (
    "Is it plugged in? `lsusb` shows 1a6e:089a before its first use and 18d1:9302 after, `ls /dev/apex_0` a PCIe card. "
    "May this user open it (group plugdev or apex)? Does another process hold it?"
)
TOO_NEW = (
    "requires runtime version"  # part of libedgetpu's words: Package requires runtime version (14), which is newer
)


class LiteRtEdgeTpu(LiteRt):
    def version(self) -> str:
        try:
            return super().version()
        except Refused as refused:
            try:
                self._module = importlib.import_module("tflite_runtime.interpreter")
            except ImportError:
                raise refused from None
            return "tflite_runtime %s" % getattr(sys.modules["tflite_runtime"], "__version__", "of unknown version")

    @property
    def _library(self) -> str:
        return LIBRARIES.get(sys.platform, "libedgetpu.so.1")

    def _delegate(self) -> Any:
        try:
            return self._module.load_delegate(self._library, delegate_options(self.options))
        except OSError as error:
            raise Refused("no library of the Edge TPU here: %s" % error, GET_LIBRARY) from None
        except ValueError as error:
            # The library gives no reason: without a device it only returns nothing.
            words = str(error).strip().splitlines()
            device = self.options.get("device") or "any"
            message = "%s finds no Edge TPU (device: %s)%s" % (
                self._library,
                device,
                ": " + words[-1] if len(words) > 1 else "",
            )
            raise Refused(message, NO_DEVICE) from None
        except AttributeError as error:
            raise Refused("%s is no delegate: %s" % (self._library, error), GET_LIBRARY) from None

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        require_compiled(path)
        self._path, self._shapes = path, shapes
        delegate = self._delegate()
        try:
            self._interpreter = self._module.Interpreter(
                model_path=path, experimental_delegates=[delegate], num_threads=self.threads
            )
            for detail in self._interpreter.get_input_details():
                self._resize(self._interpreter, detail)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            todo = ""
            if TOO_NEW in str(error):
                todo = "Update libedgetpu, or compile with `edgetpu_compiler --min_runtime_version N` for the one here."
            elif COMPILED_OP in str(error):
                todo = "%s did not take it: it does not match this runtime. %s" % (self._library, GET_LIBRARY)
            raise Refused("the Edge TPU refuses the model: %s" % error, todo) from None
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()

    def overlapping(self, streams: int) -> Tuple[List[Callable[[], Any]], str]:
        return Adapter.overlapping(self, streams)  # the device runs one inference after the other

    def placement(self) -> Json:
        return parts(self._interpreter._get_ops_details(), self._library)

    def settings(self) -> Dict[str, str]:
        clock = self.options.get("clock") or "as the library has it: libedgetpu1-std standard, libedgetpu1-max maximum"
        return {
            "library": self._library,
            "device": self.options.get("device") or "any",
            "clock": clock,
            "num_threads": str(self.threads),
        }

    def profile(self, inferences: int) -> Json:
        raise Refused(
            "op profile unavailable: an Edge TPU gives no times of ops; the compiler's log says which it takes"
        )


def delegate_options(options: Dict[str, str]) -> Dict[str, str]:
    """What libedgetpu is asked for. It looks at `Performance` only where the device is named with its number."""
    device = options.get("device", "")
    clock = options.get("clock", "")
    if clock:
        return {"device": device if ":" in device else device + ":0", "Performance": CLOCKS[clock]}
    return {"device": device} if device else {}


def require_compiled(path: str) -> None:
    """Raises Refused for a file that has nothing for an Edge TPU."""
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(COMPILED_OP.encode()) >= 0:
            return
    raise Refused(
        "the file is not compiled for an Edge TPU: it has no %s, so all of it would run on the CPU" % COMPILED_OP,
        "Compile its fully quantized form: edgetpu_compiler -s MODEL.tflite; of the zoo: --variant edgetpu.",
    )


def parts(ops: List[Json], library: str) -> Json:
    """The placement of a compiled file by the interpreter's own nodes: the compiler's ops, and what it left."""
    names = [str(op["op_name"]) for op in ops]
    partitions = names.count("DELEGATE")
    nodes = [name for name in names if name != "DELEGATE"]
    taken = nodes.count(COMPILED_OP) if partitions else 0
    left: Dict[str, int] = {}
    for name in nodes:
        if name != COMPILED_OP:
            left[name] = left.get(name, 0) + 1
    on_cpu = ", ".join("%d %s" % (count, name) for name, count in sorted(left.items(), key=lambda each: -each[1]))
    return {
        "kind": ("partial" if left else "full") if taken else "none",
        "delegate": "Edge TPU",
        "nodes": taken,
        "total": len(nodes),
        "evidence": "the interpreter's nodes: %d %s for %s; on the CPU: %s"
        % (taken, COMPILED_OP, library, on_cpu or "none"),
    }
