"""The shapes that a user fixed, against the inputs that the graph has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.backends.client import InvocationFailed
from bench.records.types import CaseError, TensorSpec

Shape = tuple[int, ...]


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
        sizes = ",".join("N" if size < 0 else str(size) for size in spec.shape)
        given = shapes.get(spec.name)
        if given is None and spec.dynamic:
            example = sizes.replace("N", "1")
            todo = f"Fix it with the size that you ship, such as --shape {spec.name}={example}"
            raise _shape_error(f"input {spec.name} has no fixed shape: {sizes}", todo)
        if given is not None and len(given) != len(spec.shape):
            raise _shape_error(f"--shape: input {spec.name} has {len(spec.shape)} dimensions: {sizes}", "")
    return shapes


def _shape_error(message: str, todo: str) -> InvocationFailed:
    return InvocationFailed(CaseError(kind="shape", message=message, todo=todo, phase="reading the model"))
