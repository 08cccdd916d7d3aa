"""What was read of a log so far, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.backends.tflite.log_types import GpuSplit, Phase, Replaced, Timings, Verdict


@dataclass
class Draft:
    """What was read so far, all lines of all streams."""

    started: int = 0
    loaded: int = 0
    runtime_lines: bool = False
    version: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    summaries: list[Timings] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    replaced: list[Replaced] = field(default_factory=list)
    gpu_kernels: int | None = None
    gpu_api: str = ""
    gpu_split: GpuSplit | None = None
    failures: list[str] = field(default_factory=list)
    fatal: bool = False
    unconsumed: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    listing: int = 0  # lines that may still be of a list of unsupported ops
