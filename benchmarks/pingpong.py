"""Comparing two live workers in alternating turns (ABBA), in blocks with fresh processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.backends import pack
from bench.backends.client import AgentClient
from bench.devices.local import LocalDevice
from bench.models import artifacts
from bench.models.inputs import input_file
from bench.models.inspect import describe
from bench.records.stats.percentile import quantile
from bench.records.types import TensorSpec

Turn = Callable[[int], list[int]]
TURNS = 24
TURN_NS = 25_000_000
FORMATS = {"litert": "tflite", "onnxruntime": "onnx", "openvino": "tflite"}


@dataclass(frozen=True)
class Ratio:
    """head / base: the median over blocks (or pairs of invocations) and its interval: the smallest and the largest."""

    estimate: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.estimate:.4f} [{self.low:.4f}, {self.high:.4f}] n={self.count}"


def ratio_of(ratios: list[float]) -> Ratio:
    """Whatever the distribution, all of n >= 6 values lie on one side of the median in 2 / 2^n of the cases: below 4 %.

    A process may have bad luck with its memory for its whole life, which moves a mean of so few blocks.
    """
    if len(ratios) < 6:
        raise ValueError("an interval from the smallest to the largest needs six values")
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), len(ratios))


@dataclass(frozen=True)
class Subject:
    """A model file with an input for it."""

    backend: str
    model: Path
    spec: TensorSpec
    input: Path


def subject(backend: str, model: str, cache: Path) -> Subject:
    path = artifacts.build(model, variant="fp32", era="2019", format=FORMATS[backend], cache=cache)
    spec = describe(path, cache).inputs[0]
    return Subject(backend, path, spec, input_file(spec, spec.shape, 0, cache))


def agent_turns(stack: ExitStack, what: Subject, cache: Path) -> Turn:
    """Our agent, as the harness starts it."""
    agent, _ = pack.packed(cache)
    options = {"openvino": {"precision": "f32"}}.get(what.backend, {})
    client = stack.enter_context(AgentClient(LocalDevice(), str(agent), 300.0))
    client.ask("hello", "hello", backend=what.backend, accelerator="cpu", threads=1, options=options)
    loaded = client.ask("load", "load", model=str(what.model), shapes={}, trace="")
    msgspec.convert(loaded["inputs"], type=list[TensorSpec])
    client.ask("inputs", "inputs", files=[str(what.input)])
    return lambda count: list(client.ask("turn", "turn", n=count)["samples_ns"])


def bare_turns(stack: ExitStack, what: Subject) -> Turn:
    """The bare loop in a process of its own."""
    script = Path(__file__).with_name("bare.py")
    process = subprocess.Popen(
        [sys.executable, str(script), what.backend, str(what.model), str(what.input)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def turn(count: int) -> list[int]:
        stdin.write(f"{count}\n")
        stdin.flush()
        return list(json.loads(stdout.readline()))

    return turn


def block(what: Subject, cache: Path) -> tuple[float, float]:
    """One block with fresh processes: (median over turn pairs of agent / bare, typical latency in ns).

    A turn counts as its lower quartile (its median below four samples): the quietest view of it.
    """
    with ExitStack() as stack:
        head, base = agent_turns(stack, what, cache), bare_turns(stack, what)
        for worker in (head, base):
            worker(max(10, TURN_NS * 10 // max(statistics.median_low(worker(3)), 1)))
        count = max(1, round(TURN_NS / statistics.median(head(5))))

        def quick(samples: list[int]) -> float:
            return quantile(sorted(samples), 0.25 if len(samples) >= 4 else 0.5)

        ratios, latencies = [], []
        for index in range(TURNS):
            first, second = (head, base) if index % 2 == 0 else (base, head)
            one, two = quick(first(count)), quick(second(count))
            mine, other = (one, two) if index % 2 == 0 else (two, one)
            ratios.append(mine / other)
            latencies.append(other)
        return statistics.median(ratios), statistics.median(latencies)
