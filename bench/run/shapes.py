"""The shapes that a user fixed, against the inputs that the graph has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.backends.client import InvocationFailed, open_shape, sizes_text
from bench.records.types import CaseError, TensorSpec

Shape = tuple[int, ...]
PHASE = "reading the model"


def resolve_shapes(asked: Mapping[str, Shape], inputs: Sequence[TensorSpec], batch: int = 1) -> dict[str, Shape]:
    """Input name -> shape, for what the user fixed; a shape without a name is that of the only input.

    batch: takes the place of every input's first dimension, where that is open or 1.
    Raises InvocationFailed where a name or a number of dimensions is wrong, a dynamic input is left open, or the first
    dimension is another.
    """
    names = [spec.name for spec in inputs]
    shapes: dict[str, Shape] = {}
    for name, shape in asked.items():
        if name not in names and (name or len(names) != 1):
            what = f"--shape {name}: the model has no such input" if name else "--shape without a name: several inputs"
            raise _shape_error(what, f"Its inputs: {', '.join(names)}.")
        shapes[name or names[0]] = shape
    for spec in inputs:
        given = shapes.get(spec.name)
        if given is not None and len(given) != len(spec.shape):
            said = f"--shape: input {spec.name} has {len(spec.shape)} dimensions: {sizes_text(spec)}"
            raise _shape_error(said, "")
        if batch > 1 and spec.shape:  # one number is for all items
            given = shapes[spec.name] = _batched(spec, given or spec.shape, batch)
        settled = spec if given is None else msgspec.structs.replace(spec, shape=given)
        if settled.dynamic:
            raise open_shape(settled, PHASE)
    return shapes


def _batched(spec: TensorSpec, shape: Shape, batch: int) -> Shape:
    if shape[0] not in (-1, 1, batch):
        said = f"cannot run batches of {batch}: input {spec.name} has the shape {sizes_text(spec)}"
        if shape != spec.shape:
            said += f", and --shape says {','.join(map(str, shape))}"
        raise _shape_error(said, "A batch takes the place of a first dimension that is open or 1.")
    return (batch, *shape[1:])


def _shape_error(message: str, todo: str) -> InvocationFailed:
    return InvocationFailed(CaseError(kind="shape", message=message, todo=todo, phase=PHASE))
