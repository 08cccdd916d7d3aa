"""Which op of the file a row of LiteRT's profiler stands for.

The profiler tells the kind of an op but not its name. Where the whole graph ran in one piece, as many rows as the
file has nodes, in the file's order, and each row's kind fits its node's, the row is that node; else no names are given.
"""

from __future__ import annotations

from typing import List, Tuple

from .adapter import Json

# Beginnings of XNNPACK's operator names, as LiteRT 2.3 prints them -> TFLite ops that it makes them from. What is not
# listed fits nothing: then there are no names.
KINDS = (
    # Either way round: a dense convolution over one channel runs as depthwise, a large depthwise one as dense.
    ("Convolution", ("CONV_2D", "DEPTHWISE_CONV_2D")),
    ("Fully Connected", ("CONV_2D", "FULLY_CONNECTED")),  # a 1x1 convolution is a matrix product
    ("Deconvolution", ("TRANSPOSE_CONV",)),
    ("Add", ("ADD",)),
    ("Subtract", ("SUB",)),
    ("Multiply", ("MUL",)),
    ("Clamp", ("RELU", "RELU6", "RELU_N1_TO_1")),
    ("PReLU", ("PRELU",)),
    ("Binary Elementwise", ("PRELU",)),
    ("Sigmoid", ("LOGISTIC",)),
    ("Softmax", ("SOFTMAX",)),
    ("Max Pooling", ("MAX_POOL_2D",)),
    ("Average Pooling", ("AVERAGE_POOL_2D",)),
    ("Resize Bilinear", ("RESIZE_BILINEAR",)),
    ("Constant Pad", ("PAD", "PADV2")),
    ("Static Reshape", ("RESHAPE",)),
    ("Copy", ("RESHAPE", "CONCATENATION")),
    ("Slice", ("STRIDED_SLICE", "SLICE")),
    ("Static Slice", ("STRIDED_SLICE", "SLICE")),
    ("Concatenate", ("CONCATENATION",)),
)
UNNAMED = "the rows carry no names: they do not pair with the file's ops"


def fits(row_type: str, node_type: str) -> bool:
    """Whether a profiler row of this kind can be that node."""
    if row_type == node_type:
        return True
    return any(row_type.startswith(start) and node_type in types for start, types in KINDS)


def name_rows(found: Json, nodes: List[Tuple[str, str]]) -> Json:
    """Give the rows the names of the file's ops, all or none. nodes: (op type, name of its first output), in order."""
    rows = sorted(found["rows"], key=lambda row: int(row["position"]))
    paired = len(rows) == len(nodes) and all(fits(row["op_type"], node[0]) for row, node in zip(rows, nodes))
    if paired:
        for row, (op_type, name) in zip(rows, nodes):
            row["name"] = name
            row["source_ops"] = ["%s %s" % (op_type, name)]
    note = "rows paired with the file's ops by order and kind" if paired else UNNAMED
    return dict(found, rows=rows, notes=found["notes"] + [note])
