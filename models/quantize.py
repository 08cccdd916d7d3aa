"""Variants of a .tflite file, made by litert-quantizer in a process of its own (up to 750 MB, which end with it).

The tool's version is part of what it makes; a file is the same every time on one machine. Another machine may calibrate
to other last digits, since its processor sums in another order.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from bench.base.errors import NotMeasuredError
from bench.base.process import Child, ChildEnded, ChildTimeout, signal_name
from bench.models import calibration
from bench.models.scaling import MEANING, Scaling
from bench.models.sources import fingerprint

VARIANTS = {
    "fp16": "weights as float16; computed in float32, behind a DEQUANTIZE for each",
    "dynamic": "weights of 1,024 elements or more as int8; activations are float32, quantized as the model runs",
    "int8": "weights and activations as int8; float32 inputs and outputs, behind QUANTIZE and DEQUANTIZE",
    "int8-io": "weights and activations as int8; int8 inputs and outputs as well",
}
WEIGHTS = {"fp16": "float16", "dynamic": "int8", "int8": "int8", "int8-io": "int8"}
CALIBRATED = ("int8", "int8-io")
DYNAMIC_FROM = 1024  # elements; the converter's own limit: smaller kernels gain nothing, and lose accuracy and XNNPACK
INSTALL = "pip install 'litert-quantizer>=0.11,<0.12'"
TOOL = "litert-quantizer"
LIMIT_S = 900.0
_MODULE = "litert_quantizer"
_SOURCES = ("quantize*.py", "calibration.py", "scaling.py", "inputs.py", "tflite_writer.py")
_TODO = "Measure another variant of it, or quantize it with another tool and give the file."


class RefusedError(NotMeasuredError):
    """What the tool refuses, leaves as it was, or makes of no use: another tool may do better."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is asked: paths of the float32 file, of the new one, and of the pictures that calibrate.

    scaling: what the network makes of a picture's pixels; None: not known.
    """

    source: str
    output: str
    variant: str
    pictures: tuple[str, ...]
    note: str
    scaling: Scaling | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What it answers: an error's three parts; all empty when the file is there."""

    asked: str = ""
    found: str = ""
    todo: str = ""


def why_not(variant: str, format: str, params: int, of: str = "") -> str | None:
    """Why a model of the zoo has no such variant here, in one sentence; None where it has.

    params: of the model; of: the variant that this one is wanted for.
    """
    if format != "tflite":
        return f"The variant {of or variant} exists as .tflite only: {TOOL}, which makes it, writes nothing else."
    if variant == "dynamic" and params < DYNAMIC_FROM:
        return (
            f"dynamic is about weights of {DYNAMIC_FROM:,} elements or more, and the whole model has {params:,}: "
            f"{TOOL} changes nothing then, nor does TensorFlow's converter, whose limit it is."
        )
    return missing()


def missing() -> str | None:
    """Why no variant at all can be made here, in one sentence; None where they can."""
    if find_spec(_MODULE) is not None:
        return None
    return f"Variants other than fp32 are made by {TOOL}, which is not installed: {INSTALL}."


def recipe_key(variant: str, folder: Path | None, scaling: Scaling | None) -> str:
    """Hex sha256 of all that decides how a variant is made: the tool, our code, the user's pictures and their scaling.

    Raises UsageError for a folder that cannot calibrate.
    """
    chosen = chosen_pictures(variant, folder)
    parts = [variant, _tool_version(), fingerprint(_SOURCES), calibration.digest(chosen) if chosen else ""]
    if variant in CALIBRATED:
        parts.append(scaling or "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def quantize(source: Path, variant: str, folder: Path | None = None, scaling: Scaling | None = None) -> bytes:
    """The variant of a float32 .tflite file, all of its weights inside the flatbuffer.

    folder: of pictures that calibrate int8 and int8-io (models/calibration.py); None: eight seeded ones. scaling: what
    their pixels become, None: [0, 1]; its limits are taken as the ranges of float inputs, whatever the pictures hold.
    Raises RefusedError, with the tool's words, for what it refuses, for what it leaves as it was, and for a result that
    LiteRT does not load; NotMeasuredError for pictures that do not fit, UsageError for a folder that cannot calibrate.
    """
    reason = missing()
    if reason or variant not in VARIANTS:
        raise _error(source, variant, reason or f"There is no such variant; there are {', '.join(VARIANTS)}.")
    chosen = chosen_pictures(variant, folder)
    with tempfile.TemporaryDirectory(prefix="bench-quantize-") as scratch:
        request = Request(
            source=str(source.absolute()),
            output=str(Path(scratch) / "variant.tflite"),
            variant=variant,
            pictures=tuple(str(path.absolute()) for path in chosen),
            note=note(variant, maker(), chosen, scaling),
            scaling=scaling,
        )
        _ask(request, Path(scratch), source)
        return Path(request.output).read_bytes()


def chosen_pictures(variant: str, folder: Path | None) -> Sequence[Path]:
    """Those of the user's that calibrate the variant; none where it is not calibrated."""
    return calibration.pictures(folder) if folder is not None and variant in CALIBRATED else ()


@functools.cache
def _tool_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "unknown"


def maker() -> str:
    """The tool and its version."""
    return f"{TOOL} {_tool_version()}"


def note(variant: str, by: str, chosen: Sequence[Path], scaling: Scaling | None) -> str:
    """For the file's description."""
    made = f"made {variant} by {by}"
    if variant not in CALIBRATED:
        return made
    how = f" as {MEANING[scaling]}" if scaling else ""
    if not chosen:
        return f"{made}, calibrated on {len(calibration.SEEDS)} seeded pictures{how}"
    return f"{made}, calibrated on {len(chosen)} pictures of content {calibration.digest(chosen)[:16]}{how}"


def _ask(request: Request, scratch: Path, source: Path) -> None:
    """Run the worker. Raises RefusedError for what the tool could not do, else NotMeasuredError."""
    asked = scratch / "request.json"
    asked.write_bytes(msgspec.json.encode(request))
    # -P and the folder: nothing that lies where the user works is imported. The seed: sets keep one order.
    command = [sys.executable, "-P", "-m", "bench.models.quantize_worker", str(asked)]
    child = Child.start(command, cwd=scratch, env={"PYTHONHASHSEED": "0"})
    try:
        reply = msgspec.json.decode(child.read_line(LIMIT_S), type=Reply)
    except ChildTimeout:
        raise _error(source, request.variant, f"{TOOL} was not done after {LIMIT_S:.0f} s.") from None
    except ChildEnded as ended:
        how = signal_name(ended.returncode) or f"exit code {ended.returncode}"
        said = child.stderr_tail(3)
        raise _error(source, request.variant, f"{TOOL} ended with {how}: {said}".rstrip(": ")) from None
    finally:
        child.close()
    if reply.asked:
        raise NotMeasuredError(reply.asked, reply.found, reply.todo)
    if reply.found:
        raise _error(source, request.variant, reply.found)


def _error(source: Path, variant: str, found: str) -> RefusedError:
    return RefusedError(f"cannot make {variant} of {source.name}", found, _TODO)
