"""The real benchmark_model, brought to a phone that runs Android's own daemon, and run there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_phones import LAB, LabPhone

from bench.base.process import ChildEnded, LinkLost, signal_name
from bench.devices.adb_process import AdbProcess
from bench.devices.android import AndroidDevice, create

LONG_S = 120.0


@pytest.fixture
def made(lab_phone: Callable[..., LabPhone]) -> LabPhone:
    return lab_phone()


@pytest.fixture
def device(made: LabPhone) -> AndroidDevice:
    return create("handy", {"serial": made.serial})


def start(device: AndroidDevice, model: Path, *options: str) -> AdbProcess:
    tool = device.push(LAB / "bin" / "benchmark_model")
    return device.spawn([tool, f"--graph={device.push(model)}", *options])


def run(device: AndroidDevice, model: Path, *options: str) -> tuple[str, str, int | None]:
    process = start(device, model, *options)
    lines = []
    try:
        while True:
            lines.append(process.read_line(LONG_S).decode())
    except ChildEnded as ended:
        return "\n".join(lines), process.stderr_tail(), ended.returncode
    finally:
        process.close()


def test_a_run_with_a_result_file(
    made: LabPhone, device: AndroidDevice, zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    with device.lock(0), device.scratch() as folder:
        output, errors, code = run(
            device, zoo_file("paradox_1"), "--num_runs=5", "--max_secs=5", f"--result_file_path={folder}/result.pb"
        )
        device.pull(f"{folder}/result.pb", tmp_path / "result.pb")
    assert code == 0, errors
    assert re.search(r"Inference \(avg\): [0-9.]+", output)
    assert (tmp_path / "result.pb").stat().st_size > 0
    assert made.nothing_runs()


def test_a_model_that_is_none(device: AndroidDevice, tmp_path: Path) -> None:
    (tmp_path / "not a model.tflite").write_bytes(b"nothing" * 100)
    output, errors, code = run(device, tmp_path / "not a model.tflite")
    assert code == 1
    assert "not a model.tflite" in output + errors


def test_the_phone_is_pulled_out_while_it_runs(
    made: LabPhone, device: AndroidDevice, zoo_file: Callable[..., Path]
) -> None:
    with device.lock(0):
        process = start(device, zoo_file("paradox_1"), "--num_runs=1000000", "--max_secs=100")
        assert process.read_line(LONG_S)
        made.kill()
        with pytest.raises(LinkLost):
            for _ in iter(lambda: process.read_line(LONG_S), None):
                pass
        assert made.processes()
        made.restart()
        process.close()
    assert made.nothing_runs()


def test_it_is_killed(made: LabPhone, device: AndroidDevice, zoo_file: Callable[..., Path]) -> None:
    process = start(device, zoo_file("paradox_1"), "--num_runs=1000000", "--max_secs=100")
    assert process.read_line(LONG_S)
    process.kill()
    assert signal_name(process.wait(LONG_S)) == "SIGKILL"
    assert process.close() == -9
    assert made.nothing_runs()
