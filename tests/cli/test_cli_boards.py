"""All kinds of boards in one run, as a user has them in bench.toml: `lab/boards.py` has the boards and their stand-ins.

No number of an accelerator here is one: what is seen is where it ran, what was refused and why, and that nothing stays.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boards
import psutil
import pytest
from boards import Lab
from sshd import missing

from bench.models import quantize
from bench.records import store
from bench.records.types import Record

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for the stand-in of libedgetpu"),
    pytest.mark.skipif(quantize.missing() is not None, reason=quantize.missing() or ""),
]
Bench = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--time", "0.2", "--invocations", "1", "--no-profile")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    monkeypatch.setenv("HOME", str(lab.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield lab
    lab.close()


def records(folder: Path) -> dict[str, Record]:
    """The records of the only run, by their devices."""
    found = [store.load(path) for path in folder.glob("*/*.json")]
    return {record.case.device: record for record in found}


def failure(results: Path) -> tuple[str, str]:
    """(message, todo) of the only case."""
    (path,) = results.glob("*/*.json")
    error = store.load(path).error
    shutil.rmtree(results)
    assert error is not None
    return error.message, error.todo


def test_four_devices_in_one_run(lab: Lab, bench: Bench, results_folder: Path) -> None:
    bench("models", "build", "prisma", "--variant", "edgetpu")
    everyone = [word for name in (*lab.boards, "local") for word in ("--device", name)]
    done = bench("run", *everyone, "--model", "prisma", *QUICK, COLUMNS="120")
    found = records(results_folder)
    assert {name: (one.case.variant, one.case.accelerator) for name, one in found.items()} == {
        "tx2": ("fp32", "cpu"), "coral": ("edgetpu", "edgetpu"), "pi": ("fp32", "cpu"), "local": ("fp32", "cpu"),
    }  # fmt: skip
    for name, record in found.items():
        assert record.error is None, record.error
        assert record.agreement is not None
        assert record.agreement.ok is (name != "coral")  # whose stand-in computes nothing
        assert f"\n{name}: " in done.stdout
    coral = found["coral"].placement
    assert (coral.kind, coral.delegate, coral.nodes, coral.total) == ("full", "Edge TPU", 1, 1)
    assert "full (Edge TPU)" in done.stdout
    assert found["pi"].placement.delegate == "XNNPACK"
    rails = found["tx2"].invocations[0].during
    assert rails is not None
    rail = rails.get("rail.vdd_in")
    assert rail is not None
    assert (rail.value, rail.unit) == (1.759, "W")
    told = {finding.code for finding in found["tx2"].findings}
    assert "clocks-free" in told
    assert "board-throttled-before" in {finding.code for finding in found["pi"].findings}
    assert all(board.nothing_runs() for board in lab.boards.values())


def test_what_is_not_there_is_refused_with_what_to_do(lab: Lab, bench: Bench, results_folder: Path) -> None:
    bench("run", "-d", "coral", "-m", "prisma", "--variant", "fp32", *QUICK, code=4)
    message, todo = failure(results_folder)
    assert "not compiled for an Edge TPU" in message
    assert "--variant edgetpu" in todo
    bench("run", "-d", "pi", "-m", "prisma", "--variant", "edgetpu", *QUICK, code=4)
    message, todo = failure(results_folder)
    assert "edgetpu-custom-op" in message
    assert "--accelerator edgetpu" in todo
    bench("run", "-d", "pi", "-m", "prisma", "-a", "edgetpu", "--variant", "edgetpu", *QUICK, code=4)
    message, todo = failure(results_folder)
    assert "no library of the Edge TPU here: libedgetpu.so.1" in message
    assert "libedgetpu1-std" in todo
    bench("run", "-d", "pi", "-m", "paradox_7", "-b", "openvino", "-a", "npu", *QUICK, code=4)
    message, todo = failure(results_folder)
    assert "OpenVINO has no device NPU here; it has CPU" in message
    done = bench("run", "-d", "pi", "-m", "paradox_7", "-b", "trtexec", "-a", "gpu", *QUICK, code=None)
    assert done.returncode in (2, 4)
    assert "pi has no trtexec" in done.stdout + done.stderr


def test_trtexec_needs_no_python_there(lab: Lab, bench: Bench, results_folder: Path) -> None:
    lab.tables["tx2"] |= {"python": "/none/python", "backend": "trtexec", "accelerator": "gpu"}
    lab.write()
    bench("run", "-d", "tx2", "-m", "paradox_7", *QUICK)
    record = records(results_folder)["tx2"]
    assert record.tool is not None
    assert record.tool.runtime == "TensorRT"
    assert record.device.unavailable["python"].startswith("no Python 3.8 or newer was found there")
    bench("run", "-d", "tx2", "-m", "paradox_7", "-b", "litert", "-a", "cpu", *QUICK, code=4)
    error = next(one.error for one in map(store.load, results_folder.glob("*/*litert*.json")))
    assert error is not None
    assert "there is no /none/python" in error.message


def test_a_runtime_that_is_not_there_is_to_be_installed_there(lab: Lab, bench: Bench, results_folder: Path) -> None:
    import venv

    bare = lab.folder / "bare"
    venv.create(bare, symlinks=True, with_pip=False)
    lab.tables["pi"] |= {"python": f"{bare}/bin/python"}
    lab.write(**{"devices.here": {"kind": "local", "python": f"{bare}/bin/python"}})
    for name, where in (("pi", "On pi: "), ("here", "")):
        bench("run", "-d", name, "-m", "paradox_7", "-b", "openvino", *QUICK, code=4)
        message, todo = failure(results_folder)
        assert "OpenVINO cannot be imported" in message
        assert todo == f"{where}{bare}/bin/python -m pip install openvino"


def test_the_doctor_looks_for_what_is_on_the_board(lab: Lab, bench: Bench) -> None:
    def steps(name: str) -> dict[str, str]:
        lines = bench("doctor", "-d", name).stdout.splitlines()
        return {line[9:33].strip(): line for line in lines if line[:1] != " "}

    tx2, coral, pi = steps("tx2"), steps("coral"), steps("pi")
    assert coral["edgetpu"].split()[:4] == ["ok", "edgetpu", "USB", "/sys/bus/usb/devices/2-1"]
    assert "edgetpu" not in tx2
    assert tx2["tool trtexec"].split() == ["ok", "tool", "trtexec", f"{lab.boards['tx2'].bin}/trtexec"]
    assert pi["tool trtexec"].startswith("skipped")
    assert "jetson_clocks does not hold the clocks" in tx2["clocks"]
    assert "pinned for a moment, and put back" in tx2["pin"]
    assert "under-voltage" in pi["clocks"]
    assert (lab.boards["tx2"].folder / "state" / "held").read_text() == "no\n"


def test_devices_are_listed_with_their_state(lab: Lab, bench: Bench) -> None:
    lab.boards["pi"].stop()
    listed = bench("devices", code=4).stdout
    assert "\ntx2 (jetson): " in listed
    assert "  jetpack          4.6.1-b110\n" in listed
    assert "\npi (raspberry-pi): not usable: cannot reach pi: 127.0.0.1, port " in listed
    assert "systemctl enable" in listed
    assert "freed" in bench("devices", "clean", "tx2").stdout
    assert bench("devices", "clean", "pi", code=4).stderr.startswith("bench: cannot reach pi")


def test_the_lab_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "by-hand"
    command = [sys.executable, boards.__file__, str(folder)]
    lab = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert lab.stdout is not None
    try:
        assert "tx2, coral, pi listen" in lab.stdout.readline()
        home = next(line for line in lab.stdout if "export HOME=" in line).partition("HOME=")[2].split()[0]
        env = {**os.environ, "HOME": home, "SSH_AUTH_SOCK": ""}
        command = [sys.executable, "-m", "bench", "devices"]
        listed = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert listed.returncode == 0, listed.stdout + listed.stderr
    finally:
        lab.send_signal(signal.SIGINT)
        assert lab.wait(60) == 0
    end = time.monotonic() + 30
    while any(str(folder) in " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < end
        time.sleep(0.1)
