"""The inputs, outputs and node names of an ONNX file, for a runtime that does not tell them: a reader of that protobuf.

Field numbers are those of onnx.proto3: ModelProto.graph 7; GraphProto.node 1, initializer 5, input 11, output 12;
NodeProto.name 3; TensorProto.name 8; ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; its elem_type 1, shape 2;
TensorShapeProto.dim 1; its dim_value 1.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple, Union

from .adapter import Json, Refused

# TensorProto.DataType -> numpy's name
DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
Value = Union[int, memoryview]


def fields(data: memoryview) -> Iterator[Tuple[int, Value]]:
    """(number, value) of each field of a message: an integer, or the bytes of what has a length.

    Raises ValueError for what is no protobuf.
    """
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("a field of kind %d" % kind)
        if position + size > len(data):
            raise ValueError("a field ends behind the file")
        yield number, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int) -> Tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("a number is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number has no end")


def _messages(data: memoryview, number: int) -> List[memoryview]:
    return [value for found, value in fields(data) if found == number and isinstance(value, memoryview)]


def _text(data: memoryview, number: int) -> str:
    found = _messages(data, number)
    return bytes(found[-1]).decode("utf-8", "replace") if found else ""


def _number(data: memoryview, number: int) -> int:
    """The last value of an integer field; 0, its default, where it is not set."""
    found = [value for at, value in fields(data) if at == number and isinstance(value, int)]
    return found[-1] if found else 0


def _spec(info: memoryview) -> Json:
    name = _text(info, 1)
    for kind in _messages(info, 2):
        for tensor in _messages(kind, 1):
            dtype = DTYPES.get(_number(tensor, 1), "")
            dims = [dim for shape in _messages(tensor, 2) for dim in _messages(shape, 1)]
            if dtype:
                # A dimension without a number has a name: it is dynamic.
                return {"name": name, "dtype": dtype, "shape": [_number(dim, 1) or -1 for dim in dims]}
    raise Refused("%s is no tensor of numbers" % name)


def _graph(data: bytes) -> memoryview:
    graphs = _messages(memoryview(data), 7)
    if not graphs:
        raise ValueError("it has no graph")
    return graphs[-1]


def node_names(data: bytes) -> List[str]:
    """Those of a file that `tensors_of` reads; nodes may have none."""
    return [name for name in (_text(node, 3) for node in _messages(_graph(data), 1)) if name]


def tensors_of(data: bytes) -> Tuple[List[Json], List[Json]]:
    """Inputs without those that have an initializer, and outputs: {name, dtype, shape}. -1: a dynamic size.

    Raises Refused for what is no ONNX model.
    """
    try:
        graph = _graph(data)
        weights = {_text(weight, 8) for weight in _messages(graph, 5)}
        inputs = [_spec(info) for info in _messages(graph, 11) if _text(info, 1) not in weights]
        return inputs, [_spec(info) for info in _messages(graph, 12)]
    except ValueError as error:
        raise Refused("this is no ONNX model: %s" % error) from None
