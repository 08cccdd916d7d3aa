"""Reading a .tflite file with the schema's generated code, and checking first what that code takes on trust.

Format: tensorflow/compiler/mlir/lite/schema/schema.fbs. A vector's place in a file is [length, items]; the generated
code neither checks that it lies within the file nor that a buffer's data do.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from bench.base.errors import ModelFileError
from bench.models.model_file import TFLITE_IDENTIFIER, damaged, guarded, no_model, read_bytes
from bench.records.types import GraphFacts, TensorSpec

_KIND = "TFLite"
_SLOT_BYTES = 4
_FIRST_FIELD = 4  # where the first field of a flatbuffer table stands in its vtable, in bytes


class TFLiteFile:
    """An opened file. main: its first subgraph; size_bytes: of the file.

    Raises ModelFileError when the file is no TFLite, or when an operator, tensor or buffer lies outside it.
    """

    def __init__(self, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        data = read_bytes(path)
        if data[4:8] != TFLITE_IDENTIFIER:
            raise no_model(path, _KIND, data[:64], f"Bytes 4 to 8 are not {TFLITE_IDENTIFIER.decode()}.")
        self.path = path
        self.size_bytes = len(data)
        self.schema: Any = schema
        with guarded(path, _KIND):
            self.model: Any = schema.Model.GetRootAs(data, 0)
            self._check_vectors(self.model, "SubgraphsLength", "BuffersLength", "OperatorCodesLength")
            if self.model.SubgraphsLength() == 0:
                raise damaged(path, _KIND, "it has no graph")
            self.main: Any = self.model.Subgraphs(0)
            self._check_vectors(self.main, "TensorsLength", "OperatorsLength", "InputsLength", "OutputsLength")
            self.constant_bytes = [self._data_bytes(index) for index in range(self.model.BuffersLength())]

    def _check_vectors(self, table: Any, *lengths: str) -> None:
        """No vector can have more items than four-byte slots fit into the file."""
        for length in lengths:
            if getattr(table, length)() * _SLOT_BYTES > self.size_bytes:
                raise damaged(self.path, _KIND, f"{length.removesuffix('Length').lower()} go on after its end")

    def _data_bytes(self, index: int) -> int:
        """Bytes of a buffer's data, inside the flatbuffer or (from 2 GB up) behind it at offset and size."""
        buffer = self.model.Buffers(index)
        table = buffer._tab
        field = table.Offset(_FIRST_FIELD)
        start, size = (table.Vector(field), table.VectorLen(field)) if field else (0, 0)
        if buffer.Offset() > 1:  # 0: not used; 1: the schema's sign for "will be filled in"
            start, size = buffer.Offset(), buffer.Size()
        if start < 0 or start + size > self.size_bytes:
            raise damaged(self.path, _KIND, f"buffer {index} goes on after its end, byte {self.size_bytes}")
        return int(size)

    def tensor(self, index: int) -> Any:
        """Tensor of the main subgraph. Raises ModelFileError when there is none of that number."""
        if not 0 <= index < self.main.TensorsLength():
            raise damaged(self.path, _KIND, f"there is no tensor {index}")
        tensor = self.main.Tensors(index)
        if tensor.Buffer() >= len(self.constant_bytes):
            raise damaged(self.path, _KIND, f"there is no buffer {tensor.Buffer()}")
        return tensor

    def is_constant(self, tensor: Any) -> bool:
        return bool(self.constant_bytes[tensor.Buffer()] > 0)

    def constant(self, index: int) -> Any:
        """A constant's numbers as a NumPy array in its shape; None where there are none or NumPy lacks their type."""
        import numpy as np

        tensor = self.tensor(index)
        size = self.constant_bytes[tensor.Buffer()]
        try:
            dtype = np.dtype(self.dtype(tensor)).newbyteorder("<")
        except TypeError:
            return None
        if size == 0 or dtype.itemsize == 0 or size != math.prod(shape_of(tensor)) * dtype.itemsize:
            return None
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer.Offset() > 1:
            data = np.frombuffer(self.model._tab.Bytes, dtype, size // dtype.itemsize, buffer.Offset())
        else:
            data = np.frombuffer(buffer.DataAsNumpy(), dtype)
        return data.reshape(shape_of(tensor))

    def spec(self, index: int) -> TensorSpec:
        tensor = self.tensor(index)
        name = (tensor.Name() or b"").decode("utf-8", "replace")
        return TensorSpec(name=name, dtype=self.dtype(tensor), shape=shape_of(tensor))

    def dtype(self, tensor: Any) -> str:
        """NumPy's name of the type; `type_<n>` for one that this schema does not know."""
        kind = tensor.Type()
        return _names(self.schema.TensorType).get(kind, f"TYPE_{kind}").lower()

    def operators(self) -> list[Any]:
        return [self.main.Operators(index) for index in range(self.main.OperatorsLength())]

    def op_name(self, operator: Any) -> tuple[str, int]:
        """(BuiltinOperator's name, or a custom op's own, or BUILTIN_<n> for an unknown one; version)."""
        index = operator.OpcodeIndex()
        if not 0 <= index < self.model.OperatorCodesLength():
            raise damaged(self.path, _KIND, f"there is no operator code {index}")
        entry = self.model.OperatorCodes(index)
        code = max(entry.BuiltinCode(), entry.DeprecatedBuiltinCode())
        if code == self.schema.BuiltinOperator.CUSTOM:
            return (entry.CustomCode() or b"CUSTOM").decode("utf-8", "replace"), entry.Version()
        return _names(self.schema.BuiltinOperator).get(code, f"BUILTIN_{code}"), entry.Version()


@cache
def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def shape_of(tensor: Any) -> tuple[int, ...]:
    """The tensor's shape; its signature, with -1 for dynamic dimensions, where it has one."""
    if tensor.ShapeSignatureLength():
        return tuple(int(tensor.ShapeSignature(axis)) for axis in range(tensor.ShapeSignatureLength()))
    return tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))


def input_quantization(path: Path) -> dict[str, tuple[float, int]]:
    """Input name -> (scale, zero point), of the quantized inputs of the main subgraph. Raises ModelFileError."""
    file = TFLiteFile(path)
    found = {}
    with guarded(path, _KIND):
        for index in map(file.main.Inputs, range(file.main.InputsLength())):
            how = file.tensor(index).Quantization()
            if how is not None and how.ScaleLength() == 1:
                zero_point = int(how.ZeroPoint(0)) if how.ZeroPointLength() else 0
                found[file.spec(index).name] = (float(how.Scale(0)), zero_point)
    return found


def _is_weight(file: TFLiteFile, tensor: Any) -> bool:
    """Whether a constant is a weight: integers of 32 and 64 bits without a scale are shapes, axes and the like."""
    if file.dtype(tensor) not in ("int32", "int64"):
        return True
    quantization = tensor.Quantization()
    return quantization is not None and quantization.ScaleLength() > 0


def _constant_elements(file: TFLiteFile) -> int:
    """Elements of the weights; a buffer that several tensors use counts once."""
    seen: dict[int, int] = {}
    for index in range(file.main.TensorsLength()):
        tensor = file.tensor(index)
        if file.is_constant(tensor) and _is_weight(file, tensor):
            seen.setdefault(tensor.Buffer(), math.prod(shape_of(tensor)))
    return sum(seen.values())


def facts(path: Path) -> GraphFacts:
    """What the file says of its main (first) subgraph. Raises ModelFileError."""
    file = TFLiteFile(path)
    with guarded(path, _KIND):
        names = [file.op_name(operator)[0] for operator in file.operators()]
        if not names:
            raise ModelFileError(f"cannot use {path}", "Its graph has no operators.", "Convert the model again.")
        return GraphFacts(
            format="tflite",
            inputs=tuple(file.spec(file.main.Inputs(index)) for index in range(file.main.InputsLength())),
            outputs=tuple(file.spec(file.main.Outputs(index)) for index in range(file.main.OutputsLength())),
            op_count=len(names),
            histogram=dict(sorted(Counter(names).items())),
            constant_elements=_constant_elements(file),
            size_bytes=file.size_bytes,
        )
