"""What a person should know of an engine: what versions of TensorRT cannot be made to do alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.base.findings import Finding


def findings(
    options: Mapping[str, str], histogram: Mapping[str, int], version: str, lacking: Sequence[str]
) -> list[Finding]:
    """histogram: of the model's ops; lacking: flags that make versions alike and that this one does not have."""
    missing = f"; it lacks {', '.join(lacking)}" if lacking else ""
    name = f"TensorRT {version}" if version else "a TensorRT of unknown version"
    told = [
        Finding(
            code="tensorrt-version",
            severity="info",
            what=f"{name} with the flags that make versions comparable{missing}",
            why="Versions still differ in which libraries of kernels they try (cuDNN and cuBLAS no longer by default "
            "since 10) and in what the builder fuses; since 11 only the types in the file decide what it computes in.",
            remedy="Compare devices within one version, or say the version beside the number.",
        )
    ]
    if options.get("precision") in ("int8", "best") and not any(op.endswith("QuantizeLinear") for op in histogram):
        told.append(
            Finding(
                code="tensorrt-uncalibrated",
                severity="warning",
                what="int8 without calibration: the model has no QuantizeLinear nodes, so trtexec makes up the ranges",
                why="The time is that of int8 kernels; what comes out means nothing.",
                remedy="Give a quantized ONNX model (with QuantizeLinear and DequantizeLinear) for numbers to act on.",
            )
        )
    return told
