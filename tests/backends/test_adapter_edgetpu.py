"""The Edge TPU's adapter without an Edge TPU: a stand-in for its library does what the real one does when something is
wrong (`edgetpu_stand_in.c`), and where it takes the compiler's ops it computes nothing. No number here is a TPU's."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.agent.litert_edgetpu import delegate_options, parts
from bench.backends.client import AgentClient, InvocationFailed
from bench.devices.local import LocalDevice
from bench.models.edgetpu_parts import edgetpu_parts
from bench.models.inspect import describe

SOURCE = Path(__file__).with_name("edgetpu_stand_in.c")
TAKES, NO_DEVICE, CRASHES, TOO_NEW, TAKES_NONE = range(5)
# For boards whose only runtime is tflite_runtime, the older package of the same interpreter, which has no build for
# this Python: a stand-in of its name holds LiteRT's, and LiteRT itself cannot be imported.
NO_LITERT = """
import sys, types
import ai_edge_litert.interpreter as real
package, module = types.ModuleType("tflite_runtime"), types.ModuleType("tflite_runtime.interpreter")
package.__version__ = "2.14.0"
module.Interpreter, module.load_delegate = real.Interpreter, real.load_delegate
if {there}:
    sys.modules.update({{"tflite_runtime": package, "tflite_runtime.interpreter": module}})
sys.modules.update({{"ai_edge_litert": None, "ai_edge_litert.interpreter": None}})
"""


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """stand_in(mode): a folder with a libedgetpu.so.1 that does this."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler for the stand-in of libedgetpu")

    def build(mode: int) -> Path:
        folder = tmp_path_factory.mktemp(f"edgetpu{mode}")
        library = folder / "libedgetpu.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", f"-DMODE={mode}", "-o", library, SOURCE], check=True)
        return folder

    return build


@pytest.fixture(scope="session")
def compiled(
    zoo_file: Callable[..., Path], rewrite_tflite: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """compiled(model): the zoo's file with its convolution in the place of a compiled op; the rest is left as it is."""

    def pretend(model: Any) -> None:
        conv = next(
            operator
            for operator in model.subgraphs[0].operators
            if model.operatorCodes[operator.opcodeIndex].builtinCode in (3, 4)  # CONV_2D, DEPTHWISE_CONV_2D
        )
        code = model.operatorCodes[conv.opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = 32  # CUSTOM
        code.customCode = b"edgetpu-custom-op"
        conv.builtinOptionsType, conv.builtinOptions, conv.inputs = 0, None, conv.inputs[:1]

    def make(model: str) -> Path:
        return rewrite_tflite(zoo_file(model), tmp_path_factory.mktemp("tpu") / f"{model}_edgetpu.tflite", pretend)

    return make


def load(agent: str, model: Path, **options: str) -> tuple[dict[str, Any], str]:
    """The answer to `finish` after one inference, and what was said on stderr. Raises InvocationFailed."""
    with AgentClient(LocalDevice(), agent, 60.0, "edgetpu") as client:
        client.ask("hello", "hello", backend="litert", accelerator="edgetpu", threads=1, options=options)
        loaded = client.ask("load", "loading the model", model=str(model), shapes={}, trace="")
        (spec,) = loaded["inputs"]
        with tempfile.NamedTemporaryFile() as raw:
            raw.write(np.zeros(spec["shape"], spec["dtype"]).tobytes())
            raw.flush()
            client.ask("inputs", "inputs", files=[raw.name])
        assert client.ask("first", "first")["first_ns"] > 0
        finish = client.ask("finish", "finish")
        client.ask("quit", "quit")
        said = client.stderr()
    return finish, said


@pytest.fixture
def use(stand_in: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """use(mode): agents that start now find this libedgetpu."""
    return lambda mode: monkeypatch.setenv("LD_LIBRARY_PATH", str(stand_in(mode)))


def test_what_the_delegate_took_and_what_is_left_comes_from_the_interpreter(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path]
) -> None:
    use(TAKES)
    whole = load(agent, compiled("paradox_1"))[0]["placement"]
    assert (whole["kind"], whole["nodes"], whole["total"]) == ("full", 1, 1)
    part = load(agent, compiled("paradox_7"))[0]["placement"]
    assert part["kind"] == "partial"
    assert part["nodes"] == 1
    assert part["total"] > 1
    assert "1 edgetpu-custom-op for libedgetpu.so.1; on the CPU: " in part["evidence"]


def test_the_published_compiled_file_is_placed_as_the_reader_of_files_counts_it(
    agent: str, use: Callable[[int], None], original: Callable[[str], Path], cache_folder: Path
) -> None:
    path = original("prisma_quant_edgetpu.tflite")
    use(TAKES)
    placement = load(agent, path)[0]["placement"]
    read = edgetpu_parts(describe(path, cache_folder))
    assert read is not None
    assert (placement["nodes"], placement["total"]) == (read.compiled, read.compiled + read.left_count)
    assert placement["kind"] == "partial" if read.left_count else "full"


def test_clock_and_device_reach_the_library_as_it_understands_them(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path]
) -> None:
    use(TAKES)
    finish, said = load(agent, compiled("paradox_1"), clock="standard", device="usb")
    assert "given device=usb:0" in said
    assert "given Performance=High" in said
    assert finish["settings"]["clock"] == "standard"


def test_the_clock_goes_with_a_numbered_device_only() -> None:
    assert delegate_options({}) == {}
    assert delegate_options({"device": "pci"}) == {"device": "pci"}
    assert delegate_options({"clock": "maximum"}) == {"device": ":0", "Performance": "Max"}
    assert delegate_options({"clock": "maximum", "device": "usb:1"}) == {"device": "usb:1", "Performance": "Max"}


def refused(agent: str, model: Path) -> Any:
    with pytest.raises(InvocationFailed) as failed:
        load(agent, model)
    return failed.value.error


def test_without_the_library_it_says_how_to_get_it(agent: str, compiled: Callable[[str], Path]) -> None:
    import ctypes.util

    if ctypes.util.find_library("edgetpu"):
        pytest.skip("this machine has a libedgetpu")
    error = refused(agent, compiled("paradox_1"))
    assert error.kind == "refused"
    assert "no library of the Edge TPU here: libedgetpu.so.1" in error.message
    assert "libedgetpu1-std" in error.todo


def test_a_library_that_finds_no_device_is_told_from_a_missing_one(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path]
) -> None:
    use(NO_DEVICE)
    error = refused(agent, compiled("paradox_1"))
    assert "libedgetpu.so.1 finds no Edge TPU (device: any)" in error.message
    assert "lsusb" in error.todo


def test_a_library_that_does_not_match_the_runtime_crashes_and_is_named(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path]
) -> None:
    use(CRASHES)
    error = refused(agent, compiled("paradox_1"))
    assert (error.kind, error.signal, error.phase) == ("crashed", "SIGSEGV", "loading the model")
    assert "libedgetpu that was built for another TensorFlow" in error.todo


def test_a_file_for_a_newer_runtime_is_told_as_that(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path]
) -> None:
    use(TOO_NEW)
    error = refused(agent, compiled("paradox_1"))
    assert "requires runtime version (14)" in error.message
    assert "--min_runtime_version" in error.todo


def test_a_delegate_that_takes_nothing_is_no_match(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path]
) -> None:
    use(TAKES_NONE)
    error = refused(agent, compiled("paradox_1"))
    assert "edgetpu-custom-op" in error.message
    assert "does not match this runtime" in error.todo


def test_a_file_that_is_not_compiled_is_refused_before_the_library_is_looked_for(
    agent: str, zoo_file: Callable[..., Path]
) -> None:
    error = refused(agent, zoo_file("paradox_1"))
    assert "not compiled for an Edge TPU" in error.message
    assert "edgetpu_compiler" in error.todo


def test_parts_that_no_delegate_took_are_none() -> None:
    ops = [{"op_name": "edgetpu-custom-op"}, {"op_name": "SOFTMAX"}]
    assert parts(ops, "lib")["kind"] == "none"
    assert parts([*ops, {"op_name": "DELEGATE"}], "lib")["kind"] == "partial"


@pytest.fixture
def no_litert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """no_litert(tflite_runtime is there): agents that start now cannot import LiteRT."""

    def hide(there: bool) -> None:
        (tmp_path / "sitecustomize.py").write_text(NO_LITERT.format(there=there))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return hide


def test_tflite_runtime_does_where_litert_is_not(
    agent: str, use: Callable[[int], None], compiled: Callable[[str], Path], no_litert: Callable[[bool], None]
) -> None:
    use(TAKES)
    no_litert(True)
    with AgentClient(LocalDevice(), agent, 60.0, "edgetpu") as client:
        hello = client.ask("hello", "hello", backend="litert", accelerator="edgetpu", threads=1, options={})
        client.ask("quit", "quit")
    assert hello["version"] == "tflite_runtime 2.14.0"
    assert load(agent, compiled("paradox_1"))[0]["placement"]["kind"] == "full"


def test_without_either_litert_is_what_is_missing(
    agent: str, compiled: Callable[[str], Path], no_litert: Callable[[bool], None]
) -> None:
    no_litert(False)
    error = refused(agent, compiled("paradox_1"))
    assert error.kind == "refused"
    assert "LiteRT cannot be imported" in error.message
    assert "pip install" in error.todo
