"""The op tables as CSV, from stdout or from the file of `--op_profiling_output_file`.

Two forms, told apart by their header: with `start` (names with commas stand there as they are), and without (the tool
writes a tab for a comma inside of a name). Times are milliseconds with more digits than the text form has.
"""

from __future__ import annotations

from bench.backends.tflite.profile_text import parse_text
from bench.backends.tflite.profile_types import OpTable


def parse_csv(text: str) -> tuple[OpTable | None, OpTable | None]:
    """The tables of the initialisation and of the timed runs; None for what the file lacks.

    A table that is not whole has a `problem`.
    """
    return parse_text(text)
