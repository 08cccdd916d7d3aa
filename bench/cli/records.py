"""`bench records`: records from one results folder to another, and the deletion of old ones. Measures nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.base.errors import ExitCode, UsageError
from bench.cli.common import config_option, json_option, load_config, print_json, results_folder, results_option

if TYPE_CHECKING:
    from bench.records.redact import Redaction
    from bench.records.transfer import Taken
    from bench.records.types import Record

_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}
_SHOWN = 20


@click.group("records")
def command() -> None:
    """Export, import, merge or prune records."""


@command.command("export")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help=".zip, .tar, .tar.gz"
)
@click.option("--redact", is_flag=True, help="Put stand-ins for serial numbers, names of hosts and users, addresses.")
@results_option
@config_option
@json_option
def export_records(
    runs: tuple[str, ...], output: Path, redact: bool, results: Path | None, config: Path | None, as_json: bool
) -> int:
    """Pack the records of RUNs (ids, their beginnings, `last`, `last~1`, or files) into one archive.

    With --redact the same name gets the same stand-in in every export of this folder; what was replaced is listed.
    Look through what you give away: names of models and free text that no rule knows stay as they are.
    """
    from bench import __version__
    from bench.cli.picked import picked
    from bench.records import store, transfer

    root = results_folder(results, load_config(config))
    found = picked(root, runs)
    if not found:
        raise UsageError("there is nothing to export", "None of these runs has a readable record.")
    redaction = _redaction(root, [record for record, _ in found]) if redact else None
    names: list[str] = []

    def members() -> Iterator[tuple[str, bytes]]:
        for record, path in found:
            # As it lies there, unless it is changed: an export is a copy.
            changed = redaction.apply(record) if redaction else record
            names.append(f"{changed.run.id}/{store.file_name(changed)}")
            yield names[-1], store.encode(changed) if redaction else path.read_bytes()

    def contents() -> dict[str, object]:
        told = redaction.told() if redaction else None
        return {"schema": 1, "bench": __version__, "records": names, "redacted": told}

    transfer.write_archive(output, members(), contents)
    _tell_export(output, names, redaction, as_json)
    return ExitCode.OK


def _redaction(root: Path, records: Sequence[Record]) -> Redaction:
    from bench.records import redact

    redaction = redact.Redaction(redact.key(root))
    for record in records:
        redaction.learn(record)
    return redaction


def _tell_export(output: Path, names: Sequence[str], redaction: Redaction | None, as_json: bool) -> None:
    if as_json:
        told = redaction.told() if redaction else None
        print_json({"archive": str(output), "records": names, "redacted": told})
        return
    click.echo(f"{output}: {_counted(len(names), 'record')}")
    if redaction is not None and not redaction.counts:
        click.echo("nothing to redact was found")
    for made, count in sorted(redaction.counts.items()) if redaction else ():
        from bench.reports.words import plain

        assert redaction is not None
        click.echo(f"  {made} for {plain(redaction.names[made])!r}, in {_counted(count, 'place')}")


@command.command("import")
@click.argument("archive", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@results_option
@config_option
@json_option
def import_records(archive: Path, results: Path | None, config: Path | None, as_json: bool) -> int:
    """Add the records of an archive to the results folder.

    Nothing there is overwritten: the same record again is fine, another one of the same run and case is refused (exit
    code 2), and what cannot be read is named.
    """
    from bench.records import transfer

    root = results_folder(results, load_config(config))
    return _tell_taken(transfer.take(transfer.read_archive(archive), root), root, as_json)


@command.command("merge")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@results_option
@config_option
@json_option
def merge_records(folder: Path, results: Path | None, config: Path | None, as_json: bool) -> int:
    """Add the records of another results folder to this one, by the rules of `import`."""
    from bench.records import transfer

    root = results_folder(results, load_config(config))
    if folder.resolve() == root.resolve():
        raise UsageError(f"cannot merge {folder}", "It is the results folder itself.")
    return _tell_taken(transfer.take(transfer.read_folder(folder), root), root, as_json)


def _tell_taken(taken: Taken, root: Path, as_json: bool) -> int:
    from bench.reports.words import plain

    for name, why in (*taken.refused, *taken.unreadable):
        click.echo(plain(f"bench: skipped {name}: {why}"), err=True)
    if as_json:
        print_json(
            {
                "results": str(root),
                "added": taken.added,
                "same": taken.same,
                "refused": [{"name": name, "why": why} for name, why in taken.refused],
                "unreadable": [{"name": name, "why": why} for name, why in taken.unreadable],
            }
        )
    else:
        parts = [f"{_counted(len(taken.added), 'record')} added", f"{len(taken.same)} there already"]
        parts += [f"{len(taken.refused)} refused"] if taken.refused else []
        parts += [f"{len(taken.unreadable)} not readable"] if taken.unreadable else []
        click.echo(f"{root}: {', '.join(parts)}")
    if not (taken.added or taken.same or taken.refused or taken.unreadable):
        raise UsageError("there is nothing to add", "No record is in there.")
    return ExitCode.USAGE if taken.refused or taken.unreadable else ExitCode.OK


@command.command("prune")
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Keep the newest N records of each case on a device.")
@click.option("--older-than", "age", metavar="AGE", help="Delete only what is older: 90d, 12w, 36h.")
@click.option("--unreadable", is_flag=True, help="Delete damaged records and those of a newer bench too.")
@click.option("--dry-run", is_flag=True, help="Name what would go, and delete nothing.")
@results_option
@config_option
@json_option
def prune_records(
    keep: int | None,
    age: str | None,
    unreadable: bool,
    dry_run: bool,
    results: Path | None,
    config: Path | None,
    as_json: bool,
) -> int:
    """Delete old records: beyond the newest N of their case (--keep), older than AGE (--older-than), or both at once.

    Pinned runs stay; so do records that cannot be read, unless --unreadable says otherwise.
    """
    from bench.base.paths import cache_dir
    from bench.records import index, pins, transfer

    if keep is None and age is None:
        raise UsageError("prune needs to know what is old", "", "Give --keep N, --older-than 90d, or both.")
    root = results_folder(results, load_config(config))
    held = {(anchor.run_id, anchor.case_key) for anchor in pins.read(root)}
    doomed = transfer.choose(
        index.rows(root, cache_dir()),
        keep=keep,
        before=None if age is None else _instant(age),
        pinned=lambda row: (row.run_id, row.case_key) in held,
        unreadable=unreadable,
    )
    for row in doomed.unreadable:
        click.echo(f"bench: kept {row.path}: {row.damaged}", err=True)
    if not dry_run:
        transfer.delete(doomed.rows, root)
    if as_json:
        lists = {name: [row.path for row in getattr(doomed, name)] for name in ("rows", "pinned", "unreadable")}
        deleted = lists.pop("rows")
        print_json({"results": str(root), "dry_run": dry_run, "deleted": deleted, **lists})
        return ExitCode.OK
    for row in doomed.rows[:_SHOWN]:
        click.echo(f"  {row.run_id}/{Path(row.path).name}")
    if len(doomed.rows) > _SHOWN:
        click.echo(f"  and {len(doomed.rows) - _SHOWN} more")
    pinned = f"; {len(doomed.pinned)} pinned stay" if doomed.pinned else ""
    size = f"{sum(row.size for row in doomed.rows) / 1e6:.1f} MB"
    click.echo(f"{_counted(len(doomed.rows), 'record')} {'would be ' if dry_run else ''}deleted, {size}{pinned}")
    return ExitCode.OK


def _instant(age: str) -> str:
    """The instant that lies so long ago, ISO 8601 in UTC. Raises UsageError."""
    from datetime import UTC, datetime, timedelta

    match = re.fullmatch(r"(\d{1,6})([hdw])", age)
    if match is None:
        raise UsageError(f"--older-than {age}", "is not of the form 90d", "A number with h, d or w: 36h, 90d, 12w.")
    try:
        then = datetime.now(UTC) - timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        return ""
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
