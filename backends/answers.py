"""One invocation that answers one input after the other: for what comes out, not for how long it takes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import msgspec

from bench.backends.client import AgentClient, InvocationFailed
from bench.backends.job import Job, Output
from bench.backends.python_runtime import Slot, load, read_outputs, slots
from bench.records.types import CaseError

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


def outputs_of_items(job: Job, batch: int) -> list[Output]:
    """Those of a seeded batch, where each item is computed alone. job.case: with the batch in its shapes.

    Raises InvocationFailed, also where an output does not have one item's place in front.
    """
    alone = {name: (1, *shape[1:]) for name, shape in job.case.shapes.items()}
    single = dataclasses.replace(job, case=msgspec.structs.replace(job.case, shapes=alone))
    parts: list[list[bytes]] = []
    found: list[Output] = []
    with answering(single) as (inputs, answer):
        items = [_items(job, slot, batch, number) for number, slot in enumerate(inputs)]
        for index in range(batch):
            found = answer([each[index] for each in items])
            if any(output.spec.shape[:1] != (1,) for output in found):
                message = "an output of a single item does not have 1 as its first dimension"
                raise InvocationFailed(CaseError(kind="shape", message=message, phase="making a reference"))
            parts.append([output.file.read_bytes() for output in found])
    for number, output in enumerate(found):
        output.file.write_bytes(b"".join(part[number] for part in parts))
    return [_together(output, batch) for output in found]


def _items(job: Job, slot: Slot, batch: int, number: int) -> list[str]:
    """A file on the device for each item of a seeded input; of a single number, the same for all."""
    if not slot.spec.shape:
        return [job.input_file(slot.spec)] * batch
    whole = job.folder / "batch.bin"
    job.device.pull(job.input_file(msgspec.structs.replace(slot.spec, shape=(batch, *slot.spec.shape[1:]))), whole)
    data = whole.read_bytes()
    size = len(data) // batch
    paths = []
    for index in range(batch):
        path = job.folder / f"input{number}-{index}.bin"
        path.write_bytes(data[index * size : (index + 1) * size])
        paths.append(job.device.push(path))
    return paths


def _together(output: Output, batch: int) -> Output:
    return dataclasses.replace(output, spec=msgspec.structs.replace(output.spec, shape=(batch, *output.spec.shape[1:])))
