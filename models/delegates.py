"""Whether a delegate of TFLite takes an op: the shape of the tables in models/delegate_ops.py, and how they are read.

A table answers from the file alone. A driver, a GPU or the Edge TPU compiler may still refuse what its table takes
(too large, too imprecise), so `taken` means: nothing in the file speaks against it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.models.ops import Op, OpTable, Tensor
from bench.models.ops_options import pair

Target = Literal["gpu", "nnapi", "hexagon", "edgetpu"]


class Accepts(msgspec.Struct, frozen=True, kw_only=True):
    """Under which conditions a delegate takes an op type; None or empty: no condition of that kind.

    version, least_version: the highest and the lowest. dtypes: of the first activation read; outputs: of the first
    written. ranks: of the first activation read. activations: fused ones. stride, dilation: the largest per axis.
    undilated_stride: the stride must be 1 where the op is dilated. inputs: how many there must be at least.
    side: the largest height and width written. zero: options that must be 0. not_both: options of which at most one
    may be set.
    """

    version: int | None = None
    least_version: int = 0
    dtypes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    activations: tuple[str, ...] = ()
    stride: int | None = None
    dilation: int | None = None
    undilated_stride: bool = False
    inputs: int | None = None
    side: int | None = None
    zero: tuple[str, ...] = ()
    not_both: tuple[str, ...] = ()


class Delegate(msgspec.Struct, frozen=True, kw_only=True):
    """One delegate's table. source: the upstream file and its commit; checked: False where we could not read it.

    dtypes: what it computes in at all; ranks: of every tensor it may touch; static: dynamic shapes end it.
    unchecked: op types in the table that the source, as far as we could read it, does not show.
    skips: op types to say nothing of: what the delegate's own compiler has already put there.
    """

    target: Target
    name: str
    source: str
    checked: bool
    dtypes: tuple[str, ...]
    ops: dict[str, Accepts]
    max_rank: int | None = None
    unchecked: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()

    @property
    def eight_bit_only(self) -> bool:
        return not any(dtype.startswith("float") for dtype in self.dtypes)


_ANYWHERE = ("int32", "int64", "bool")  # indices, shapes and masks: their dtype is the op's business


def refusal(delegate: Delegate, table: OpTable, op: Op, *, dtypes: bool = True) -> str | None:
    """Why the delegate leaves this op to the CPU, as the end of a sentence; None: its table takes it.

    dtypes: False asks about the op as if its activations had a dtype that the delegate computes in.
    """
    if op.type in delegate.skips:
        return None
    accepts = delegate.ops.get(op.type)
    if accepts is None:
        return "the op type is not in its list"
    given, made = table.activations(table.given(op)), table.activations(table.made(op))
    return (
        (_dtypes(delegate, accepts, given, made) if dtypes else None)
        or _ranks(delegate, accepts, given, made)
        or _form(accepts, op, settled=dtypes)
        or _options(accepts, op, made)
    )


def wrong_type(delegate: Delegate, table: OpTable, op: Op) -> bool:
    """Whether one of the op's activations has a dtype that the delegate does not compute in."""
    touched = table.activations([*table.given(op), *table.made(op)])
    return any(tensor.dtype not in delegate.dtypes and tensor.dtype not in _ANYWHERE for tensor in touched)


def _dtypes(delegate: Delegate, accepts: Accepts, given: list[Tensor], made: list[Tensor]) -> str | None:
    touched = [each.dtype for each in (*given, *made)]
    wrong = [dtype for dtype in touched if dtype not in delegate.dtypes and dtype not in _ANYWHERE]
    if wrong:
        return f"it computes in {', '.join(delegate.dtypes)}, not in {wrong[0]}"
    if accepts.dtypes and given and given[0].dtype not in accepts.dtypes:
        return f"input of {given[0].dtype}, it takes {', '.join(accepts.dtypes)}"
    if accepts.outputs and made and made[0].dtype not in accepts.outputs:
        return f"output of {made[0].dtype}, it writes {', '.join(accepts.outputs)}"
    return None


def _ranks(delegate: Delegate, accepts: Accepts, given: list[Tensor], made: list[Tensor]) -> str | None:
    ranks = [len(each.shape) for each in (*given, *made) if each.shape is not None]
    if delegate.max_rank is not None and max(ranks, default=0) > delegate.max_rank:
        return f"it takes at most {delegate.max_rank} dimensions, this has {max(ranks)}"
    shape = given[0].shape if given else None
    if accepts.ranks and shape is not None and len(shape) not in accepts.ranks:
        return f"input of {len(shape)} dimensions, it takes {' or '.join(map(str, accepts.ranks))}"
    return None


def _form(accepts: Accepts, op: Op, *, settled: bool) -> str | None:
    """settled: the version is the one that will be delegated; quantizing a float op can only raise it."""
    if accepts.version is not None and op.version > accepts.version:
        return f"op version {op.version}, it takes up to {accepts.version}"
    if settled and op.version < accepts.least_version:
        return f"op version {op.version}, it takes them from {accepts.least_version} on"
    count = sum(map(bool, op.inputs))
    if accepts.inputs is not None and count < accepts.inputs:
        return f"it wants {accepts.inputs} inputs, this has {count}"
    return None


def _options(accepts: Accepts, op: Op, made: list[Tensor]) -> str | None:
    fused = op.options.get("activation", "none")
    if accepts.activations and fused not in accepts.activations:
        return f"fused activation {fused}, it takes {', '.join(accepts.activations)}"
    stride, dilation = max(pair(op.options, "stride")), max(pair(op.options, "dilation"))
    if accepts.stride is not None and stride > accepts.stride:
        return f"stride {stride}, it takes up to {accepts.stride}"
    if accepts.dilation is not None and dilation > accepts.dilation:
        return f"dilation {dilation}, it takes up to {accepts.dilation}"
    if accepts.undilated_stride and dilation > 1 and stride > 1:
        return f"stride {stride} together with dilation {dilation}"
    for option in accepts.zero:
        if op.options.get(option):
            return f"option {option} is set"
    if accepts.not_both and all(op.options.get(option) for option in accepts.not_both):
        return f"{' and '.join(accepts.not_both)} are both set"
    shape = made[0].shape if made else None
    if accepts.side is not None and shape is not None and len(shape) == 4 and max(shape[1:3]) > accepts.side:
        return f"it writes up to {accepts.side} x {accepts.side}, this is {shape[1]} x {shape[2]}"
    return None
