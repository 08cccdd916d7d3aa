"""Recording a device and replaying it: the same answers, an error for any other question, files where they belong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import NotMeasuredError, UsageError
from bench.base.process import Child, ChildEnded, ChildTimeout, LinkLost, Process
from bench.devices.android import create
from bench.devices.local import LocalDevice
from bench.devices.recording import Recording
from bench.devices.recording_format import EXCHANGE, FILES, Folders, as_bytes, as_text, folder_name
from bench.devices.recording_process import MismatchError
from bench.devices.registry import KINDS, kind_of, open_device
from bench.devices.replay import ReplayDevice


def python(text: str) -> list[str]:
    return [sys.executable, "-u", "-c", text]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(LocalDevice(), tmp_path / "rec", ["/bin/bench", "run", "--record", "rec", "-m", "x"])


@pytest.fixture
def replay(tmp_path: Path) -> Callable[[], ReplayDevice]:
    return lambda: ReplayDevice("again", tmp_path / "rec" / "local")


def events(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "rec" / "local" / EXCHANGE).read_text().splitlines()]


def test_questions_have_their_recorded_answers(
    recording: Recording, replay: Callable[[], ReplayDevice], tmp_path: Path
) -> None:
    identity, before, after = recording.identify(), recording.conditions("before"), recording.conditions("after")
    interpreter, abis, free = recording.python(), recording.abis(), recording.free_bytes()
    with recording.lock(1.0), recording.scratch() as scratch, recording.pin() as pinned:
        pass
    again = replay()
    assert (again.python(), again.abis(), again.free_bytes()) == (interpreter, abis, free)
    assert (again.conditions("before"), again.conditions("after")) == (before, after)
    with again.lock(0.0), again.scratch() as same, again.pin() as held:
        assert (same, held) == (scratch, pinned)
        assert not Path(same).exists()
    found = again.identify()
    assert (found.name, found.kind, found.replayed, found.nature) == ("again", "replay", True, "local")
    assert found.fingerprint == identity.fingerprint
    assert identity.facts.items() <= found.facts.items()
    assert str(found.facts["replayed_from"]).startswith("local local, recorded 20")
    assert (identity.replayed, identity.nature) == (False, "local")


def test_streams_are_played_in_their_order_and_need_no_process(
    recording: Recording, replay: Callable[[], ReplayDevice]
) -> None:
    program = (
        "import sys, time; sys.stderr.write('words\\nmore\\n'); sys.stderr.flush(); print(input().upper());"
        "time.sleep(0.2); sys.stdout.buffer.write(b'\\xff\\n'); sys.exit(3)"
    )

    def talk(device: Any) -> tuple[object, ...]:
        process = device.spawn(python(program), env={"SOME": "thing"})
        process.write_line(b"hello")
        lines = [process.read_line(60.0), process.read_line(60.0)]
        with pytest.raises(ChildEnded) as ended:
            process.read_line(60.0)
        waited = process.wait(60.0)
        return lines, ended.value.returncode, waited, process.close(), process.stderr_tail(), process.stderr_tail(1)

    first = talk(recording)
    assert first == ([b"HELLO", b"\xff"], 3, 3, 3, "words\nmore", "more")
    device = replay()
    assert talk(device) == first
    device = replay()
    process = device.spawn(python(program), env={"SOME": "thing"})
    process.write_line(b"hello")
    process.read_line(0.0)
    process.read_line(0.0)
    assert process.elapsed_ns >= 200_000_000  # the time it took then


class OutOfReach(LocalDevice):
    """Loses its link as soon as a process runs."""

    def spawn(self, argv: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        process = super().spawn(argv, env=env, cwd=cwd)

        def lose(timeout_s: float) -> bytes:
            raise LinkLost("the cable is out")

        process.read_line = lose  # type: ignore[method-assign]
        return process


def test_a_timeout_comes_again_at_once(recording: Recording, replay: Callable[[], ReplayDevice]) -> None:
    sleeper = python("import time; time.sleep(60)")
    process: Process = recording.spawn(sleeper)
    with pytest.raises(ChildTimeout):
        process.read_line(0.05)
    process.kill()
    process.close()
    process = replay().spawn(sleeper)
    with pytest.raises(ChildTimeout):
        process.read_line(60.0)
    process.kill()
    assert process.close() == -9


def test_a_lost_link_stays_lost(tmp_path: Path) -> None:
    sleeper = python("import time; time.sleep(60)")
    process = Recording(OutOfReach(), tmp_path).spawn(sleeper)
    with pytest.raises(LinkLost):
        process.read_line(1.0)
    process.close()
    again = ReplayDevice("again", tmp_path / "local").spawn(sleeper)
    for _ in range(2):
        with pytest.raises(LinkLost) as error:
            again.read_line(60.0)
        assert error.value.reason == "the cable is out"


def test_a_phone_is_replayed_without_the_phone(
    any_phone: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho words >&2; echo result > $1; echo done; exit 4\n")

    def measure(device: Any, to: str) -> tuple[object, ...]:
        facts = dict(device.identify().facts)
        for name in ("replayed_from", "replayed_kind"):
            facts.pop(name, None)
        with device.lock(1.0), device.scratch() as folder:
            process = device.spawn([device.push(tool), f"{folder}/out"])
            line = process.read_line(20.0)
            with pytest.raises(ChildEnded) as ended:
                process.read_line(20.0)
            process.close()
            device.pull(f"{folder}/out", tmp_path / to)
        said = process.stderr_tail().strip()
        return facts, device.abis(), line, ended.value.returncode, said, (tmp_path / to).read_bytes()

    first = measure(Recording(create("handy", {"serial": any_phone().serial}), tmp_path / "rec"), "first")
    assert first[2:] == (b"done", 4, "words", b"result\n")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")  # there is no adb any more
    table = {"kind": "replay", "recording": str(tmp_path / "rec" / "handy")}
    assert measure(open_device("old", table), "again") == first
    assert kind_of(table) is KINDS["android"]


def test_recorded_errors_come_again(recording: Recording, replay: Callable[[], ReplayDevice], tmp_path: Path) -> None:
    def fail(device: Any) -> list[str]:
        said = []
        for call in (
            lambda: device.spawn([str(tmp_path / "none")]),
            lambda: device.pull(str(tmp_path / "nothing"), tmp_path / "to"),
        ):
            with pytest.raises(NotMeasuredError) as error:
                call()
            said.append(str(error.value))
        return said

    assert fail(recording) == fail(replay())


def test_files_are_known_by_their_content(
    recording: Recording, replay: Callable[[], ReplayDevice], tmp_path: Path
) -> None:
    secret, result = tmp_path / "secret.tflite", tmp_path / "result.bin"
    secret.write_bytes(b"the model")
    result.write_bytes(b"what came out")
    path = recording.push(secret)
    recording.pull(str(result), tmp_path / "here" / "a.bin")
    result.unlink()
    kept = [file.read_bytes() for file in (tmp_path / "rec" / "local" / FILES).iterdir()]
    assert kept == [b"what came out"]  # what was pulled, and nothing of what was pushed
    assert b"the model" not in (tmp_path / "rec" / "local" / EXCHANGE).read_bytes()
    device = replay()
    device.pull(str(result), tmp_path / "there" / "b.bin")
    assert (tmp_path / "there" / "b.bin").read_bytes() == b"what came out"
    moved = tmp_path / "other.tflite"
    moved.write_bytes(b"the model")
    assert device.push(moved) == device.push(secret) == path
    moved.write_bytes(b"another model")
    with pytest.raises(MismatchError, match=r"other\.tflite") as error:
        device.push(moved)
    assert "secret.tflite, sha256" in error.value.found
    with pytest.raises(NotMeasuredError, match="gone"):
        device.push(tmp_path / "gone")


def test_another_command_names_both_and_what_to_do(recording: Recording, replay: Callable[[], ReplayDevice]) -> None:
    recording.spawn(["true", "--threads=1", "--graph=x"]).close()
    device = replay()
    with pytest.raises(MismatchError) as error:
        device.spawn(["true", "--threads=2", "--graph=x"])
    assert "asked with --threads=2, recorded with --threads=1" in error.value.found
    assert "bench run -m x\n" in error.value.todo
    with pytest.raises(MismatchError) as later:
        device.abis()
    assert "went another way before: starting true" in later.value.found


def test_another_order_and_more_than_was_recorded_are_errors(
    recording: Recording, replay: Callable[[], ReplayDevice]
) -> None:
    recording.conditions("before")
    for argv in (["true", "1"], ["true", "2"]):
        recording.spawn(argv).close()
    with pytest.raises(MismatchError, match="starting true"):
        replay().spawn(["true", "2"])
    with pytest.raises(MismatchError, match="after"):
        replay().conditions("after")
    device = replay()
    device.conditions("before")
    with pytest.raises(MismatchError) as error:
        device.conditions("before")
    assert "no more" in error.value.found
    with pytest.raises(MismatchError, match="no answer to which Python"):
        replay().python()


def test_writing_another_line_is_an_error(recording: Recording, replay: Callable[[], ReplayDevice]) -> None:
    argv = python("print(input())")
    process = recording.spawn(argv)
    process.write_line(b"this")
    process.read_line(60.0)
    process.close()
    with pytest.raises(MismatchError, match="that") as error:
        replay().spawn(argv).write_line(b"that")
    assert "this" in error.value.found
    with pytest.raises(MismatchError, match="reading a line"):
        replay().spawn(argv).read_line(1.0)


def test_what_a_cut_off_run_leaves_is_replayed_up_to_there(
    recording: Recording, replay: Callable[[], ReplayDevice], tmp_path: Path
) -> None:
    argv = python("print(1); print(2); print(3)")
    process = recording.spawn(argv)
    assert [process.read_line(60.0), process.read_line(60.0)] == [b"1", b"2"]
    file = tmp_path / "rec" / "local" / EXCHANGE
    file.write_bytes(file.read_bytes()[:-10])  # while the recording is still open
    again = replay().spawn(argv)
    assert again.read_line(1.0) == b"1"
    with pytest.raises(MismatchError) as error:
        again.read_line(1.0)
    assert "cut off" in error.value.found
    process.close()


def test_outputs_that_an_agent_writes_lie_where_the_replay_wants_them(
    recording: Recording, replay: Callable[[], ReplayDevice], tmp_path: Path
) -> None:
    agent = python(
        "import json, pathlib\n"
        "while True:\n"
        "    folder = json.loads(input())['folder']\n"
        "    file = pathlib.Path(folder, 'out.bin')\n"
        "    file.write_bytes(b'result')\n"
        "    print(json.dumps({'files': [str(file)]}))\n"
    )

    def ask(device: Any, folder: str) -> str:
        process = device.spawn(agent)
        process.write_line(json.dumps({"folder": folder}).encode())
        answer = json.loads(process.read_line(60.0))
        process.close()
        (name,) = answer["files"]
        assert Path(name).read_bytes() == b"result"
        Path(name).unlink()
        return str(Path(name).parent)

    with LocalDevice().scratch() as first, LocalDevice().scratch() as second:
        assert ask(recording, first) == first
        assert first not in (tmp_path / "rec" / "local" / EXCHANGE).read_text()
        assert ask(replay(), second) == second


def test_help_may_be_asked_or_not(recording: Recording, replay: Callable[[], ReplayDevice], tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho flags; echo more >&2; exit 1\n")
    tool.chmod(0o755)
    path = recording.push(tool)
    for argv in ([path, "--help"], ["true"]):
        process = recording.spawn(argv)
        if argv[0] == path:
            assert process.read_line(60.0) == b"flags"
        with pytest.raises(ChildEnded):
            process.read_line(60.0)
        process.close()
    device = replay()
    device.spawn(["true"])
    for _ in range(2):
        assert device.spawn([path, "--help"]).read_line(1.0) == b"flags"
    (found,) = device.programs()
    assert (found.path, found.name, found.help) == (path, "tool", "flags\nmore")


def test_a_recording_is_never_overwritten(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has a recording already"):
        Recording(LocalDevice(), tmp_path / "rec")
    with pytest.raises(UsageError, match="recording already"):
        Recording(ReplayDevice("again", tmp_path / "rec" / "local"), tmp_path / "other")


def test_the_table_names_the_folder_and_the_plan_sees_the_recorded_kind(recording: Recording, tmp_path: Path) -> None:
    recording.identify()
    table = {"kind": "replay", "recording": str(tmp_path / "rec" / "local")}
    assert open_device("old", table).identify().name == "old"
    assert kind_of(table) is KINDS["local"]
    file = tmp_path / "rec" / "local" / EXCHANGE
    file.write_text(file.read_text().replace('"kind":"local"', '"kind":"android"', 1))
    assert kind_of(table) is KINDS["android"]
    with pytest.raises(UsageError, match="recording is missing"):
        open_device("old", {"kind": "replay"})
    with pytest.raises(UsageError, match="is no recording") as error:
        open_device("old", {**table, "recording": str(tmp_path / "rec")})
    assert "local" in error.value.found
    other = '{"call":"identify"}\n'
    for text, words in (("{}\n", "line 1"), (other, "begin with"), ("no json\n", "line 1"), ("", "begin with")):
        file.write_text(text)
        with pytest.raises(UsageError, match=words):
            open_device("old", table)
    file.write_text('{"call":"recording","answer":{"format":9,"device":"a","kind":"b","recorded":"c"}}\n')
    with pytest.raises(UsageError, match="format 9"):
        open_device("old", table)


def test_a_device_may_have_any_name() -> None:
    assert folder_name("127.0.0.1:5555") == "127.0.0.1_5555"
    assert folder_name("../up") == ".._up"


@given(st.binary(max_size=50).filter(lambda line: b"\n" not in line))
def test_any_line_of_a_stream_comes_back(line: bytes) -> None:
    assert as_bytes(json.loads(json.dumps(as_text(line)))) == line
    folders = Folders()
    assert folders.show(folders.hide(line, told=True)) == line


def test_every_event_tells_when_it_was(recording: Recording, tmp_path: Path) -> None:
    recording.identify()
    recording.spawn(["true"]).close()
    times = [event["at_s"] for event in events(tmp_path)]
    assert times == sorted(times)
    assert times[-1] > 0
