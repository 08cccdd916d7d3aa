"""The options of an op under one set of names for TFLite and ONNX, and only those that matter.

kernel, stride, dilation: [height, width]; padding: `same` or `valid` (TFLite), pads: [top, left, bottom, right] (ONNX);
activation: the fused one (`relu`, `relu6`, ...); others keep their name, in snake case, where they are not the default.
Names: schema.fbs (TFLite), https://onnx.ai/onnx/operators/ (ONNX).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Shape = tuple[int, ...] | None

_PADDING = ("same", "valid")  # schema.fbs: enum Padding
_ACTIVATION = ("none", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")  # enum ActivationFunctionType
_PADDED = frozenset({
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D",
})  # fmt: skip
# Pairs of TFLite fields that make one option.
_PAIRS = {
    "kernel": ("filterHeight", "filterWidth"),
    "stride": ("strideH", "strideW"),
    "dilation": ("dilationHFactor", "dilationWFactor"),
}
_UNIT_PAIRS = ("dilation",)
_WEIGHTS = 1  # the input that holds the kernel, for the convolutions of both formats
_TFLITE_KERNELS = {"CONV_2D": (1, 3), "DEPTHWISE_CONV_2D": (1, 3), "TRANSPOSE_CONV": (1, 3), "CONV_3D": (0, 3)}
_ONNX_NAMES = {"strides": "stride", "dilations": "dilation", "kernel_shape": "kernel"}
_ONNX_DEFAULTS: dict[str, Any] = {"group": 1, "auto_pad": "NOTSET", "ceil_mode": 0, "storage_order": 0}
_ONNX_CONVOLUTIONS = ("Conv", "ConvTranspose", "ConvInteger")
# They say again what the tensors' shapes say, or nothing at all to whoever reads the table.
_DROPPED = frozenset({"newShape", "quantizedBiasType", "debugMetadataIndex", "potScaleInt16"})


def readable(kind: str, op: str, options: dict[str, Any], inputs: Sequence[Shape]) -> dict[str, Any]:
    """The options of an op as models/dag.py gives them (without defaults), under readable names.

    inputs: shapes of the op's inputs; a convolution's kernel size is that of its weights.
    """
    return _tflite(op, options, inputs) if kind == "tflite" else _onnx(op, options, inputs)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _tflite(op: str, options: dict[str, Any], inputs: Sequence[Shape]) -> dict[str, Any]:
    rest = {key: value for key, value in options.items() if key not in _DROPPED}
    result: dict[str, Any] = {}
    weights = inputs[_WEIGHTS] if len(inputs) > _WEIGHTS else None
    if op in _TFLITE_KERNELS and weights is not None:
        start, end = _TFLITE_KERNELS[op]
        result["kernel"] = list(weights[start:end])
    for name, (high, wide) in _PAIRS.items():
        if high in rest or wide in rest:
            default = 1 if name in _UNIT_PAIRS else 0
            result[name] = [rest.pop(high, default), rest.pop(wide, default)]
    if op in _PADDED:
        result["padding"] = _named(_PADDING, rest.pop("padding", 0))
    if "fusedActivationFunction" in rest:
        result["activation"] = _named(_ACTIVATION, rest.pop("fusedActivationFunction"))
    return result | {_snake(key): value for key, value in sorted(rest.items())}


def _named(names: Sequence[str], value: int) -> str:
    return names[value] if 0 <= value < len(names) else f"type_{value}"


def _onnx(op: str, options: dict[str, Any], inputs: Sequence[Shape]) -> dict[str, Any]:
    result = {
        _ONNX_NAMES.get(key, key): value for key, value in sorted(options.items()) if _ONNX_DEFAULTS.get(key) != value
    }
    weights = inputs[_WEIGHTS] if len(inputs) > _WEIGHTS else None
    if op in _ONNX_CONVOLUTIONS and weights is not None:
        result.setdefault("kernel", list(weights[2:]))
    for name in ("dilation", "pads"):
        neutral = 1 if name == "dilation" else 0
        if name in result and all(value == neutral for value in result[name]):
            del result[name]
    return result


def pair(options: dict[str, Any], name: str) -> tuple[int, int]:
    """A [height, width] option; (1, 1) where it is not there or has another number of axes."""
    found = options.get(name, (1, 1))
    return (int(found[0]), int(found[1])) if len(found) == 2 else (1, 1)
