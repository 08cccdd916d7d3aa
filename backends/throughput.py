"""Throughput of an invocation of a Python runtime: with several streams in a phase of its own, else from its turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.backends.batch import batch_of
from bench.backends.client import AgentClient
from bench.backends.job import Watch
from bench.records.types import Throughput, Turn

PHASE = "measuring throughput"
ONE_BY_ONE = "the timed inferences, one after the other, without what lies between them"


def measure(
    agent: AgentClient, loaded: Mapping[str, Any], options: Mapping[str, str], turns: Sequence[Turn], seconds: float,
    watch: Watch,
) -> Throughput | None:  # fmt: skip
    """loaded: the answer to `load`. None where it would be no more than one over the latency.

    With streams it takes `seconds` more. Raises InvocationFailed.
    """
    batch, streams = batch_of(options), int(loaded.get("streams", 1))
    if streams == 1:
        return of_turns(turns, batch)
    watch.stage(PHASE)
    told = agent.ask("throughput", PHASE, streams=streams, duration_ns=round(seconds * 1e9))
    return Throughput(
        inferences=told["inferences"], duration_ns=told["duration_ns"], streams=streams, batch=batch, how=told["how"]
    )


def of_turns(turns: Sequence[Turn], batch: int) -> Throughput | None:
    """The items of the timed inferences over the time that these took; None for single ones."""
    samples = [sample for turn in turns for sample in turn.samples_ns]
    if batch == 1 or not sum(samples):
        return None
    return Throughput(inferences=len(samples), duration_ns=sum(samples), batch=batch, how=ONE_BY_ONE)
