"""The variant `edgetpu` through a stand-in for the compiler (edgetpu_stand_in.py), and files that were compiled.

The real compiler cannot be had here: what it says and refuses is taken from its transcripts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.base.errors import NotMeasuredError
from bench.models import artifacts, edgetpu, inspect, lint, quantize
from bench.models.edgetpu_parts import edgetpu_parts
from bench.reports import models_text

STAND_IN = Path(__file__).with_name("edgetpu_stand_in.py")
Tools = dict[str, str]
Built = Callable[..., Path]

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is started by a shell script"),
    pytest.mark.skipif(quantize.missing() is not None, reason=quantize.missing() or ""),
]


def program(folder: Path) -> Path:
    path = folder / edgetpu.COMPILER
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.delenv("STAND_IN", raising=False)
    (tmp_path / "tools").mkdir()
    return {edgetpu.COMPILER: str(program(tmp_path / "tools"))}


def build(cache: Path, tools: Tools, model: str = "paradox_4", **more: str) -> Path:
    return artifacts.build(model, variant="edgetpu", era="2019", format="tflite", cache=cache, tools=tools, **more)


@pytest.fixture(scope="session")
def int8(cache: Path) -> Path:
    return artifacts.build("paradox_4", variant="int8-io", era="2019", format="tflite", cache=cache)


def test_the_compiled_file_is_the_artifact_and_its_log_lies_beside_it(cache: Path, tools: Tools) -> None:
    path = build(cache, tools)
    assert path.name == "paradox_4_edgetpu_2019.tflite"
    graph = inspect.describe(path, None)
    assert edgetpu_parts(graph) == (1, {})
    assert [spec.dtype for spec in (*graph.inputs, *graph.outputs)] == ["int8", "int8"]
    facts = artifacts.made(path)
    assert facts is not None
    assert facts.maker == f"{quantize.maker()}, edgetpu_compiler 16.0.384591198"
    log = facts.compilation
    assert log is not None
    assert log.complete
    assert (log.op_count, log.on_edgetpu, log.on_cpu, log.subgraphs) == (3, 3, 0, 1)
    assert (log.on_chip_used_bytes, log.on_chip_left_bytes, log.off_chip_bytes) == (18 * 1024, 7_193_231, 0)
    assert sum(row.count for row in log.operators) == 3
    assert "Model compiled successfully in 141 ms." in facts.transcript
    text = " ".join(models_text.edgetpu(graph, facts))
    assert "1 edgetpu-custom-op, no op on the CPU" in text
    assert "3 ops, 3 of them compiled into 1" in text


def test_ops_that_are_left_to_the_cpu_are_counted_and_named(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "partial")
    path = build(tmp_path / "cache", tools)
    graph, facts = inspect.describe(path, None), artifacts.made(path)
    parts = edgetpu_parts(graph)
    assert parts is not None
    assert (parts.compiled, parts.left_count) == (1, 1)
    assert facts is not None
    assert facts.compilation is not None
    assert (facts.compilation.on_edgetpu, facts.compilation.on_cpu) == (2, 1)
    (left,) = parts.left
    text = " ".join(models_text.edgetpu(graph, facts))
    assert f"1 op on the CPU (1 {left})" in text
    assert f"left to the CPU: 1 {left} (Operation not supported)" in text
    (advice,) = [each for each in lint.lint(path, ["edgetpu"]) if each.code == "edgetpu-compiled"]
    assert advice.severity == "warning"
    assert f"1 {left}" in advice.what


def test_a_second_build_compiles_nothing_and_another_compiler_does(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    path = build(cache, tools)
    monkeypatch.setenv("STAND_IN", "invalid")
    assert build(cache, tools) == path
    monkeypatch.setenv("STAND_IN_VERSION", "Edge TPU Compiler version 17.0.1")
    newer = program(tmp_path)
    with pytest.raises(NotMeasuredError, match="cannot compile"):
        build(cache, {edgetpu.COMPILER: str(newer)})


def test_a_lost_log_is_made_again(tools: Tools, tmp_path: Path) -> None:
    path = build(tmp_path / "cache", tools)
    beside = path.with_name(f"{path.name}.made.json")
    for harm in (b"", b'{"maker": 3}'):
        beside.write_bytes(harm)
        assert artifacts.made(path) is None
        assert build(tmp_path / "cache", tools) == path
        assert artifacts.made(path) is not None


def test_it_is_found_on_the_path(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    assert artifacts.supported("prisma", "edgetpu", "2019", "tflite", tools) is None
    monkeypatch.setenv("PATH", str(Path(tools[edgetpu.COMPILER]).parent), prepend=":")
    assert artifacts.supported("prisma", "edgetpu", "2019", "tflite") is None


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("invalid", r"ended with exit code 1\. It says: Invalid model: \S+_int8-io_2019\.tflite Model not quantized"),
        ("internal", r"ended with SIGABRT\. It says: Internal compiler error\. Aborting!"),
        ("nothing", r"wrote no file\. It says nothing\."),
        ("silent", r"wrote no file\. It says nothing\."),
        ("empty", r"wrote a file that is no model: It is empty\. It says: .*Compilation child process completed"),
        ("unmapped", r"put no op of it on the Edge TPU\. It says: "),
        ("wordless", r"wrote a file, but of what it said: nothing in it is of the Edge TPU compiler's log"),
    ],
)
def test_a_failure_has_the_words_of_the_compiler(
    what: str, words: str, tools: Tools, int8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", what)
    with pytest.raises(NotMeasuredError, match=words) as caught:
        edgetpu.compile_model(int8, tools)
    assert caught.value.asked == f"cannot compile {int8.name} for the Edge TPU"
    assert "int8-io" in caught.value.todo


@pytest.mark.parametrize("what", ["slow", "endless"])
def test_a_compiler_that_takes_too_long_is_ended(
    what: str, tools: Tools, int8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edgetpu.missing(tools) is None
    monkeypatch.setenv("STAND_IN", what)
    monkeypatch.setattr(edgetpu, "LIMIT_S", 2.0)
    with pytest.raises(NotMeasuredError, match=r"not done after 2 s\. It says: Still at it"):
        edgetpu.compile_model(int8, tools)


def test_without_the_compiler_the_gap_says_where_it_is_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = artifacts.supported("prisma", "edgetpu", "2019", "tflite")
    assert reason
    for part in ("not on the PATH", "Debian package of Google's for x86-64", "unverified", "[tools] edgetpu_compiler"):
        assert part in reason
    with pytest.raises(NotMeasuredError) as caught:
        build(tmp_path / "cache", {})
    assert caught.value.found == reason
    onnx = artifacts.supported("prisma", "edgetpu", "2019", "onnx")
    assert onnx
    assert "The variant edgetpu exists as .tflite only" in onnx


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "bench.toml names .*, which is no program"),
        ("text", "does not work here: .* does not start"),
        ("#!/bin/sh\necho something else\n", "asked for its version it says 'something else'"),
        ("#!/bin/sh\necho cannot load libz >&2; exit 127\n", r"'cannot load libz' \(exit code 127\)"),
    ],
)
def test_a_program_that_is_none_or_another(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "compiler"
    if content:
        path.write_text(content)
        path.chmod(0o755)
    reason = edgetpu.missing({edgetpu.COMPILER: str(path)})
    assert reason
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(reason)


def test_pictures_calibrate_what_is_compiled(cache: Path, tools: Tools, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    folder = tmp_path / "pictures"
    folder.mkdir()
    image.new("RGBA", (8, 8), (10, 250, 30, 90)).save(folder / "a.png")
    path = artifacts.build(
        "paradox_4", variant="edgetpu", era="2019", format="tflite", cache=cache, tools=tools, calibration=folder
    )
    assert path.name == "paradox_4_edgetpu_2019_pictures.tflite"
    assert path.read_bytes() != build(cache, tools).read_bytes()


def test_published_file_that_was_compiled(original: Callable[[str], Path]) -> None:
    parts = edgetpu_parts(inspect.describe(original("prisma_quant_edgetpu.tflite"), None))
    assert parts == (1, {})
    assert edgetpu_parts(inspect.describe(original("prisma_quant.tflite"), None)) is None
    assert edgetpu_parts(inspect.describe(original("prisma_nchw.onnx"), None)) is None
    codes = {each.code: each for each in lint.lint(original("prisma_quant_edgetpu.tflite"), ["edgetpu"])}
    assert codes["edgetpu-compiled"].severity == "info"
    assert "1 edgetpu-custom-op, no op on the CPU" in codes["edgetpu-compiled"].what
