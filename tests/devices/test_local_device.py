"""The kind `local` on the real host: identity, conditions, processes, files, lock across processes, registry."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.base.errors import NotMeasuredError, StorageError, UsageError
from bench.base.process import ChildEnded
from bench.devices import registry
from bench.devices.linux_conditions import NAMES
from bench.devices.local import LocalDevice
from bench.devices.protocol import Device
from bench.devices.registry import open_device

linux = pytest.mark.skipif(platform.system() != "Linux", reason="reads the real /proc")
HOLDER = """
import sys
from bench.devices.registry import open_device
with open_device("local").lock(0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """The host with a cache of its own; child processes see the same cache."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    return open_device("local")


class TestHost:
    def test_identity(self, device: Device) -> None:
        identity = device.identify()
        assert (identity.name, identity.kind) == ("local", "local")
        assert identity.fingerprint == device.identify().fingerprint
        assert not identity.facts.keys() & identity.unavailable.keys()
        assert all(identity.unavailable.values())
        assert identity.facts["python"] == f"{platform.python_implementation()} {platform.python_version()}"

    @linux
    def test_identity_agrees_with_the_standard_library(self, device: Device) -> None:
        facts = device.identify().facts
        assert facts["kernel"] == platform.release()
        assert facts["architecture"] == platform.machine()
        assert facts["memory_bytes"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def test_conditions(self, device: Device) -> None:
        conditions = device.conditions("before")
        assert conditions.phase == "before"
        assert conditions.at.endswith("+00:00")
        names = [reading.name for reading in conditions.readings]
        assert len(names) == len(set(names))
        assert {*NAMES, "pin"} <= set(names)
        for reading in conditions.readings:
            assert (reading.value is None) == bool(reading.unavailable)
        pin = conditions.get("pin")
        assert pin is not None
        assert pin.value == "unpinned"

    @linux
    def test_a_call_reads_few_files(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is taken between invocations: it starts no process and waits for nothing."""

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError

        monkeypatch.setattr(subprocess, "Popen", refuse)
        monkeypatch.setattr("time.sleep", refuse)
        device.conditions("during")

    @pytest.mark.parametrize("system", ["Darwin", "Windows", ""])
    def test_other_systems_say_so(self, system: str) -> None:
        host = LocalDevice(system=system)
        for reading in host.conditions("before").readings:
            if reading.name != "pin":
                assert reading.value is None
                assert f"this is {system}" in reading.unavailable
        identity = host.identify()
        assert "virtual" in identity.unavailable
        assert identity.facts["logical_cores"] == os.cpu_count()

    def test_free_space(self, device: Device) -> None:
        free = device.free_bytes()
        assert isinstance(free, int)
        assert free > 0


class TestProcessesAndFiles:
    def test_spawn_is_a_two_way_stream(self, device: Device, tmp_path: Path) -> None:
        code = "import os; print(input() + os.environ['WORD'] + os.path.basename(os.getcwd()))"
        child = device.spawn([device.python(), "-c", code], env={"WORD": "-there-"}, cwd=tmp_path)
        try:
            child.write_line(b"here")
            assert child.read_line(30).decode() == f"here-there-{tmp_path.name}"
            with pytest.raises(ChildEnded):
                child.read_line(30)
        finally:
            child.close()

    def test_a_program_that_is_not_there(self, device: Device) -> None:
        with pytest.raises(NotMeasuredError, match="no-such-program"):
            device.spawn(["no-such-program"])

    def test_push_is_the_file_itself(self, device: Device, tmp_path: Path) -> None:
        file = tmp_path / "model.tflite"
        file.write_bytes(b"x")
        assert Path(device.push(file)).samefile(file)
        with pytest.raises(NotMeasuredError, match="no such file"):
            device.push(tmp_path / "nothing")

    def test_pull(self, device: Device, tmp_path: Path) -> None:
        source = tmp_path / "trace"
        source.write_bytes(b"data")
        device.pull(str(source), tmp_path / "deep" / "copy")
        assert (tmp_path / "deep" / "copy").read_bytes() == b"data"
        device.pull(str(source), source)
        assert source.read_bytes() == b"data"
        with pytest.raises(NotMeasuredError):
            device.pull(str(tmp_path / "nothing"), tmp_path / "copy")
        with pytest.raises(StorageError):
            device.pull(str(source), source / "below a file")


class TestLock:
    def start_holder(self) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return holder

    def test_a_second_job_is_refused_and_told_by_whom(self, device: Device) -> None:
        told: list[str] = []
        with self.start_holder() as holder:
            with (
                pytest.raises(NotMeasuredError, match=f"process {holder.pid}") as caught,
                device.lock(0.2, told.append),
            ):
                pass
            assert caught.value.todo
            assert len(told) == 1
            assert str(holder.pid) in told[0]
            holder.communicate("")
        with device.lock(0):
            pass

    def test_a_second_job_waits_its_turn(self, device: Device) -> None:
        with self.start_holder() as holder:
            stdin = holder.stdin
            assert stdin is not None
            with device.lock(60, lambda _: stdin.close()):  # the holder ends once we are known to wait
                assert holder.wait(60) == 0

    def test_a_killed_holder_releases(self, device: Device) -> None:
        with self.start_holder() as holder:
            holder.kill()
            holder.wait(60)
            with device.lock(0):
                pass

    def test_all_names_of_the_host_are_one_device(self, device: Device) -> None:
        with device.lock(0), pytest.raises(NotMeasuredError), LocalDevice("coral").lock(0):
            pass

    def test_a_failing_block_releases(self, device: Device) -> None:
        with contextlib.suppress(ZeroDivisionError), device.lock(0):
            _ = 1 / 0
        with device.lock(0):
            pass

    @pytest.mark.skipif(platform.system() == "Windows", reason="asks with signal 0 whether a process lives")
    def test_a_killed_holder_releases_though_what_it_started_lives_on(self, device: Device) -> None:
        start = """child = open_device("local").spawn([sys.executable, "-c", "import time; time.sleep(60)"])
    print("child", child.process.pid)
    """
        code = HOLDER.replace('print("held"', start + 'print("held"')
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            child = int(holder.stdout.readline().split()[1])
            assert holder.stdout.readline() == "held\n"
            holder.kill()
            holder.wait(60)
            try:
                os.kill(child, 0)
                with device.lock(0):
                    pass
            finally:
                os.kill(child, signal.SIGTERM)

    def test_a_cache_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "file"))
        with pytest.raises(StorageError), open_device("local").lock(0):
            pass


class TestRegistry:
    def test_local_needs_no_table(self) -> None:
        assert open_device("local").name == "local"
        assert open_device("local", {}).kind == "local"

    def test_another_name_for_this_host(self) -> None:
        device = open_device("coral", {"kind": "local", "backend": "litert", "accelerator": "edgetpu"})
        assert (device.name, device.kind) == ("coral", "local")
        assert device.python() == sys.executable

    def test_every_kind_can_be_opened(self) -> None:
        for kind in registry.KINDS.keys() - {"replay"}:
            assert open_device("x", {"kind": kind}).kind == kind
        with pytest.raises(UsageError, match="recording"):
            open_device("x", {"kind": "replay"})

    @pytest.mark.parametrize(
        ("name", "table", "words"),
        [
            ("loca", None, "Did you mean local"),
            ("bord", None, "Did you mean board"),
            ("board", {"kind": "locl"}, "Did you mean local"),
            ("board", {"kind": 3}, "local"),
            ("board", {"python": "python3"}, "kind"),
            ("board", {"kind": "local", "pyton": "x"}, "Did you mean python"),
            ("board", {"kind": "local", "python": 3}, "python"),
            ("board", {"kind": "local", "python": "no-such-interpreter"}, "no-such-interpreter"),
            ("board", {"kind": "local", "sysfs": "/no/such/folder"}, "no such folder"),
        ],
    )
    def test_mistakes(self, name: str, table: dict[str, object] | None, words: str) -> None:
        with pytest.raises(UsageError) as caught:
            open_device(name, table, known=["board", "phone"])
        assert words in str(caught.value)

    def test_sysfs_is_read_as_linux(self, tmp_path: Path, machine: dict[str, str]) -> None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/meminfo").write_text(machine["/proc/meminfo"])
        device = open_device("fake", {"kind": "local", "sysfs": str(tmp_path)})
        assert device.identify().facts["memory_bytes"] == 16252928 * 1024
        available = device.conditions("before").get("memory.available")
        assert available is not None
        assert available.value == 8126464 * 1024

    def test_a_configured_interpreter_is_not_followed_to_its_target(self, tmp_path: Path) -> None:
        link = tmp_path / "python"
        link.symlink_to(sys.executable)
        device = open_device("venv", {"kind": "local", "python": str(link)})
        assert device.python() == str(link)
        assert "agent" in device.identify().unavailable["python"]
