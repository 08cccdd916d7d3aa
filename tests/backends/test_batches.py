"""A batch computes each item as it is computed alone, in every runtime that takes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.backends.client import AgentClient
from bench.devices.local import LocalDevice
from bench.models.inputs import seeded_input
from bench.records.types import TensorSpec

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("backend", ["litert", "openvino"])
def test_each_item_of_a_batch_is_computed_as_alone(
    agent: str, zoo_file: Callable[..., Path], tmp_path: Path, backend: str
) -> None:
    shape = (3, 256, 256, 4)
    spec = TensorSpec(name="x", dtype="float32", shape=shape)
    items = np.frombuffer(seeded_input(spec, shape, 0, scaling="signed"), "<f4").reshape(shape)
    assert len({item.tobytes() for item in items}) == 3

    def answer(array: Array) -> Array:
        (tmp_path / "in").write_bytes(array.tobytes())
        with AgentClient(LocalDevice(), agent, 60.0) as client:
            client.ask("hello", "hello", backend=backend, accelerator="cpu", threads=1, options={}, scratch="")
            found = client.ask("load", "load", model=str(zoo_file("paradox_3")), shapes={}, trace="")
            (given,) = (msgspec.convert(each, type=TensorSpec) for each in found["inputs"])
        with AgentClient(LocalDevice(), agent, 60.0) as client:
            client.ask("hello", "hello", backend=backend, accelerator="cpu", threads=1, options={}, scratch="")
            client.ask("load", "load", model=str(zoo_file("paradox_3")), shapes={given.name: array.shape}, trace="")
            client.ask("inputs", "inputs", files=[str(tmp_path / "in")])
            client.ask("first", "first")
            (out,) = client.ask("outputs", "outputs", folder=str(tmp_path))["outputs"]
            client.ask("quit", "quit")
        return np.fromfile(tmp_path / "output0.bin", out["dtype"]).reshape(out["shape"])

    together = answer(items)
    assert together.shape[0] == 3
    for index in range(3):
        assert np.allclose(together[index], answer(items[index : index + 1])[0], atol=1e-5)


def test_a_batch_of_pictures_has_the_scaling_of_one() -> None:
    shape = (2, 32, 32, 3)
    spec = TensorSpec(name="x", dtype="float32", shape=shape)
    plain, signed = (
        np.frombuffer(seeded_input(spec, shape, 0, scaling=scaling), "<f4").reshape(shape)
        for scaling in ("unit", "signed")
    )
    assert plain.min() >= 0
    assert signed.min() < -0.5
    assert np.allclose(signed, plain * 2 - 1, atol=0.01)
