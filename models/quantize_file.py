"""What is done to a .tflite file before and after litert-quantizer, and which types its constants have.

Before: the tool reads an op's code from builtinCode alone and does nothing, without a word, to files that fill the
older field only, and it calibrates through a signature. After: it stores large weights behind the flatbuffer (at
Buffer.offset), and fills only the newer field for the QUANTIZE and DEQUANTIZE ops that it adds; LiteRT reads both,
OpenVINO fails on the one and takes the other for ADD.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from bench.models.read_tflite import TFLiteFile
from bench.models.tflite_writer import aligned_buffer

_OLD_CODES_END = 127  # the older field is one signed byte; 127 says that the code is in the newer one


def prepared(data: bytes) -> bytes:
    """The file with both op code fields filled and a signature."""
    return _rewritten(data, "")


def finished(data: bytes, note: str) -> bytes:
    """The file with both op code fields filled, all weights inside, and the note after its description."""
    return _rewritten(data, note)


def _rewritten(data: bytes, note: str) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        code.deprecatedBuiltinCode = min(code.builtinCode, _OLD_CODES_END)
    model.buffers = [aligned_buffer(schema, _content(buffer, data)) for buffer in model.buffers]
    if not model.signatureDefs:
        model.signatureDefs = [_signature(schema, model.subgraphs[0])]
    if note:
        described = (model.description or b"").decode("utf-8", "replace")
        model.description = f"{described}; {note}" if described else note
    builder = flatbuffers.Builder(len(data) + (1 << 16))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _content(buffer: Any, data: bytes) -> Any:
    """The buffer's bytes as uint8, wherever they lie; None where there are none."""
    import numpy as np

    if buffer.offset > 1:  # 0: not used; 1: the schema's sign for "will be filled in"
        return np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
    return None if buffer.data is None or len(buffer.data) == 0 else np.asarray(buffer.data, dtype=np.uint8)


def _signature(schema: Any, graph: Any) -> Any:
    def mapped(indices: Any) -> list[Any]:
        maps = []
        for index in indices:
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = graph.tensors[index].name, int(index)
            maps.append(entry)
        return maps

    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.inputs, signature.outputs = mapped(graph.inputs), mapped(graph.outputs)
    return signature


def constant_types(path: Path) -> Counter[str]:
    """How many constants of the main graph have which NumPy type. Raises ModelFileError."""
    file = TFLiteFile(path)
    tensors = [file.tensor(index) for index in range(file.main.TensorsLength())]
    return Counter(file.dtype(tensor) for tensor in tensors if file.is_constant(tensor))
