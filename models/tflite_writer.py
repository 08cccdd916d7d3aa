"""Collects the tensors, buffers and operators of one TFLite graph and packs them; knows the format, not the layers.

Format: tensorflow/compiler/mlir/lite/schema/schema.fbs, through the code generated from it that LiteRT brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.models import network as n
from bench.models.weights import values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ALIGNMENT_BYTES = 16
_SHARED_FROM_BYTES = 64
_IDENTIFIER = b"TFL3"


class TFLiteWriter:
    """The parts of the one subgraph, in the order in which they are met."""

    def __init__(self, seed: int) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.seed = seed
        self._buffers: list[Any] = [schema.BufferT()]  # runtimes want the first one empty
        self._tensors: list[Any] = []
        self._codes: dict[tuple[int, int], int] = {}
        self._operators: list[Any] = []
        self._by_name: dict[str, int] = {}
        self._by_content: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def _new_tensor(self, name: str, shape: Sequence[int], kind: int, data: NDArray[np.uint8] | None) -> int:
        import numpy as np

        self._buffers.append(aligned_buffer(self.schema, data))
        tensor = self.schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name, kind, len(self._buffers) - 1
        tensor.shape = np.array(shape, dtype=np.int32)
        tensor.quantization = self.schema.QuantizationParametersT()
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def tensor(self, value: n.Value) -> int:
        """The index of an activation; made on first use."""
        if value.name not in self._by_name:
            kind = self.schema.TensorType.FLOAT32
            self._by_name[value.name] = self._new_tensor(value.name, value.shape, kind, None)
        return self._by_name[value.name]

    def constant(self, name: str, data: NDArray[np.float32] | NDArray[np.int32]) -> int:
        """The index of a constant tensor, little-endian; a large one that is there already is shared."""
        import numpy as np

        kind = self.schema.TensorType.INT32 if data.dtype.kind == "i" else self.schema.TensorType.FLOAT32
        raw = data.astype(data.dtype.newbyteorder("<")).tobytes()
        key = (data.dtype.name, data.shape, raw)
        if len(raw) >= _SHARED_FROM_BYTES and key in self._by_content:
            return self._by_content[key]
        index = self._new_tensor(name, data.shape, kind, np.frombuffer(raw, dtype=np.uint8))
        return self._by_content.setdefault(key, index) if len(raw) >= _SHARED_FROM_BYTES else index

    def numbers(self, name: str, numbers: Sequence[Any]) -> int:
        """A constant of int32: a shape, paddings, ..."""
        import numpy as np

        return self.constant(name, np.array(numbers, dtype=np.int32))

    def parameter(self, parameter: n.Parameter) -> int:
        return self.constant(parameter.name, values(parameter, self.seed))

    def zeros(self, name: str, count: int) -> int:
        import numpy as np

        return self.constant(name, np.zeros(count, dtype=np.float32))

    def op(self, name: str, inputs: Sequence[int], output: int, options: Any = None, version: int = 1) -> None:
        """One operator; options: an object of the schema's `<Name>OptionsT`, or None."""
        operator = self.schema.OperatorT()
        code = (getattr(self.schema.BuiltinOperator, name), version)
        operator.opcodeIndex = self._codes.setdefault(code, len(self._codes))
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, type(options).__name__[:-1])
        self._operators.append(operator)

    def finish(self, network: n.Network, description: str) -> bytes:
        import flatbuffers

        schema = self.schema
        subgraph = schema.SubGraphT()
        subgraph.name = network.name
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs = [self.tensor(value) for value in network.inputs]
        subgraph.outputs = [self.tensor(value) for value in network.outputs]
        model = schema.ModelT()
        model.version, model.description = 3, description
        model.operatorCodes = [_operator_code(schema, *code) for code in self._codes]
        model.subgraphs, model.buffers = [subgraph], self._buffers
        model.signatureDefs = [self._signature(network)]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())

    def _signature(self, network: n.Network) -> Any:
        def mapped(values_: Sequence[n.Value]) -> list[Any]:
            maps = []
            for value in values_:
                entry = self.schema.TensorMapT()
                entry.name, entry.tensorIndex = value.name, self.tensor(value)
                maps.append(entry)
            return maps

        signature = self.schema.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.inputs, signature.outputs = mapped(network.inputs), mapped(network.outputs)
        return signature


def aligned_buffer(schema: Any, data: NDArray[np.uint8] | None) -> Any:
    """A BufferT whose data start at a multiple of 16 bytes, as the schema demands and the generated code forgets."""

    class Aligned(schema.BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> Any:  # noqa: N802 - the generated code's name
            builder.Prep(_ALIGNMENT_BYTES, len(self.data))
            return super().Pack(builder)

    return schema.BufferT() if data is None else Aligned(data=data)


def _operator_code(schema: Any, code: int, version: int) -> Any:
    entry = schema.OperatorCodeT()
    # runtimes take the larger of the two, some tools read only the new one
    entry.builtinCode, entry.deprecatedBuiltinCode = code, min(code, 127)
    entry.version = version
    return entry
