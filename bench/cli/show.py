"""`bench show`: earlier runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import (
    config_option,
    find_run,
    json_option,
    load_config,
    print_json,
    results_folder,
    results_option,
)

if TYPE_CHECKING:
    from bench.records.types import Record


@click.command("show")
@click.argument("run", required=False)
@click.option("--limit", default=20, type=click.IntRange(1), help="How many runs to list (default: the last 20).")
@click.option("--reindex", is_flag=True, help="Build the index of the results folder anew.")
@results_option
@config_option
@json_option
def command(
    run: str | None, limit: int, reindex: bool, results: Path | None, config: Path | None, as_json: bool
) -> None:
    """List runs, or show RUN in full: an id, its beginning, `last`, or a record's path."""
    from bench.cli.main import print_error
    from bench.records import store

    root = results_folder(results, load_config(config))
    if run is None:
        _list(root, limit, reindex, as_json)
    elif os.path.isfile(run):  # False, not an error, for a name that is too long for a path
        _show([(store.load(Path(run)), Path(run))], as_json)
    else:
        found, damaged = store.load_run(root, find_run(root, run))
        for error in damaged:
            print_error(error)
        _show(found, as_json)


def _list(root: Path, limit: int, reindex: bool, as_json: bool) -> None:
    import dataclasses

    from bench.base.paths import cache_dir
    from bench.records import index

    rows = index.rows(root, cache_dir(), rebuild=reindex)
    for row in rows:
        if row.damaged:
            click.echo(f"bench: skipped {row.path}: {row.damaged}", err=True)
    readable = [row for row in rows if not row.damaged]
    runs = sorted({row.run_id for row in readable})[-limit:]
    shown = [row for row in readable if row.run_id in runs]
    if as_json:
        print_json([dataclasses.asdict(row) for row in shown])
        return
    if not shown:
        click.echo(f"no runs in {root}\nMeasure something: bench run --model prisma")
        return
    from bench.reports.terminal_show import show_list

    show_list(shown, stream=sys.stdout)
    click.echo(f"\n{root}\nbench show RUN shows one in full; bench report RUN writes its report.")


def _show(found: Sequence[tuple[Record, Path]], as_json: bool) -> None:
    if as_json:
        from bench.reports.jsonout import run_json

        print_json(run_json([record for record, _ in found], [str(path) for _, path in found]))
        return
    from bench.reports.terminal_show import show_record

    for record, path in found:
        show_record(record, stream=sys.stdout, file=path)
