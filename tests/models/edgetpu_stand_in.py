"""Stands in for Google's edgetpu_compiler, which is not ours to bring: it compiles nothing.

It prints what the compiler 16 prints (after a real transcript; the table of -s after one of compiler 15), and writes a
file in which one custom op takes the place of the ops. STAND_IN in the environment says what it does instead.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path

VERSION = "Edge TPU Compiler version 16.0.384591198"


def compiled(data: bytes, left: int) -> tuple[bytes, Counter[str], Counter[str]]:
    """(the file, mapped op types, op types left to the CPU). left: how many ops at the end stay as they are."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    types = [names[model.operatorCodes[op.opcodeIndex].builtinCode] for op in graph.operators]
    cut = len(types) - left
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "edgetpu-custom-op"
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = graph.inputs
    operator.outputs = graph.operators[cut].inputs[:1] if left else graph.outputs
    graph.operators = [operator, *graph.operators[cut:]]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()), Counter(types[:cut]), Counter(types[cut:])


def transcript(stem: str, mapped: Counter[str], left: Counter[str]) -> str:
    lines = [
        VERSION, "Started a compilation timeout timer of 180 seconds.", "",
        "Model compiled successfully in 141 ms.", "",
        f"Input model: {stem}.tflite", "Input size: 5.11MiB", f"Output model: {stem}_edgetpu.tflite",
        "Output size: 5.09MiB", "On-chip memory used for caching model parameters: 18.00KiB",
        "On-chip memory remaining for caching model parameters: 6.86MiB",
        "Off-chip memory used for streaming uncached model parameters: 0.00B", "Number of Edge TPU subgraphs: 1",
        f"Total number of operations: {mapped.total() + left.total()}", f"Operation log: {stem}_edgetpu.log", "",
    ]  # fmt: skip
    if left:
        lines += [
            "Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the "
            "model will instead run on the CPU, which is slower. If possible, consider updating your model to use only "
            "operations supported by the Edge TPU. For details, visit g.co/coral/model-reqs.",
            f"Number of operations that will run on Edge TPU: {mapped.total()}",
            f"Number of operations that will run on CPU: {left.total()}",
            "",
        ]
    lines += ["Operator                       Count      Status", ""]
    lines += [f"{name:<31}{count:<11}Mapped to Edge TPU" for name, count in mapped.items()]
    lines += [f"{name:<31}{count:<11}Operation not supported" for name, count in left.items()]
    return "\n".join([*lines, "Compilation child process completed within timeout period.", ""])


def main() -> int:
    what = os.environ.get("STAND_IN", "")
    if "--version" in sys.argv:
        print("" if what == "no version" else os.environ.get("STAND_IN_VERSION", VERSION))
        return 0
    assert sys.argv[1:4] == ["-s", "-o", "out"]
    source = Path(sys.argv[4])
    if what == "invalid":
        print(f"{VERSION}\nInvalid model: {source}\nModel not quantized")
        return 1
    if what == "internal":
        print(f"{VERSION}\nInternal compiler error. Aborting!", flush=True)
        os.abort()
    if what == "slow":
        print(VERSION, "", "Still at it", sep="\n", flush=True)
        time.sleep(60)
    while what == "endless":
        print("Still at it", flush=True)
    if what in ("nothing", "silent"):
        print(VERSION if what == "nothing" else "", end="")
        return 0
    data, mapped, left = compiled(source.read_bytes(), 1 if what == "partial" else 0)
    if what == "unmapped":
        data = source.read_bytes()
    target = Path("out") / f"{source.stem}_edgetpu.tflite"
    target.write_bytes(b"" if what == "empty" else data)
    if what != "wordless":
        print(transcript(source.stem, mapped, left), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
