"""The parsers of /proc and /sys: right on real text, and a reason instead of a crash on anything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.devices import linux_files as files
from bench.devices.linux_files import Tree, UnreadableError

# Text that is near the real thing finds more than random letters do.
words = st.sampled_from(
    [
        *(
            "cpu",
            "cpu ",
            "some",
            "avg10=",
            "processor",
            ":",
            "=",
            "-",
            ",",
            ".",
            "\n",
            "\n\n",
            " ",
            "\t",
            ")",
            "(",
            "0",
        ),
        *("MemTotal:", "kB", "nan", "inf", "1e9", "1_0", "-1", "٣", "²", "9" * 5000, "0x1", "\x00", "�"),
    ]
)
garbage = st.one_of(st.text(), st.lists(st.one_of(words, st.integers().map(str))).map("".join))

PARSERS: list[Callable[[str], object]] = [
    files.parse_stat,
    files.parse_process_stat,
    lambda text: files.parse_pressure(text, "some", "avg10"),
    files.parse_meminfo,
    files.parse_cpuinfo,
    files.parse_cpu_list,
    lambda text: files.integer(text, "x"),
    lambda text: files.decimal(text, "x"),
]


@pytest.mark.parametrize("parse", PARSERS)
@given(text=garbage)
@example(text="cpu  " + "9" * 5000 + " 1 1 1 1 1 1 1 1")
@example(text="1_000")
@example(text="some avg10=nan")
@example(text="some avg10=٣")
@example(text="0-99999999999999999999")
def test_garbage_is_unreadable_and_never_another_error(parse: Callable[[str], object], text: str) -> None:
    value: object
    try:
        value = parse(text)
    except UnreadableError as error:
        value = str(error)
    assert value != ""
    numbers = value if isinstance(value, tuple) else (value,)
    assert all(math.isfinite(number) for number in numbers if isinstance(number, (int, float)))


@given(counters=st.lists(st.integers(0, 2**62), min_size=8, max_size=8), guests=st.lists(st.integers(0, 9), max_size=2))
def test_stat_adds_up(counters: list[int], guests: list[int]) -> None:
    line = " ".join(str(number) for number in counters + guests)
    times = files.parse_stat(f"cpu  {line}\ncpu0 1 1 1 1 1 1 1 1\n")
    assert times.total == sum(counters)  # guest time is in user already
    assert times.steal == counters[7]
    assert times.busy == sum(counters) - counters[3] - counters[4] - counters[7]


@given(command=st.text(), ticks=st.lists(st.integers(0, 2**40), min_size=4, max_size=4))
def test_process_stat_whatever_the_command_is_called(command: str, ticks: list[int]) -> None:
    rest = ["R", *["0"] * 10, *(str(number) for number in ticks), *["0"] * 9]
    assert files.parse_process_stat(f"12 ({command}) {' '.join(rest)}") == sum(ticks)


@given(value=st.integers(0, 10000).map(lambda hundredths: hundredths / 100))
def test_pressure_reads_the_line_that_was_asked_for(value: float) -> None:
    text = f"full avg10=77.00 avg60=1\nsome avg60=88.00 avg10={value:.2f} total=3"
    assert files.parse_pressure(text, "some", "avg10") == value


def test_pressure_of_an_old_kernel_has_no_such_line() -> None:
    with pytest.raises(UnreadableError, match="some avg10"):
        files.parse_pressure("full avg10=1.00", "some", "avg10")


def test_meminfo_is_in_bytes_and_leaves_counts_out() -> None:
    assert files.parse_meminfo("MemTotal: 10 kB\nHugePages_Total: 3\nbroken\nX: a kB") == {"MemTotal": 10240}


def test_cpuinfo_leaves_out_the_trailer_of_arm() -> None:
    text = "processor\t: 0\nFeatures\t: asimd\n\nprocessor\t: 1\nFeatures\t: asimd\n\nHardware\t: BCM2835\nModel\t: Pi"
    assert [cpu["processor"] for cpu in files.parse_cpuinfo(text)] == ["0", "1"]


@pytest.mark.parametrize(("text", "count"), [("0", 1), ("0-3", 4), ("0-3,8,10-11\n", 7)])
def test_cpu_list(text: str, count: int) -> None:
    assert files.parse_cpu_list(text) == count


@pytest.mark.parametrize("text", ["", "3-1", "a", "0-3,"])
def test_cpu_list_that_is_none(text: str) -> None:
    with pytest.raises(UnreadableError):
        files.parse_cpu_list(text)


def test_tree_names_the_file_without_its_root(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"^no /proc/nothing$"):
        Tree(tmp_path).text("/proc/nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreadableError, match="cannot read /folder"):
        Tree(tmp_path).text("/folder")


def test_a_long_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("".join(f"{n}\n" for n in range(50_000)))
    lines = Tree(tmp_path).text("/long").splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("0", "49999", 50_000)
