"""The plan as a pure function of what was asked and of bench.toml."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends import registry
from bench.base.errors import ModelFileError, UsageError
from bench.models.zoo.entry import ZooEntry
from bench.run import config as configuration
from bench.run.config import Config
from bench.run.plan import FILE_VARIANT, Plan, Request, find_model, make_plan

NONE = Config()


def plan(*models: str, config: Config = NONE, **asked: Any) -> Plan:
    return make_plan(Request(models=models, **asked), config)


def toml(**tables: Any) -> Config:
    return configuration.parse(tables, Path("bench.toml"))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    """A file of that name; a plan does not look inside."""

    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        return path

    return make


def test_a_bare_model_takes_the_defaults() -> None:
    found = plan("prisma")
    (planned,) = found.cases
    case = planned.case
    assert isinstance(planned.source, ZooEntry)
    assert (case.device, case.backend, case.accelerator) == ("local", "litert", "cpu")
    assert (case.model, case.variant, case.era, case.format, case.threads) == (
        "prisma_256", "fp32", "2019", "tflite", 1,
    )  # fmt: skip
    assert case.options == {"kernels": "xnnpack"}
    assert (found.skipped, found.lost) == ((), ())


def test_every_combination_is_a_case_in_a_steady_order() -> None:
    found = plan("paradox_1", "paradox_2", backends=("litert", "openvino"), threads=(1, 2))
    combinations = [(p.case.model, p.case.backend, p.case.threads) for p in found.cases]
    assert combinations == list(itertools.product(("paradox_1", "paradox_2"), ("litert", "openvino"), (1, 2)))
    assert len({planned.case.key for planned in found.cases}) == 8


@given(
    models=st.sets(st.sampled_from(["paradox_1", "paradox_2", "prisma_256"]), min_size=1),
    backends=st.sets(st.sampled_from(sorted(registry.BACKENDS)), min_size=1),
    accelerators=st.sets(st.sampled_from(["cpu", "gpu", "auto", "npu"]), min_size=1),
    variants=st.sets(st.sampled_from(["fp32", "int8"]), min_size=1),
    threads=st.sets(st.integers(1, 4), min_size=1),
)
def test_every_combination_is_measured_or_skipped_with_a_reason(
    models: set[str], backends: set[str], accelerators: set[str], variants: set[str], threads: set[int]
) -> None:
    found = plan(
        *models, backends=tuple(backends), accelerators=tuple(accelerators), variants=tuple(variants),
        threads=tuple(threads),
    )  # fmt: skip
    measured = {(p.case.model, p.case.backend, p.case.accelerator, p.case.variant, p.case.threads) for p in found.cases}
    assert len(measured) == len(found.cases)
    for model, backend, accelerator, variant in itertools.product(models, backends, accelerators, variants):
        label = f"local · {model} {variant} · {backend} {accelerator}"
        skipped = [each for each in found.skipped if each.combination == label]
        there = [(model, backend, accelerator, variant, count) in measured for count in threads]
        assert all(there) if not skipped else not any(there)
        assert all(each.reason for each in skipped)
    for name in accelerators:
        assert (f"accelerator {name}" in found.lost) == (name not in {case[2] for case in measured})


def test_the_same_case_asked_twice_is_one_case() -> None:
    assert len(plan("prisma", "prisma_256", "prisma-net").cases) == 1
    assert len(plan("paradox_1", backends=("litert", "litert"), threads=(1, 1)).cases) == 1


def test_the_same_file_under_two_spellings_is_one_case(
    file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file("mine.tflite")
    monkeypatch.chdir(path.parent)
    found = plan("mine.tflite", "./mine.tflite", str(path), f"../{path.parent.name}/mine.tflite")
    assert len(found.cases) == 1
    assert found.lost == ()


def test_two_files_of_one_name_are_not_taken_for_each_other(file: Callable[[str], Path]) -> None:
    old, new = file("old/net.tflite"), file("new/net.tflite")
    found = plan(str(old), str(new))
    assert [planned.source for planned in found.cases] == [old]
    (skipped,) = found.skipped
    assert str(new) in skipped.combination
    assert str(old) in skipped.reason
    assert found.lost == (f"model {new}",)


def test_what_cannot_be_is_skipped_with_its_reason_and_is_lost() -> None:
    found = plan("paradox_1", backends=("litert", "openvino"), accelerators=("cpu", "nnapi"), variants=("fp32", "int4"))
    assert {planned.case.accelerator for planned in found.cases} == {"cpu"}
    reasons = {each.combination: each.reason for each in found.skipped}
    assert len(reasons) == 6
    assert "no accelerator nnapi" in reasons["local · paradox_1 fp32 · litert nnapi"]
    assert "int4" in reasons["local · paradox_1 int4 · litert cpu"]
    assert found.lost == ("accelerator nnapi", "variant int4")


def test_a_backend_that_is_not_installed_is_skipped_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else object())
    found = plan("paradox_1", backends=("litert", "openvino"))
    assert [planned.case.backend for planned in found.cases] == ["litert"]
    (skipped,) = found.skipped
    assert "not installed" in skipped.reason
    assert skipped.todo == "pip install openvino"
    assert found.lost == ("backend openvino",)


def test_each_value_of_an_option_is_a_case_and_only_where_the_backend_has_it() -> None:
    found = plan("paradox_1", backends=("litert", "onnxruntime"), options={"kernels": ("builtin", "reference")})
    assert [planned.case.options for planned in found.cases] == [
        {"kernels": "builtin"},
        {"kernels": "reference"},
        {"optimization": "all"},
    ]
    lost = plan("paradox_1", backends=("onnxruntime",), options={"kernels": ("builtin",)})
    assert lost.lost == ("option kernels=builtin",)


@pytest.mark.parametrize(
    ("name", "backend", "format"),
    [("m.tflite", "litert", "tflite"), ("m.ONNX", "onnxruntime", "onnx"), ("m.xml", "openvino", "ir")],
)
def test_a_file_goes_to_the_backend_that_prefers_its_format(
    name: str, backend: str, format: str, file: Callable[[str], Path]
) -> None:
    path = file(name)
    (planned,) = plan(str(path)).cases
    assert planned.source == path
    case = planned.case
    assert (case.backend, case.format, case.model, case.variant, case.era) == (
        backend, format, name, FILE_VARIANT, "",
    )  # fmt: skip


def test_a_file_that_a_backend_cannot_read_is_skipped(file: Callable[[str], Path]) -> None:
    path = file("m.onnx")
    found = plan(str(path), backends=("litert", "onnxruntime"))
    assert [planned.case.backend for planned in found.cases] == ["onnxruntime"]
    assert "does not read .onnx" in found.skipped[0].reason
    assert found.lost == ("backend litert",)
    variant = plan(str(path), variants=("int8",))
    assert not variant.cases
    assert "its precision" in variant.skipped[0].reason
    assert variant.lost == (f"model {path}", "variant int8")


def test_shapes_are_part_of_the_case() -> None:
    (planned,) = plan("paradox_1", shapes={"": (1, 2)}).cases
    assert planned.case.shapes == {"": (1, 2)}
    assert planned.case.key != plan("paradox_1").cases[0].case.key


def test_bench_toml_gives_the_defaults_and_the_command_line_overrules_them() -> None:
    config = toml(
        run={"device": "board", "backend": "onnxruntime", "threads": 3},
        devices={"board": {"kind": "local", "backend": "openvino", "accelerator": "auto"}},
    )
    (planned,) = plan("paradox_1", config=config).cases
    case = planned.case
    assert (case.device, case.backend, case.accelerator, case.threads) == ("board", "openvino", "auto", 3)
    (planned,) = plan("paradox_1", config=config, devices=("local",)).cases
    assert (planned.case.backend, planned.case.accelerator) == ("onnxruntime", "cpu")
    (planned,) = plan("paradox_1", config=config, backends=("litert",), accelerators=("cpu",), threads=(1,)).cases
    assert (planned.case.backend, planned.case.accelerator, planned.case.threads) == ("litert", "cpu", 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"models": ("prizma",)}, "prisma"),
        ({"models": ("paradox",)}, "paradox_1"),
        ({"models": ("paradox_1",), "backends": ("onnxruntim",)}, "onnxruntime"),
        ({"models": ("paradox_1",), "accelerators": ("gup",)}, "gpu"),
        ({"models": ("paradox_1",), "devices": ("lokal",)}, "local"),
        ({"models": ("paradox_1",), "options": {"kernel": ("builtin",)}}, "kernels"),
        ({"models": ("paradox_1",), "options": {"kernels": ("buitlin",)}}, "builtin"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(Request(**asked), NONE)
    assert said in f"{caught.value.found} {caught.value.todo}"


def test_a_device_that_bench_toml_has_is_known() -> None:
    with pytest.raises(UsageError) as caught:
        plan("paradox_1", devices=("bord",), config=toml(devices={"board": {"kind": "local"}}))
    assert "board" in caught.value.todo


def test_a_file_that_is_not_there_is_refused_with_what_lies_beside_it(file: Callable[[str], Path]) -> None:
    path = file("portrait.tflite")
    with pytest.raises(UsageError) as caught:
        find_model(str(path.parent / "potrait.tflite"))
    assert "portrait.tflite" in caught.value.todo
    with pytest.raises(UsageError, match="no file"):
        find_model(str(path.parent / "nowhere" / "x.onnx"))


def test_a_name_too_long_for_a_path_is_only_unknown() -> None:
    for name in ("x" * 300, "x" * 300 + ".tflite", "x" * 300 + "/y.onnx"):
        with pytest.raises(UsageError):
            find_model(name)


def test_a_file_that_happens_to_be_called_like_a_zoo_model_does_not_hide_it(
    file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file("prisma").parent)
    assert isinstance(find_model("prisma"), ZooEntry)
    assert find_model("./prisma") == file("prisma")
    with pytest.raises(ModelFileError):
        plan("./prisma")
