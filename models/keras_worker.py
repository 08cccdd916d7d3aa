"""The process with TensorFlow: `python -m bench.models.keras_worker JOBS`, a pickled list of Job (models/keras_job.py).

One line of JSON per job on stdout: a Reply. Several jobs in one process pay for TensorFlow's import (5 s, 570 MB) once.
Of bench it needs what models/keras_host.py copies for it, of other packages TensorFlow, Keras, NumPy and tf2onnx.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.models.keras_job import Job, Reply

_WORDS = 400  # characters of what a tool said


def _tflite(model: Any, job: Job, path: Path) -> None:
    """From the model itself: model.export() would forget that the batch is 1.

    With an open batch the converter writes shapes as sums of SHAPE, STRIDED_SLICE and PACK, and SPACE_TO_BATCH_ND in
    place of dilations.
    """
    tf = import_module("tensorflow")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if job.variant:
        _quantizing(tf, converter, job)
    path.write_bytes(converter.convert())


def _quantizing(tf: Any, converter: Any, job: Job) -> None:
    import numpy as np

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if job.variant == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if job.samples:
        samples = np.load(job.samples)
        converter.representative_dataset = lambda: ([each] for each in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if job.variant == "int8-io":
        converter.inference_input_type = converter.inference_output_type = tf.int8


def _onnx(model: Any, job: Job, path: Path) -> None:
    """From a function: tf2onnx takes no model of Keras 3."""
    tf = import_module("tensorflow")
    signature = [tf.TensorSpec(each.shape, each.dtype, name=each.name) for each in model.inputs]
    function = tf.function(lambda *inputs: model(list(inputs), training=False), input_signature=signature)
    proto, _ = import_module("tf2onnx").convert.from_function(function, input_signature=signature)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _output(model: Any, job: Job, path: Path) -> None:
    import numpy as np

    np.save(path, model(np.load(job.input), training=False).numpy())


_MAKE = {"tflite": _tflite, "onnx": _onnx, "output": _output}


def answer(job: Job) -> Reply:
    """Do it, and say in a line what could not be done: the tools raise whatever they meet."""
    seconds: dict[str, float] = {}
    params = 0
    try:
        begun = time.perf_counter()
        emit_keras = import_module("bench.models.emit_keras")
        model = emit_keras.emit(job.network, seed=job.seed)
        params = int(model.count_params())
        seconds["build"] = time.perf_counter() - begun
        for kind, path in job.files.items():
            begun = time.perf_counter()
            _MAKE[kind](model, job, Path(path))
            seconds[kind] = time.perf_counter() - begun
    except Exception as error:
        traceback.print_exc()
        return Reply(params=params, seconds=seconds, error=f"{type(error).__name__}: {_words(error)}")
    return Reply(params=params, seconds=seconds)


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:_WORDS]


def main() -> None:
    jobs: list[Job] = pickle.loads(Path(sys.argv[1]).read_bytes())  # written by our own parent process
    # What the libraries print must not stand where the replies are read.
    sys.stdout.flush()
    channel = os.dup(1)
    os.dup2(2, 1)
    for job in jobs:
        os.write(channel, answer(job).encode() + b"\n")


if __name__ == "__main__":
    main()
