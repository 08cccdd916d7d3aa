"""What changed between two graphs: ops are paired along the graph, so that one inserted op is one addition.

How the ops are paired: models/compare_pairs.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.models.compare_pairs import made_facts, pair_ops, weight_facts, wires
from bench.models.ops import Op, OpTable


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that differs. before, after: indices. differences: what -> (before, after), as text.

    The keys of differences: `version`, `output`, `dtype`, `weights`, `wiring`, or the name of an option.
    """

    before: int
    after: int
    type: str
    differences: dict[str, tuple[str, str]]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """pairs: (before, after) indices of all ops that belong together, changed or not; removed, added: indices.

    histogram: op type -> (count before, count after), types whose count differs only.
    """

    pairs: tuple[tuple[int, int], ...]
    changed: tuple[Changed, ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]
    histogram: dict[str, tuple[int, int]]
    interface: dict[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether the two are the same graph; weights and names are not looked at."""
        return not (self.changed or self.removed or self.added or self.interface)


class _Side(msgspec.Struct, frozen=True):
    """One of the two graphs. makers: tensor -> op; paired: the ops that have a partner on the other side."""

    table: OpTable
    makers: Mapping[str, int]
    paired: frozenset[int]

    def origin(self, key: str) -> str | None:
        """Where a tensor comes from; None: from an op without a partner, which says itself that it was added."""
        if key in self.table.inputs:
            return f"input {self.table.inputs.index(key)}"
        if key not in self.makers:
            return "constant" if key else "none"
        return f"op {self.makers[key]}" if self.makers[key] in self.paired else None


def compare(before: OpTable, after: OpTable) -> Difference:
    """The difference of two graphs of the same format."""
    pairs = pair_ops(before, after)
    old = _Side(before, wires(before)[0], frozenset(pairs))
    new = _Side(after, wires(after)[0], frozenset(pairs.values()))
    changed = []
    for left, right in sorted(pairs.items()):
        differences = _differences(old, new, before.ops[left], after.ops[right], pairs)
        if differences:
            kind = before.ops[left].type
            changed.append(Changed(before=left, after=right, type=kind, differences=differences))
    counts = {op.type: (_count(before, op.type), _count(after, op.type)) for op in (*before.ops, *after.ops)}
    return Difference(
        pairs=tuple(sorted(pairs.items())),
        changed=tuple(changed),
        removed=tuple(op.index for op in before.ops if op.index not in old.paired),
        added=tuple(op.index for op in after.ops if op.index not in new.paired),
        histogram={kind: both for kind, both in sorted(counts.items()) if both[0] != both[1]},
        interface=_interface(old, new, pairs),
    )


def _count(table: OpTable, kind: str) -> int:
    return sum(op.type == kind for op in table.ops)


def shape_text(shape: tuple[int, ...] | None) -> str:
    """`1x256x256x3`, `?` for what is dynamic, `scalar`, `unknown`."""
    if shape is None:
        return "unknown"
    return "x".join("?" if size < 0 else str(size) for size in shape) or "scalar"


def _interface(old: _Side, new: _Side, pairs: Mapping[int, int]) -> dict[str, tuple[str, str]]:
    """What differs in the graph's inputs and outputs: dtypes and shapes, or the ops that make the outputs."""

    def text(table: OpTable, keys: Sequence[str]) -> str:
        return _text([(table.tensors[key].dtype, table.tensors[key].shape) for key in keys])

    sides = {
        "inputs": (text(old.table, old.table.inputs), text(new.table, new.table.inputs)),
        "outputs": (text(old.table, old.table.outputs), text(new.table, new.table.outputs)),
    }
    found = {side: both for side, both in sides.items() if both[0] != both[1]}
    wired = _wiring(old, new, old.table.outputs, new.table.outputs, pairs)
    if wired and "outputs" not in found:
        found["outputs"] = wired
    return found


def _differences(old: _Side, new: _Side, left: Op, right: Op, pairs: Mapping[int, int]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[object, object]] = {
        "version": (left.version, right.version),
        "output": (_text(made_facts(old.table, left)), _text(made_facts(new.table, right))),
        "weights": (_text(weight_facts(old.table, left)), _text(weight_facts(new.table, right))),
    }
    for name in sorted({*left.options, *right.options}):
        found[name] = (left.options.get(name, "default"), right.options.get(name, "default"))
    differences = {name: (str(one), str(other)) for name, (one, other) in found.items() if one != other}
    wired = _wiring(old, new, left.inputs, right.inputs, pairs)
    return differences | ({"wiring": wired} if wired else {})


def _text(facts: Sequence[tuple[str, tuple[int, ...] | None]]) -> str:
    return ", ".join(f"{dtype} {shape_text(shape)}" for dtype, shape in facts) or "none"


def _wiring(
    old: _Side, new: _Side, left: Sequence[str], right: Sequence[str], pairs: Mapping[int, int]
) -> tuple[str, str] | None:
    """Where two lists of tensors come from, if from ops that are no pair, or if one list is longer."""
    different = len(left) != len(right)
    shown: list[tuple[str, str]] = []
    for one, other in zip(left, right, strict=False):
        before, after = old.origin(one), new.origin(other)
        if before is None or after is None:
            continue
        expected = f"op {pairs[old.makers[one]]}" if before.startswith("op ") else before
        different = different or expected != after
        shown.append((before, after))
    if not different:
        return None
    return f"{len(left)}: {', '.join(a for a, _ in shown)}", f"{len(right)}: {', '.join(b for _, b in shown)}"
