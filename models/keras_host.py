"""Runs Keras work in a process with TensorFlow; this one, and every process that measures, stays without it.

Which Python that is: the one that runs bench, or the one that the environment variable BENCH_CONVERT_PYTHON names, so
that TensorFlow (2.5 GB with what it needs) may have an environment of its own. That one needs TensorFlow, Keras 3 and
tf2onnx; bench need not be installed there: the few modules that the worker loads are copied into a folder that is its
PYTHONPATH. The rest of our own site-packages is not put there, since it may be for another Python.
"""

from __future__ import annotations

import functools
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import bench
from bench.base.process import Child, ChildEnded, ChildTimeout, signal_name
from bench.models import keras_probe
from bench.models.keras_job import Job, Reply

VARIABLE = "BENCH_CONVERT_PYTHON"
LIMIT_S = 600.0  # for one job; the first one also pays for TensorFlow's import
_PROBE_LIMIT_S = 60.0
_TAIL = 5  # lines of stderr
_HERE = Path(__file__).parent
_COPIED = ("__init__.py", "network.py", "layers.py", "weights.py", "emit_keras*.py", "keras_*.py")
# No GPU is touched and no backend or image format is taken from the user's Keras settings; sets keep one order.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


class HostError(Exception):
    """The process could not be started, ended early, or took too long; the words are for a person."""


def interpreter() -> str:
    """The Python that converts."""
    return os.environ.get(VARIABLE) or sys.executable


def chosen() -> bool:
    """Whether that Python was named, and need not be ours."""
    return bool(os.environ.get(VARIABLE))


def packages() -> dict[str, str]:
    """Module -> version of what that Python has: tensorflow, keras, tf2onnx. Raises HostError where it cannot run."""
    other = os.environ.get(VARIABLE)
    return _packages_of(other) if other else keras_probe.found()


@functools.cache
def _packages_of(python: str) -> dict[str, str]:
    command = [python, str(_HERE / "keras_probe.py")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_LIMIT_S, check=True)
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise HostError(f"{VARIABLE} names {python}, which does not run: {error}") from None
    return found


def run(jobs: Sequence[Job]) -> Iterator[Reply]:
    """The replies, each when its job is done; one process for all. Raises HostError, and after it nothing comes."""
    with tempfile.TemporaryDirectory(prefix="bench-keras-") as folder:
        scratch = Path(folder)
        _copy_modules(scratch)
        asked = scratch / "jobs.pickle"
        asked.write_bytes(pickle.dumps(list(jobs), protocol=4))
        child = _start(scratch, asked)
        try:
            for number in range(1, len(jobs) + 1):
                yield _next(child, number, len(jobs))
        finally:
            child.close()


def _copy_modules(scratch: Path) -> None:
    """A bench package with just what the worker loads; the same from a checkout and from an installed wheel."""
    models = scratch / "bench" / "models"
    models.mkdir(parents=True)
    shutil.copy(Path(bench.__file__), scratch / "bench")
    for pattern in _COPIED:
        for path in _HERE.glob(pattern):
            shutil.copy(path, models)


def _start(scratch: Path, asked: Path) -> Child:
    paths = [str(scratch), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths), "KERAS_HOME": str(scratch)}
    command = [interpreter(), "-m", "bench.models.keras_worker", str(asked)]
    try:
        return Child.start(command, env=environment, cwd=scratch)
    except OSError as error:
        raise HostError(f"{interpreter()} does not start: {error}") from None


def _next(child: Child, number: int, count: int) -> Reply:
    which = f"job {number} of {count}" if count > 1 else "the conversion"
    try:
        return Reply.decode(child.read_line(LIMIT_S))
    except ChildTimeout:
        raise HostError(f"{which} was not done after {LIMIT_S:.0f} s.") from None
    except ChildEnded as ended:
        how = signal_name(ended.returncode) or f"exit code {ended.returncode}"
        said = child.stderr_tail(_TAIL)
        raise HostError(f"{which} ended with {how}: {said}".rstrip(": ")) from None
    except (ValueError, TypeError):
        raise HostError(f"{which} gave an answer that cannot be read.") from None
