"""Which ops the delegates of TFLite take: facts read from their sources, as data. How they are read: delegates.py.

A condition that depends on the device, the Android version, on values of tensors or on quantization is not in here.
"""

from __future__ import annotations

from bench.models.delegates import Accepts, Delegate, Target
from bench.models.edgetpu_parts import COMPILED_OP

_EIGHT_BIT = ("int8", "uint8")
_FLOAT = ("float32", "float16")
_RELU = ("none", "relu", "relu6", "relu_n1_to_1")
_GPU_FUSED = (*_RELU, "tanh", "sigmoid")


def _all(names: str, accepts: Accepts) -> dict[str, Accepts]:
    """The same conditions for several op types, whose names are separated by spaces."""
    return dict.fromkeys(names.split(), accepts)


_SLICE_MASKS = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")

_GPU = Delegate(
    target="gpu",
    name="GPU delegate",
    source="google-ai-edge/LiteRT, tflite/tools/versioning/gpu_compatibility.cc at 007226f",
    checked=True,
    dtypes=(*_FLOAT, *_EIGHT_BIT),
    ops={
        **_all("CONV_2D DEPTHWISE_CONV_2D AVERAGE_POOL_2D MAX_POOL_2D MUL DIV SUB", Accepts(activations=_GPU_FUSED)),
        **_all("ADD ADD_N BATCH_MATMUL BITCAST CAST CONCATENATION CUMSUM DENSIFY DEPTH_TO_SPACE", Accepts()),
        **_all("EMBEDDING_LOOKUP DYNAMIC_UPDATE_SLICE FULLY_CONNECTED GATHER HARD_SWISH LSTM MEAN", Accepts()),
        **_all("PACK ONE_HOT QUANTIZE RELU_N1_TO_1 PRELU RESHAPE SELECT SELECT_V2 SOFTMAX SPACE_TO_DEPTH", Accepts()),
        **_all("SPLIT SPLIT_V TILE TOPK_V2 TRANSPOSE TRANSPOSE_CONV RESIZE_NEAREST_NEIGHBOR", Accepts()),
        **_all("RELU RELU6 LEAKY_RELU REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM", Accepts()),
        **_all("PAD PADV2 MIRROR_PAD", Accepts(ranks=(3, 4))),
        **_all("REVERSE_V2 ABS CEIL COS ELU EXP FLOOR GELU LOG LOGICAL_NOT LOGISTIC NEG ROUND RSQRT", Accepts()),
        **_all("SIGN SIN SQRT SQUARE TANH ATAN2 EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL", Accepts()),
        **_all("LOGICAL_AND LOGICAL_OR LESS LESS_EQUAL MAXIMUM MINIMUM NOT_EQUAL POW RIGHT_SHIFT", Accepts()),
        **_all("SQUARED_DIFFERENCE STABLEHLO_REMAINDER STABLEHLO_SHIFT_LEFT STABLEHLO_BROADCAST_IN_DIM", Accepts()),
        **_all("STABLEHLO_CBRT STABLEHLO_CLAMP", Accepts()),
        **_all("Convolution2DTransposeBias MaxPoolingWithArgmax2D MaxUnpooling2D Resampler", Accepts()),
        "DEQUANTIZE": Accepts(dtypes=(*_EIGHT_BIT, *_FLOAT)),
        "RESIZE_BILINEAR": Accepts(not_both=("align_corners", "half_pixel_centers")),
        "SLICE": Accepts(ranks=(3, 4), inputs=3),
        "STRIDED_SLICE": Accepts(ranks=(3, 4), inputs=4, zero=_SLICE_MASKS),
    },
)

_FLOAT_OR_8_BIT = ("float32", *_EIGHT_BIT)

_NNAPI = Delegate(
    target="nnapi",
    name="NNAPI delegate (feature level of Android 11, NNAPI 1.3)",
    source="tensorflow/tensorflow, tensorflow/lite/delegates/nnapi/nnapi_delegate.cc at 002e5f4",
    checked=True,
    dtypes=(*_FLOAT, *_EIGHT_BIT),
    ops={
        "ADD": Accepts(version=2, dtypes=(*_FLOAT_OR_8_BIT, "int32")),
        **_all("AVERAGE_POOL_2D MAX_POOL_2D", Accepts(version=2, dtypes=_FLOAT_OR_8_BIT)),
        **_all("ARG_MAX ARG_MIN", Accepts(version=2, outputs=("int32",))),
        **_all("PAD PADV2", Accepts(version=2, dtypes=_FLOAT_OR_8_BIT, inputs=2)),
        **_all("RELU RELU6 RELU_N1_TO_1 LOGISTIC", Accepts(version=2, dtypes=_FLOAT_OR_8_BIT)),
        **_all("ABS EXP LOG RSQRT POW SIN SQRT L2_POOL_2D", Accepts(version=1, dtypes=("float32",))),
        **_all("DIV LOG_SOFTMAX REDUCE_PROD SUM ELU", Accepts(version=1, dtypes=("float32",))),
        **_all("MAXIMUM MINIMUM", Accepts(version=3, dtypes=(*_FLOAT_OR_8_BIT, "int32"))),
        **_all("LEAKY_RELU PRELU", Accepts(version=1, dtypes=_FLOAT_OR_8_BIT)),
        **_all("LOGICAL_OR LOGICAL_AND LOGICAL_NOT", Accepts(version=1, dtypes=("bool",))),
        **_all("LESS LESS_EQUAL GREATER GREATER_EQUAL EQUAL NOT_EQUAL SELECT", Accepts(version=2)),
        **_all("REDUCE_MIN REDUCE_MAX", Accepts(version=2, dtypes=_FLOAT_OR_8_BIT)),
        **_all("SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND STRIDED_SLICE TRANSPOSE SPACE_TO_DEPTH", Accepts(version=2)),
        **_all("SLICE MEAN TOPK_V2 GATHER QUANTIZE REDUCE_ANY PACK TANH", Accepts(version=2)),
        **_all("UNIDIRECTIONAL_SEQUENCE_LSTM", Accepts(version=2)),
        **_all("FLOOR SQUEEZE LOCAL_RESPONSE_NORMALIZATION LSH_PROJECTION SVDF RNN FILL TILE CAST", Accepts(version=1)),
        **_all("EMBEDDING_LOOKUP HASHTABLE_LOOKUP EXPAND_DIMS BIDIRECTIONAL_SEQUENCE_LSTM", Accepts(version=1)),
        **_all("UNIDIRECTIONAL_SEQUENCE_RNN", Accepts(version=1)),
        **_all("HARD_SWISH DENSIFY DEPTH_TO_SPACE", Accepts()),
        "MUL": Accepts(version=3, dtypes=(*_FLOAT_OR_8_BIT, "int32")),
        "SUB": Accepts(version=3, ranks=(0, 1, 2, 3, 4)),
        "CONV_2D": Accepts(version=3, inputs=3),
        "DEPTHWISE_CONV_2D": Accepts(version=3),
        "TRANSPOSE_CONV": Accepts(version=3),
        "FULLY_CONNECTED": Accepts(version=5),
        "LSTM": Accepts(version=3),
        "SPLIT": Accepts(version=3),
        "NEG": Accepts(version=2, dtypes=("float32", "int32")),
        "DEQUANTIZE": Accepts(version=2, dtypes=_EIGHT_BIT),
        "SOFTMAX": Accepts(version=2, ranks=(1, 2, 3, 4), dtypes=_FLOAT_OR_8_BIT),
        "RESHAPE": Accepts(version=1, dtypes=_FLOAT_OR_8_BIT),
        "CONCATENATION": Accepts(version=2, activations=("none",), ranks=(1, 2, 3, 4)),
        "L2_NORMALIZATION": Accepts(version=2, activations=("none",)),
        "RESIZE_BILINEAR": Accepts(version=3, ranks=(4,), inputs=2, dtypes=_FLOAT_OR_8_BIT),
        "RESIZE_NEAREST_NEIGHBOR": Accepts(version=3, inputs=2, dtypes=_FLOAT_OR_8_BIT),
    },
)

_HEXAGON = Delegate(
    target="hexagon",
    name="Hexagon delegate",
    source="tensorflow/tensorflow, tensorflow/lite/delegates/hexagon/utils.cc at 1fa9397",
    checked=True,
    dtypes=_EIGHT_BIT,
    max_rank=4,
    ops={
        **_all("ADD MUL SUB", Accepts(version=2, activations=_RELU)),
        **_all(
            "ARG_MAX ARG_MIN CONCATENATION LOGISTIC MAXIMUM MEAN MINIMUM MIRROR_PAD PACK QUANTIZE", Accepts(version=2)
        ),
        **_all("RELU6 RESIZE_NEAREST_NEIGHBOR SLICE SOFTMAX SPACE_TO_DEPTH SPLIT TANH TRANSPOSE", Accepts(version=2)),
        **_all("HARD_SWISH NEG DEPTH_TO_SPACE RESHAPE", Accepts(version=1)),
        **_all("AVERAGE_POOL_2D MAX_POOL_2D L2_NORMALIZATION", Accepts(version=2, activations=("none",))),
        "PAD": Accepts(version=2),
        "RELU": Accepts(least_version=2, version=2),
        "FULLY_CONNECTED": Accepts(version=4, activations=_RELU, zero=("keep_num_dims", "weights_format")),
        "CONV_2D": Accepts(version=3, stride=3, dilation=1, activations=_RELU),
        "DEPTHWISE_CONV_2D": Accepts(version=3, stride=3, undilated_stride=True, activations=_RELU),
        "TRANSPOSE_CONV": Accepts(version=2, stride=3),
        "RESIZE_BILINEAR": Accepts(version=2, side=65),
        "STRIDED_SLICE": Accepts(version=2, zero=("ellipsis_mask", "new_axis_mask")),
    },
)

_EDGETPU = Delegate(
    target="edgetpu",
    name="Edge TPU (compiler 16)",
    source="coral.ai/docs/edgetpu/models-intro (table of supported operations), read in copies of 2019 and later",
    checked=True,
    dtypes=_EIGHT_BIT,
    ops={
        **_all("ADD EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC LSTM MAXIMUM MEAN MINIMUM MUL", Accepts()),
        **_all("PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE", Accepts()),
        **_all("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUEEZE", Accepts()),
        **_all("SUB SUM SQUARED_DIFFERENCE TANH TRANSPOSE CONV_2D DEPTHWISE_CONV_2D", Accepts()),
        **_all("AVERAGE_POOL_2D CONCATENATION MAX_POOL_2D", Accepts(activations=("none",))),
        "TRANSPOSE_CONV": Accepts(),  # its versions have a rule of their own, since they end the whole compilation
        "STRIDED_SLICE": Accepts(zero=("ellipsis_mask", "new_axis_mask")),
    },
    unchecked=("RSQRT", "SUM", "SQUARED_DIFFERENCE"),
    skips=(COMPILED_OP,),
)

DELEGATES: dict[Target, Delegate] = {each.target: each for each in (_GPU, _NNAPI, _HEXAGON, _EDGETPU)}
TARGETS: tuple[Target, ...] = tuple(DELEGATES)
