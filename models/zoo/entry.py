"""What the catalog knows of a model without building it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.models.network import Network, Shape


class ZooEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the zoo. Shapes: of its only input and output, NHWC; params: as Keras counts them.

    aliases: other names; an alias that several entries share is ambiguous and must be spelled out.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    input_shape: Shape
    output_shape: Shape
    params: int
    build: Callable[[], Network]
