"""What several verbs share: the configuration, the results folder, a run's records."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.base.errors import UsageError, did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    return click.option(
        "--config", type=click.Path(path_type=Path), metavar="FILE", help="Use this bench.toml, not the nearest one."
    )(command)


def results_option(command: F) -> F:
    return click.option("--results", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the records.")(
        command
    )


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")(command)


def load_config(path: Path | None) -> Any:
    from bench.run import config

    return config.load(Path.cwd(), path)


def results_folder(given: Path | None, config: Any) -> Path:
    """--results, else bench.toml's, else the user's data folder; absolute."""
    from bench.base.paths import results_dir

    folder = given or config.results or results_dir()
    return Path(folder).expanduser().absolute()


def find_run(root: Path, wanted: str) -> str:
    """The id of a run: `last`, an id, or the unique beginning of one. Raises UsageError."""
    from bench.records import store

    ids = sorted({path.parent.name for path in store.files(root)})
    if not ids:
        raise UsageError(f"no runs in {root}", "", "Measure something: bench run --model prisma")
    if wanted == "last":
        return ids[-1]
    matching = [run for run in ids if run.startswith(wanted)]
    if len(matching) == 1 or wanted in matching:
        return wanted if wanted in matching else matching[0]
    if matching:
        raise UsageError(f"{wanted!r} is the beginning of several runs", ", ".join(matching[:8]), "Give more of it.")
    raise UsageError(f"no run {wanted!r} in {root}", "", did_you_mean(wanted, ids[-50:]))


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """The reader of a pipe (`bench show | head`) may have enough before all is printed: that is no failure."""
    stream = sys.stdout
    try:
        yield
        stream.flush()
    except (BrokenPipeError, SystemExit) as left:
        # click and rich make it an exit with 1, which here would be a finding; nothing of ours exits inside.
        if isinstance(left, SystemExit) and left.code != 1:
            raise
        sys.stdout = stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
