"""The least memory that a graph's activations need."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from bench.models.ops import OpTable


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """size_bytes: the lower bound; op: index of the op that needs it. None, with the reason, for dynamic shapes."""

    size_bytes: int | None
    op: int | None
    unknown: str = ""


def peak(table: OpTable) -> Peak:
    """The least memory that the activations need when the ops run in the file's order and none works in place.

    Formula: max over ops i of the sum of size_bytes of the tensors that are alive while op i runs: made by i or before
    it (or inputs of the graph), and used by i or after it (or outputs of the graph). No placement in one arena can be
    smaller. Source: Pisarchyk, Lee: Efficient Memory Management for Deep Neural Net Inference, 2020, arXiv:2001.03288
    (the largest "operator breadth"). A runtime that lets RESHAPE or ADD write over its input may stay below it;
    scratch memory of kernels comes on top.
    """
    count = len(table.ops)
    born = dict.fromkeys(table.inputs, 0)
    died = dict.fromkeys(table.inputs, 0)
    for op in table.ops:
        for tensor in table.activations(table.made(op)):
            born.setdefault(tensor.key, op.index)
            died[tensor.key] = op.index
        for tensor in table.activations(table.given(op)):
            born.setdefault(tensor.key, op.index)
            died[tensor.key] = op.index
    died |= {key: count - 1 for key in table.outputs if key in born}
    change: dict[int, int] = defaultdict(int)
    for key, start in born.items():
        size = table.tensors[key].size_bytes
        if size is None:
            name = table.tensors[key].name
            return Peak(size_bytes=None, op=None, unknown=f"the size of {name!r} is not known before it runs")
        change[start] += size
        change[died[key] + 1] -= size
    best = Peak(size_bytes=0, op=None)
    alive = 0
    for index in range(count):
        alive += change[index]
        if alive > (best.size_bytes or 0):
            best = Peak(size_bytes=alive, op=index)
    return best
