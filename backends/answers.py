"""One invocation that answers one input after the other: for what comes out, not for how long it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from bench.backends.client import AgentClient
from bench.backends.job import Job, Output
from bench.backends.python_runtime import Slot, load, read_outputs, slots

Answer = Callable[[Sequence[str]], list[Output]]


@contextlib.contextmanager
def answering(job: Job) -> Iterator[tuple[list[Slot], Answer]]:
    """The model's inputs, and a function from files for them (paths on the device, one per input) to its outputs.

    The outputs' files are overwritten by the next answer. job.limit_s is for all of it. Raises InvocationFailed.
    """
    with AgentClient(job.device, job.program.path, job.limit_s, job.case.accelerator) as agent:
        _, loaded, _ = load(agent, job, profiling=False)

        def answer(files: Sequence[str]) -> list[Output]:
            agent.ask("inputs", "setting the inputs", files=list(files))
            agent.ask("first", "an inference")
            return read_outputs(agent, job)

        yield slots(loaded), answer
        agent.ask("quit", "leaving")


def outputs(job: Job) -> list[Output]:
    """Those of the seeded inputs, and nothing else. Raises InvocationFailed."""
    with answering(job) as (inputs, answer):
        return answer([job.input_file(slot.spec) for slot in inputs])
