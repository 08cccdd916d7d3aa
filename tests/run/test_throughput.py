"""Batches and streams with real runtimes: what is counted, that the answers stay right, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends import registry
from bench.backends.client import InvocationFailed
from bench.base.progress import Progress
from bench.devices.local import LocalDevice
from bench.records.stats.throughput import throughput_summary
from bench.records.types import Record, TensorSpec
from bench.run.config import Config
from bench.run.plan import Plan, Request, make_plan
from bench.run.runner import Runner, new_run
from bench.run.settings import Settings
from bench.run.shapes import resolve_shapes

QUICK = Settings(time_s=0.1, invocations=1, warmup_s=0.0, limit_s=60.0, wait_s=1.0, profile=False)
SHARE_NS = 100_000_000


@pytest.fixture
def measured(cache_folder: Path, results_folder: Path) -> Callable[..., Record]:
    """measured(model, backend, **options): the record of that case."""

    def measure(model: str, backend: str, invocations: int = 1, **options: str) -> Record:
        asked = Request(models=(model,), backends=(backend,), options={key: (value,) for key, value in options.items()})
        settings = Settings(**{**QUICK.__dict__, "invocations": invocations, "time_s": 0.1 * invocations})
        here = {"local": LocalDevice()}
        progress = Progress(1.0, stream=io.StringIO())
        runner = Runner(new_run(["bench"]), settings, here, cache_folder, results_folder, progress)
        ((record, _),) = runner.measure_all(make_plan(asked, Config()).cases)
        return record

    return measure


@pytest.fixture
def open_batch(zoo_file: Callable[..., Path], tmp_path: Path) -> Path:
    """paradox_3 with an open first dimension."""
    import onnx

    model = onnx.load(str(zoo_file("paradox_3", "onnx")))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "items"
    path = tmp_path / "open.onnx"
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("backend", "how"),
    [
        ("litert", "an interpreter for each stream, with memory and 1 thread of its own"),
        ("onnxruntime", "one session, a binding for each stream, which computes in a thread of its own"),
        ("openvino", "an infer request for each stream; OpenVINO's own streams: 2"),
    ],
)
def test_two_streams_are_counted_in_a_phase_of_their_own(
    measured: Callable[..., Record], backend: str, how: str
) -> None:
    record = measured("paradox_3", backend, streams="2", invocations=3)
    assert record.error is None
    assert record.agreement is not None
    assert record.agreement.ok is True
    for one in record.invocations:
        assert one.throughput is not None
        assert (one.throughput.streams, one.throughput.batch) == (2, 1)
        assert one.throughput.inferences >= 2
        assert one.throughput.duration_ns >= SHARE_NS
        assert how in one.throughput.how
        assert one.samples_ns  # the latency stands beside it
    summary = throughput_summary(record)
    assert summary is not None
    assert summary.invocations == 3
    assert summary.low is not None
    plain = measured("paradox_3", backend)
    assert plain.case_key != record.case_key
    assert [one.throughput for one in plain.invocations] == [None]


def test_openvino_has_threads_for_every_stream_or_chooses_the_streams(measured: Callable[..., Record]) -> None:
    asked = measured("paradox_3", "openvino", streams="2")
    assert asked.tool is not None
    assert asked.tool.settings.items() >= {"NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": "2"}.items()
    chosen = measured("paradox_3", "openvino", hint="throughput")
    (one,) = chosen.invocations
    assert chosen.tool is not None
    # one thread in all is one stream, whose throughput would be one over the latency
    assert (chosen.tool.settings["NUM_STREAMS"], one.throughput) == ("1", None)


@pytest.mark.parametrize("backend", ["litert", "openvino"])
def test_a_batch_is_counted_by_its_items_and_agrees(measured: Callable[..., Record], backend: str) -> None:
    record = measured("paradox_3", backend, batch="4")
    assert record.error is None, record.error
    assert record.agreement is not None
    assert record.agreement.ok is True
    assert (record.agreement.reference_std or 0) > 0
    (one,) = record.invocations
    assert one.throughput is not None
    assert (one.throughput.streams, one.throughput.batch) == (1, 4)
    assert one.throughput.inferences == len(one.samples_ns)
    assert one.throughput.duration_ns == sum(one.samples_ns)
    assert one.throughput.items_per_s == pytest.approx(4e9 * len(one.samples_ns) / sum(one.samples_ns))


def test_batch_and_streams_multiply(measured: Callable[..., Record], open_batch: Path) -> None:
    record = measured(str(open_batch), "onnxruntime", batch="3", streams="2")
    assert record.error is None, record.error
    assert record.case.shapes == {}  # the key holds the batch, by the option
    assert record.case.options.items() >= {"batch": "3", "streams": "2"}.items()
    (one,) = record.invocations
    assert one.throughput is not None
    assert (one.throughput.streams, one.throughput.batch) == (2, 3)
    assert one.throughput.items_per_s == pytest.approx(
        3 * one.throughput.inferences / (one.throughput.duration_ns / 1e9)
    )


@pytest.mark.parametrize(
    ("model", "backend", "said"),
    [
        ("paradox_7", "litert", "output lambda_2/Pad has the shape 1,256,256,4"),
        ("paradox_7", "openvino", "output lambda_2/Pad has the shape 1,256,256,4"),
        ("paradox_4", "litert", "LiteRT refuses the model"),
        ("paradox_3", "onnxruntime", "has the shape [1, 256, 256, 4] and cannot take [4, 256, 256, 4]"),
    ],
)
def test_a_file_that_fixes_a_batch_of_one_is_refused(
    measured: Callable[..., Record], model: str, backend: str, said: str
) -> None:
    record = measured(model, backend, batch="4")
    assert not record.measured
    assert record.error is not None
    assert record.error.message.startswith("cannot run batches of 4: ")
    assert said in record.error.message
    assert "--streams" in record.error.todo


def plan(*models: str, **asked: Any) -> Plan:
    return make_plan(Request(models=models, **asked), Config())


@pytest.mark.parametrize("key", registry.MULTIPLIERS)
def test_a_backend_without_them_is_skipped_and_named(key: str) -> None:
    found = plan("paradox_3", backends=("litert", "opencv"), options={key: ("4",)})
    assert [each.case.backend for each in found.cases] == ["litert"]
    (skipped,) = found.skipped
    assert f"{key}=4" in skipped.reason or "not installed" in skipped.reason
    assert "backend opencv" in found.lost
    alone = plan("paradox_3", backends=("litert",), accelerators=("gpu",), options={key: ("4",)})
    assert alone.cases == ()
    assert f"option {key}=4" in alone.lost


def test_one_of_them_is_the_case_without() -> None:
    both = plan("paradox_3", options={"batch": ("", "4"), "streams": ("",)})
    assert [each.case.options for each in both.cases] == [{"kernels": "xnnpack"}, {"batch": "4", "kernels": "xnnpack"}]
    assert both.cases[0].case.key == plan("paradox_3").cases[0].case.key
    assert both.lost == ()
    opencv = plan("paradox_3", backends=("benchmark_model",), options={"batch": ("", "4")})
    assert [each.case.options.get("batch") for each in opencv.cases] == [None]
    assert opencv.lost == ("option batch=4",)
    assert len(opencv.skipped) == 1


def spec(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", shape=shape)


@given(st.integers(2, 64), st.lists(st.lists(st.integers(1, 9), max_size=3), min_size=1, max_size=4))
def test_a_batch_takes_the_first_dimension_of_every_input(batch: int, rests: list[list[int]]) -> None:
    for first in (1, -1, batch):
        inputs = [spec(str(number), first, *rest) for number, rest in enumerate(rests)]
        found = resolve_shapes({}, inputs, batch)
        assert found == {str(number): (batch, *rest) for number, rest in enumerate(rests)}


def test_a_batch_and_a_shape_must_not_say_different_things() -> None:
    assert resolve_shapes({"": (1, 5, 3)}, [spec("x", -1, -1, 3)], 4) == {"x": (4, 5, 3)}
    assert resolve_shapes({}, [spec("x", 1, 3), spec("threshold")], 4) == {"x": (4, 3)}
    for asked, inputs, said in (
        ({"": (2, 5, 3)}, [spec("x", -1, -1, 3)], "--shape says 2,5,3"),
        ({}, [spec("x", 3, 224, 224)], "input x has the shape 3,224,224"),
        ({}, [spec("x", 1, -1, 3)], "no fixed shape: 4,N,3"),
    ):
        with pytest.raises(InvocationFailed) as caught:
            resolve_shapes(asked, inputs, 4)
        assert said in caught.value.error.message
