"""What the Edge TPU compiler's output consists of: its own ops, each a whole subgraph, and what it left to the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bench.records.types import GraphFacts

COMPILED_OP = "edgetpu-custom-op"


class Parts(NamedTuple):
    """compiled: ops that run on the Edge TPU; left: op type -> count, on the CPU, most frequent first."""

    compiled: int
    left: dict[str, int]

    @property
    def left_count(self) -> int:
        return sum(self.left.values())

    @property
    def text(self) -> str:
        """`1 edgetpu-custom-op, 3 ops on the CPU (2 QUANTIZE, 1 SOFTMAX)`."""
        left = ", ".join(f"{count} {name}" for name, count in self.left.items())
        ops = f"{self.left_count} op{'s' * (self.left_count != 1)} on the CPU ({left})" if left else "no op on the CPU"
        return f"{self.compiled} {COMPILED_OP}, {ops}"


def edgetpu_parts(graph: GraphFacts) -> Parts | None:
    """The parts of a file that the Edge TPU compiler wrote, every op counted; None for any other file."""
    return parts_of(graph.histogram) if graph.format == "tflite" else None


def parts_of(histogram: Mapping[str, int]) -> Parts | None:
    """The same of a TFLite graph's op types and their counts."""
    compiled = histogram.get(COMPILED_OP, 0)
    if not compiled:
        return None
    others = [(name, count) for name, count in histogram.items() if name != COMPILED_OP]
    return Parts(compiled, dict(sorted(others, key=lambda each: (-each[1], each[0]))))
