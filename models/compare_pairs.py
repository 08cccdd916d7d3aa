"""Which op of one graph is which op of another: pairs along the wires, not along the list.

In this order: ops whose whole past is the same (from the inputs down); whose whole future is the same (from the
outputs up); then, between the pairs so far and in the order of execution, ops that are the same by themselves; and
last, ops of the same type.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import msgspec

from bench.models.ops import Op, OpTable

Facts = tuple[tuple[str, tuple[int, ...] | None], ...]


def weight_facts(table: OpTable, op: Op) -> Facts:
    """(dtype, shape) of the inputs that do not depend on the graph's inputs."""
    return tuple((tensor.dtype, tensor.shape) for tensor in table.given(op) if tensor.fixed)


def made_facts(table: OpTable, op: Op) -> Facts:
    """(dtype, shape) of the outputs."""
    return tuple((tensor.dtype, tensor.shape) for tensor in table.made(op))


def wires(table: OpTable) -> tuple[dict[str, int], dict[str, list[tuple[int, int]]]]:
    """(tensor -> the op that makes it, activation -> (op, place among its inputs) that use it)."""
    makers = {key: op.index for op in table.ops for key in op.outputs if key}
    users: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for op in table.ops:
        for place, key in enumerate(op.inputs):
            if key and not table.tensors[key].fixed:
                users[key].append((op.index, place))
    return makers, users


def pair_ops(before: OpTable, after: OpTable) -> dict[int, int]:
    """Index before -> index after; an op is in at most one pair, and a pair has one type."""
    pairs: dict[int, int] = {}
    _equal(_pasts(before), _pasts(after), pairs)
    _equal(_futures(before), _futures(after), pairs)
    _between([_local(before, op) for op in before.ops], [_local(after, op) for op in after.ops], pairs)
    _between([op.type for op in before.ops], [op.type for op in after.ops], pairs)
    return pairs


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _local(table: OpTable, op: Op) -> str:
    """All that an op is by itself."""
    return _digest(op.type, op.version, op.options, weight_facts(table, op), made_facts(table, op))


def _pasts(table: OpTable) -> list[str]:
    """One digest per op: itself and all that it depends on."""
    made = {key: _digest("input", place) for place, key in enumerate(table.inputs)}
    result = []
    for op in table.ops:
        given = [made.get(key, "") if key and not table.tensors[key].fixed else "" for key in op.inputs]
        past = _digest(_local(table, op), given)
        made |= {key: _digest(past, place) for place, key in enumerate(op.outputs)}
        result.append(past)
    return result


def _futures(table: OpTable) -> list[str]:
    """One digest per op: itself and all that depends on it."""
    _, users = wires(table)
    result = [""] * len(table.ops)
    for op in reversed(table.ops):
        uses = [
            [
                *sorted([result[user], str(place)] for user, place in users.get(key, ())),
                *(["output", str(place)] for place, output in enumerate(table.outputs) if key and output == key),
            ]
            for key in op.outputs
        ]
        result[op.index] = _digest(_local(table, op), uses)
    return result


def _equal(before: Sequence[Any], after: Sequence[Any], pairs: dict[int, int]) -> None:
    """Pairs what has the same key on both sides, the n-th of a key with the n-th."""
    taken = set(pairs.values())
    places: dict[Any, deque[int]] = defaultdict(deque)
    for index, key in enumerate(after):
        if index not in taken:
            places[key].append(index)
    for index, key in enumerate(before):
        if index not in pairs and places.get(key):
            pairs[index] = places[key].popleft()


def _between(before: Sequence[str], after: Sequence[str], pairs: dict[int, int]) -> None:
    """Pairs unpaired ops with equal keys in the order of execution, between the pairs that there are."""
    numbers = {right: left for left, right in pairs.items()}
    olds: list[str | int] = [index if index in pairs else key for index, key in enumerate(before)]
    news: list[str | int] = [numbers.get(index, key) for index, key in enumerate(after)]
    for old, new, size in difflib.SequenceMatcher(None, olds, news, autojunk=False).get_matching_blocks():
        for step in range(size):
            pairs.setdefault(old + step, new + step)
