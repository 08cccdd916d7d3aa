"""For all rooms: no test touches the user's own folders. For those that run models: files of the zoo, also changed."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.models import artifacts

# A suite that runs in the background (`nohup`, some CI runners) ignores these signals, and what is ignored is inherited
# by every child: interruptions could not be tested. What is handled, if only by nothing, is the default in a child.
for _name in ("SIGINT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)

# Phones, boards and a web server for all rooms' tests; tests may import from these modules too.
sys.path.append(str(Path(__file__).parent / "lab"))
_lab, _any = importlib.import_module("lab_phones"), importlib.import_module("any_phones")
no_adb_server = _any.no_adb_server
phone_lab, lab_phone, phone = _lab.phone_lab, _lab.lab_phone, _lab.phone
ssh_board, web = importlib.import_module("sshd").ssh_board, importlib.import_module("fake_web").web
fake_server, fake_phone, any_server, any_phone = _any.fake_server, _any.fake_phone, _any.any_server, _any.any_phone


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole session: zoo files and reference outputs are made once."""
    folder = tmp_path_factory.mktemp("bench-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder))
        patch.setenv("BENCH_RESULTS_DIR", str(folder / "no-test-may-write-here"))
        yield folder


@pytest.fixture(autouse=True)
def results_folder(cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder of the test's own; it is not there yet."""
    folder = tmp_path / "results"
    monkeypatch.setenv("BENCH_CACHE_DIR", str(cache_folder))
    monkeypatch.setenv("BENCH_RESULTS_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git would give: a build leaves folders behind."""
    root = Path(__file__).resolve().parent.parent
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, text=True
    )
    if listed.returncode != 0:
        pytest.skip("needs a git checkout to know which files belong to the project")
    for name in listed.stdout.splitlines():
        if (root / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((root / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(target), str(source)], check=True)
    (found,) = target.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def users_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment where the wheel is installed; all that it needs is read from this one."""
    folder = tmp_path_factory.mktemp("users") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    python = folder / scripts / Path(sys.executable).name
    purelib = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    theirs, ours = (
        subprocess.run([each, "-c", purelib], check=True, capture_output=True, text=True).stdout.strip()
        for each in (python, sys.executable)
    )
    (Path(theirs) / "zz_needed.pth").write_text(ours)  # its own .pth files are not read, so no editable install either
    # Our editable install is visible as metadata of the same version: without --force-reinstall pip takes it for ours.
    options = ["--quiet", "--no-index", "--no-deps", "--force-reinstall"]
    subprocess.run([python, "-m", "pip", "install", *options, str(wheel)], check=True)
    return python


@pytest.fixture(scope="session")
def zoo_file(cache_folder: Path) -> Callable[..., Path]:
    """zoo_file(model, format="tflite"): the file of a zoo model."""

    def build(model: str, format: str = "tflite") -> Path:
        return artifacts.build(model, variant="fp32", era="2019", format=format, cache=cache_folder)

    return build


@pytest.fixture(scope="session")
def rewrite_tflite() -> Callable[[Path, Path, Callable[[Any], None]], Path]:
    """rewrite_tflite(source, to, change): a copy of a TFLite file after change(its object tree)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def rewrite(source: Path, to: Path, change: Callable[[Any], None]) -> Path:
        model = schema.ModelT.InitFromPackedBuf(bytearray(source.read_bytes()), 0)
        change(model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        to.write_bytes(bytes(builder.Output()))
        return to

    return rewrite


@pytest.fixture(scope="session")
def crashing_tflite(
    zoo_file: Callable[..., Path], rewrite_tflite: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A file that reads well, and whose depthwise convolution without a bias brings LiteRT's process down."""

    def drop_bias(model: Any) -> None:
        (operator,) = model.subgraphs[0].operators
        operator.inputs = operator.inputs[:2]

    return rewrite_tflite(zoo_file("paradox_1"), tmp_path_factory.mktemp("crash") / "crash.tflite", drop_bias)


@pytest.fixture(scope="session")
def dynamic_tflite(
    zoo_file: Callable[..., Path], rewrite_tflite: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """paradox_1 with an open height."""
    import numpy as np

    def open_height(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.shape is not None and len(tensor.shape) == 4 and tensor.shape[1] == 256:
                tensor.shapeSignature = np.array([1, -1, 256, 1], dtype=np.int32)
                tensor.shape = np.array([1, 1, 256, 1], dtype=np.int32)

    return rewrite_tflite(zoo_file("paradox_1"), tmp_path_factory.mktemp("dynamic") / "dynamic.tflite", open_height)


@pytest.fixture(scope="session")
def dynamic_onnx(zoo_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """paradox_1 with a symbolic batch."""
    import onnx

    model = onnx.load(zoo_file("paradox_1", "onnx"))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]
    path = tmp_path_factory.mktemp("dynamic") / "dynamic.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """bench(*arguments, code=0): run the command as a user does, in a folder of its own, and check its exit code."""

    def run(*arguments: str | Path, code: int | None = 0, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **changes},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert code is None or done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run
