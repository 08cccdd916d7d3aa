"""What a file of another tool tells of the machine that it measured on, in the words that records use for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.records.foreign_series import ForeignSeries

TOOLS = ("pytest-benchmark", "pyperf", "hyperfine", "Google Benchmark")
# Stable facts make a device: never a host's name, a kernel or a clock of the moment. By the names of pytest-benchmark,
# pyperf and Google Benchmark; each has its own.
_PROCESSOR = ("cpu.brand_raw", "cpu.brand", "cpu_model_name", "caches")
_COUNTS = ("cpu.count", "cpu_count", "num_cpus")
_RUNTIME = ("python_implementation", "python_version", "library_build_type")
_CLOCKS = ("cpu_config", "cpu_scaling_enabled")
_HOST = ("node", "hostname", "host_name")
_SYSTEM = ("system", "release", "platform")


@dataclass(frozen=True)
class Facts:
    """In text; empty: not told. device: its stable facts; runtime: the tool without its version, and the Python or the
    build that it measured in; clocks: what holds them.
    """

    device: str
    runtime: str
    clocks: str
    host: str
    system: str


def facts(series: ForeignSeries) -> Facts:
    told = series.environment
    processor = _of(series, _PROCESSOR)
    counts = [f"{told[name]} CPUs" for name in _COUNTS if name in told]
    # An architecture and a count are the same on too many machines to tell one by.
    return Facts(
        device=", ".join([*processor, *_of(series, ("machine",)), *counts]) if processor else "",
        runtime=", ".join(filter(None, (tool(series), " ".join(_of(series, _RUNTIME))))),
        clocks=", ".join(f"{name} {told[name]}" for name in _CLOCKS if name in told),
        host=" ".join(_of(series, _HOST)),
        system=" ".join(_of(series, _SYSTEM)),
    )


def _of(series: ForeignSeries, names: Sequence[str]) -> list[str]:
    return [series.environment[name] for name in names if name in series.environment]


def tool(series: ForeignSeries) -> str:
    """The tool's name without its version."""
    return next((name for name in TOOLS if series.tool.startswith(name)), series.tool)


def not_told(series: ForeignSeries) -> tuple[str, ...]:
    """What no series can be compared without, and this one does not tell. Placement never is."""
    found = facts(series)
    known = {"machine": found.device, "clocks": found.clocks, "placement": ""}
    return tuple(name for name, text in known.items() if not text)
