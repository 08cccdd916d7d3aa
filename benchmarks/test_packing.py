"""What packing sixteen pixels into one float saves: unpacking with NumPy against reading the pixels themselves back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from pytest_benchmark.fixture import BenchmarkFixture

from bench.models import artifacts
from bench.models.packing import unpack

Rows = list[tuple[str, str, str]]
CALLS = 200


def _reader(model: str, cache: Path, x: Any) -> Callable[[], Any]:
    """The call that copies a model's output out, after one inference."""
    path = artifacts.build(model, variant="fp32", era="2019", format="tflite", cache=cache)
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    index = interpreter.get_output_details()[0]["index"]
    return lambda: interpreter.get_tensor(index)


def _nanoseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - begun) / CALLS


def test_unpacking_against_reading_pixels(cache: Path, row: Rows, benchmark: BenchmarkFixture) -> None:
    """In alternating turns, on the host's memory: what is saved on a bus between device and host is not in it."""
    x = np.random.default_rng(7).integers(0, 2, (1, 256, 256, 1)).astype(np.float32)
    whole, packed = _reader("paradox_1", cache, x), _reader("paradox_2", cache, x)
    assert (unpack(packed().reshape(256, 16)) == x[0, :, :, 0]).all()
    calls = (whole, packed, lambda: unpack(packed().reshape(256, 16)))
    turns: list[list[float]] = []
    benchmark.pedantic(lambda: turns.append([_nanoseconds(call) for call in calls]), rounds=20, warmup_rounds=2)
    pixels, floats, both = (sorted(side)[len(side) // 2] / 1000 for side in zip(*turns, strict=True))
    said = f"{both:.0f} µs (reading alone {floats:.1f} µs) against {pixels:.0f} µs: {both / pixels:.2f}x"
    row.append(("256x16 floats read and unpacked / 256x256 floats read", said, "as found"))
    benchmark.extra_info["ratio"] = both / pixels
