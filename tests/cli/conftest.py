"""One real run over all runtimes, for the tests that only read what a run leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

QUICK = ("--time", "0.3", "--invocations", "3", "--no-profile")
QUICKEST = ("--time", "0.1", "--invocations", "1", "--no-profile")


@dataclass(frozen=True)
class Run:
    """A finished `bench run --json`."""

    done: subprocess.CompletedProcess[str]
    results: Path

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.done.stdout)
        return found


@pytest.fixture
def no_warm_up(tmp_path: Path) -> None:
    """The bench.toml of the test's folder, where the test has none of its own, leaves the warm-up out."""
    path = tmp_path / "bench.toml"
    if not path.exists():
        path.write_text("[run]\nwarmup_s = 0\n")


@pytest.fixture
def quick(no_warm_up: None) -> tuple[str, ...]:
    return QUICK


@pytest.fixture
def quickest(no_warm_up: None) -> tuple[str, ...]:
    return QUICKEST


@pytest.fixture(scope="session")
def finished(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """paradox_1 on LiteRT, ONNX Runtime and OpenVINO, and an accelerator that is not there."""
    folder = tmp_path_factory.mktemp("finished")
    results = folder / "results"
    backends = ("-b", "litert", "-b", "onnxruntime", "-b", "openvino")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "-m", "paradox_1", *backends, *QUICK, "--profile", "--json"],
        cwd=folder,
        env={**os.environ, "BENCH_RESULTS_DIR": str(results)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    return Run(done, results)


@pytest.fixture
def tflite(zoo_file: Callable[..., Path], tmp_path: Path) -> Path:
    """A file of the user's own."""
    path = tmp_path / "mine.tflite"
    path.write_bytes(zoo_file("paradox_1").read_bytes())
    return path
