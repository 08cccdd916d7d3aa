"""What several verbs share: the configuration, the results folder, a run's records."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.base.errors import UsageError, did_you_mean

_LAST = re.compile(r"last(?:~(\d{1,6}))?")
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


def find_run(root: Path, wanted: str, holds: Callable[[Path], object] | None = None) -> str:
    """A run's id from an id, the unique beginning of one, `last`, or `last~N`: the N-th before. Raises UsageError.

    holds: whether a folder is one of those that are meant; by default, whether it has records. Looks into no more
    folders than it must: a results folder may hold thousands.
    """
    from bench.records import store

    holds = holds or store.run_files

    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        names = []
    last = _LAST.fullmatch(wanted)
    if last:
        back = int(last[1] or 0)
        for name in reversed(names):
            if holds(root / name):
                if not back:
                    return name
                back -= 1
        known = int(last[1] or 0) - back
        found = f"There {'is' if known == 1 else 'are'} {known or 'no'} run{'' if known == 1 else 's'} in {root}."
        raise UsageError(f"no run {wanted!r}", found, "Measure something: bench run --model prisma")
    matching = [name for name in names if name.startswith(wanted) and holds(root / name)]
    if len(matching) == 1 or wanted in matching:
        return wanted if wanted in matching else matching[0]
    if matching:
        raise UsageError(f"{wanted!r} is the beginning of several runs", ", ".join(matching[:8]), "Give more of it.")
    raise UsageError(f"no run {wanted!r} in {root}", "", did_you_mean(wanted, names[-50:]))


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
