"""`bench compare`: records side by side. Reads, and measures nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.base.errors import ExitCode, UsageError
from bench.cli.common import config_option, json_option, load_config, print_json, results_folder, results_option

if TYPE_CHECKING:
    from bench.records.comparison import Axis
    from bench.records.foreign_compare import Side
    from bench.reports.compare_foreign import Compared

_AXES = ("run", "device", "backend", "accelerator", "variant", "threads")


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--by",
    "axes",
    multiple=True,
    type=click.Choice(_AXES),
    help="What may differ (default: run); repeatable. Records are paired by all else.",
)
@click.option("--markdown", is_flag=True, help="Print GitHub's Markdown.")
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write a page too.")
@results_option
@config_option
@json_option
def command(
    runs: tuple[str, ...],
    axes: tuple[str, ...],
    markdown: bool,
    page: Path | None,
    results: Path | None,
    config: Path | None,
    as_json: bool,
) -> int:
    """Put the records of RUNs side by side: what differs, medians, ops. The first one is the base.

    RUN: a run's id, its beginning, `last`, `last~1` (the one before), a record's path, or a JSON file of
    pytest-benchmark, pyperf, hyperfine or Google Benchmark: its benchmarks stand beside those of the same name. Two
    runs apart are no regression test: that is bench gate. Exits with 4 when nothing could be compared.

    \b
    bench compare last~1 last
    bench compare last --by backend
    bench compare 20260301T0930 20260302T1015 --by device --by backend
    bench compare theirs-old.json theirs-new.json
    """
    from bench.cli.main import print_error
    from bench.cli.picked import sides
    from bench.records.comparison import AXES

    if as_json and markdown:
        raise UsageError("--json and --markdown", "Both go to stdout.", "Choose one.")
    chosen = tuple(axis for axis in AXES if axis in (axes or ("run",)))
    found, errors = sides(results_folder(results, load_config(config)), runs)
    for error in errors:
        print_error(error)
    if not found and errors:
        return ExitCode.USAGE
    compared = _compared(found, chosen, bool(errors))
    if as_json:
        print_json(compared.document({id(side): str(path) for side, path in found}))
    else:
        from bench.reports import blocks

        told = compared.blocks()
        if markdown:
            click.echo(blocks.markdown(told), nl=False)
        else:
            blocks.print_blocks(told, sys.stdout)
    if page is not None:
        from bench.base.paths import write_atomic
        from bench.reports.compare_html import render

        write_atomic(page, render(compared.blocks(), chosen).encode())
        click.echo(page, err=True)
    if errors:
        return ExitCode.USAGE
    return ExitCode.OK if compared.any else ExitCode.NOT_MEASURED


def _compared(found: Sequence[tuple[Side, Path]], axes: tuple[Axis, ...], lost: bool) -> Compared:
    """What belongs together: benchmarks by name, with the records that are called so; the other records by case.

    lost: something that was named could not be read, which is told already. Raises UsageError.
    """
    from bench.records import comparison
    from bench.records.foreign_compare import named
    from bench.records.types import Record
    from bench.reports.compare_foreign import Compared, names
    from bench.reports.op_groups import op_group

    everything = [side for side, _ in found]
    runs = {side.run.id if isinstance(side, Record) else side.file for side in everything}
    if axes == ("run",) and len(runs) < 2 and not lost:
        todo = "Name two runs (bench compare last~1 last), or what else differs: --by backend."
        raise UsageError("compare takes two runs or more", "One was given.", todo)
    by_name, rest = named(everything, names, axes)
    groups, alone = comparison.groups([side for side in rest if isinstance(side, Record)], axes, op_group)
    return Compared(axes, by_name, groups, [*alone, *(side for side in rest if not isinstance(side, Record))])
