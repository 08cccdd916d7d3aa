"""`bench export`: an earlier run in the format of another tool."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import config_option, find_run, load_config, results_folder, results_option
from bench.reports.exports import FORMATS

if TYPE_CHECKING:
    from bench.reports.export_given import Given

_EPILOG = "Formats: " + "; ".join(f"{name}: {what}" for name, (_, what) in FORMATS.items()) + "."


@click.command("export", epilog=_EPILOG)
@click.argument("run", default="last")
@click.option("--format", "-f", "format", required=True, type=click.Choice(tuple(FORMATS)), help="See below.")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write it here, not to stdout.")
@results_option
@config_option
def command(run: str, format: str, output: Path | None, results: Path | None, config: Path | None) -> None:
    """Write RUN in another tool's format: its records, the verdicts of a gate, and [[gate.budget]] checked on it.

    RUN: a run's or a gate's id, its beginning, `last`, or a record's path.

    \b
    bench export last --format markdown >> "$GITHUB_STEP_SUMMARY"
    bench export last --format junit -o junit.xml
    """
    from bench.base.paths import write_atomic
    from bench.reports.exports import render

    loaded = load_config(config)
    text = render(format, given(results_folder(results, loaded), run, loaded))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text.encode())


def given(root: Path, run: str, config: Any) -> Given:
    """What RUN names. Raises UsageError, RecordError."""
    from bench.cli.main import print_error
    from bench.gate.budgets import budgets
    from bench.gate.config import parse
    from bench.records import store, verdict_files
    from bench.records.verdicts import Verdict
    from bench.reports.export_given import Given

    verdicts: list[Verdict] = []
    if os.path.isfile(run):  # False, not an error, for a name that is too long for a path
        records = [store.load(Path(run))]
        run_id = records[0].run.id
    else:
        run_id = find_run(root, run, lambda folder: store.run_files(folder) or _verdict_files(folder))
        found, damaged = store.load_run(root, run_id)
        for error in damaged:
            print_error(error)
        records = [record for record, _ in found]
        for path in _verdict_files(root / run_id):
            try:
                kept = verdict_files.load(path)
            except store.RecordError as error:
                print_error(error)
                continue
            verdicts += [kept] if isinstance(kept, Verdict) else []
    gate = parse(config.gate, str(config.path or "bench.toml"))
    checked = tuple(verdict for record in records for verdict in budgets(record, gate.budget))
    return Given(run_id, tuple(records), tuple(verdicts), checked)


def _verdict_files(folder: Path) -> list[Path]:
    from bench.records.verdict_files import SUFFIX

    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
