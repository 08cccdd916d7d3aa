"""Comparing graphs: the same is the same, one inserted op is one addition, and what changed is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.models import dag, ops
from bench.models.compare import compare, shape_text

Built = Callable[..., Path]
Original = Callable[[str], Path]
Changed = Callable[..., Path]

Step = tuple[str, list[int]]  # op type, places of the tensors it reads


def table(steps: list[Step], stride: dict[int, int] | None = None) -> ops.OpTable:
    """A graph: tensor 0 is the input, step i makes tensor i + 1, the last one is the output. All of one shape."""
    count = len(steps) + 1
    tensors = {str(n): ops.Tensor(key=str(n), name=f"t{n}", dtype="float32", shape=(1, 8, 8, 4)) for n in range(count)}
    rows = tuple(
        ops.Op(
            index=index, type=kind, version=1, name=f"t{index + 1}", inputs=tuple(map(str, reads)),
            outputs=(str(index + 1),), options={"stride": (stride or {}).get(index, 1)},
        )
        for index, (kind, reads) in enumerate(steps)
    )  # fmt: skip
    return ops.OpTable(format="tflite", tensors=tensors, ops=rows, inputs=("0",), outputs=(str(count - 1),))


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """A random graph in which every tensor is used: step i reads the one before and perhaps an older one."""
    count = draw(st.integers(1, 14))
    found: list[Step] = []
    for place in range(count):
        older = draw(st.lists(st.integers(0, place), max_size=1))
        found.append((draw(st.sampled_from(["CONV_2D", "ADD", "LOGISTIC"])), [place, *older]))
    return found


def reordered(found: ops.OpTable, priorities: list[int]) -> tuple[ops.OpTable, dict[int, int]]:
    """The same graph with its ops in another order in which they can run; old index -> new index."""
    ready, left, order = set(found.inputs), list(found.ops), []
    while left:
        runnable = [op for op in left if set(op.inputs) <= ready]
        chosen = max(runnable, key=lambda op: (priorities[op.index % len(priorities)], op.index))
        left.remove(chosen)
        order.append(chosen)
        ready |= set(chosen.outputs)
    rows = tuple(msgspec.structs.replace(op, index=index) for index, op in enumerate(order))
    return msgspec.structs.replace(found, ops=rows), {op.index: index for index, op in enumerate(order)}


def with_insertion(given_steps: list[Step], at: int) -> list[Step]:
    """Behind tensor `at` a TANH is put, which all that read the tensor now read instead."""
    longer: list[Step] = []
    for place, (kind, reads) in enumerate(given_steps):
        if place == at:
            longer.append(("TANH", [at]))
        longer.append((kind, [read if read < at else read + 1 for read in reads]))
    return longer


priorities = st.lists(st.integers(0, 5), min_size=16, max_size=16)


@settings(deadline=None)
@given(steps(), priorities)
def test_a_graph_is_the_same_as_itself_in_any_order(given_steps: list[Step], order: list[int]) -> None:
    other, moved = reordered(table(given_steps), order)
    found = compare(table(given_steps), other)
    assert found.same
    assert len(found.pairs) == len(given_steps) == len(moved)
    assert found.histogram == {}


@settings(deadline=None)
@given(steps(), st.data(), priorities)
def test_one_inserted_op_is_one_addition_in_any_order(
    given_steps: list[Step], data: st.DataObject, order: list[int]
) -> None:
    at = data.draw(st.integers(0, len(given_steps) - 1))
    longer, moved = reordered(table(with_insertion(given_steps, at)), order)
    found = compare(table(given_steps), longer)
    assert (found.added, found.removed, found.changed) == ((moved[at],), (), ())
    assert found.histogram == {"TANH": (0, 1)}
    back = compare(longer, table(given_steps))
    assert (back.added, back.removed, back.changed) == ((), (moved[at],), ())


@settings(deadline=None)
@given(steps(), st.data(), priorities)
def test_two_inserted_ops_in_any_order(given_steps: list[Step], data: st.DataObject, order: list[int]) -> None:
    """Between the two, nothing has its old past or future; here every op can be told from every other."""
    first, second = sorted(data.draw(st.lists(st.integers(0, len(given_steps) - 1), min_size=2, max_size=2)))
    named = [(f"{kind}_{place}", reads) for place, (kind, reads) in enumerate(given_steps)]
    longer, _ = reordered(table(with_insertion(with_insertion(named, second), first)), order)
    found = compare(table(named), longer)
    assert [longer.ops[index].type for index in found.added] == ["TANH", "TANH"]
    assert not found.removed
    assert not found.changed


def test_one_removed_of_many_alike() -> None:
    """Equal ops in a row, one of which is gone, behind an op that changed: the others stay paired."""
    row: list[Step] = [("LOGISTIC", [0]), *(("CONV_2D", [place]) for place in range(1, 6)), ("ADD", [6, 6])]
    shorter = [*row[:5], ("ADD", [5, 5])]
    found = compare(table(row, stride={0: 2, 6: 2}), table(shorter))
    assert (len(found.removed), found.added) == (1, ())
    assert [each.type for each in found.changed] == ["LOGISTIC", "ADD"]


def test_the_op_that_is_gone_is_told_among_ops_of_its_type() -> None:
    """Between two changes, the convolution that is still there stays paired, not the first one."""
    before = table([("LOGISTIC", [0]), ("CONV_2D", [1]), ("CONV_2D", [2]), ("ADD", [3, 3])], stride={0: 2, 2: 3, 3: 2})
    after = table([("LOGISTIC", [0]), ("CONV_2D", [1]), ("ADD", [2, 2])], stride={1: 3})
    found = compare(before, after)
    assert (found.removed, found.added) == ((1,), ())
    assert [each.type for each in found.changed] == ["LOGISTIC", "ADD"]


@settings(deadline=None)
@given(steps(), st.data())
def test_one_changed_option_is_one_change(given_steps: list[Step], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(given_steps) - 1))
    found = compare(table(given_steps), table(given_steps, stride={at: 2}))
    (changed,) = found.changed
    assert (changed.before, changed.after) == (at, at)
    assert changed.differences == {"stride": ("1", "2")}
    assert not found.same
    assert not found.added
    assert not found.removed


def test_a_change_at_the_end_of_reordered_branches() -> None:
    """No op has its old future, and the two branches run in the other order."""
    branches: list[Step] = [("CONV_2D", [0]), ("LOGISTIC", [1]), ("RELU", [0]), ("TANH", [3]), ("ADD", [2, 4])]
    other, moved = reordered(table(branches, stride={4: 2}), [1, 1, 2, 2, 0])
    assert moved == {0: 2, 1: 3, 2: 0, 3: 1, 4: 4}
    found = compare(table(branches), other)
    assert [each.type for each in found.changed] == ["ADD"]
    assert (found.added, found.removed) == ((), ())


@settings(deadline=None)
@given(steps(), steps())
def test_every_op_is_paired_or_told(one: list[Step], other: list[Step]) -> None:
    left, right = table(one), table(other)
    found = compare(left, right)
    assert sorted([before for before, _ in found.pairs] + list(found.removed)) == list(range(len(one)))
    assert sorted([after for _, after in found.pairs] + list(found.added)) == list(range(len(other)))
    assert all(left.ops[a].type == right.ops[b].type for a, b in found.pairs)
    if found.same:
        assert len(one) == len(other)


def test_a_moved_wire_is_told() -> None:
    chain: list[Step] = [("CONV_2D", [0]), ("LOGISTIC", [1]), ("TANH", [2]), ("ADD", [3, 1])]
    moved = [*chain[:3], ("ADD", [3, 2])]
    (changed,) = compare(table(chain), table(moved)).changed
    assert changed.type == "ADD"
    assert changed.differences["wiring"] == ("2: op 2, op 0", "2: op 2, op 1")


def test_another_output_is_told() -> None:
    base = table([("CONV_2D", [0]), ("LOGISTIC", [1])])
    other = msgspec.structs.replace(base, outputs=("1",))
    found = compare(base, other)
    assert not found.same
    assert found.interface["outputs"] == ("1: op 1", "1: op 0")


def test_same_graph_is_the_same_hash(built: Built, changed: Changed) -> None:
    def stride(model: Any) -> None:
        model.subgraphs[0].operators[1].builtinOptions.strideH = 2

    def reversed_tensors(model: Any) -> None:
        graph = model.subgraphs[0]
        last = len(graph.tensors) - 1
        graph.tensors = graph.tensors[::-1]
        for holder in (graph, *graph.operators):
            holder.inputs = [last - index for index in holder.inputs]
            holder.outputs = [last - index for index in holder.outputs]
        model.signatureDefs = []

    source = built("paradox_6")
    for path in (changed(source, stride), changed(source, reversed_tensors), built("paradox_6", seed=3)):
        equal = dag.dag_hash(dag.read(path)) == dag.dag_hash(dag.read(source))
        assert compare(ops.load(source), ops.load(path)).same == equal


def test_zoo_is_the_same_graph_as_the_published_files(built: Built, original: Original) -> None:
    pairs = {
        "prisma_256": "prisma-net.tflite", "slim_net_512": "slim_reshape_v2.tflite",
        "deeplab_dm05_513_dense": "deeplab_aiseg513_dm05_float.tflite", "mnv3_transition_256": "mnv3_seg_float.tflite",
        "paradox_5": "gpucom/model5.tflite",
    }  # fmt: skip
    for model, name in pairs.items():
        found = compare(ops.load(original(name)), ops.load(built(model)))
        assert not found.added
        assert not found.removed
        assert found.changed == ()
        assert len(found.pairs) == len(ops.load(original(name)).ops)


def test_variants_of_a_published_model(original: Original) -> None:
    source = ops.load(original("prisma-net.tflite"))
    halved = compare(source, ops.load(original("prisma-net_fp16.tflite")))
    assert halved.histogram == {"DEQUANTIZE": (0, 169)}
    assert (len(halved.added), halved.removed) == (169, ())
    quantized = compare(source, ops.load(original("prisma_quant.tflite")))
    assert [source.ops[index].type for index in quantized.removed] == ["RESHAPE"]
    assert not quantized.added
    assert quantized.changed[0].differences["version"] == ("1", "3")
    assert quantized.interface["inputs"] == ("float32 1x256x256x3", "int8 1x256x256x3")


def test_unrelated_graphs(original: Original) -> None:
    one, other = ops.load(original("slim_reshape_v2.tflite")), ops.load(original("portrait_video_quant.tflite"))
    found = compare(one, other)
    assert not found.same
    assert found.histogram["PRELU"] == (100, 0)
    assert sum(one.ops[index].type == "PRELU" for index in found.removed) == 100


def test_shape_text() -> None:
    assert [shape_text(each) for each in ((1, -1, 3), (), None)] == ["1x?x3", "scalar", "unknown"]
