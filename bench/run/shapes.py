"""The shapes that a user fixed, against the inputs that the graph has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.backends.client import InvocationFailed, open_shape, sizes_text
from bench.records.types import CaseError, TensorSpec

Shape = tuple[int, ...]
PHASE = "reading the model"


def resolve_shapes(asked: Mapping[str, Shape], inputs: Sequence[TensorSpec]) -> dict[str, Shape]:
    """Input name -> shape, for what the user fixed; a shape without a name is that of the only input.

    Raises InvocationFailed where a name or a number of dimensions is wrong, or a dynamic input is left open.
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
        if given is None and spec.dynamic:
            raise open_shape(spec, PHASE)
        if given is not None and len(given) != len(spec.shape):
            said = f"--shape: input {spec.name} has {len(spec.shape)} dimensions: {sizes_text(spec)}"
            raise _shape_error(said, "")
    return shapes


def _shape_error(message: str, todo: str) -> InvocationFailed:
    return InvocationFailed(CaseError(kind="shape", message=message, todo=todo, phase=PHASE))
