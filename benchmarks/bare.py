"""A bare timing loop, as a careful person writes it in ten lines: what our agent is compared with.

Start: python bare.py RUNTIME MODEL INPUT, then a line with a count gives a line of latencies in ns.
It shares no code with the harness.
"""

import json
import sys
import time

import numpy as np


def litert(model: str, data: np.ndarray):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], data.reshape(detail["shape"]))
    return interpreter.invoke


def onnxruntime(model: str, data: np.ndarray):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
    binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(data.reshape(shape)))
    binding.bind_output(session.get_outputs()[0].name)
    return lambda: session.run_with_iobinding(binding)


def openvino(model: str, data: np.ndarray):
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    compiled = ov.Core().compile_model(model, "CPU", {**settings, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(data.reshape(compiled.inputs[0].shape)))
    return lambda: request.infer(share_outputs=True)


RUNTIMES = {"litert": litert, "onnxruntime": onnxruntime, "openvino": openvino}


def main() -> None:
    runtime, model, file = sys.argv[1:4]
    infer = RUNTIMES[runtime](model, np.fromfile(file, dtype=np.float32))
    for line in sys.stdin:
        samples = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            infer()
            samples.append(time.perf_counter_ns() - start)
        print(json.dumps(samples), flush=True)


if __name__ == "__main__":
    main()
