"""The doctor's step for an Edge TPU, by what its library says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.backends.agent.litert_edgetpu import GET_LIBRARY, NO_DEVICE
from bench.devices.local import LocalDevice
from bench.run import step_edgetpu
from bench.run.step_edgetpu import assess, look


def test_what_is_there() -> None:
    assert assess("version:BuildLabel(x), RuntimeVersion(14)\ndevice:PCIe /dev/apex_0\ndevice:USB 2-1\n") == (
        "PCIe /dev/apex_0, USB 2-1 (BuildLabel(x), RuntimeVersion(14))", ""
    )  # fmt: skip


def test_a_library_without_a_device() -> None:
    found, todo = assess("version:RuntimeVersion(14)\n")
    assert found == "its library finds no Edge TPU (RuntimeVersion(14))"
    assert todo == NO_DEVICE


def test_no_library() -> None:
    found, todo = assess("none:libedgetpu.so.1: cannot open shared object file\n")
    assert found == "no library of the Edge TPU there: libedgetpu.so.1: cannot open shared object file"
    assert todo == GET_LIBRARY


def test_one_that_brings_the_process_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_edgetpu, "_CODE", "import os; os.abort()")
    found, todo = look(LocalDevice())
    assert found.startswith("its library cannot be asked: ")
    assert todo == GET_LIBRARY


@pytest.mark.skipif(sys.platform == "win32", reason="its loader has other words")
def test_it_says_what_the_loader_says() -> None:
    code = step_edgetpu._CODE.replace("libedgetpu", "libnone")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("none:libnone.")
