"""`bench models fetch`: the file that was published for a zoo model, checked and kept in the cache."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, print_json
from bench.cli.models_file import FORMATS

if TYPE_CHECKING:
    from bench.base.download import Report
    from bench.base.progress import Progress
    from bench.models.fetch import Fetched
    from bench.models.originals import Original

_SHOWN_DIGITS = 16


@click.command("fetch")
@click.argument("model", required=False)
@click.option("--variant", metavar="NAME", help="Precision (fp32 where there is one, else the only one).")
@click.option("--format", type=click.Choice(FORMATS), help="Which file, where there are two (tflite).")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Copy the file there.")
@click.option("--from", "source", metavar="FILE|URL", help="Take it from there, not from its published address.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=30.0, metavar="SECONDS",
    help="How long nothing may come before another try (30).",
)  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="List what can be fetched, and what is in the cache.")
@json_option
def fetch_original(
    model: str | None,
    variant: str | None,
    format: Any,
    output: Path | None,
    source: str | None,
    timeout_s: float,
    listed: bool,
    as_json: bool,
) -> None:
    """Fetch the file that was published for a zoo model, with its trained weights, and print its path.

    MODEL: a zoo id or alias. The file is checked by size and sha256 and kept in the cache; the second time nothing is
    downloaded. Where no hash is known, the first file is trusted and later ones must be the same.
    """
    from bench.base.errors import UsageError
    from bench.base.paths import cache_dir
    from bench.models import originals

    if listed:
        _list(model, cache_dir(), as_json)
        return
    if model is None:
        raise UsageError("fetch which model?", "", "Give a zoo id, or see `bench models fetch --list`.")
    original = originals.find(model, variant, format)
    _say_licence(original)
    fetched = _fetch(original, cache_dir(), source, timeout_s)
    path = _copied(fetched.path, output, original)
    if as_json:
        print_json({**_plain(original, fetched), "path": str(path), "came_from": fetched.came_from})
        return
    _say(fetched)
    click.echo(path)
    click.echo(f"Next: bench run -m {shlex.quote(str(path))}", err=True)


def _fetch(original: Original, cache: Path, source: str | None, timeout_s: float) -> Fetched:
    from bench.base.download import Limits
    from bench.base.progress import Progress
    from bench.models.fetch import fetch

    progress = Progress(0.0)
    report = _drawer(progress, original) if progress.live else _silent

    try:
        return fetch(original, cache, source=source, limits=Limits(timeout_s=timeout_s), report=report)
    finally:
        progress.clear()


def _silent(received: int, announced: int | None) -> None:
    """Elsewhere than on a terminal a file of a few MB needs no line of its own."""


def _drawer(progress: Progress, original: Original) -> Report:
    from bench.reports import format as fmt

    begun = time.monotonic()
    progress.stage(f"fetching {original.name}", 1.0)

    def draw(received: int, announced: int | None) -> None:
        whole = original.size_bytes if isinstance(original.size_bytes, int) else announced
        left_s = max(whole - received, 0) * (time.monotonic() - begun) / received if whole and received else None
        progress.update(f"{fmt.size(received)} of {fmt.size(whole) if whole else 'unknown size'}", left_s)

    return draw


def _copied(path: Path, output: Path | None, original: Original) -> Path:
    from bench.base.paths import write_atomic

    if output is None:
        return path
    return write_atomic(output / original.name if output.is_dir() else output, path.read_bytes())


def _say_licence(original: Original) -> None:
    click.echo(f"{original}: {original.name} of github.com/{original.repository}", err=True)
    click.echo(f"Licence: {original.licence}\n  {original.licence_address}", err=True)


def _say(fetched: Fetched) -> None:
    came = {"cache": "from the cache", "network": "downloaded", "file": "taken from the file"}[fetched.came_from]
    if fetched.first_use:
        click.echo(
            f"{fetched.size_bytes:,} bytes, {came}. No hash of this file is known here, so it is trusted", err=True
        )
        click.echo(f"now, and later ones must have its sha256:\n  {fetched.sha256}", err=True)
        return
    checked = "its sha256 is that of the first use" if fetched.trusted else "size and sha256 are right"
    click.echo(f"{fetched.size_bytes:,} bytes, {came}; {checked}.", err=True)


def _list(model: str | None, cache: Path, as_json: bool) -> None:
    from bench.models import catalog, originals
    from bench.models.fetch import cached

    files = originals.entries(catalog.resolve(model).id if model else None)
    rows = [(each, cached(each, cache)) for each in files]
    if as_json:
        print_json([_plain(each, kept) for each, kept in rows])
        return
    _print_list(rows)


def _plain(original: Original, kept: Fetched | None) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(original)
    first_use = kept.sha256 if kept is not None and kept.trusted else None
    fields |= {"name": original.name, "address": original.address, "verified": original.verified}
    return {**fields, "cached": kept and str(kept.path), "first_use_sha256": first_use}


def _print_list(rows: list[tuple[Original, Fetched | None]]) -> None:
    from bench.reports import format as fmt
    from bench.reports.models_text import columns

    table = [
        [
            each.model, each.variant, each.format,
            fmt.size(each.size_bytes) if isinstance(each.size_bytes, int) else each.size_bytes,
            each.sha256[:_SHOWN_DIGITS], "yes" if kept else "no",
        ]
        for each, kept in rows
    ]  # fmt: skip
    heads = ("model", "variant", "format", "size", "sha256", "cached")
    for line in columns(heads, table, (False, False, False, True, False, False)):
        click.echo(line)
    for repository, licence, address in sorted({(r.repository, r.licence, r.licence_address) for r, _ in rows}):
        click.echo(f"\nfrom github.com/{repository}\nLicence: {licence}\n  {address}")
    click.echo("\nSize and sha256 are of copies at hand; `unverified`: there was none, and the")
    click.echo("first file that comes is trusted. No address was tried when this list was made.")
