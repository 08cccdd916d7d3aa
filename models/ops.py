"""The op table of a .tflite or .onnx file: every op with its tensors and the options that matter, in execution order.

What it costs is in models/cost.py, what to say about it in models/lint.py. Both are pure functions of this table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bench.base.errors import ModelFileError
from bench.models import dag
from bench.models.model_file import damaged, format_of, guarded
from bench.models.ops_options import readable

_BITS = {
    "float64": 64, "float32": 32, "float16": 16, "bfloat16": 16,
    "int64": 64, "int32": 32, "int16": 16, "int8": 8, "int4": 4, "int2": 2,
    "uint64": 64, "uint32": 32, "uint16": 16, "uint8": 8, "uint4": 4, "bool": 8, "complex64": 64, "complex128": 128,
}  # fmt: skip


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """shape: -1 for a dynamic dimension; None where the file says nothing.

    stored: its numbers lie in the file. fixed: it does not depend on the graph's inputs, that is, it is stored or
    computed from stored tensors alone (float16 weights behind a DEQUANTIZE). What is not fixed is an activation.
    """

    key: str
    name: str
    dtype: str
    shape: tuple[int, ...] | None
    stored: bool = False
    fixed: bool = False

    @property
    def dynamic(self) -> bool:
        return self.shape is None or any(size < 0 for size in self.shape)

    @property
    def elements(self) -> int | None:
        """None for a dynamic shape."""
        return None if self.shape is None or self.dynamic else math.prod(self.shape)

    @property
    def size_bytes(self) -> int | None:
        """None for a dynamic shape or a type without a fixed size (strings)."""
        bits = _BITS.get(self.dtype)
        return None if self.elements is None or bits is None else (self.elements * bits + 7) // 8


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """index: place in execution order. type: as the format calls it. name: of its first output, or of the ONNX node.

    inputs, outputs: keys of tensors, "" for an input left out. options: see models/ops_options.py.
    custom: an op outside the format's own set.
    """

    index: int
    type: str
    version: int
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any]
    custom: bool = False


class OpTable(msgspec.Struct, frozen=True, kw_only=True):
    """The main graph of a file. inputs, outputs: keys of tensors."""

    format: str
    tensors: dict[str, Tensor]
    ops: tuple[Op, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def given(self, op: Op) -> list[Tensor]:
        """The op's inputs that are not left out."""
        return [self.tensors[key] for key in op.inputs if key]

    def made(self, op: Op) -> list[Tensor]:
        return [self.tensors[key] for key in op.outputs if key]

    def input(self, op: Op, place: int) -> Tensor | None:
        """The input at that place, None where the op has none there."""
        key = op.inputs[place] if place < len(op.inputs) else ""
        return self.tensors[key] if key else None

    def activations(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Those that are not fixed, each once."""
        return list({tensor.key: tensor for tensor in tensors if not tensor.fixed}.values())


def load(path: Path) -> OpTable:
    """The op table of a .tflite or .onnx file. Raises ModelFileError."""
    kind = format_of(path)
    if kind == "ir":
        asked = f"cannot list the ops of {path} with shapes"
        raise ModelFileError(asked, "It is an OpenVINO IR.", "Give the .tflite or .onnx file that it came from.")
    graph = dag.read(path)
    with guarded(path, kind):
        extras = _tflite_names(path) if kind == "tflite" else _onnx_extras(path)
        return assemble(path, kind, graph, extras)


class Extras(msgspec.Struct, frozen=True, kw_only=True):
    """What the graph's shape (models/dag.py) leaves out. tensor_names: where they are not the keys; op_names: likewise.

    specs: dtype and shape of tensors that inference found; own_ops: types of the format's own set, None: told by name.
    """

    tensor_names: dict[str, str]
    op_names: dict[int, str]
    specs: dict[str, tuple[str, tuple[int, ...] | None]]
    own_ops: frozenset[str] | None


def _tflite_names(path: Path) -> Extras:
    from bench.models.read_tflite import TFLiteFile

    file = TFLiteFile(path)
    names = {str(index): file.spec(index).name for index in range(file.main.TensorsLength())}
    own = frozenset(name for name, value in vars(file.schema.BuiltinOperator).items() if isinstance(value, int))
    return Extras(tensor_names=names, op_names={}, specs={}, own_ops=own)


def _onnx_extras(path: Path) -> Extras:
    from bench.models import read_onnx

    model = read_onnx.load(path)
    nodes = [node for node in model.graph.node if not read_onnx.is_constant(node)]
    names = {index: node.name for index, node in enumerate(nodes) if node.name}
    return Extras(tensor_names={}, op_names=names, specs=read_onnx.inferred(model), own_ops=None)


def assemble(path: Path, kind: str, graph: dag.Dag, extras: Extras) -> OpTable:
    """Puts the graph and its extras together. Raises ModelFileError for a tensor that is nowhere described."""
    known: dict[str, tuple[str, tuple[int, ...] | None]] = {**graph.tensors, **extras.specs}
    used = [key for vertex in graph.vertices for key in (*vertex.inputs, *vertex.outputs) if key]
    if kind == "tflite":
        missing = [key for key in used if key not in known]
        if missing:
            raise damaged(path, kind, f"there is no tensor {missing[0]}")
    fixed = _fixed(graph)
    tensors = {}
    for key in dict.fromkeys([*graph.inputs, *used, *graph.outputs]):
        dtype, shape = known.get(key, ("unknown", None))
        name = extras.tensor_names.get(key, key)
        stored = key in graph.constants
        tensors[key] = Tensor(key=key, name=name, dtype=dtype, shape=shape, stored=stored, fixed=key in fixed)
    ops = []
    for index, vertex in enumerate(graph.vertices):
        first = next((tensors[key].name for key in vertex.outputs if key), "")
        shapes = [tensors[key].shape if key else None for key in vertex.inputs]
        own = "." not in vertex.op if extras.own_ops is None else vertex.op in extras.own_ops
        ops.append(
            Op(
                index=index,
                type=vertex.op,
                version=vertex.version,
                name=extras.op_names.get(index, first),
                inputs=vertex.inputs,
                outputs=vertex.outputs,
                options=readable(kind, vertex.op, vertex.options, shapes),
                custom=not own and not vertex.op.startswith("BUILTIN_"),
            )
        )
    return OpTable(format=kind, tensors=tensors, ops=tuple(ops), inputs=graph.inputs, outputs=graph.outputs)


def _fixed(graph: dag.Dag) -> set[str]:
    """Constants, and what is computed from them alone."""
    fixed = set(graph.constants)
    for vertex in graph.vertices:
        given = [key for key in vertex.inputs if key]
        if given and all(key in fixed for key in given):
            fixed.update(key for key in vertex.outputs if key)
    return fixed
