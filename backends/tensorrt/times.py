"""The samples of `--exportTimes`: one object per inference, in milliseconds on the GPU's clock.

Writer: TensorRT, samples/common/sampleReporting.cpp, exportJSONTrace. Before 8.5 it writes the warm-up's inferences
too, without a word; they are those in front whose compute began before the warm-up's end, which is trtexec's own rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile

import msgspec

from bench.records.types import Turn

NS_PER_MS = 1_000_000
TURN_NS = 25_000_000
DIGITS = 1e-4  # both are written with six


_KEYS = {
    "start_compute_ms": "startComputeMs",
    "h2d_ms": "h2dMs",
    "compute_ms": "computeMs",
    "d2h_ms": "d2hMs",
    "end_d2h_ms": "endD2hMs",
}


class Sample(msgspec.Struct, frozen=True, rename=_KEYS):
    """One inference: start_compute_ms since the loop's start; the rest are durations by CUDA events."""

    start_compute_ms: float
    h2d_ms: float
    compute_ms: float
    d2h_ms: float
    end_d2h_ms: float


class TimesError(Exception):
    """The file cannot be used: why, in words."""


@dataclass(frozen=True)
class Times:
    """The timed inferences in order. warmups: how many of the warm-up stood before them in the file."""

    samples: tuple[Sample, ...]
    warmups: int = 0

    @property
    def resolution_ns(self) -> float:
        """What a duration cannot be told finer than: its two ends are 32-bit floats of milliseconds since the start.

        A float of 24 bits at t ms has steps of 2^(floor(log2 t) - 23) ms; CUDA's events have about 500 ns of their own.
        """
        last = max((sample.end_d2h_ms for sample in self.samples), default=0.0)
        step_ms = 2.0 ** (math.floor(math.log2(last)) - 23) if last > 0 else 0.0
        return max(500.0, step_ms * NS_PER_MS)


def parse(data: bytes, warmup_ms: float | None, queries: int | None) -> Times:
    """warmup_ms, queries: as the run's log tells them; None: it does not. Raises TimesError."""
    try:
        found = msgspec.json.decode(data, type=list[Sample], strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise TimesError(f"the file of --exportTimes is not whole: {error}") from None
    timed = list(dropwhile(lambda sample: sample.start_compute_ms < (warmup_ms or 0.0), found))
    if queries is not None and len(timed) != queries:
        # Six digits of a start may round over the warm-up's end, and the log counts what counts.
        if abs(len(timed) - queries) > 1 or len(found) < queries:
            raise TimesError(f"the log has {queries} timed inferences, the file of --exportTimes {len(timed)}")
        timed = found[len(found) - queries :]
    if not timed:
        raise TimesError("the file of --exportTimes has no inference after the warm-up")
    if any(not math.isfinite(sample.compute_ms) or sample.compute_ms <= 0 for sample in timed):
        raise TimesError("the file of --exportTimes has inferences that took no time")
    return Times(tuple(timed), len(found) - len(timed))


def must_agree(sampled: Times, median_ms: float) -> None:
    """The log's own median of the GPU's time is that of the samples, but for one at the edge of the warm-up.

    Raises TimesError.
    """
    values = sorted(sample.compute_ms for sample in sampled.samples)
    middle = len(values) // 2
    near = values[max(middle - 2, 0) : middle + 2]
    if not near[0] * (1 - DIGITS) <= median_ms <= near[-1] * (1 + DIGITS):
        raise TimesError(f"the log's median is {median_ms:g} ms, that of the exported samples {values[middle]:g} ms")


def turns(samples: Sequence[Sample]) -> tuple[Turn, ...]:
    """The inferences in turns of about 25 ms. start_ns: since the start of trtexec's loop."""
    typical = sorted(sample.compute_ms for sample in samples)[len(samples) // 2] * NS_PER_MS
    length = max(1, round(TURN_NS / max(typical, 1.0)))
    return tuple(
        Turn(
            start_ns=round(chunk[0].start_compute_ms * NS_PER_MS),
            samples_ns=tuple(round(sample.compute_ms * NS_PER_MS) for sample in chunk),
        )
        for chunk in (samples[begin : begin + length] for begin in range(0, len(samples), length))
    )
