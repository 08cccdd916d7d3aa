"""Rules on shapes, outputs, resizing and kernels: what costs time or moves pixels wherever it runs, GPUs first."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.models.cost import op_cost
from bench.models.delegate_ops import TARGETS
from bench.models.lint import Hit, Rule, Subject
from bench.models.lint_resize import moved_pictures
from bench.models.ops import Op, OpTable, Tensor

_README = "Portrait-Segmentation README"
_SLICE = 4  # channels that a GPU holds together
_SMALL_BYTES = 4096  # padding below one page is nothing to act on
# The README's 256 kB output cost about 10 ms to read back, its 16 kB one next to nothing: a line between them.
_LARGE_OUTPUT_BYTES = 65_536
_LESS = "Return less: a smaller mask, a narrower type (uint8 instead of int64), or the largest class instead of all."
_PIXELS_PER_FLOAT = 16  # 0/1 pixels that one float32 holds exactly
_FLOAT_BYTES = 4
_BINARY = (1, 2)  # channels of a mask, or of the two classes that one is made of

_RESHAPE = "Keep the shape from end to end; a flattened input costs more than an unused fourth channel."
_SLICING = "Let the first convolution read all channels, with zero weights for those that do not matter."
_PAD = "Let the next convolution pad: `same` padding, or the pads of the op itself."
_MOVE = "Avoid the change of layout, or do it outside of the graph."
_SHAPE_OPS = {
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "Reshape", "Flatten", "Squeeze", "Unsqueeze"), _RESHAPE),
    **dict.fromkeys(("STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "Slice", "Split"), _SLICING),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD", "Pad"), _PAD),
    **dict.fromkeys(("TRANSPOSE", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), _MOVE),
    **dict.fromkeys(("Transpose", "SpaceToDepth", "DepthToSpace"), _MOVE),
}


_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def _channels_last(table: OpTable) -> set[str]:
    """Tensors of four dimensions with the channels last: all in TFLite; in ONNX those beside a change of layout."""
    if table.format == "tflite":
        return set(table.tensors)
    changes = [op for op in table.ops if op.type == "Transpose"]
    before = {key for op in changes if op.options.get("perm") == _TO_NCHW for key in op.inputs}
    return before | {key for op in changes if op.options.get("perm") == _TO_NHWC for key in op.outputs}


def _makers(table: OpTable) -> list[tuple[Op | None, Tensor]]:
    """Every activation with the op that makes it, None for the graph's inputs."""
    inputs: list[tuple[Op | None, Tensor]] = [(None, table.tensors[key]) for key in table.inputs if key]
    return inputs + [(op, tensor) for op in table.ops for tensor in table.activations(table.made(op))]


def _channels(subject: Subject) -> Iterable[Hit]:
    table = subject.table
    last = _channels_last(table)
    for op, tensor in _makers(table):
        if tensor.shape is None or len(tensor.shape) != 4:
            continue
        channels = tensor.shape[3 if tensor.key in last else 1]
        if channels <= 0:
            continue
        held = math.ceil(channels / _SLICE) * _SLICE
        if held == channels:
            continue
        size = tensor.size_bytes
        padding = None if size is None else size // channels * (held - channels)
        small = padding is not None and padding < _SMALL_BYTES
        yield Hit(
            what=f"{channels} channel{'s' * (channels != 1)}, held as {held}.",
            op=None if op is None else op.index,
            tensor=tensor.key,
            estimated_bytes=padding,
            severity="info" if small else None,
        )


def _shape_ops(subject: Subject) -> Iterable[Hit]:
    table = subject.table
    for op in table.ops:
        made = table.activations(table.made(op))
        if op.type not in _SHAPE_OPS or not made:
            continue
        last = all(tensor.key in table.outputs for tensor in made)
        flat = last and _SHAPE_OPS[op.type] is _RESHAPE
        yield Hit(
            what=f"{op.type} moves data and computes nothing."
            + (" It shapes the output, which may be cheaper to read back flat." if flat else ""),
            op=op.index,
            tensor=made[0].key,
            estimated_bytes=op_cost(table, op).moved_bytes,
            severity="info" if flat else None,
            remedy="Measure with and without it." if flat else _SHAPE_OPS[op.type],
        )


def _outputs(subject: Subject) -> Iterable[Hit]:
    table = subject.table
    last = _channels_last(table)
    for key in table.outputs:
        tensor = table.tensors[key]
        size, elements = tensor.size_bytes, tensor.elements
        if size is None or not elements or tensor.shape is None or size < _LARGE_OUTPUT_BYTES:
            continue
        channels = tensor.shape[3 if key in last else 1] if len(tensor.shape) == 4 else 1
        maker = next((op.index for op in table.ops if key in op.outputs), None)
        if channels not in _BINARY or tensor.dtype != "float32":
            yield Hit(what=f"{size:,} bytes are read back.", op=maker, tensor=key, remedy=_LESS)
            continue
        packed = math.ceil(elements // channels / _PIXELS_PER_FLOAT) * _FLOAT_BYTES
        yield Hit(
            what=f"{size:,} bytes are read back; a 0/1 mask packed 16 to 1 is {packed:,}.",
            op=maker,
            tensor=key,
            estimated_bytes=size - packed,
        )


def _dilations(subject: Subject) -> Iterable[Hit]:
    table = subject.table
    for index, lattice in subject.lattices.items():
        op = table.ops[index]
        weights = table.input(op, 1)
        macs = op_cost(table, op).macs
        stored, taps = math.prod(lattice.size), math.prod(lattice.taps)
        size = None if weights is None else weights.size_bytes
        wasted = "" if macs is None else f", {(macs - macs * taps // stored) / 1e6:.1f} of {macs / 1e6:.1f} MMAC with 0"
        yield Hit(
            what=f"A {lattice.size[0]} x {lattice.size[1]} kernel with {taps} taps: {lattice.taps[0]} x "
            f"{lattice.taps[1]} with dilation {lattice.dilation[0]} x {lattice.dilation[1]}{wasted}.",
            op=index,
            tensor=op.inputs[1],
            estimated_bytes=None if size is None else size - size * taps // stored,
        )


def _dynamic(subject: Subject) -> Iterable[Hit]:
    table = subject.table
    inputs = [(None, table.tensors[key]) for key in table.inputs if key and table.tensors[key].dynamic]
    made = ((op, tensor) for op, tensor in _makers(table) if tensor.dynamic)
    for op, tensor in inputs or list(made)[:1]:
        sizes = "unknown" if tensor.shape is None else "x".join("?" if n < 0 else str(n) for n in tensor.shape)
        yield Hit(
            what=f"The shape of {tensor.name!r} is {sizes}, known only at run time.",
            op=None if op is None else op.index,
            tensor=tensor.key,
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="dynamic-shape",
        severity="warning",
        title="Dynamic shapes",
        why="Delegates plan their memory before they run and want fixed sizes; the Edge TPU compiler refuses others.",
        remedy="Convert the model with a fixed input shape, batch included.",
        source="coral.ai/docs/edgetpu/models-intro (model requirements); TFLite's own message when such a graph meets "
        "a delegate (`only supports static-sized tensors`)",
        targets=TARGETS,
        check=_dynamic,
    ),
    Rule(
        code="dense-dilation",
        severity="warning",
        title="Dilated kernels written out with zeros",
        why="The zeros are multiplied and stored like weights.",
        remedy="Convert again with a converter that keeps the dilation as an option of the convolution.",
        source="the weights in the file",
        targets=TARGETS,
        check=_dilations,
        bytes_are="zero weights that a dilation would not store",
    ),
    Rule(
        code="bilinear-shift",
        severity="warning",
        title="Bilinear resizing that moves the picture",
        why="A mask lies beside the person it belongs to, and two runtimes may disagree on its edge.",
        remedy="Resize with half-pixel centres, in training too.",
        source=f"{_README}, lessons (mask shifting); shift = (scale - 1) / 2 from the three definitions of the grid",
        targets=TARGETS,
        check=moved_pictures,
        bytes_are="of the resized tensor",
    ),
    Rule(
        code="large-output",
        severity="warning",
        title="Large outputs are read back",
        why="The result crosses from the accelerator to the CPU after every inference; at 256 kB the source measured "
        "about 10 ms for it.",
        remedy="Where a 0/1 mask is enough, pack it: a 1 x 16 convolution with stride 16 and the weights 2^7 to 2^-8 "
        "makes one float of 16 pixels, exact as long as the GPU computes in float32 (width a multiple of 16). Or leave "
        "the output on the GPU.",
        source=f"{_README}, the GPU paradox (models 1 and 2)",
        targets=("gpu",),
        check=_outputs,
        bytes_are="saved per inference by packing",
    ),
    Rule(
        code="shape-ops",
        severity="warning",
        title="Ops that only move data",
        why="On a GPU a change of shape is a copy between layouts, far dearer than on a CPU.",
        remedy=_MOVE,
        source=f"{_README}, the GPU paradox (models 5 and 6) and lessons; tensorflow/tensorflow, "
        "tensorflow/lite/g3doc/performance/gpu.md at 02145c2 (tips for optimization)",
        targets=("gpu",),
        check=_shape_ops,
        bytes_are="read and written to move data",
    ),
    Rule(
        code="channels-of-4",
        severity="warning",
        title="Channels that are no multiple of four",
        why="A GPU holds channels in slices of four: what is missing is filled up, copied and computed.",
        remedy="Choose a multiple of four: RGBX instead of RGB at the input, 16 filters instead of 15.",
        source=f"{_README}, the GPU paradox (models 1 and 3) and lessons; tensorflow/tensorflow, "
        "tensorflow/lite/g3doc/performance/gpu.md at 02145c2 (tips for optimization)",
        targets=("gpu",),
        check=_channels,
        bytes_are="padding that the GPU adds",
    ),
)
