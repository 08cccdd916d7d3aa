"""Native tools and phones in the plan: defaults of a kind, options of an accelerator, what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from bench.base.errors import UsageError
from bench.run.asked import Request
from bench.run.config import Config
from bench.run.plan import Plan, make_plan

PHONE = Config(devices={"oneplus3": {"kind": "android", "serial": "1"}})


def plan(config: Config = PHONE, **asked: Any) -> Plan:
    return make_plan(Request(**{"models": ("prisma",), "devices": ("oneplus3",), **asked}), config)


def test_a_phone_is_measured_with_benchmark_model() -> None:
    (planned,) = plan().cases
    case = planned.case
    assert (case.backend, case.accelerator, case.format, case.options) == ("benchmark_model", "cpu", "tflite", {})


def test_bench_toml_may_say_otherwise() -> None:
    table = {"kind": "android", "backend": "benchmark_litert_model", "accelerator": "gpu"}
    (planned,) = plan(Config(devices={"oneplus3": table})).cases
    assert (planned.case.backend, planned.case.accelerator) == ("benchmark_litert_model", "gpu")


def test_a_python_runtime_cannot_be_on_a_phone() -> None:
    found = plan(backends=("litert",))
    assert found.cases == ()
    assert "runs in Python" in found.skipped[0].reason
    assert "benchmark_model" in found.skipped[0].todo
    assert "backend litert" in found.lost


def test_all_accelerators_are_a_case_each_or_skipped() -> None:
    found = plan(accelerators=("all",))
    assert [planned.case.accelerator for planned in found.cases] == ["cpu", "gpu", "nnapi", "hexagon"]
    (skipped,) = found.skipped
    assert "external needs an option external_delegate_path" in skipped.reason
    assert found.lost == ()


def test_an_accelerator_has_only_its_own_options() -> None:
    found = plan(accelerators=("cpu", "gpu"), options={"gpu_backend": ("cl", "gl"), "taskset": ("f0",)})
    assert [(planned.case.accelerator, planned.case.options) for planned in found.cases] == [
        ("cpu", {"taskset": "f0"}),
        ("gpu", {"gpu_backend": "cl", "taskset": "f0"}),
        ("gpu", {"gpu_backend": "gl", "taskset": "f0"}),
    ]


def test_an_option_that_is_left_out_does_not_stand_in_the_key() -> None:
    plain, chosen = plan().cases[0].case, plan(options={"use_xnnpack": ("false",)}).cases[0].case
    assert plain.options == {}
    assert plain.key != chosen.key


def test_two_tools_with_one_option_and_other_values() -> None:
    found = plan(
        accelerators=("gpu",),
        backends=("benchmark_model", "benchmark_litert_model"),
        options={"gpu_backend": ("webgpu",)},
    )
    assert [planned.case.backend for planned in found.cases] == ["benchmark_litert_model"]
    assert "has no gpu_backend=webgpu" in found.skipped[0].reason


@pytest.mark.parametrize("value", ["x", "0xg", "f0;rm -rf /", ""])
def test_free_text_is_checked_by_its_form(value: str) -> None:
    with pytest.raises(UsageError, match="taskset"):
        plan(options={"taskset": (value,)})


def test_accelerators_of_the_tools_have_names() -> None:
    with pytest.raises(UsageError, match="nnapo") as caught:
        plan(accelerators=("nnapo",))
    assert "nnapi" in caught.value.todo
