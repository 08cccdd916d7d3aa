"""One block: two fresh processes on one device that take turns, A B B A A B B A ..., each turn about 25 ms long."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal

from bench.backends.python_runtime import TURN_NS
from bench.gate.sides import Side, blamed
from bench.records.store import now
from bench.records.verdicts import Block

Name = Literal["base", "head"]
MakeSide = Callable[[Name], Side]

# Of both arms together. Fewer than 40 where an inference is longer than a turn, so that a block stays near a second.
TURNS, FEWEST_TURNS = 40, 8
TOOL_TURNS = 8


@dataclass
class PingPong:
    """Blocks of one comparison. chance: the start arm; count: inferences per turn, the same for both arms and in every
    block, since a quantile of fewer samples is another quantity; settled by the first block.
    """

    make: MakeSide
    native: bool
    chance: random.Random
    count: int = field(default=0)
    turns: int = field(default=0)

    def block(self, tell: Callable[[int, int], None] = lambda done, turns: None) -> Block:
        """tell: turns done, of all. Raises InvocationFailed where an arm ended."""
        begun, at = time.monotonic(), now()
        first: Name = self.chance.choice(("base", "head"))
        order: tuple[Name, Name] = (first, "head" if first == "base" else "base")
        taken: dict[Name, list[float]] = {"base": [], "head": []}
        with ExitStack() as stack:
            sides: dict[Name, Side] = {}
            for name in order:
                with blamed(name):
                    sides[name] = stack.enter_context(self.make(name))
            self._settle(sides["base"].typical_ns, sides["head"].typical_ns)
            for pair in range(self.turns // 2):
                for name in order if pair % 2 == 0 else reversed(order):
                    with blamed(name):
                        taken[name].append(sides[name].turn(self.count))
                tell(2 * (pair + 1), self.turns)
        return Block(
            at=at, first=first, count=self.count, base_ns=tuple(taken["base"]), head_ns=tuple(taken["head"]),
            seconds=time.monotonic() - begun,
        )  # fmt: skip

    def _settle(self, base_ns: float | None, head_ns: float | None) -> None:
        if self.turns:
            return
        if self.native or base_ns is None or head_ns is None:
            self.turns = TOOL_TURNS
            return
        self.count, self.turns = sizes(base_ns, head_ns)


def sizes(base_ns: float, head_ns: float) -> tuple[int, int]:
    """(inferences per turn, turns of both arms in a block) for arms of these latencies.

    A turn fills 25 ms for the geometric mean of both; turns come in fours (A B B A), at least eight.
    """
    typical = math.sqrt(max(base_ns, 1.0) * max(head_ns, 1.0))
    count = max(1, round(TURN_NS / typical))
    turns = min(TURNS, int(TURNS * TURN_NS / max(typical * count, 1.0)) // 4 * 4) if typical > TURN_NS else TURNS
    return count, max(FEWEST_TURNS, turns)
