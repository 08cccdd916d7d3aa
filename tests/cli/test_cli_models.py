"""`bench models` as a user runs it: list, show, build, diff, lint, on the zoo and on files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.models import catalog, quantize

Run = Callable[..., subprocess.CompletedProcess[str]]
File = Callable[..., Path]
WIDTH = 80


def narrow(text: str) -> bool:
    """No line is wider than 80 columns, but for paths, which are never cut."""
    return all(len(line) <= WIDTH for line in text.splitlines() if "/" not in line)


def test_help_names_every_subcommand(bench: Run) -> None:
    text = bench("models", "--help").stdout
    for verb in ("list", "show", "build", "diff", "lint"):
        assert verb in text
        assert bench("models", verb, "--help").stdout.startswith("Usage:")
    assert "with --exit-code 1" in " ".join(bench("models", "diff", "--help").stdout.split())


def test_list(bench: Run) -> None:
    text = bench("models").stdout
    assert narrow(text)
    assert text == bench("models", "list").stdout
    rows = {line.split()[0]: line.split() for line in text.splitlines()[1 : 1 + len(catalog.entries())]}
    assert set(rows) == {entry.id for entry in catalog.entries()}
    assert rows["prisma_256"][1:3] == ["923,057", "1097.5"]
    assert rows["prisma_256"][-3:] == ["159", "256x256x3", "65536"]


def test_list_as_json(bench: Run) -> None:
    listed = {each["id"]: each for each in json.loads(bench("models", "list", "--json").stdout)}
    probe = listed["paradox_3"]
    assert (probe["macs"], probe["op_count"], probe["params"]) == (9_437_184, 1, 148)
    assert probe["macs_unknown"] == ""
    assert "fp32" in probe["variants"]
    assert probe["size_bytes"] > 592


def test_second_list_loads_no_library(bench: Run, tmp_path: Path) -> None:
    """The kept description is enough: a NumPy, ONNX or schema that cannot be imported is not missed."""
    bench("models", "list")
    for name in ("numpy", "onnx", "ai_edge_litert", "rich"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "__init__.py").write_text("raise ImportError('not to be loaded')")
    assert "prisma_256" in bench("models", "list", PYTHONPATH=str(tmp_path / "broken")).stdout


def test_show(bench: Run, zoo_file: File) -> None:
    text = bench("models", "show", zoo_file("prisma")).stdout
    assert narrow(text)
    assert "159 ops, 1097.5 MMAC" in text
    assert "at once (at op " in text
    assert "The 20 of 159 ops with most MACs" in text
    assert "CONV_2D" in text
    assert "3x3/2" in text
    listed = bench("models", "show", "prisma", "--ops", "all").stdout
    assert narrow(listed)
    assert "of 159 ops" not in listed
    assert len(listed.splitlines()) > 159
    assert "with most MACs" in bench("models", "show", "prisma", "--ops", "1").stdout


def test_show_as_json(bench: Run, zoo_file: File) -> None:
    shown = json.loads(bench("models", "show", zoo_file("paradox_5"), "--json").stdout)
    assert (shown["macs"], shown["op_count"], shown["format"]) == (1_835_008, 4, "tflite")
    assert shown["peak"]["size_bytes"] == 256 * 256 * 3 * 4 * 2
    tensors = {each["key"]: each for each in shown["tensors"]}
    first = shown["ops"][0]
    assert (first["type"], first["macs"]) == ("RESHAPE", 0)
    assert tensors[first["outputs"][0]]["shape"] == [1, 256, 256, 3]
    assert tensors[first["outputs"][0]]["dtype"] == "float32"
    assert sum(each["macs"] for each in shown["ops"]) == shown["macs"]


def test_show_one_op(bench: Run, zoo_file: File) -> None:
    text = bench("models", "show", zoo_file("paradox_3"), "--op", "0").stdout
    assert text.startswith("op 0: CONV_2D version 1")
    assert "kernel = [3, 3]" in text
    assert "(constant)" in text
    plain = json.loads(bench("models", "show", zoo_file("paradox_3"), "--op", "0", "--json").stdout)
    assert plain["macs"] == 9_437_184
    assert "0 to 0" in bench("models", "show", zoo_file("paradox_3"), "--op", "7", code=2).stderr


def test_show_of_onnx_and_of_what_is_unknown(bench: Run, zoo_file: File, dynamic_onnx: Path, tmp_path: Path) -> None:
    assert "ConvTranspose" in bench("models", "show", "prisma", "--format", "onnx").stdout
    text = bench("models", "show", dynamic_onnx).stdout
    assert narrow(text)
    assert "? MMAC" in text
    assert "MACs unknown: dynamic shape" in text
    assert "least memory for activations unknown" in text
    shown = json.loads(bench("models", "show", dynamic_onnx, "--json").stdout)
    assert shown["macs"] is None
    assert [each["macs"] for each in shown["ops"] if each["type"] == "Conv"] == [None]
    assert "dynamic" in shown["macs_unknown"]


def test_show_of_an_ir_gives_its_histogram(bench: Run, zoo_file: File, tmp_path: Path) -> None:
    import openvino

    path = tmp_path / "m.xml"
    openvino.save_model(openvino.Core().read_model(str(zoo_file("paradox_2", "onnx"))), path)
    assert "Convolution" in bench("models", "show", path).stdout
    assert "OpenVINO" in bench("models", "show", path, "--op", "0", code=2).stderr


def test_show_of_a_file_that_was_compiled_for_the_edge_tpu(bench: Run, original: File) -> None:
    path = original("prisma_quant_edgetpu.tflite")
    text = bench("models", "show", path).stdout
    assert narrow(text)
    assert "compiled for the Edge TPU: 1 edgetpu-custom-op, no op on the CPU" in text
    assert "0 weights outside of the edgetpu-custom-op" in text
    shown = json.loads(bench("models", "show", path, "--json").stdout)
    assert shown["edgetpu"] == {"compiled": 1, "left": {}, "log": None}
    assert shown["made_by"] is None
    assert "[edgetpu-compiled; edgetpu]" in bench("models", "lint", path).stdout


def test_who_made_a_file_of_the_zoo(bench: Run) -> None:
    text = bench("models", "show", "paradox_3").stdout
    assert "\nmade by bench " in text
    assert "compiled for" not in text
    shown = json.loads(bench("models", "show", "paradox_3", "--json").stdout)
    assert shown["made_by"].startswith("bench ")
    assert shown["edgetpu"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is started by a shell script")
@pytest.mark.skipif(quantize.missing() is not None, reason=quantize.missing() or "")
def test_the_compiler_that_bench_toml_names(bench: Run, tmp_path: Path) -> None:
    """A stand-in for Google's edgetpu_compiler: tests/models/edgetpu_stand_in.py."""
    refused = bench("models", "build", "paradox_4", "--variant", "edgetpu", code=4, PATH=os.defpath).stderr
    assert "[tools] edgetpu_compiler" in refused
    stand_in = Path(__file__).parents[1] / "models" / "edgetpu_stand_in.py"
    compiler = tmp_path / "tools" / "compiler"
    compiler.parent.mkdir()
    compiler.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    compiler.chmod(0o755)
    (tmp_path / "bench.toml").write_text('[tools]\nedgetpu_compiler = "tools/compiler"\n')
    path = bench("models", "build", "paradox_4", "--variant", "edgetpu").stdout.strip()
    assert path.endswith("paradox_4_edgetpu_2019.tflite")
    text = bench("models", "show", "paradox_4", "--variant", "edgetpu", STAND_IN="invalid").stdout
    assert narrow(text)
    assert "edgetpu_compiler 16.0.384591198" in " ".join(text.split())
    assert "1 edgetpu-custom-op" in text
    assert "18.4 kB cached on the chip" in text
    shown = json.loads(bench("models", "show", "paradox_4", "--variant", "edgetpu", "--json").stdout)
    assert shown["edgetpu"]["log"]["on_edgetpu"] == 3
    listed = json.loads(bench("models", "list", "--json").stdout)
    assert all("edgetpu" in each["variants"] for each in listed)
    failed = bench("models", "build", "paradox_2", "--variant", "edgetpu", code=4, STAND_IN="invalid").stderr
    assert "Model not quantized" in failed


@pytest.mark.parametrize("arguments", [("--ops", "few"), ("--ops", "-1"), ("--op", "x")])
def test_show_with_a_wrong_number(arguments: tuple[str, str], bench: Run) -> None:
    assert arguments[0] in bench("models", "show", "paradox_1", *arguments, code=2).stderr


def test_build(bench: Run, tmp_path: Path) -> None:
    path = Path(bench("models", "build", "paradox_2").stdout.strip())
    assert path.is_file()
    to = tmp_path / "copy.tflite"
    bench("models", "build", "paradox_2", "-o", to)
    assert to.read_bytes() == path.read_bytes()
    refused = bench("models", "build", "paradox_2", "--variant", "fp63", code=4).stderr
    assert "fp63" in refused


def test_diff(bench: Run, zoo_file: File) -> None:
    text = bench("models", "diff", "paradox_5", zoo_file("paradox_6")).stdout
    assert narrow(text)
    assert "STRIDED_SLICE       0      1      +1" in text
    assert "removed (1)" in text
    assert "3 of 4 ops before and 4 after are the same" in text
    same = bench("models", "diff", zoo_file("prisma"), "prisma").stdout
    assert "The same graph of 159 ops" in same
    assert "ConvTranspose" not in bench("models", "diff", "prisma", zoo_file("prisma", "onnx")).stdout


def test_diff_as_json(bench: Run) -> None:
    plain = json.loads(bench("models", "diff", "paradox_1", "paradox_3", "--json").stdout)
    assert plain["same"] is False
    assert plain["interface"]["inputs"] == ["float32 1x256x256x1", "float32 1x256x256x4"]
    assert [each["type"] for each in plain["removed"]] == ["DEPTHWISE_CONV_2D"]
    assert [each["type"] for each in plain["added"]] == ["CONV_2D"]
    assert json.loads(bench("models", "diff", "prisma", "prisma", "--json").stdout)["same"] is True


def test_diff_exit_codes(bench: Run, zoo_file: File) -> None:
    bench("models", "diff", "paradox_1", "paradox_2", code=0)
    bench("models", "diff", "paradox_1", "paradox_2", "--exit-code", code=1)
    bench("models", "diff", "paradox_1", "paradox_1", "--exit-code", code=0)
    refused = bench("models", "diff", zoo_file("paradox_1"), zoo_file("paradox_1", "onnx"), code=2).stderr
    assert "onnx and tflite" in refused
    assert "paradox" in bench("models", "diff", "paradox_1", "paradocks_1", code=2).stderr


def test_long_diff_is_cut_until_all_is_asked(bench: Run) -> None:
    short = bench("models", "diff", "prisma", "slim_net_512").stdout
    full = bench("models", "diff", "prisma", "slim_net_512", "--all").stdout
    assert "more (--all)" in short
    assert "more (--all)" not in full
    assert len(full) > len(short)
    assert narrow(short)
    assert narrow(full)


def test_lint(bench: Run) -> None:
    text = bench("models", "lint", "paradox_5").stdout
    assert narrow(text)
    assert "[shape-ops; gpu]" in text
    assert "source: Portrait-Segmentation README" in text
    assert "op 0 256x256x3: RESHAPE moves data" in text
    assert "warnings" in text.splitlines()[-1]


def test_lint_as_json(bench: Run) -> None:
    plain = json.loads(bench("models", "lint", "paradox_1", "--target", "gpu", "--json").stdout)
    assert plain["targets"] == ["gpu"]
    (output,) = [each for each in plain["advice"] if each["code"] == "large-output"]
    assert (output["severity"], output["op"], output["estimated_bytes"]) == ("warning", 0, 245_760)
    for each in plain["advice"]:
        assert {"code", "severity", "what", "why", "remedy", "source", "op", "tensor", "estimated_bytes"} <= set(each)


def test_lint_targets(bench: Run) -> None:
    def codes(*targets: str) -> set[str]:
        chosen = [part for target in targets for part in ("--target", target)]
        return {
            each["code"] for each in json.loads(bench("models", "lint", "prisma", *chosen, "--json").stdout)["advice"]
        }

    assert "channels-of-4" in codes("gpu")
    assert codes("edgetpu") == {"edgetpu-needs-8-bit"}
    assert codes("gpu", "edgetpu") == codes("gpu") | codes("edgetpu")
    assert codes() >= codes("gpu", "nnapi", "hexagon", "edgetpu")
    assert "npu" in bench("models", "lint", "prisma", "--target", "npu", code=2).stderr


def test_lint_fails_only_on_what_was_asked(bench: Run) -> None:
    bench("models", "lint", "paradox_1", code=0)
    bench("models", "lint", "paradox_1", "--fail-on", "warning", code=1)
    bench("models", "lint", "paradox_1", "--fail-on", "error", code=0)
    bench("models", "lint", "paradox_3", "--target", "nnapi", "--fail-on", "warning", code=0)


def test_lint_of_files(bench: Run, original: File, dynamic_tflite: Path, tmp_path: Path) -> None:
    text = bench("models", "lint", original("deeplab_aiseg513_dm05_float.tflite")).stdout
    assert narrow(text)
    assert "5 x 5 kernel with 9 taps" in text
    assert "and 4 more (--all)" in text
    full = bench("models", "lint", original("deeplab_aiseg513_dm05_float.tflite"), "--all").stdout
    assert full.count("9 x 9 kernel") == 3
    assert "known only at run time" in " ".join(bench("models", "lint", dynamic_tflite).stdout.split())
    assert "was not looked at" in bench("models", "lint", "paradox_1", "--format", "onnx").stdout
    wrong = tmp_path / "wrong.tflite"
    wrong.write_text("hello")
    for verb in ("lint", "show"):
        assert "is no TFLite file" in bench("models", verb, wrong, code=2).stderr


def test_large_file(bench: Run, tmp_path: Path) -> None:
    """Twenty megabytes of weights are read, shown and looked through."""
    path = tmp_path / "large.onnx"
    path.write_bytes(_large())
    assert path.stat().st_size > 20_000_000
    plain: dict[str, Any] = json.loads(bench("models", "show", path, "--json").stdout)
    assert plain["macs"] == 6 * 320 * 320 * 9 * 64 * 64
    assert "[large-output; gpu]" in bench("models", "lint", path).stdout
    assert "The same graph" in bench("models", "diff", path, path).stdout


def _large() -> bytes:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, 320, 64, 64]
    weights = np.random.default_rng(0).standard_normal((320, 320, 3, 3)).astype(np.float32)
    names = ["x", *(f"y{index}" for index in range(6))]
    nodes = [
        helper.make_node("Conv", [names[index], f"w{index}"], [names[index + 1]], pads=[1, 1, 1, 1])
        for index in range(6)
    ]
    graph = helper.make_graph(
        nodes,
        "large",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y5", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, f"w{index}") for index in range(6)],
    )
    opset = helper.make_opsetid("", 17)
    data: bytes = helper.make_model(graph, opset_imports=[opset]).SerializeToString()
    return data
