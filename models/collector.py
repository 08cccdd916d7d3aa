"""The ground of the builder: layers in order, and a name for each."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from bench.models.network import Layer, Network, Pair, Shape, Value


def pair(size: int | Pair) -> Pair:
    """(height, width) of a size that may be one number for both."""
    return (size, size) if isinstance(size, int) else size


class Collector:
    """Collects layers in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scope: list[str] = []
        self._count: Counter[str] = Counter()
        self._inputs: list[Value] = []
        self._layers: list[Layer] = []

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names within start with `name/`."""
        self._scope.append(name)
        try:
            yield
        finally:
            self._scope.pop()

    def _named(self, kind: str, name: str) -> str:
        if name:
            return name
        full = "/".join((*self._scope, kind))
        self._count[full] += 1
        return f"{full}_{self._count[full]}"

    def _put(self, layer: Layer) -> Value:
        self._layers.append(layer)
        return layer.output

    def input(self, name: str, shape: Shape) -> Value:
        value = Value(name=name, shape=shape)
        self._inputs.append(value)
        return value

    def finish(self, *outputs: Value) -> Network:
        """The network. Raises ValueError for a name that is taken twice: names seed weights and name tensors."""
        network = Network(name=self._name, inputs=tuple(self._inputs), outputs=outputs, layers=tuple(self._layers))
        values = [*network.inputs, *(layer.output for layer in network.layers)]
        names = Counter([*(value.name for value in values), *(each.name for each in network.parameters)])
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"names taken twice in {self._name}: {', '.join(twice)}")
        return network
