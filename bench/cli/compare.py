"""`bench compare`: records side by side. Reads, and measures nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.base.errors import ExitCode, UsageError
from bench.cli.common import config_option, json_option, load_config, print_json, results_folder, results_option

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

    RUN: a run's id, its beginning, `last`, `last~1` (the one before), or a record's path. Two runs apart are no
    regression test: that is bench gate. Exits with 4 when nothing could be compared.

    \b
    bench compare last~1 last
    bench compare last --by backend
    bench compare 20260301T0930 20260302T1015 --by device --by backend
    """
    from bench.cli.picked import picked
    from bench.records.comparison import AXES, groups
    from bench.reports.op_groups import op_group

    if as_json and markdown:
        raise UsageError("--json and --markdown", "Both go to stdout.", "Choose one.")
    chosen = tuple(axis for axis in AXES if axis in (axes or ("run",)))
    found = picked(results_folder(results, load_config(config)), runs)
    records = [record for record, _ in found]
    if chosen == ("run",) and len({record.run.id for record in records}) < 2:
        todo = "Name two runs (bench compare last~1 last), or what else differs: --by backend."
        raise UsageError("compare takes two runs or more", f"{len(set(runs))} was given.", todo)
    together, alone = groups(records, chosen, op_group)
    if as_json:
        from bench.reports.compare_json import document

        print_json(document(together, alone, chosen, {id(record): str(path) for record, path in found}))
    else:
        from bench.reports import blocks, compare_view

        told = compare_view.blocks(together, alone, chosen)
        if markdown:
            click.echo(blocks.markdown(told), nl=False)
        else:
            blocks.print_blocks(told, sys.stdout)
    if page is not None:
        from bench.base.paths import write_atomic
        from bench.reports.compare_html import render

        write_atomic(page, render(together, alone, chosen).encode())
        click.echo(page, err=True)
    compared = any(not pair.verdict for group in together for pair in group.pairs)
    return ExitCode.OK if compared else ExitCode.NOT_MEASURED
