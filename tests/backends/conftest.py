"""Real agents: one process per question, through the protocol itself."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.backends import pack
from bench.backends.client import AgentClient
from bench.devices.local import LocalDevice
from bench.models.inputs import input_file
from bench.records.types import TensorSpec

# A runtime that hangs: in its first inference, after it has started a process of its own.
HANGING = """
import subprocess, sys, time
from .adapter import Adapter

class Hanging(Adapter):
    name = "hanging"
    sync = "never"

    def version(self):
        return "1"

    def load(self, path, shapes, trace):
        self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.path = path

    def tensors(self):
        return [], []

    def set_inputs(self, arrays):
        pass

    def invoker(self):
        def call():
            with open(self.path, "w") as stream:
                stream.write(str(self.child.pid))
            print("a last word", file=sys.stderr, flush=True)
            while True:
                time.sleep(600)
        return call

ADAPTER = Hanging
"""


@dataclass(frozen=True)
class Answers:
    """What one invocation said."""

    hello: dict[str, Any]
    loaded: dict[str, Any]
    outputs: list[np.ndarray[Any, Any]]
    finish: dict[str, Any]
    profile: dict[str, Any]


@pytest.fixture(scope="session")
def agent(cache_folder: Path) -> str:
    return str(pack.packed(cache_folder)[0])


@pytest.fixture(scope="session")
def device() -> LocalDevice:
    return LocalDevice()


@pytest.fixture
def client(device: LocalDevice, agent: str) -> Iterator[AgentClient]:
    with AgentClient(device, agent, 60.0) as opened:
        yield opened


@pytest.fixture(scope="session")
def hanging_agent(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The real agent with a runtime more: `hanging`."""
    buffer = io.BytesIO(pack.build())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(f"{pack.PACKAGE}/adapter_hanging.py", HANGING)
    path = tmp_path_factory.mktemp("agent") / "hanging.pyz"
    path.write_bytes(buffer.getvalue())
    return str(path)


@pytest.fixture(scope="session")
def answers(
    agent: str, device: LocalDevice, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Answers]:
    """answers(model file, backend, options...): one invocation, asked each once; profile=N: of N inferences too."""
    known: dict[str, Answers] = {}

    def ask(
        model: Path, backend: str, accelerator: str = "cpu", threads: int = 1, profile: int = 0, **options: str
    ) -> Answers:
        key = repr((model, backend, accelerator, threads, profile, options))
        if key not in known:
            known[key] = _ask(model, backend, accelerator, threads, profile, options)
        return known[key]

    def _ask(
        model: Path, backend: str, accelerator: str, threads: int, profile: int, options: dict[str, str]
    ) -> Answers:
        folder = tmp_path_factory.mktemp("outputs")
        with AgentClient(device, agent, 120.0) as client:
            hello = client.ask(
                "hello", "hello", backend=backend, accelerator=accelerator, threads=threads, options=options,
                scratch=str(folder),
            )  # fmt: skip
            loaded = client.ask("load", "load", model=str(model), shapes={}, trace=str(folder) if profile else "")
            specs = [msgspec.convert(spec, type=TensorSpec) for spec in loaded["inputs"]]
            client.ask("inputs", "inputs", files=[str(input_file(spec, spec.shape, 0, cache_folder)) for spec in specs])
            client.ask("first", "first")
            found = client.ask("outputs", "outputs", folder=str(folder))
            arrays = [
                np.fromfile(name, dtype=spec["dtype"]).reshape(spec["shape"])
                for name, spec in zip(found["files"], found["outputs"], strict=True)
            ]
            finish = client.ask("finish", "finish")
            profiled = client.ask("profile", "profile", n=profile) if profile else {}
            client.ask("quit", "quit")
        return Answers(hello, loaded, arrays, finish, profiled)

    return ask
