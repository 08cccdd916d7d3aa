"""Placement and op rows as pure functions of what a runtime tells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.agent.adapter import Refused
from bench.backends.agent.adapter_litert import delegated
from bench.backends.agent.adapter_onnxruntime import trace_rows
from bench.backends.agent.litert_names import KINDS, UNNAMED, fits, name_rows
from bench.backends.agent.litert_profiler import DELEGATE_OP_EVENT, OP_EVENT, op_rows
from bench.backends.agent.openvino_counters import counter_rows
from bench.backends.python_runtime import profile_of

Node = dict[str, Any]


def node(index: int, name: str, inputs: list[int], outputs: list[int]) -> Node:
    return {"index": index, "op_name": name, "inputs": inputs, "outputs": outputs}


# 0 -> a -> 1 -> b -> 2 -> c -> 3 -> d -> 4 -> e -> 5; d takes what b made, too, and a weight (9) and nothing (-1).
CHAIN = [
    node(0, "CONV_2D", [0, 9, -1], [1]),
    node(1, "RELU", [1], [2]),
    node(2, "CUSTOM", [2], [3]),
    node(3, "ADD", [3, 2, 9], [4]),
    node(4, "LOGISTIC", [4], [5]),
]


def test_two_partitions_take_the_nodes_between_their_tensors() -> None:
    partitions = [node(5, "DELEGATE", [0, 9], [2]), node(6, "DELEGATE", [3, 2, 9], [5])]
    found = delegated(CHAIN + partitions, "XNNPACK")
    assert found["kind"] == "partial"
    assert (found["nodes"], found["total"], found["partitions"]) == (4, 5, 2)
    assert found["delegate"] == "XNNPACK"
    assert found["evidence"] == "the interpreter's node list: 5 nodes, 2 delegate nodes"


def test_one_partition_may_take_all_and_no_partition_takes_none() -> None:
    whole = delegated([*CHAIN, node(5, "DELEGATE", [0, 9], [5])], "XNNPACK")
    assert (whole["kind"], whole["nodes"], whole["partitions"]) == ("full", 5, 1)
    nothing = delegated(CHAIN, "XNNPACK")
    assert (nothing["kind"], nothing["nodes"], nothing["partitions"]) == ("none", 0, 0)


@given(st.integers(1, 30), st.data())
def test_a_chain_cut_anywhere_counts_exactly_the_nodes_inside(length: int, data: st.DataObject) -> None:
    chain = [node(index, "RELU", [index], [index + 1]) for index in range(length)]
    taken = data.draw(st.lists(st.booleans(), min_size=length, max_size=length))
    runs: list[list[int]] = []
    for index, inside in enumerate(taken):
        if inside and (not runs or runs[-1][-1] != index - 1):
            runs.append([])
        if inside:
            runs[-1].append(index)
    partitions = [node(length + i, "DELEGATE", [run[0]], [run[-1] + 1]) for i, run in enumerate(runs)]
    found = delegated(chain + partitions, "X")
    assert (found["nodes"], found["total"], found["partitions"]) == (sum(taken), length, len(runs))


def run_events(start: int, ops: list[tuple[str, str, int]]) -> list[Node]:
    """A run as ONNX Runtime writes it: node events in order, then the run's own."""
    events, at = [], start + 2
    for name, op_type, dur in ops:
        args = {"op_name": op_type, "provider": "CPU"}
        events.append({"cat": "Node", "name": f"{name}_kernel_time", "ts": at, "dur": dur, "args": args})
        events.append({"cat": "Node", "name": f"{name}_fence_before", "ts": at, "dur": 0, "args": {}})
        at += dur
    return [*events, {"cat": "Session", "name": "model_run", "ts": start, "dur": at - start}]


def test_rows_of_the_last_runs_of_a_trace() -> None:
    load = {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 90}
    cold = run_events(100, [("a", "Conv", 500), ("b", "Relu", 700)])
    first, second = (run_events(at, [("a", "Conv", 5), ("b", "Relu", dur)]) for at, dur in ((2000, 7), (3000, 9)))
    rows = trace_rows([load, *cold, *first, *second], 2)
    assert [(row["name"], row["op_type"], row["time_ns"], row["calls"]) for row in rows] == [
        ("a", "Conv", 10_000, 2),
        ("b", "Relu", 16_000, 2),
    ]
    assert rows[0]["source_ops"] == ["a"]
    assert rows[0]["where"] == "CPU"


def test_a_trace_with_fewer_runs_than_were_made_is_refused() -> None:
    with pytest.raises(Refused, match="1 runs, 2 were made"):
        trace_rows(run_events(0, [("a", "Conv", 5)]), 2)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.just("Op"), st.integers(0, 1000)), max_size=12),
    st.integers(1, 4),
    st.randoms(),
)
def test_no_event_of_a_trace_is_lost_whatever_its_order(
    ops: list[tuple[str, str, int]], inferences: int, random: Any
) -> None:
    runs = [run_events(10_000 * (index + 1), [(f"{name}{i}", kind, dur) for i, (name, kind, dur) in enumerate(ops)])
            for index in range(inferences)]  # fmt: skip
    random.shuffle(runs)
    rows = trace_rows([event for run in runs for event in run], inferences)
    assert sum(row["time_ns"] for row in rows) == inferences * 1000 * sum(dur for _, _, dur in ops)
    assert sum(row["calls"] for row in rows) == inferences * len(ops)


def counter(mean_us: int) -> Node:
    return {"type": "Convolution", "where": "brgconv", "mean_ns": mean_us * 1000}


def test_counters_that_are_means_since_the_start_give_the_runs_in_between() -> None:
    """A cold run of 700 us, three of 100, then ten of 100: the means are 250 and 142 (of 142.9)."""
    rows = counter_rows({(3, "conv"): counter(250)}, 4, {(3, "conv"): counter(142)}, 14, {"conv": ["a", "b"]})
    assert rows == [
        {
            "position": 3, "op_type": "Convolution", "name": "conv", "time_ns": (142 * 14 - 250 * 4) * 1000,
            "calls": 10, "source_ops": ["a", "b"], "where": "brgconv",
        }
    ]  # fmt: skip


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=200), st.data())
def test_counters_are_right_to_a_microsecond_per_run(times_us: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(times_us) - 1))
    before = {(0, "op"): counter(sum(times_us[:cut]) // cut)}
    after = {(0, "op"): counter(sum(times_us) // len(times_us))}
    (row,) = counter_rows(before, cut, after, len(times_us), {})
    assert abs(row["time_ns"] - 1000 * sum(times_us[cut:])) <= 1000 * len(times_us)
    assert row["time_ns"] >= 0


def test_litert_events_that_span_a_partition_are_no_ops() -> None:
    events = [
        ("Conv", DELEGATE_OP_EVENT, 40),
        ("Relu", DELEGATE_OP_EVENT, 2),
        ("TfLiteXNNPackDelegate", OP_EVENT, 45),
        ("CUSTOM", OP_EVENT, 7),
        ("Invoke", 1, 60),
    ]
    assert op_rows(events) == [("Conv", 40, True), ("Relu", 2, True), ("CUSTOM", 7, False)]


def found_rows(*types: str) -> Node:
    rows = [{"position": i, "op_type": kind, "name": "", "source_ops": []} for i, kind in enumerate(types)]
    return {"rows": rows[::-1], "notes": ["whole microseconds"]}


def test_rows_take_the_names_of_the_files_ops_in_order() -> None:
    named = name_rows(
        found_rows("Convolution (NHWC, F32) IGEMM", "Clamp (NC)", "CUSTOM"),
        [("CONV_2D", "conv"), ("RELU", "relu"), ("CUSTOM", "own")],
    )
    assert [row["name"] for row in named["rows"]] == ["conv", "relu", "own"]
    assert named["rows"][0]["source_ops"] == ["CONV_2D conv"]
    assert UNNAMED not in named["notes"]


@pytest.mark.parametrize(
    "nodes",
    [
        [("CONV_2D", "conv")],  # fewer
        [("CONV_2D", "conv"), ("RELU", "relu"), ("RELU", "more")],  # more
        [("RELU", "relu"), ("CONV_2D", "conv")],  # another order
        [("CONV_2D", "conv"), ("SOMETHING", "new")],  # a kind that nothing is known of
    ],
)
def test_rows_that_do_not_pair_carry_no_name_at_all(nodes: list[tuple[str, str]]) -> None:
    found = name_rows(found_rows("Convolution (NHWC, F32) IGEMM", "Clamp (NC)"), nodes)
    assert [row["name"] for row in found["rows"]] == ["", ""]
    assert found["notes"][-1] == UNNAMED


@given(st.sampled_from([kind for _, kinds in KINDS for kind in kinds]), st.text(max_size=20))
def test_a_kind_fits_itself_and_nothing_that_is_unknown(kind: str, text: str) -> None:
    assert fits(kind, kind)
    assert not fits("\0" + text, kind)


def test_sums_over_inferences_become_means_per_inference() -> None:
    row = {"position": 0, "op_type": "Conv", "name": "a", "time_ns": 900, "calls": 6, "source_ops": ["a"], "where": "x"}
    answer = {
        "source": "s", "inferences": 3, "samples_ns": [500, 300, 400], "total_ns": 1200, "rows": [row], "notes": ["n"],
    }  # fmt: skip
    profile = profile_of(answer, 200.0)
    assert (profile.total_ns, profile.rows[0].time_ns, profile.rows[0].calls) == (400, 300, 2)
    assert profile.slowdown == 2.0  # the median of 300, 400, 500 over 200
    assert profile.gap_ns == 100
    assert profile_of(answer, None).slowdown is None
