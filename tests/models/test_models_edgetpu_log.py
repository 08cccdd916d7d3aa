"""The Edge TPU compiler's log: every number of it, and wherever it is cut off, incomplete or right."""

from __future__ import annotations

import contextlib
import runpy
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.models.edgetpu_log import Compilation, LogError, Operator, parse

transcript = runpy.run_path(str(Path(__file__).with_name("edgetpu_stand_in.py")))["transcript"]
SAMPLES = Path(__file__).parents[2].parent / "shared" / "formats" / "samples"
SUMMARY = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1283 ms.

Input model: m.tflite
Input size: 3.41MiB
Output model: m_edgetpu.tflite
Output size: 3.88MiB
On-chip memory used for caching model parameters: 3.75MiB
On-chip memory remaining for caching model parameters: 3.16MiB
Off-chip memory used for streaming uncached model parameters: 1.50KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 12
Operation log: m_edgetpu.log
"""
TABLE = """\

Operator                       Count      Status

CONV_2D                        9          Mapped to Edge TPU
SOFTMAX                        1          More than one subgraph is not supported
SOFTMAX                        2          Operation is otherwise supported, but not mapped due to some limitation
"""
END = "Compilation child process completed within timeout period.\nCompilation succeeded! \n"


def test_all_of_it() -> None:
    assert parse(SUMMARY + TABLE + END) == Compilation(
        version="16.0.384591198",
        on_chip_used_bytes=round(3.75 * 2**20),
        on_chip_left_bytes=round(3.16 * 2**20),
        off_chip_bytes=1536,
        subgraphs=1,
        op_count=12,
        on_edgetpu=9,
        on_cpu=3,
        operators=(
            Operator(type="CONV_2D", count=9, status="Mapped to Edge TPU"),
            Operator(type="SOFTMAX", count=1, status="More than one subgraph is not supported"),
            Operator(
                type="SOFTMAX",
                count=2,
                status="Operation is otherwise supported, but not mapped due to some limitation",
            ),
        ),
    )


def test_without_a_table_nobody_says_where_the_ops_run() -> None:
    found = parse(SUMMARY + END)
    assert found.missing == ("on_edgetpu", "on_cpu", "operators")
    assert (found.on_edgetpu, found.on_cpu, found.operators) == (None, None, ())


def test_a_table_that_is_short_of_the_total_decides_nothing() -> None:
    found = parse(
        (SUMMARY + TABLE + END).replace("CONV_2D                        9", "CONV_2D                        8")
    )
    assert found.missing == ("on_edgetpu", "on_cpu", "operators")
    assert len(found.operators) == 3


@pytest.mark.parametrize(
    ("on_edgetpu", "on_cpu", "missing"),
    [(9, 3, ()), (8, 4, ("on_edgetpu", "on_cpu")), (9, 2, ("on_edgetpu", "on_cpu"))],
)
def test_the_summary_must_agree_with_the_table(on_edgetpu: int, on_cpu: int, missing: tuple[str, ...]) -> None:
    told = (
        f"Number of operations that will run on Edge TPU: {on_edgetpu}\n"
        f"Number of operations that will run on CPU: {on_cpu}\n"
    )
    assert parse(SUMMARY + told + TABLE + END).missing == missing


def test_what_is_told_twice_and_differently_is_not_told() -> None:
    twice = SUMMARY + "Number of Edge TPU subgraphs: 2\n" + TABLE + END
    assert parse(twice).missing == ("subgraphs",)
    assert parse(SUMMARY + "Number of Edge TPU subgraphs: 1\n" + TABLE + END).complete


def test_lines_of_others_are_counted_and_disturb_nothing() -> None:
    noisy = "WARNING: something\r\n" + (SUMMARY + TABLE + END).replace("\n", "\r\n").replace(
        "SOFTMAX                        1", "libusb: a stray line\nSOFTMAX                        1"
    )
    found = parse(noisy)
    assert found.unread == 2
    assert (found.complete, found.on_edgetpu) == (True, 9)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "hello\n", "Edge TPU Compiler version 16", "CONV_2D 3 Mapped to Edge TPU\n"]
)
def test_what_is_no_log_of_it(text: str) -> None:
    with pytest.raises(LogError):
        parse(text)


def sample(name: str) -> str:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"{name} is not there")
    return path.read_text()


def test_real_summary_of_a_model_that_is_mostly_left_to_the_cpu() -> None:
    found = parse(sample("edgetpu_compiler_16_partial_mapping_summary.txt").rstrip("\n") + "\n")
    assert (found.version, found.op_count, found.on_edgetpu, found.on_cpu) == ("16.0.384591198", 368, 15, 353)
    assert (found.on_chip_used_bytes, found.off_chip_bytes, found.subgraphs) == (18432, 0, 1)
    assert (found.missing, found.unread) == (("operators",), 0)


def test_real_operator_log() -> None:
    found = parse(sample("edgetpu_compiler_15_operator_log.txt").rstrip("\n") + "\n")
    assert (found.version, found.unread, len(found.operators)) == ("15.0.340273435", 0, 13)
    assert [row for row in found.operators if not row.mapped] == [
        Operator(type="TRANSPOSE", count=2, status="Operation not supported")
    ]
    assert "operators" in found.missing  # without a total there may be more


names = st.sampled_from(["CONV_2D", "ADD", "RESIZE_NEAREST_NEIGHBOR", "custom:op", "3D"])
counts = st.dictionaries(names, st.integers(1, 1200), max_size=5).map(Counter)


@given(mapped=counts.filter(bool), left=counts, cut=st.floats(0, 1))
def test_cut_off_anywhere_it_is_incomplete_or_right(mapped: Counter[str], left: Counter[str], cut: float) -> None:
    """In characters, so also within a number; what is told of a part is what the whole tells."""
    whole = transcript("model", mapped, left)
    right = parse(whole)
    assert right.complete
    assert (right.on_edgetpu, right.on_cpu) == (mapped.total(), left.total())
    assert Counter({row.type: row.count for row in right.operators if row.mapped}) == mapped
    try:
        found = parse(whole[: round(cut * len(whole))])
    except LogError:
        return
    assert not found.complete or found == right
    for name in Compilation.__struct_fields__:
        if name not in (*found.missing, "missing", "operators", "unread"):
            assert getattr(found, name) == getattr(right, name)
    assert found.operators == right.operators[: len(found.operators)]


def test_every_cut_of_one() -> None:
    whole = SUMMARY + TABLE + END
    right = parse(whole)
    for end in range(len(whole)):
        try:
            found = parse(whole[:end])
        except LogError:
            continue
        assert not found.complete or found == right


@given(st.text(alphabet=st.sampled_from("Edge TPUCompilrvsn16.0:\n\r\tNumberofKiB353 ADD Mapped"), max_size=200))
def test_any_text_is_a_log_or_none(text: str) -> None:
    with contextlib.suppress(LogError):
        assert isinstance(parse(text), Compilation)
