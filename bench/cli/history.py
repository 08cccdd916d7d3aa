"""`bench history`: how medians went over runs; pinned anchors; whether there is a new step. Measures nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.base.errors import ExitCode, UsageError, did_you_mean
from bench.cli.common import config_option, json_option, load_config, print_json, results_folder, results_option

if TYPE_CHECKING:
    from bench.records.history import History, Judged
    from bench.records.index import Row
    from bench.reports.blocks import Block

_FILTERS = ("model", "device", "backend", "accelerator", "variant", "threads")


@click.command("history")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option("--model", "-m", metavar="MODEL", help="Zoo id, alias, or the name of your file.")
@click.option("--device", "-d", metavar="NAME")
@click.option("--backend", "-b", metavar="NAME")
@click.option("--accelerator", "-a", metavar="NAME")
@click.option("--variant", metavar="NAME")
@click.option("--threads", "-t", type=click.IntRange(1))
@click.option("--case", "key", metavar="KEY", help="The beginning of a case's key, or a FILE's benchmark.")
@click.option("--check", is_flag=True, help="Exit with 1 when there is a new step up.")
@click.option("--last", default=10, type=click.IntRange(1), help="Runs in which a step is new, unless pinned (10).")
@click.option(
    "--tolerance",
    default=1.0,
    type=click.FloatRange(0.0, 1000.0),
    metavar="PERCENT",
    help="Smaller steps are none (1).",
)
@click.option("--same-machine", is_flag=True, help="FILEs that tell no machine come from one: judge them.")
@click.option("--pin", "pinned", metavar="RUN", help="Make RUN the anchor of its cases.")
@click.option("--unpin", is_flag=True, help="Forget the anchors of the chosen cases.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.html", help="Write charts too.")
@results_option
@config_option
@json_option
def command(**given: Any) -> int:
    """Show how the median of each case went over its runs, where its level changed, and how far it is from its anchor.

    FILE: JSON of pytest-benchmark, pyperf, hyperfine or Google Benchmark, shown instead of our records: each benchmark
    over the files, in the order of their time stamps.

    A series is one case on one device, with one runtime version, placement and clock state; another one is a break.
    With --check: 1: a new step up; 0: none; 3: too few runs to say; 4: the latest run gave no number, nothing is
    there, or which machine measured is not known.

    \b
    bench history --model prisma --device local
    bench history --pin last --model prisma
    bench history --check
    bench history .benchmarks/*/*.json --check
    """
    from bench.records import history, pins

    if given["files"]:
        return _of_files(given)
    if given["same_machine"]:
        raise UsageError("--same-machine", "Records tell their machine.", "It is for FILEs of other tools.")
    root = results_folder(given["results"], load_config(given["config"]))
    rows = _rows(root, given)
    if given["pinned"] is not None and given["unpin"]:
        raise UsageError("--pin and --unpin", "One sets what the other removes.", "Choose one.")
    if given["pinned"] is not None:
        _pin(root, rows, given["pinned"])
    if given["unpin"]:
        keys = {row.case_key for row in rows}
        everything = not any(given[name] is not None for name in (*_FILTERS, "key"))
        gone = pins.unpin(root, lambda anchor: everything or anchor.case_key in keys)
        click.echo(f"{len(gone)} anchor{'s' if len(gone) != 1 else ''} removed", err=True)
    found = history.histories(rows, pins.read(root))
    judged = None
    if given["check"]:
        judged = [one for each in found for one in history.judge(each, given["last"], given["tolerance"] / 100)]
    _tell(found, judged, root, given["as_json"])
    if given["plot"] is not None:
        _plot(found, given["plot"])
    return _code(found, judged)


def _of_files(given: dict[str, Any]) -> int:
    """The same of other tools' files: no anchors, and none of the results folder is read."""
    from bench.cli.main import print_error
    from bench.cli.picked import foreign_files
    from bench.records import foreign_history, history
    from bench.reports import history_foreign

    for name in (*_FILTERS, "results", "pinned", "unpin"):
        if given[name]:
            raise UsageError(f"--{_OPTIONS.get(name, name)}", "is about records, and files were named.", _FILES)
    found, errors = foreign_files(given["files"])
    for error in errors:
        print_error(error)
    named = [each for each in found if each.series.name.startswith(given["key"] or "")]
    if not named:
        if found:
            names = sorted({each.series.name for each in found})
            raise UsageError(f"no benchmark {given['key']!r}", "", did_you_mean(given["key"], names))
        return ExitCode.USAGE
    histories = history.histories(foreign_history.rows(named))
    judged = None
    if given["check"]:
        rule = given["same_machine"], given["last"], given["tolerance"] / 100
        judged = [one for each in histories for one in foreign_history.judge(each, *rule)]
    _tell(histories, judged, Path(), given["as_json"], history_foreign.notes(named, found))
    if given["plot"] is not None:
        _plot(histories, given["plot"])
    code = _code(histories, judged)
    return ExitCode.USAGE if errors and code != ExitCode.FINDING else code


_OPTIONS = {"pinned": "pin"}
_FILES = "Choose benchmarks by the beginning of their names: --case NAME."


def _rows(root: Path, given: dict[str, Any]) -> list[Row]:
    """The index's rows of the chosen cases; what cannot be read is named on stderr."""
    from bench.base.paths import cache_dir
    from bench.records import index

    only = {name: given[name] for name in _FILTERS if given[name] is not None}
    rows = index.rows(root, cache_dir(), only=only)
    if only and all(row.damaged for row in rows):
        rows += _meant(root, only)
    for row in rows:
        if row.damaged:
            click.echo(f"bench: skipped {row.path}: {row.damaged}", err=True)
    return [row for row in rows if not row.damaged and row.case_key.startswith(given["key"] or "")]


def _meant(root: Path, only: dict[str, str | int]) -> list[Row]:
    """Nothing has these values: the model may be an alias of the zoo's. Raises UsageError for a value nobody has."""
    from bench.base.paths import cache_dir
    from bench.records import index

    rows = [row for row in index.rows(root, cache_dir()) if not row.damaged]
    known = {name: {getattr(row, name) for row in rows} for name in only}
    model = only.get("model")
    if isinstance(model, str) and model not in known["model"]:
        from bench.models import catalog

        with contextlib.suppress(UsageError):
            only = {**only, "model": catalog.resolve(model).id}
    for name, value in only.items():
        if rows and value not in known[name]:
            raise UsageError(
                f"no record of {name} {value!r} in {root}", "", did_you_mean(str(value), map(str, known[name]))
            )
    return [row for row in rows if all(getattr(row, name) == value for name, value in only.items())]


def _pin(root: Path, rows: Sequence[Row], wanted: str) -> None:
    from bench.cli.common import find_run
    from bench.records import history, pins

    run = find_run(root, wanted)
    chosen = [row for row in rows if row.run_id == run]
    usable = [row for row in chosen if history.usable(row)]
    for row in chosen:
        if row not in usable:
            why = "replayed" if row.replayed else "not measured"
            click.echo(f"bench: not pinned: {row.device} · {row.label}: {why}", err=True)
    if not usable:
        raise UsageError(f"cannot pin run {run}", "It has no measured case of those chosen.")
    anchors = [
        pins.Anchor(case_key=row.case_key, identity=history.identity(row), run_id=run, median_ns=row.median_ns)
        for row in usable
        if row.median_ns is not None
    ]
    pins.pin(root, anchors)
    click.echo(f"{len(anchors)} case{'s' if len(anchors) != 1 else ''} pinned at run {run}", err=True)


def _tell(
    found: Sequence[History], judged: Sequence[Judged] | None, root: Path, as_json: bool, notes: Sequence[Block] = ()
) -> None:
    from bench.reports import history_view

    if as_json:
        print_json(history_view.document(found, judged))
        return
    if not found:
        click.echo(f"no records of that in {root}\nMeasure something: bench run --model prisma")
        return
    from bench.reports.blocks import print_blocks

    told = [*history_view.blocks(found), *notes]
    print_blocks(told if judged is None else [*told, *history_view.check_blocks(judged)], sys.stdout)


def _plot(found: Sequence[History], file: Path) -> None:
    from bench.base.paths import cache_dir, write_atomic
    from bench.reports.history_html import render

    click.echo(write_atomic(file, render(found, cache_dir()).encode()), err=True)


def _code(found: Sequence[History], judged: Sequence[Judged] | None) -> int:
    """Nothing measured is never green."""
    if judged is None:
        return ExitCode.OK
    words = {one.word for one in judged}
    if "new step" in words:
        return ExitCode.FINDING
    if not found or words & {"not measured", "not comparable"}:
        return ExitCode.NOT_MEASURED
    return ExitCode.INCONCLUSIVE if "too few runs" in words else ExitCode.OK
