"""Whatever is cut off, lost or printed in between: a log is incomplete, or exactly right."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tool_logs import LOGS, PREFIXES, WHOLE

from bench.backends.tflite.log import parse, split_runs
from bench.backends.tflite.log_types import ToolLog
from bench.backends.tflite.profile_types import INSIDE

LEVELS = ("INFO: ", "WARNING: ")
STRAYS = (
    "type 54 str SoftmaxAxis0",
    'INIT: Id "1" respawning too fast: disabled for 5 minutes',
    "W Adreno-GSL: <gsl_ldd_control:549>: ioctl fd 5 code 0x400c0907 failed: 35 (5 % of 7 %)",
    "[    5.012] cpu3: clock throttled 40% 60% now",
    "======",
    "mali: count 5",
    "foo: [bar]",
    "",
    "nan% nan%",
)


def facts(log: ToolLog) -> tuple[object, ...]:
    """All that a reader would take from a log; memory apart."""
    return (log.warmup, log.timed, log.timings, log.created, log.verdicts, log.replaced, log.gpu_kernels, log.failed)


def rows_of(log: ToolLog) -> tuple[object, ...]:
    """Rows of the first subgraph: nothing says whether another one's table would have followed."""
    rows = () if log.run_profile is None else log.run_profile.rows
    return tuple(
        row for row in rows if row.subgraph == 0 and (not row.delegate_internal or row.name.startswith(INSIDE))
    )


def never_wrong(name: str, text: str) -> None:
    """Incomplete, or exactly the right answer."""
    right = parse(LOGS[name])
    # LiteRT 2's tool does not print that op tables were asked for: the caller says so.
    log = parse(text, tables=True if right.form == "litert2" else None)
    assert log.complete is not bool(log.incomplete)
    if log.complete:
        assert facts(log) == facts(right)
        assert rows_of(log) == rows_of(right)
    for key in right.memory.__dataclass_fields__:
        assert getattr(log.memory, key) in (None, getattr(right.memory, key))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_a_log_cut_off_anywhere(name: str, data: st.DataObject) -> None:
    text = LOGS[name]
    never_wrong(name, text[: data.draw(st.integers(0, len(text)))])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_stray_lines_and_prefixes_anywhere(name: str, data: st.DataObject) -> None:
    mixed = []
    for line in LOGS[name].splitlines(keepends=True):
        if data.draw(st.integers(0, 9)) == 0:
            mixed.append(data.draw(st.sampled_from(STRAYS)) + "\n")
        mixed.append(line)
    prefix = data.draw(st.sampled_from(PREFIXES)) if name != "logcat_filtered" else ""
    text = "".join(
        line if line.startswith(("INFO: ", "VERBOSE: ")) and prefix in LEVELS else prefix + line for line in mixed
    )
    assert parse(text).complete
    never_wrong(name, text)
    never_wrong(name, text[: data.draw(st.integers(0, len(text)))])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_a_line_lost_anywhere(name: str, data: st.DataObject) -> None:
    """A line that is lost may take a fact with it, but no number may come out wrong."""
    rows = LOGS[name].splitlines(keepends=True)
    lost = data.draw(st.integers(0, len(rows) - 1))
    right = parse(LOGS[name])
    log = parse("".join(rows[:lost] + rows[lost + 1 :]))
    if log.complete:
        assert log.timed == right.timed or (log.timings is not None and log.timings.rounded)
        assert log.run_profile is None or rows_of(log) == rows_of(right)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.text(max_size=50))
def test_any_text_is_incomplete_and_raises_nothing(text: str, stderr: str) -> None:
    assert not parse(text, stderr).complete
    assert "".join(split_runs(text)) == text
