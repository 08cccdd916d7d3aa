"""The process that quantizes: `python -m bench.models.quantize_worker REQUEST`. One line of JSON on stdout: a Reply."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from bench.base.errors import BenchError
from bench.models import calibration
from bench.models.quantize import DYNAMIC_FROM, TOOL, WEIGHTS, Reply, Request
from bench.models.quantize_file import constant_types, finished, prepared
from bench.models.scaling import limits
from bench.records.types import TensorSpec

_WORDS = 400  # characters of what a tool said
_INT8: dict[str, Any] = {"num_bits": 8, "dtype": "INT", "symmetric": True, "granularity": "CHANNELWISE"}
_ACTIVATIONS = {**_INT8, "symmetric": False, "granularity": "TENSORWISE"}
_FLOAT16 = {"num_bits": 16, "dtype": "FLOAT", "symmetric": True, "granularity": "TENSORWISE"}


def recipe(variant: str) -> list[dict[str, Any]]:
    """The variant in the tool's terms: a rule for all ops, and exceptions."""
    if variant == "fp16":
        config = {"weight_tensor_config": _FLOAT16, "compute_precision": "FLOAT", "explicit_dequantize": True}
        return [_rule("*", "float_casting", config)]
    if variant == "dynamic":
        config = {"weight_tensor_config": _INT8, "compute_precision": "INTEGER", "min_weight_elements": DYNAMIC_FROM}
        return [_rule("*", "min_max_uniform_quantize", config)]
    full = {
        "weight_tensor_config": _INT8, "activation_tensor_config": _ACTIVATIONS, "compute_precision": "INTEGER",
    }  # fmt: skip
    rules = [_rule("*", "min_max_uniform_quantize", full)]
    if variant == "int8":
        rules += [_rule(end, "no_quantize", {"compute_precision": "FLOAT"}) for end in ("INPUT", "OUTPUT")]
    return rules


def _rule(operation: str, algorithm: str, config: dict[str, Any]) -> dict[str, Any]:
    whole = {"explicit_dequantize": False, "skip_checks": False, "min_weight_elements": 0, **config}
    return {"regex": ".*", "operation": operation, "algorithm_key": algorithm, "op_config": whole}


def make(request: Request) -> None:
    """Write the variant. Raises BenchError and whatever the tool raises."""
    source, output = Path(request.source), Path(request.output)
    constant_types(source)  # its reader says what a file is that is no model
    data = prepared(source.read_bytes())
    tool = import_module(_module()).Quantizer(data, recipe(request.variant))
    ranges = _calibrated(tool, data, request) if tool.need_calibration else None
    made = tool.quantize(ranges, enable_progress_report=False).quantized_model
    output.write_bytes(finished(bytes(made), request.note))
    wanted = WEIGHTS[request.variant]
    if constant_types(output)[wanted] <= constant_types(source)[wanted]:
        raise _UselessError(f"{TOOL} changed nothing: it made no {wanted} weights.")
    try:
        _interpreter(output.read_bytes()).allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise _UselessError(f"LiteRT does not load what {TOOL} made: {_words(error)}") from error


class _UselessError(Exception):
    """The tool raised nothing, but what it made is of no use."""


def _module() -> str:
    return TOOL.replace("-", "_")


def _interpreter(data: bytes) -> Any:
    return import_module("ai_edge_litert.interpreter").Interpreter(model_content=data, num_threads=1)


def _calibrated(tool: Any, data: bytes, request: Request) -> dict[str, Any]:
    """The ranges that the pictures make the tensors take; those of float inputs are known: the scaling's limits.

    The tool keeps a moving average over the samples (0.95 old, 0.05 new), so their order counts.
    """
    import numpy as np

    interpreter = _interpreter(data)
    signature = next(iter(interpreter.get_signature_list()))
    inputs = interpreter.get_signature_runner(signature).get_input_details()
    samples = calibration.samples(_specs(inputs), [Path(path) for path in request.pictures], request.scaling)
    low, high = limits(request.scaling or "unit")
    # One thread: its sums have one order, so that two builds are the same.
    ranges: dict[str, Any] = tool.calibrate({signature: samples}, num_threads=1)
    for details in inputs.values():
        if details["name"] in ranges and details["dtype"] is np.float32:
            known = {"min": low, "max": high}
            old = ranges[details["name"]]
            ranges[details["name"]] = {end: np.full_like(old[end], value) for end, value in known.items()}
    return ranges


def _specs(inputs: Mapping[str, Any]) -> dict[str, TensorSpec]:
    import numpy as np

    return {
        name: TensorSpec(name=name, dtype=np.dtype(each["dtype"]).name, shape=tuple(map(int, each["shape"])))
        for name, each in inputs.items()
    }


def answer(request: Request) -> Reply:
    """Do it, and say in words what could not be done: the tool raises whatever it meets."""
    try:
        make(request)
    except BenchError as error:
        return Reply(asked=error.asked, found=error.found, todo=error.todo)
    except _UselessError as error:
        return Reply(found=str(error))
    except Exception as error:
        return Reply(found=f"{TOOL} says: {_words(error)}")
    return Reply()


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:_WORDS] or type(error).__name__


def main() -> None:
    request = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Request)
    # What the libraries print must not stand where the reply is read.
    sys.stdout.flush()
    channel = os.dup(1)
    os.dup2(2, 1)
    os.write(channel, msgspec.json.encode(answer(request)) + b"\n")


if __name__ == "__main__":
    main()
