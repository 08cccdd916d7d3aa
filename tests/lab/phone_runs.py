"""`bench run` on phones of the lab, as its user has it: bench.toml, records, and the tool between us and the phone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from lab_phones import LAB, LabPhone
from phone_folder import until

from bench.records import store
from bench.records.types import CaseError, Record

CPU_TOOL = LAB / "bin" / "benchmark_model"
GPU_TOOL = LAB / "bin" / "benchmark_model_gpu"
QUICKEST = ("--time", "0.1", "--invocations", "1", "--no-profile")
# One invocation that lasts until something happens to it.
ENDLESS = ("--time", "60", "--invocations", "1", "--no-profile")
THROUGH = ("--option", "taskset=3")  # the tool is started through the phone's `taskset`, which a test may replace
_IMPATIENT = """
import bench.__main__, bench.devices.remote_process
bench.devices.remote_process.RECONNECT_S = {}
bench.__main__.main()
"""
_ICD = Path("/etc/OpenCL/vendors/rusticl.icd")


def configure(folder: Path, tool: Path = CPU_TOOL, *, warmup_s: float = 0.0, **phones: LabPhone) -> None:
    """Write the bench.toml of these phones, and of the tool that all of them get."""
    lines = ["[run]", f"warmup_s = {warmup_s}", "[tools]", f'benchmark_model = "{tool}"']
    for name, phone in phones.items():
        lines += [f"[devices.{name}]", 'kind = "android"', f'serial = "{phone.serial}"']
    (folder / "bench.toml").write_text("\n".join(lines) + "\n")


def opencl_missing() -> str:
    """Why there is no GPU in the lab; empty when there is one."""
    return "" if _ICD.is_file() else "the lab's GPU needs `apt-get install mesa-opencl-icd ocl-icd-opencl-dev`"


def without_opencl(phone: LabPhone) -> None:
    """Take the phone's OpenCL driver away."""
    phone.enter("mount", "--bind", "/dev/null", str(_ICD))


def records(results: Path) -> list[Record]:
    """All that stands on disk, the oldest first."""
    return [store.load(path) for path in sorted(store.files(results), key=lambda path: path.stat().st_mtime_ns)]


def last(results: Path) -> Record:
    return records(results)[-1]


def error(record: Record) -> CaseError:
    assert record.error is not None
    assert not record.measured
    return record.error


def clean(phone: LabPhone) -> bool:
    """Whether nothing of ours runs there, and no scratch folder or half file lies there."""
    home = phone.tmp / "bench"
    return phone.nothing_runs() and not [*home.glob("work/*"), *home.glob("files/.part-*"), *home.glob("pin/*")]


def tool_on(phone: LabPhone, *flags: str) -> list[psutil.Process]:
    """The tool's processes there that measure, with these flags on their command line."""
    found = []
    for process in phone.processes():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if line and "benchmark_model" in line[0] and any(part.startswith("--graph=") for part in line):
            found += [process] * all(flag in line for flag in flags)
    return found


def gone(process: psutil.Process) -> bool:
    """Whether it comes to its end."""
    with contextlib.suppress(AssertionError):
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "its end")
        return True
    return False


class Started:
    """A `bench` that runs beside the test."""

    def __init__(self, folder: Path, *arguments: str, reconnect_s: float | None = None) -> None:
        """reconnect_s: that it waits for a lost phone to end what runs there, in place of its five seconds."""
        how = ["-m", "bench"] if reconnect_s is None else ["-c", _IMPATIENT.format(reconnect_s)]
        self.process = subprocess.Popen(
            [sys.executable, *how, *arguments],
            cwd=folder,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def until_measuring(self, phone: LabPhone, *flags: str, cpu_s: float = 0.1) -> None:
        """Until the tool is at work there: it has used so much of a CPU."""

        def at_work() -> bool:
            return any(sum(process.cpu_times()[:2]) > cpu_s for process in tool_on(phone, *flags))

        self.until(at_work, "a tool that measures")

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for it while bench runs."""

        def going() -> bool:
            assert self.process.poll() is None, f"bench ended before: {what}"
            return bool(true())

        until(going, what, 60.0)

    def end(self, code: int, limit_s: float = 90.0) -> tuple[str, str]:
        """Its stdout and stderr, when it has ended with that exit code."""
        out, err = self.process.communicate(timeout=limit_s)
        assert self.process.returncode == code, f"exit code {self.process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out, err
