"""Batches: one inference that holds several items. What comes out must hold as many, or it is a batch of one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bench.backends.client import InvocationFailed, sizes_text
from bench.records.types import CaseError, TensorSpec

REFUSED = "refused"  # the kind of what a runtime will not take
TODO = (
    "A file that was made for a batch of one often fixes it inside, such as in a reshape: export the model with an "
    "open first dimension, or have several inferences at a time with --streams."
)


def batch_of(options: Mapping[str, str]) -> int:
    """Items in one inference of a case with these options."""
    return int(options.get("batch") or 1)


@contextlib.contextmanager
def batches_of(batch: int) -> Iterator[None]:
    """What a runtime refuses inside is said of the batch, where there is one. Raises InvocationFailed."""
    try:
        yield
    except InvocationFailed as failed:
        if batch == 1 or failed.error.kind != REFUSED:
            raise
        message = f"cannot run batches of {batch}: {failed.error.message}"
        error = msgspec.structs.replace(failed.error, message=message, todo=TODO)
        raise InvocationFailed(error, failed.transcript) from None


def must_hold(outputs: Iterable[TensorSpec], batch: int, phase: str) -> None:
    """Raises InvocationFailed where an output keeps another first dimension than the batch (-1: not known yet)."""
    for spec in outputs:
        if batch > 1 and spec.shape and spec.shape[0] not in (-1, batch):
            sizes = sizes_text(spec)
            message = f"cannot run batches of {batch}: with such inputs, output {spec.name} has the shape {sizes}"
            raise InvocationFailed(CaseError(kind=REFUSED, message=message, todo=TODO, phase=phase))
