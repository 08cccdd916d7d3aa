"""A graph's shape as one hash: which ops, with which options, on which shapes, wired how; not names nor weights.

Two files of one architecture have the same hash, in whatever order their tensors are stored and whatever their
weights are; a changed option, shape, version or wire changes it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from bench.base.errors import ModelFileError
from bench.models.model_file import format_of, guarded


class Vertex(msgspec.Struct, frozen=True, kw_only=True):
    """One op. options: those that differ from the format's defaults; inputs, outputs: tensor keys, "" for none."""

    op: str
    version: int
    options: dict[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Dag(msgspec.Struct, frozen=True, kw_only=True):
    """A graph's ops in an order in which they can run. tensors: key -> dtype and shape, where the file says them."""

    tensors: dict[str, tuple[str, tuple[int, ...]]]
    constants: frozenset[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    vertices: tuple[Vertex, ...]


def read(path: Path) -> Dag:
    """The main graph of a .tflite or .onnx file. Raises ModelFileError."""
    kind = format_of(path)
    if kind == "ir":
        raise ModelFileError(f"cannot compare {path}", "It is an OpenVINO IR.", "Compare the file that it came from.")
    with guarded(path, kind):
        return _read_tflite(path) if kind == "tflite" else _read_onnx(path)


def dag_hash(dag: Dag) -> str:
    """Hex sha256 of the graph's outputs.

    A tensor's hash is that of how it is made: (op, version, options, hashes of the inputs), its place among the op's
    outputs, dtype and shape. Constants count by dtype and shape only, graph inputs by place, dtype and shape.
    Raises ValueError for a tensor that is used before it is made.
    """
    hashes = {"": "none"}
    for key in dag.constants:
        hashes[key] = _digest("constant", dag.tensors.get(key))
    for place, key in enumerate(dag.inputs):
        hashes[key] = _digest("input", place, dag.tensors.get(key))
    for vertex in dag.vertices:
        missing = [key for key in vertex.inputs if key not in hashes]
        if missing:
            raise ValueError(f"{vertex.op} uses tensor {missing[0]} before it is made")
        made = _digest(vertex.op, vertex.version, vertex.options, [hashes[key] for key in vertex.inputs])
        for place, key in enumerate(vertex.outputs):
            hashes[key] = _digest(made, place, dag.tensors.get(key))
    return _digest("outputs", [hashes.get(key, "none") for key in dag.outputs])


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _plain(value: Any) -> Any:
    """NumPy and bytes as plain JSON values."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.tolist() if hasattr(value, "tolist") else value


def _tflite_options(schema: Any, operator: Any) -> dict[str, Any]:
    """The op's options that differ from the schema's defaults, so that fields added later do not change a hash."""
    names = {value: name for name, value in vars(schema.BuiltinOptions).items() if isinstance(value, int)}
    name = names.get(operator.BuiltinOptionsType(), "NONE")
    table = operator.BuiltinOptions()
    if name == "NONE" or table is None:
        return {}
    kind = getattr(schema, f"{name}T")
    default = {key: _plain(value) for key, value in vars(kind()).items()}
    found = {key: _plain(value) for key, value in vars(kind.InitFromBuf(table.Bytes, table.Pos)).items()}
    return {key: value for key, value in found.items() if value != default[key]}


def _read_tflite(path: Path) -> Dag:
    from bench.models.read_tflite import TFLiteFile, shape_of

    file = TFLiteFile(path)
    tensors = [file.tensor(index) for index in range(file.main.TensorsLength())]

    def keys(table: Any, side: str) -> tuple[str, ...]:
        indices = [getattr(table, side)(place) for place in range(getattr(table, f"{side}Length")())]
        return tuple("" if index < 0 else str(index) for index in indices)

    vertices = []
    for operator in file.operators():
        op, version = file.op_name(operator)
        options = _tflite_options(file.schema, operator)
        inputs, outputs = keys(operator, "Inputs"), keys(operator, "Outputs")
        vertices.append(Vertex(op=op, version=version, options=options, inputs=inputs, outputs=outputs))
    return Dag(
        tensors={str(index): (file.dtype(tensor), shape_of(tensor)) for index, tensor in enumerate(tensors)},
        constants=frozenset(str(index) for index, tensor in enumerate(tensors) if file.is_constant(tensor)),
        inputs=keys(file.main, "Inputs"),
        outputs=keys(file.main, "Outputs"),
        vertices=tuple(vertices),
    )


def _onnx_options(node: Any) -> dict[str, Any]:
    """The node's attributes; tensors by shape only, subgraphs by their op types."""
    from onnx import AttributeProto, helper

    options: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            options[attribute.name] = list(attribute.t.dims)
        elif attribute.type == AttributeProto.GRAPH:
            options[attribute.name] = [inner.op_type for inner in attribute.g.node]
        else:
            value = helper.get_attribute_value(attribute)
            options[attribute.name] = [_plain(each) for each in value] if isinstance(value, list) else _plain(value)
    return options


def _read_onnx(path: Path) -> Dag:
    from bench.models import read_onnx

    model = read_onnx.load(path)
    graph = model.graph
    versions = {opset.domain: opset.version for opset in model.opset_import}
    given = read_onnx.inputs(graph)
    constants = {name: (dtype, shape) for name, dtype, shape in read_onnx.constants(graph)}
    specs = [read_onnx.spec(value) for value in (*given, *graph.value_info, *graph.output)]
    return Dag(
        tensors={spec.name: (spec.dtype, spec.shape) for spec in specs} | constants,
        constants=frozenset(constants),
        inputs=tuple(value.name for value in given),
        outputs=tuple(value.name for value in graph.output),
        vertices=tuple(
            Vertex(
                op=read_onnx.op_name(node),
                version=versions.get(node.domain, 0),
                options=_onnx_options(node),
                inputs=tuple(node.input),
                outputs=tuple(node.output),
            )
            for node in graph.node
            if not read_onnx.is_constant(node)
        ),
    )
