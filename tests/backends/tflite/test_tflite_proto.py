"""The tool's binary files: made with the real classes, and those that the real tool wrote."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.tflite.proto import (
    WireError,
    parse_profile,
    parse_result,
    parse_runtime_info,
    read_profile,
    read_result,
    read_runtime_info,
)
from bench.backends.tflite.proto_wire import fields
from bench.base.errors import NotMeasuredError

LAB = Path(__file__).parents[4] / "shared" / "lab" / "output"


def lab(name: str) -> Path:
    path = LAB / name
    if not path.exists():
        pytest.skip(f"the real tool's files are not beside the repository: {path}")
    return path


def profile(times_called: int = 2, count: int = 20) -> Any:
    from ai_edge_litert import profiling_info_pb2 as pb

    data = pb.BenchmarkProfilingData(model_name="net")
    graph = data.runtime_profile.subgraph_profiles.add(subgraph_name="main", subgraph_index=0)
    stat = pb.OpProfilingStat(first=9, avg=7, sum=150, count=count)
    graph.per_op_profiles.add(
        node_type="CONV_2D", name="[a, b]:3", times_called=times_called, inference_microseconds=stat, run_order=0
    )
    inside = data.runtime_profile.delegate_profiles.add(delegate_name="X")
    inside.per_op_profiles.add(node_type="GEMM", name="GEMM:0", times_called=1, inference_microseconds=stat)
    return data


def test_profile_keeps_the_whole_sum() -> None:
    init, run = parse_profile(profile().SerializeToString())
    assert init is None
    assert run is not None
    row, inside = run.rows
    assert (row.avg_ms, row.calls, row.times_called, row.tensors) == (0.0075, 2.0, 2, ("a", "b"))
    assert (inside.delegate_internal, inside.position, run.runs) == (True, 1, 10)


def test_profile_of_the_real_tool() -> None:
    init, run = read_profile(lab("prof.pb"))
    assert init is not None
    assert run is not None
    assert [row.node_type for row in run.rows] == ["CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    assert run.rows[0].avg_ms == 60292 / 170 / 1000
    assert (run.runs, init.rows[0].node_type, init.rows[0].avg_ms) == (170, "AllocateTensors", 0.061)


def test_runtime_info_follows_a_node_to_its_last_delegate() -> None:
    from ai_edge_litert import model_runtime_info_pb2 as pb

    details = pb.ModelRuntimeDetails(model_name="net")
    graph = details.subgraphs.add(subgraph_id=0, execution_plan=[2, 4])
    graph.nodes.add(id=0, name="CONV_2D", delegated_to_node_id=3)
    graph.nodes.add(id=1, name="RELU", delegated_to_node_id=3)
    graph.nodes.add(id=2, name="TOPK_V2")
    first = graph.nodes.add(id=3, name="DELEGATE", delegated_to_node_id=4)
    first.delegate_node_details.delegate_name = "TfLiteXNNPackDelegate"
    first.delegate_node_details.tflite_node_ids_replaced.extend([0, 1])
    second = graph.nodes.add(id=4, name="DELEGATE")
    second.delegate_node_details.delegate_name = "TfLiteGpuDelegateV2"
    second.delegate_node_details.tflite_node_ids_replaced.append(3)
    info = parse_runtime_info(details.SerializeToString())
    assert [(node.op_name, node.delegate, node.kernel) for node in info.nodes] == [
        ("CONV_2D", "TfLiteGpuDelegateV2", 4),
        ("RELU", "TfLiteGpuDelegateV2", 4),
        ("TOPK_V2", "", None),
    ]
    assert [(kernel.node, kernel.replaced, kernel.executed) for kernel in info.kernels] == [
        (3, (0, 1), False),
        (4, (3,), True),
    ]


def message(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2, len(body)]) + body


def floats(values: dict[int, float]) -> bytes:
    return b"".join(bytes([number << 3 | 5]) + struct.pack("<f", value) for number, value in values.items())


def test_result_file() -> None:
    latency = floats(
        {1: 0.832286, 2: 0.747, 3: 0.887, 4: 0.055, 5: 0.847, 6: 0.75, 7: 0.88, 8: 5.747, 9: 1.113, 10: 0.987}
    )
    memory = bytes([1 << 3, 0x84, 0x44]) + bytes([2 << 3, 0x84, 0x55]) + floats({3: 16.1796875})
    found = parse_result(
        message(1, b"name") + message(2, latency) + message(3, memory) + message(4, bytes([16, 7, 24, 3]))
    )
    assert (found.avg_ns, found.min_ns, found.max_ns, found.median_ns) == (832286, 747000, 887000, 847000)
    assert (found.p5_ns, found.p95_ns, found.std_ns) == (750000, 880000, 55000)
    assert (found.init_ns, found.first_inference_ns, found.warmup_avg_ns) == (5747000, 1113000, 987000)
    assert (found.init_footprint_bytes, found.overall_footprint_bytes) == (8708 * 1024, 10884 * 1024)
    assert (found.peak_bytes, found.runs, found.warmup_runs) == (round(16.1796875 * 2**20), 7, 3)
    dry = parse_result(message(2, floats({1: 0.0, 8: 6.411})) + message(4, bytes([16, 0])))
    assert (dry.avg_ns, dry.init_ns, dry.peak_bytes, dry.runs) == (None, 6411000, None, 0)


def test_result_of_the_real_tool() -> None:
    found = read_result(lab("res.pb"))
    assert (found.avg_ns, found.median_ns, found.min_ns, found.max_ns) == (579582, 387000, 289000, 7804000)
    assert (found.runs, found.warmup_runs, found.peak_bytes) == (170, 1, None)


@pytest.mark.parametrize("data", [b"", b"\x12", b"\x12\x05ab", b"\x00\x00", b"\x0b", b"\xff" * 12, b"\x0d\x01"])
def test_bytes_that_are_no_result(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(WireError):
        parse_result(data)
    (tmp_path / "r.pb").write_bytes(data)
    with pytest.raises(NotMeasuredError):
        read_result(tmp_path / "r.pb")


def test_files_that_are_none_are_errors_for_people(tmp_path: Path) -> None:
    path = tmp_path / "x.pb"
    for read in (read_profile, read_runtime_info):
        with pytest.raises(NotMeasuredError, match="cannot be read"):
            read(path)
    path.write_bytes(profile().SerializeToString()[:-3])
    for read in (read_profile, read_runtime_info):
        with pytest.raises(NotMeasuredError):
            read(path)
    for parse in (parse_profile, parse_runtime_info):
        with pytest.raises(NotMeasuredError, match="holds no"):
            parse(b"")


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_an_error(data: bytes) -> None:
    try:
        found = list(fields(data))
    except WireError:
        return
    assert all(number > 0 for number, _ in found)
