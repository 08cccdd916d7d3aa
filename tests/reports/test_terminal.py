from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from bench.base.findings import Finding
from bench.records import index, store
from bench.records.types import Record
from bench.reports import terminal, view

WIDTHS = (60, 80, 100, 140, 200)


def printed(records: list[Record], **more: Any) -> str:
    stream = io.StringIO()
    asked = {"report": Path("/r/report.html"), "repeat": "bench run prisma_256", "folder": Path("/r/records")} | more
    terminal.print_run(records, stream=stream, **asked)
    return stream.getvalue()


def shown(record: Record) -> str:
    stream = io.StringIO()
    terminal.show_record(record, stream=stream)
    return stream.getvalue()


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_every_number_is_whole_and_no_line_is_too_long(
    records: list[Record], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = printed(records)
    # Only what is there to be copied (paths, the command) may be longer than the terminal.
    table = text[: text.index("Records:")]
    assert max(len(line) for line in table.splitlines()) <= max(width, 66)
    for record in records:
        summary = view.numbers(record)
        if summary is None:
            continue
        wanted = [view.median_text(summary), view.interval_text(summary), view.samples_text(summary)]
        wanted += [view.percentile_text(summary, summary.p90), view.peak_text(record, summary)]
        for number in wanted:
            assert number in squeezed(text), number
    assert "DIFFERS 0.031" in text
    assert "ok 2.1e-06" in text
    assert "not steady (2 of 5)" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_a_failed_case_shows_its_error(kinds: dict[str, Record], width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = printed([kinds["good"], kinds["failed"]])
    assert "failed: SIGSEGV:" in text
    for word in ("the runtime", "died", "while", "loaded", "--backend"):
        assert word in text, word
    assert "second line" not in text


def test_an_error_without_words_is_not_an_empty_cell(make: Any, kinds: dict[str, Record]) -> None:
    error = kinds["failed"].error
    assert error is not None
    import msgspec

    silent = make(invocations=(), profile=None, error=msgspec.structs.replace(error, message="", signal=""))
    assert "failed: crash" in printed([silent])
    assert "failed: no sample was taken" in printed([make(invocations=(), profile=None)])


def test_the_dearest_ops_the_rest_and_the_gap(kinds: dict[str, Record]) -> None:
    text = printed([kinds["good"]], top=3)
    assert "other              37 ops" in text
    assert "gap                not in any op row" in text
    assert "profiled run 1.04x of the unprofiled one" in text
    assert "stands in no op row" not in text
    assert text.index("CONV_2D") < text.index("DEPTHWISE_CONV_2D") < text.index("other ")


def test_a_wide_gap_is_a_warning(kinds: dict[str, Record]) -> None:
    assert "warning: 18.0 % of the inference stands in no op row" in printed([kinds["gap"]])


def test_a_negative_gap_is_told_as_such(make: Any, kinds: dict[str, Record]) -> None:
    import msgspec

    profile = kinds["good"].profile
    assert profile is not None
    twice = msgspec.structs.replace(profile, total_ns=profile.total_ns * 0.5)
    assert "some time is counted twice" in squeezed(printed([make(profile=twice)]))


def test_no_profile_says_why(kinds: dict[str, Record]) -> None:
    assert "No profile of prisma_256 int8 · litert cpu · 1 thread: --no-profile" in squeezed(printed([kinds["few"]]))


def test_findings_stand_once_and_the_grave_ones_first(records: list[Record]) -> None:
    text = printed(records)
    assert text.count("cpu-steal") == 1
    assert text.index("cpu-steal") < text.index("[unpinned]")
    assert "-> Measure on a machine of your own" in text
    assert "(6 of 7 cases)" in squeezed(text)


def test_findings_of_one_kind_stand_together(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    loads = [
        Finding(
            code="busy-host", severity="warning", what=f"The load was {load}.", why="They share.", remedy="End them."
        )
        for load in (0.7, 0.9)
    ]
    text = printed([make(backend="litert", findings=(loads[0],)), make(backend="openvino", findings=(loads[1],))])
    assert text.count("busy-host") == 1
    assert text.count("They share.") == 1
    for what, backend in (("The load was 0.7.", "litert"), ("The load was 0.9.", "openvino")):
        (line,) = [line for line in text.splitlines() if what in line]
        assert backend in line


def test_paths_and_the_command_can_be_copied(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    folder, repeat = Path("/a/rather/long/folder/with spaces") / ("x" * 60), "bench run " + "--option value " * 9
    lines = printed(records, folder=folder, repeat=repeat).splitlines()
    assert f"Records: {folder}" in lines
    assert f"Repeat:  {repeat}".rstrip() in [line.rstrip() for line in lines]


def test_names_cannot_steer_the_terminal(kinds: dict[str, Record]) -> None:
    for text in (printed([kinds["hostile"]]), shown(kinds["hostile"])):
        assert "\x1b" not in text
        assert "\\x1b[31m" in text.replace("\n", "")


def test_signs_that_the_stream_lacks_are_replaced(records: list[Record]) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    terminal.print_run(records, report=None, repeat="", stream=stream)
    stream.flush()
    assert b"38.7 ms" in raw.getvalue()


def test_devices_stand_apart(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = printed([make(), make(device="phone")])
    assert "local: AMD EPYC 7B13, 4 cores" in text
    assert "phone: AMD EPYC 7B13, 4 cores" in text
    assert "Where the time goes: phone · prisma_256" in text


def test_the_list_of_runs(records: list[Record], tmp_path: Path) -> None:
    for record in records:
        store.save(record, tmp_path / "results")
    stream = io.StringIO()
    terminal.show_list(index.rows(tmp_path / "results", tmp_path / "cache"), stream=stream)
    text = stream.getvalue()
    assert "20260301-093000-a1b2" in text
    assert "2026-03-01 09:30" in text
    assert "6 measured" in text
    assert "1 failed" in text
    empty = io.StringIO()
    terminal.show_list([], stream=empty)
    assert empty.getvalue().strip() == "No runs."


def test_one_record_in_full(kinds: dict[str, Record]) -> None:
    text = squeezed(shown(kinds["unsteady"]))
    for part in (
        "the runtime's own log",
        "ab" * 32,
        "cd" * 32,
        "30 (not steady)",
        "2.2 to 2.23 GHz",
        "kernels builtin",
    ):
        assert part in text, part
    assert "unavailable: cpu*.governor: no cpufreq" in text
    assert "microcode unavailable: not shown in this guest" in text


def test_a_failed_record_in_full(kinds: dict[str, Record]) -> None:
    text = shown(kinds["failed"])
    for part in ("SIGSEGV", "exit code   -11", "Segmentation fault <b>here</b>", "second line", "what to do"):
        assert part in text, part
