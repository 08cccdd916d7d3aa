"""OpenVINO as a target: devices that are there and that are not, spread over several, hints, streams, model cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.backends.agent.adapter import Refused
from bench.backends.agent.openvino_devices import spread_over, wanted_devices
from bench.backends.client import AgentClient, InvocationFailed
from bench.devices.local import LocalDevice

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask(answers: Ask, zoo_file: Callable[..., Path]) -> Ask:
    return lambda **asked: answers(zoo_file("paradox_7"), "openvino", **asked)


@pytest.mark.parametrize("asked", [{"accelerator": "npu"}, {"accelerator": "hetero", "hetero": "NPU,CPU"}])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(ask: Ask, asked: dict[str, str]) -> None:
    import openvino

    present = openvino.Core().available_devices
    if "NPU" in present:
        pytest.skip("this machine has an NPU")
    with pytest.raises(InvocationFailed) as refused:
        ask(**asked)
    assert refused.value.error.kind == "refused"
    assert refused.value.error.message == f"OpenVINO has no device NPU here; it has {', '.join(present)}"
    assert "driver" in refused.value.error.todo


def test_which_devices_may_take_part() -> None:
    present = ["CPU", "GPU.0", "GPU.1"]
    assert wanted_devices("GPU", "", present) == ["GPU"]
    assert wanted_devices("AUTO", "", present) == present
    assert wanted_devices("HETERO", "gpu.1,cpu", present) == ["GPU.1", "CPU"]
    assert wanted_devices("HETERO", "", present) == present
    for device, hetero in (("NPU", ""), ("HETERO", "GPU.2,CPU"), ("HETERO", "GPUS")):
        with pytest.raises(Refused, match=r"it has CPU, GPU\.0, GPU\.1"):
            wanted_devices(device, hetero, present)


def test_hetero_gives_its_nodes_by_device_and_its_op_profile(ask: Ask) -> None:
    found = ask(accelerator="hetero", hetero="CPU", profile=8)
    placement = found.finish["placement"]
    assert placement["kind"] == "full"
    assert placement["delegate"] == "CPU"
    assert placement["nodes"] == placement["total"] > 5
    assert placement["partitions"] == 1
    assert "query_model: CPU" in placement["evidence"]
    assert found.finish["settings"]["device"] == "HETERO:CPU"
    assert found.finish["settings"]["CPU INFERENCE_NUM_THREADS"] == "1"
    plain = ask(accelerator="cpu", profile=8).profile["rows"]
    rows = found.profile["rows"]
    assert [row["op_type"] for row in rows] == [row["op_type"] for row in plain]
    assert all(row["source_ops"] and not row["name"].startswith("subgraph") for row in rows)
    assert found.outputs[0].tobytes() == ask(accelerator="cpu").outputs[0].tobytes()


def test_a_graph_that_is_spread_is_counted_by_who_took_what() -> None:
    part = spread_over("GPU", {"GPU.0": 30, "CPU": 12}, 3, "seen")
    assert (part["kind"], part["nodes"], part["total"], part["partitions"]) == ("partial", 30, 42, 3)
    none = spread_over("GPU", {"CPU": 42}, 1, "seen")
    assert none["kind"] == "none"
    assert none["reason"] == "GPU took no op of the model"
    assert spread_over("CPU", {"CPU": 42}, 1, "seen")["kind"] == "full"


def test_hint_and_streams_are_those_that_were_asked_for(ask: Ask) -> None:
    assert ask().finish["settings"].items() >= {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}.items()
    throughput = ask(hint="throughput", threads=2).finish["settings"]
    assert throughput["PERFORMANCE_HINT"] == "THROUGHPUT"
    streams = ask(streams="2", threads=2).finish["settings"]
    assert streams["NUM_STREAMS"] == "2"
    auto = ask(accelerator="auto", hint="throughput", streams="2", threads=2).finish["settings"]
    assert auto.items() >= {"PERFORMANCE_HINT": "PerformanceMode.THROUGHPUT", "CPU NUM_STREAMS": "2"}.items()


def test_the_kernels_that_ran_stand_in_the_settings(ask: Ask) -> None:
    settings = ask().finish["settings"]
    assert any(kernel.partition(" ")[2].isdigit() for kernel in settings["kernels"].split(", "))
    assert float(settings["compile_ms"]) > 0
    assert float(settings["read_ms"]) > 0


def test_a_model_cache_tells_cold_from_warm(agent: str, zoo_file: Callable[..., Path], tmp_path: Path) -> None:
    def invocation(trace: str = "") -> str:
        with AgentClient(LocalDevice(), agent, 60.0) as client:
            client.ask(
                "hello", "hello", backend="openvino", accelerator="cpu", threads=1, options={"model_cache": "on"},
                scratch=str(tmp_path),
            )  # fmt: skip
            client.ask("load", "load", model=str(zoo_file("paradox_7")), shapes={}, trace=trace)
            (tmp_path / "in").write_bytes(bytes(4 * 256 * 256 * 4))
            client.ask("inputs", "inputs", files=[str(tmp_path / "in")])
            told = client.ask("finish", "finish")["settings"]["model_cache"]
            client.ask("quit", "quit")
        return str(told)

    assert invocation() == "invocations: compiled"
    assert invocation() == "invocations: compiled, loaded"
    assert invocation(trace=str(tmp_path)) == "invocations: compiled, loaded"  # one that profiles does not count
    assert invocation() == "invocations: compiled, loaded, loaded"


def test_without_a_folder_there_is_no_model_cache(client: AgentClient, zoo_file: Callable[..., Path]) -> None:
    client.ask("hello", "hello", backend="openvino", accelerator="cpu", threads=1, options={"model_cache": "on"})
    with pytest.raises(InvocationFailed, match="no folder"):
        client.ask("load", "load", model=str(zoo_file("paradox_1")), shapes={}, trace="")
