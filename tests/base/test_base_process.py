"""Children are real processes here: what they write, how they end, and that nothing of them stays behind."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.base.process import STDERR_TAIL_LINES, Child, ChildEnded, ChildTimeout, signal_name

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")

LONG_S = 60.0  # a deadline that only a broken child meets
NO_CORE = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
# The grandchild inherits both pipes, as helpers of a vendor's tool do.
WITH_GRANDCHILD = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); "

Start = Callable[..., Child]


@pytest.fixture
def start() -> Iterator[Start]:
    children: list[Child] = []

    def started(code: str) -> Child:
        children.append(Child.start([sys.executable, "-c", code]))
        return children[-1]

    yield started
    for child in children:
        child.close()


def running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def ends(pid: int) -> bool:
    """Whether the process is gone soon: the kernel needs a moment for a killed one."""
    for _ in range(6000):
        if not running(pid):
            return True
        time.sleep(0.01)
    return False


def test_a_line_comes_when_it_is_written_not_when_the_child_ends(start: Start) -> None:
    child = start("import sys; print('first', flush=True); sys.stdin.readline(); print('second')")
    assert child.read_line(LONG_S) == b"first"
    assert child.wait(0.0) is None
    child.write_line(b"go")
    assert child.read_line(LONG_S) == b"second"


def test_lines_come_in_order_also_when_many_come_at_once(start: Start) -> None:
    child = start(r"import os; os.write(1, b'one\n\ntwo\nthr'); os.write(1, b'ee\n')")
    assert [child.read_line(LONG_S) for _ in range(4)] == [b"one", b"", b"two", b"three"]


def test_the_deadline_is_a_timeout_and_the_child_goes_on(start: Start) -> None:
    child = start(ECHO)
    for timeout_s in (0.05, 0.0, -1.0):
        with pytest.raises(ChildTimeout):
            child.read_line(timeout_s)
    child.write_line(b"still here")
    assert child.read_line(LONG_S) == b"still here"


def test_the_end_carries_the_return_code_and_stays_the_end(start: Start) -> None:
    child = start("print('last words', flush=True); raise SystemExit(7)")
    assert child.read_line(LONG_S) == b"last words"
    for _ in range(2):
        with pytest.raises(ChildEnded) as caught:
            child.read_line(LONG_S)
        assert caught.value.returncode == 7
    assert signal_name(7) == ""


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_signal_is_named(start: Start, name: str) -> None:
    child = start(f"{NO_CORE} os.kill(os.getpid(), signal.{name})")
    with pytest.raises(ChildEnded) as caught:
        child.read_line(LONG_S)
    assert signal_name(caught.value.returncode) == name


def test_signal_names_of_what_is_no_known_signal() -> None:
    assert signal_name(None) == ""
    assert signal_name(0) == ""
    assert signal_name(-200) == "signal 200"


def test_a_half_line_at_the_end_is_no_line(start: Start) -> None:
    # What a crash cut off must not be taken for an answer.
    child = start("""import os; os.write(1, b'whole\\n{"ok": tr')""")
    assert child.read_line(LONG_S) == b"whole"
    with pytest.raises(ChildEnded):
        child.read_line(LONG_S)


def test_stderr_keeps_its_tail_apart_from_stdout(start: Start) -> None:
    child = start("import sys; [print('line', i, file=sys.stderr) for i in range(3000)]; print('out')")
    assert child.read_line(LONG_S) == b"out"
    with pytest.raises(ChildEnded):
        child.read_line(LONG_S)
    assert child.stderr_tail(3) == "line 2997\nline 2998\nline 2999"
    assert len(child.stderr_tail(10_000).splitlines()) == STDERR_TAIL_LINES


def test_stderr_that_is_no_text_and_has_no_last_newline(start: Start) -> None:
    child = start(r"import os; os.write(2, b'bad \xff byte\nSegmentation fault')")
    with pytest.raises(ChildEnded):
        child.read_line(LONG_S)
    assert child.stderr_tail() == "bad \ufffd byte\nSegmentation fault"


def test_a_flood_of_stderr_does_not_block_the_child(start: Start) -> None:
    child = start("import os\nfor i in range(100): os.write(2, b'x' * 99_990 + b'%9d\\n' % i)\nprint('done')")
    assert child.read_line(LONG_S) == b"done"
    child.wait(LONG_S)
    assert child.stderr_tail(1).endswith("       99")


def test_a_flood_of_stderr_without_any_newline_is_not_kept_whole(start: Start) -> None:
    # Progress bars return the carriage and never end the line.
    child = start("import os\nfor i in range(100): os.write(2, b'%100000d\\r' % i)\nprint('done')")
    assert child.read_line(LONG_S) == b"done"
    child.wait(LONG_S)
    tail = child.stderr_tail()
    assert tail.endswith("99\r")
    assert len(tail) < 1_000_000


def test_a_very_long_line_of_stdout_arrives_whole(start: Start) -> None:
    child = start("print('x' * 20_000_000 + 'end'); print('next')")
    line = child.read_line(LONG_S)
    assert (len(line), line[-4:]) == (20_000_003, b"xend")
    assert child.read_line(LONG_S) == b"next"


def test_a_long_line_can_be_sent(start: Start) -> None:
    child = start(ECHO)
    child.write_line(b"y" * 1_000_000)
    assert child.read_line(LONG_S) == b"y" * 1_000_000


def test_writing_to_a_child_that_ended_says_how_it_ended(start: Start) -> None:
    child = start("raise SystemExit(3)")
    child.wait(LONG_S)
    with pytest.raises(ChildEnded) as caught:
        child.write_line(b"anybody?")
    assert caught.value.returncode == 3


def test_writing_after_close_is_the_end_too(start: Start) -> None:
    child = start(ECHO)
    child.close()
    with pytest.raises(ChildEnded):
        child.write_line(b"anybody?")


def test_kill_ends_grandchildren(start: Start) -> None:
    child = start(WITH_GRANDCHILD + "p.wait()")
    grandchild = int(child.read_line(LONG_S))
    assert running(grandchild)
    child.kill()
    assert child.wait(LONG_S) == -9
    assert ends(grandchild)


def test_close_ends_a_grandchild_whose_parent_left(start: Start) -> None:
    child = start(WITH_GRANDCHILD)
    grandchild = int(child.read_line(LONG_S))
    assert child.wait(LONG_S) == 0
    assert running(grandchild)
    assert child.close() == 0
    assert ends(grandchild)


def test_a_child_that_crashed_has_ended_though_a_grandchild_holds_its_output(start: Start) -> None:
    child = start(NO_CORE + WITH_GRANDCHILD + "os.kill(os.getpid(), signal.SIGSEGV)")
    child.read_line(LONG_S)
    child.wait(LONG_S)
    with pytest.raises(ChildEnded) as caught:
        child.read_line(0.1)
    assert signal_name(caught.value.returncode) == "SIGSEGV"


def test_lines_of_a_child_that_ended_are_not_lost_to_a_short_deadline(start: Start) -> None:
    child = start("print('\\n'.join(map(str, range(1000))))")
    child.wait(LONG_S)
    assert [int(child.read_line(0.0)) for _ in range(1000)] == list(range(1000))


def test_close_lets_a_child_leave_by_itself_within_its_grace(start: Start) -> None:
    child = start("import sys; print('ready', flush=True); sys.stdin.read(); raise SystemExit(5)")
    child.read_line(LONG_S)
    assert child.close(grace_s=LONG_S) == 5


def test_close_kills_a_child_that_does_not_listen(start: Start) -> None:
    child = start("import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)")
    child.read_line(LONG_S)
    assert child.close() == -9
    assert child.close() == -9


def test_a_closed_child_is_never_signalled_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its number may by then be that of a stranger's group.
    child = start(ECHO)
    child.close()
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, number: signalled.append(group))
    child.kill()
    child.close()
    assert signalled == []


def test_the_child_is_out_of_reach_of_our_terminal(start: Start) -> None:
    child = start("import os; print(os.getpgid(0), os.getsid(0))")
    group, session = map(int, child.read_line(LONG_S).split())
    assert group == session == child.process.pid
    assert group != os.getpgid(0)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_close_leaves_no_descriptor_and_no_thread() -> None:
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    children = [Child.start([sys.executable, "-c", "print('x' * 100_000)"]) for _ in range(5)]
    for child in children:  # they are kept: nothing may be left to the collector of garbage
        child.close()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_the_environment_is_added_to_ours_and_the_folder_is_set(tmp_path: Path) -> None:
    code = "import os; print(os.environ['BENCH_TEST_EXTRA'], 'PATH' in os.environ, os.getcwd())"
    child = Child.start([sys.executable, "-c", code], env={"BENCH_TEST_EXTRA": "yes"}, cwd=tmp_path)
    assert child.read_line(LONG_S).decode() == f"yes True {tmp_path.resolve()}"
    child.close()


def test_a_program_that_is_missing_or_no_program_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Child.start([str(tmp_path / "nothing")])
    text = tmp_path / "notes.txt"
    text.write_text("no program")
    with pytest.raises(PermissionError):
        Child.start([str(text)])
    with pytest.raises(FileNotFoundError):
        Child.start([sys.executable], cwd=tmp_path / "nowhere")
