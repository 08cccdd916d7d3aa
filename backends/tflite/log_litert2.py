"""The block `========== BENCHMARK RESULTS ==========` of LiteRT 2's tool: milliseconds with two decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bench.backends.tflite.log_stats import Stats
from bench.backends.tflite.log_types import Timings, ToolMemory

NS_PER_MS = 1_000_000
TITLE = "BENCHMARK RESULTS"
# Half of the last printed digit, in nanoseconds.
ROUNDING_NS = 5_000
# Only the standard deviation may lack its unit: a value at a cut end is none.
_VALUE = re.compile(
    r"(?:(\w{1,20} \(std\))|([A-Z][\w ]{1,30}(?:\(\w{1,10}\))?)):\s{1,40}(\d{1,12}\.\d{1,6})"
    r"(?(2) (?:ms|MB/s|MB)|(?: ms)?)(?: \((\d{1,12}) runs\))?"
)
_WORDS = ("Memory Usage:", "Peak memory usage not available.", "No throughput data available", "Signature name:")
_FULLY = re.compile(r"Fully accelerated:\s{1,40}(True|False)")
_END = "=" * 30


@dataclass
class Results:
    """Collects the block's lines."""

    seen: bool = False
    ended: bool = False
    none_timed: bool = False
    fully_accelerated: bool | None = None
    values: dict[str, float] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)

    def feed(self, text: str) -> bool:
        """Whether the line is of the block."""
        if text.strip("= ") == TITLE:
            self.seen = True
            return True
        if not self.seen or self.ended:
            return False
        if text.startswith(_END):
            self.ended = bool(self.values)
            return True
        if found := _VALUE.fullmatch(text):
            name = found[1] or found[2]
            self.values[name] = float(found[3])
            if found[4]:
                self.runs[name] = int(found[4])
            return True
        if found := _FULLY.fullmatch(text):
            self.fully_accelerated = found[1] == "True"
            return True
        self.none_timed = self.none_timed or text.startswith("No inference runs were performed")
        return text.startswith(_WORDS) or self.none_timed

    def timings(self) -> Timings:
        return Timings(
            init_ns=self._ns("Model initialization"),
            first_inference_ns=self._ns("First inference", "Warmup (first)"),
            warmup_avg_ns=self._ns("Warmup (avg)"),
            inference_avg_ns=self._ns("Inference (avg)"),
            rounded=True,
        )

    def stats(self, phase: str) -> Stats | None:
        """Of `Warmup` or `Inference`; None where the block does not count runs."""
        runs = self.runs.get(f"{phase} (avg)")
        if not runs:
            return None
        return Stats(
            count=runs,
            first_ns=self._ns(f"{phase} (first)"),
            avg_ns=self._ns(f"{phase} (avg)"),
            min_ns=self._ns(f"{phase} (min)"),
            max_ns=self._ns(f"{phase} (max)"),
            std_ns=self._ns(f"{phase} (std)"),
            p5_ns=self._ns(f"{phase} (p5)"),
            median_ns=self._ns(f"{phase} (median)"),
            p95_ns=self._ns(f"{phase} (p95)"),
        )

    def memory(self) -> ToolMemory:
        """The tool's `footprint` lines are growth since its start."""
        return ToolMemory(
            delta_init_mb=self.values.get("Init footprint"),
            delta_overall_mb=self.values.get("Overall footprint"),
            periodic_peak_mb=self.values.get("Peak memory"),
        )

    def _ns(self, *names: str) -> float | None:
        value = next((self.values[name] for name in names if name in self.values), None)
        return None if value is None else round(value * NS_PER_MS)
