"""Reading an .onnx file with the onnx package; weights kept in other files are not looked at.

Format: https://onnx.ai/onnx/repo-docs/IR.html.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.base.errors import ModelFileError
from bench.models.model_file import damaged, guarded, no_model, read_bytes, read_head
from bench.records.types import GraphFacts, TensorSpec

_KIND = "ONNX"


def load(path: Path) -> Any:
    """The file's ModelProto. Raises ModelFileError when it is none or has no graph."""
    import onnx
    from google.protobuf.message import DecodeError

    data = read_bytes(path)
    head = read_head(path)
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        raise no_model(path, _KIND, head, "It does not parse; it may be cut off.") from None
    if not model.HasField("graph") or model.ir_version <= 0:
        raise no_model(path, _KIND, head, "It holds no graph.")
    if not model.graph.node:
        raise damaged(path, _KIND, "its graph has no nodes")
    return model


def dtype_name(elem_type: int) -> str:
    """NumPy's name of a TensorProto type; `type_<n>` for one that this onnx package does not know."""
    import onnx

    if elem_type == onnx.TensorProto.STRING:
        return "string"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(elem_type).name)
    except (KeyError, ValueError):
        return f"type_{elem_type}"


def spec(value: Any) -> TensorSpec:
    """A graph input or output. Unknown rank is one dynamic dimension; what is no tensor has its kind as dtype."""
    kind = value.type.WhichOneof("value") or "unknown"
    if kind != "tensor_type":
        return TensorSpec(name=value.name, dtype=kind.removesuffix("_type"), shape=(-1,))
    tensor = value.type.tensor_type
    shape: tuple[int, ...] = (-1,)
    if tensor.HasField("shape"):
        shape = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim)
    return TensorSpec(name=value.name, dtype=dtype_name(tensor.elem_type), shape=shape)


def inferred(model: Any) -> dict[str, tuple[str, tuple[int, ...] | None]]:
    """Name -> dtype and shape of every tensor that the file describes or that shape inference can tell.

    None instead of a shape: not even the rank is known.
    """
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # a wrong or unknown op ends the inference; what the file itself says stays
        graph = model.graph
    found: dict[str, tuple[str, tuple[int, ...] | None]] = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        described = spec(value)
        ranked = value.type.WhichOneof("value") == "tensor_type" and value.type.tensor_type.HasField("shape")
        found[value.name] = (described.dtype, described.shape if ranked else None)
    return found | {name: (dtype, shape) for name, dtype, shape in constants(graph)}


def inputs(graph: Any) -> list[Any]:
    """The inputs that a caller has to give: old files list the initializers among them too."""
    given = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in given]


def constants(graph: Any) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name, dtype, shape) of every initializer and Constant node."""
    for tensor in graph.initializer:
        yield tensor.name, dtype_name(tensor.data_type), tuple(tensor.dims)
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, dtype_name(sparse.values.data_type), tuple(sparse.values.dims)
    for node in graph.node:
        if is_constant(node):
            for attribute in node.attribute:
                yield (node.output[0], *_attribute_type(attribute))


def is_constant(node: Any) -> bool:
    return bool(node.op_type == "Constant" and node.domain in ("", "ai.onnx"))


def _attribute_type(attribute: Any) -> tuple[str, tuple[int, ...]]:
    match attribute.name:
        case "value":
            return dtype_name(attribute.t.data_type), tuple(attribute.t.dims)
        case "value_float":
            return "float32", ()
        case "value_floats":
            return "float32", (len(attribute.floats),)
        case "value_int":
            return "int64", ()
        case "value_ints":
            return "int64", (len(attribute.ints),)
    return "string", ()


def op_name(node: Any) -> str:
    """The op's type, with its domain in front unless that is ONNX' own."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def facts(path: Path) -> GraphFacts:
    """What the file says of its main graph. Raises ModelFileError.

    Constant nodes are constants, not ops. Weights are all constants but int64, which ONNX uses for shapes and axes.
    """
    model = load(path)
    with guarded(path, _KIND):
        graph = model.graph
        names = [op_name(node) for node in graph.node if not is_constant(node)]
        if not names:
            raise ModelFileError(f"cannot use {path}", "Its graph has only constants.", "Export the model again.")
        weights = (shape for _, dtype, shape in constants(graph) if dtype not in ("int64", "string"))
        return GraphFacts(
            format="onnx",
            inputs=tuple(map(spec, inputs(graph))),
            outputs=tuple(map(spec, graph.output)),
            op_count=len(names),
            histogram=dict(sorted(Counter(names).items())),
            constant_elements=sum(map(math.prod, weights)),
            size_bytes=path.stat().st_size,
        )
