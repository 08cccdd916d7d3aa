"""`bench report`: the HTML report of an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import config_option, find_run, load_config, results_folder, results_option

if TYPE_CHECKING:
    from bench.records.types import Record

FILE_NAME = "report.html"


def write_report(found: Sequence[tuple[Record, Path]], results: Path, cache: Path, to: Path | None = None) -> Path:
    """Render and write the report of one run's records, given with their files. Raises StorageError."""
    from bench.base.paths import write_atomic
    from bench.reports.html import render

    records, files = [record for record, _ in found], [path.name for _, path in found]
    run = records[0].run
    path = to or results / run.id / FILE_NAME
    return write_atomic(path, render(records, f"bench run {run.id}", cache, files=files).encode())


@click.command("report")
@click.argument("run", default="last")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write it here.")
@results_option
@config_option
def command(run: str, output: Path | None, results: Path | None, config: Path | None) -> None:
    """Write the HTML report of RUN (an id, its beginning, or `last`): one file that needs nothing else."""
    from bench.base.errors import UsageError
    from bench.base.paths import cache_dir
    from bench.cli.main import print_error
    from bench.records import store

    root = results_folder(results, load_config(config))
    run_id = find_run(root, run)
    found, damaged = store.load_run(root, run_id)
    for error in damaged:
        print_error(error)
    if not found:
        raise UsageError(f"run {run_id} has no readable record", str(root / run_id), "")
    click.echo(write_report(found, root, cache_dir(), output))
