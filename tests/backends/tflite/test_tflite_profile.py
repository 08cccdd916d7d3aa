"""Op tables of all generations, and what a record takes of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_logs import LOGS

from bench.backends.tflite.log import parse
from bench.backends.tflite.profile_kernels import kernel_owner
from bench.backends.tflite.profile_records import records_profile
from bench.backends.tflite.profile_rows import csv_cells, text_cells
from bench.backends.tflite.profile_text import parse_text
from bench.backends.tflite.profile_types import OpTable


def table(name: str) -> OpTable:
    found = parse_text(LOGS[name])[1]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "generation", "rows", "runs", "total_ns"),
    [
        ("g1_gpu_partial", "G1", 3, 60, 2000500),
        ("g2_nnapi", "G2", 3, 150, 6401000),
        ("g3_xnnpack_inside", "G3", 4, 64, 1000250),
        ("litert2_profiler", "G4", 3, 1167, 400000),
        ("csv_g1", "G1", 2, 50, 186200),
        ("csv_g3", "", 2, 64, 750600),
    ],
)
def test_generations(name: str, generation: str, rows: int, runs: int, total_ns: float) -> None:
    found = table(name)
    assert found.whole, found.problem
    assert (found.generation, len(found.rows), found.runs, found.total_ns) == (generation, rows, runs, total_ns)
    assert found.nodes_observed == found.nodes_executed == rows
    assert len(found.top) == rows
    assert sum(row.count for row in found.summary) == rows
    assert [row.position for row in found.rows] == list(range(rows))
    assert found.timed


def test_cells_of_the_first_generation_and_stray_lines() -> None:
    found = table("g1_gpu_partial")
    kernel = found.rows[1]
    assert (kernel.start_ms, kernel.first_ms, kernel.avg_ms, kernel.percent, kernel.cdf_percent) == (
        0.405,
        1.3,
        1.2,
        60,
        80,
    )
    assert (kernel.mem_kb, kernel.times_called, kernel.node_id, kernel.tensors) == (0, 1, 9, ("net/a", "net/b"))
    assert kernel.is_kernel
    assert not found.rows[2].is_kernel
    assert found.skipped_lines == 1
    init = parse_text(LOGS["g1_gpu_partial"])[0]
    assert init is not None
    assert (init.rows[0].avg_ms, init.rows[0].times_called, init.summary[0].avg_ms) == (0.02, 2, 0.04)


def test_names_and_types_with_spaces_commas_and_nothing() -> None:
    assert [row.name for row in table("g2_nnapi").rows] == ["[]:64", "[]:38", "[]:65"]
    assert table("g2_nnapi").rows[0].tensors == ()
    inside = table("g3_xnnpack_inside").rows[1]
    assert (inside.node_type, inside.delegate_internal) == ("Convolution (NHWC, QC8) DWConv", True)
    assert (inside.node_id, inside.tensors) == (None, ())
    written = table("csv_g1").rows[0]
    assert (written.node_type, written.name) == ("Convolution (NHWC, F32) IGEMM", "[net/a, net/b]:0")
    tabs = parse_text(LOGS["csv_g3"])[1]
    assert tabs is not None
    assert tabs.csv
    assert tabs.rows[1].node_type == "Convolution (NHWC, QC8) DWConv"
    assert tabs.rows[1].name == "Delegate/Convolution (NHWC, QC8) DWConv:1"


def test_row_without_its_header_line() -> None:
    spaced = "relu 1   0.100   0.200  5.000%100.000%   0.000   1   [a]:0"
    found = text_cells(spaced, 2)
    assert found is not None
    assert (found.node_type, found.left, found.cdf, found.name) == ("relu 1", (0.1, 0.2), 100, "[a]:0")
    assert text_cells(spaced, None) == found
    old = text_cells("CONV_2D 1.000 0.100 0.200 5.000% 6.000% 0.000 1 [a]", None)
    assert old is not None
    assert old.left == (1.0, 0.1, 0.2)
    assert csv_cells("ADD, 0.1, 0.2, 5%, 6%, 0, 1, [a, b]:3", None) is not None
    text = "".join(line for line in LOGS["g1_gpu_partial"].splitlines(keepends=True) if "=====" not in line)
    without = parse_text(text)[1]
    assert without is not None
    assert (without.whole, without.rows) == (True, table("g1_gpu_partial").rows)


@pytest.mark.parametrize(
    "line", ["", "%", "%%", "5% 6% 0 1 a", "cpu3 40% 60% now", "a 1_0 1 5% 6% 0 1 x", "a b c 5% 6% 0 1"]
)
def test_what_is_no_row(line: str) -> None:
    assert text_cells(line, 2) is None
    assert csv_cells(line.replace(" ", ", "), 3) is None


def test_subgraphs_and_the_inside_of_delegates() -> None:
    found = table("g3_subgraphs")
    assert found.whole, found.problem
    assert [(row.subgraph, row.delegate_internal) for row in found.rows] == [
        (0, False),
        (0, False),
        (2, False),
        (0, True),
    ]
    assert (found.nodes_observed, found.total_ns) == (4, 901000)
    second = LOGS["g3_subgraphs"].partition("Subgraph (index: 2")[0]
    cut = parse_text(second)[1]
    assert cut is not None
    assert "second subgraph is missing" in cut.problem


def test_tables_that_are_not_whole_say_so() -> None:
    text = LOGS["g3_xnnpack_inside"]
    lost = parse_text("".join(line for line in text.splitlines(keepends=True) if "Add (ND, QS8)" not in line))[1]
    assert lost is not None
    assert lost.problem == "the op table has 3 rows in Run Order, and its last line counts 4"
    bare = parse_text("Operator-wise Profiling Info for Regular Benchmark Runs:\n")[1]
    assert bare is not None
    assert bare.problem == "the op table announces itself but holds no row"
    twice = parse_text(text + text)[1]
    assert twice is not None
    assert "second op table" in twice.problem
    other = parse_text(text.replace("Number of nodes executed: 4", "Number of nodes executed: 5"))[1]
    assert other is not None
    assert other.notes == ("the op table counts 5 nodes executed and 4 observed",)
    strange = parse_text(
        text.replace("  0.650\t", "  0.650\t").replace("\t        1\t     0.200", "\t        2\t     0.200")
    )[1]
    assert strange is not None
    assert strange.notes == ("Summary by node type counts other nodes than Run Order lists",)


def test_cost_of_a_row_is_calls_times_average() -> None:
    pieces = records_profile(table("g3_xnnpack_inside"), "text", delegate="XNNPACK")
    assert [row.time_ns for row in pieces.rows] == pytest.approx([100e3, 650e3, 50e3, 200e3])
    assert [row.where for row in pieces.rows] == ["CPU", "XNNPACK", "XNNPACK", "CPU"]
    assert sum(row.time_ns for row in pieces.rows) == pytest.approx(pieces.total_ns, rel=1e-3)
    assert pieces.rows[0].source_ops == ("QUANTIZE tfl.quantize",)
    assert pieces.rows[1].source_ops == ()
    assert "merges rows of different partitions" in pieces.notes[0]
    assert "13 calls" in pieces.notes[0]
    assert pieces.inferences == 64


def test_a_kernel_is_one_opaque_row() -> None:
    pieces = records_profile(table("g1_gpu_partial"), "text")
    kernel = pieces.rows[1]
    assert (kernel.where, kernel.source_ops, kernel.name) == ("GPU", (), "net/a, net/b")
    assert any("whole partition of GPU" in note for note in pieces.notes)


def test_calls_cut_to_zero_are_taken_from_the_percent() -> None:
    row = records_profile(table("litert2_profiler"), "text").rows[1]
    assert row.op_type == "AllocateTensors"
    assert [row.time_ns, row.calls] == pytest.approx([2000, 0.01])
    uncounted = LOGS["csv_g1"].replace(", 0, 1, [", ", 0, 0, [")
    found = parse_text(uncounted)[1]
    assert found is not None
    pieces = records_profile(found, "csv")
    assert [row.time_ns for row in pieces.rows] == pytest.approx([93038.8, 93000.0])
    assert "does not count calls" in pieces.notes[0]


def test_no_times_are_no_rows() -> None:
    untimed = table("g3_gpu_untimed")
    assert not untimed.timed
    assert [row.node_type for row in untimed.rows] == ["convolution_2d 0 -> relu 1", "mean 2"]
    assert [row.percent for row in untimed.rows] == [None, None]
    pieces = records_profile(untimed, "text")
    assert pieces.rows == ()
    assert pieces.total_ns is None
    assert "counts no time" in pieces.notes[0]
    cut = parse_text(LOGS["g2_nnapi"].partition("Top by")[0])[1]
    assert cut is not None
    assert records_profile(cut, "text").rows == ()
    assert "cut off" in records_profile(cut, "text").notes[0]


def test_rows_that_stand_in_others_are_left_out() -> None:
    pieces = records_profile(table("g3_subgraphs"), "text")
    assert [row.op_type for row in pieces.rows] == ["TfLiteXNNPackDelegate", "WHILE"]
    assert len(pieces.notes) == 3


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("TfLiteGpuDelegateV2", "GPU"),
        ("LITERT_CL", "GPU"),
        ("TfLiteNnapiDelegate", "NNAPI"),
        ("TfLiteXNNPackDelegate", "XNNPACK"),
        ("TfLiteHexagonDelegate", "Hexagon"),
        ("DispatchDelegate", "NPU"),
        ("Something", "Something"),
    ],
)
def test_owners_of_kernels(name: str, owner: str) -> None:
    assert kernel_owner(name) == owner


names = st.text(st.characters(blacklist_characters="\r\n\t", blacklist_categories=("Cs", "Cc")), max_size=20)
types = st.lists(st.sampled_from(["Convolution", "(NHWC, QC8)", "relu", "1", "->", "GEMM"]), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(types, names, st.integers(0, 99999), st.integers(0, 50), st.booleans())
def test_any_row_comes_back(words: list[str], name: str, us: int, calls: int, csv: bool) -> None:
    node_type, avg = " ".join(words), us / 1000
    if csv:
        wanted = node_type.replace(",", "\t"), name.replace(",", "\t")
        found = csv_cells(f"{wanted[0]}, {avg}, {avg}, 5%, 6%, 0, {calls}, [{wanted[1]}]:1", 2)
    else:
        found = text_cells(f"\t{node_type:>40}\t{avg:.3f}\t{avg:.3f}\t5.000%\t6.000%\t0.000\t{calls}\t[{name}]:1", 2)
    assert found is not None
    assert (found.node_type, found.left, found.calls) == (node_type, (avg, avg), calls)
    assert found.name == f"[{name}]:1"


def test_log_and_file_give_the_same_table() -> None:
    assert parse(LOGS["csv_g3"]).run_profile == parse_text(LOGS["csv_g3"])[1]
