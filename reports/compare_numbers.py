"""What `bench compare` sets side by side where records have it: throughput, energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from bench.records.stats.differences import Ratio
from bench.records.stats.throughput import throughput_ratio
from bench.records.types import Record
from bench.reports import energy_text, throughput_text


class Number(NamedTuple):
    """asked: whether any of some records has it; lines: for a cell; ratio: other over base, None: not comparable."""

    title: str
    head: str
    asked: Callable[[Sequence[Record]], bool]
    lines: Callable[[Record], list[str]]
    ratio: Callable[[Record, Record], Ratio | None]


NUMBERS: Final = (
    Number(
        "Throughput: more is better",
        throughput_text.HEAD,
        throughput_text.asked,
        throughput_text.lines,
        throughput_ratio,
    ),
    Number("Energy: less is better", energy_text.HEAD, energy_text.asked, energy_text.lines, energy_text.ratio),
)
