"""What the catalog knows of a model without building it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.models.deploy import deployed
from bench.models.network import Network, Shape
from bench.models.scaling import Scaling


class ZooEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the zoo. Shapes: of its only input and output, NHWC.

    aliases: other names; an alias that several entries share is ambiguous and must be spelled out.
    params: of the deployed graph, as Keras counts them; params_train: with batch normalization, where it is folded.
    mmac: million multiply-accumulates of one inference, of the convolutions.
    train: makes the graph that is trained.
    scaling: how pictures become its input, for a model whose output is a mask; None: it is none, or takes no pictures.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    input_shape: Shape
    output_shape: Shape
    params: int
    params_train: int
    mmac: float
    train: Callable[[], Network]
    scaling: Scaling | None = None

    def build(self) -> Network:
        """The graph that is deployed and measured."""
        return deployed(self.train())
