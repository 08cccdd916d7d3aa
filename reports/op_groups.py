"""One name for the op types that runtimes call differently, so that their times can stand side by side.

A convenience for charts, not a claim that two runtimes do the same work under that name: fused activations, layout
changes and padding land in different ops. A type that is in no row of the table keeps its own name.
"""

from __future__ import annotations

import re

OP_GROUPS: dict[str, tuple[str, ...]] = {
    "Conv": (
        "CONV_2D",
        "CONV_3D",
        "Conv",
        "FusedConv",
        "NhwcConv",
        "NhwcFusedConv",
        "QLinearConv",
        "ConvInteger",
        "Convolution",
        "Conv2D",
    ),
    "DepthwiseConv": ("DEPTHWISE_CONV_2D", "DepthwiseConv", "DWConv", "GroupConvolution", "DepthwiseConv2dNative"),
    "TransposeConv": ("TRANSPOSE_CONV", "ConvTranspose", "Deconvolution", "ConvolutionBackpropData"),
    "MatMul": (
        "FULLY_CONNECTED",
        "BATCH_MATMUL",
        "MatMul",
        "Gemm",
        "FusedGemm",
        "FusedMatMul",
        "FullyConnected",
        "QLinearMatMul",
        "MatMulInteger",
        "DynamicQuantizeMatMul",
        "QGemm",
        "Dynamic Fully Connected",
    ),
    "Add": ("ADD", "Add", "QLinearAdd", "Eltwise Add"),
    "Mul": ("MUL", "Mul", "Multiply", "QLinearMul"),
    "Sub": ("SUB", "Sub", "Subtract"),
    "Relu": ("RELU", "RELU6", "RELU_N1_TO_1", "Relu", "Clip", "Clamp"),
    "Sigmoid": ("LOGISTIC", "Sigmoid", "QLinearSigmoid"),
    "HardSwish": ("HARD_SWISH", "HardSwish", "HSwish"),
    "Softmax": ("SOFTMAX", "Softmax", "QLinearSoftmax"),
    "Resize": ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "Resize", "Upsample", "Interpolate"),
    "Concat": ("CONCATENATION", "Concat", "QLinearConcat", "Concatenation"),
    "AveragePool": ("AVERAGE_POOL_2D", "AveragePool", "AvgPool", "QLinearAveragePool"),
    "MaxPool": ("MAX_POOL_2D", "MaxPool"),
    "GlobalPool": ("MEAN", "ReduceMean", "GlobalAveragePool", "QLinearGlobalAveragePool", "Mean"),
    "Pad": ("PAD", "PADV2", "MIRROR_PAD", "Pad"),
    "Transpose": ("TRANSPOSE", "Transpose"),
    "Reshape": ("RESHAPE", "Reshape", "SQUEEZE", "Squeeze", "EXPAND_DIMS", "Unsqueeze", "Flatten"),
    "Slice": ("STRIDED_SLICE", "SLICE", "Slice", "StridedSlice"),
    "Quantize": ("QUANTIZE", "QuantizeLinear", "FakeQuantize"),
    "Dequantize": ("DEQUANTIZE", "DequantizeLinear"),
    "Reorder": ("Reorder", "ReorderInput", "ReorderOutput"),
}

STATED = (
    "Runtimes name their ops differently. Names that mean the same are put together here "
    "(CONV_2D, Conv and Convolution count as Conv); a name that is in no such group stands as it is. "
    "Runtimes also fuse differently, so compare the groups with care, and the totals first."
)

_SIGNS = re.compile(r"[^a-z0-9]")


def _folded(op_type: str) -> str:
    # XNNPACK tells layout and precision in brackets: `Convolution (NHWC, F32) IGEMM`.
    return _SIGNS.sub("", op_type.split("(")[0].casefold())


_BY_NAME = {_folded(name): group for group, names in OP_GROUPS.items() for name in names}


def op_group(op_type: str) -> str:
    """`CONV_2D` -> `Conv`; an unknown type is given back as it is."""
    return _BY_NAME.get(_folded(op_type), op_type)
