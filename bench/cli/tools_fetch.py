"""`bench tools fetch`: a published tool, checked and kept in the cache with a note of where it came from."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, print_json

if TYPE_CHECKING:
    from bench.backends.tools_fetch import Fetched, Wanted
    from bench.base.download import Report
    from bench.base.progress import Progress


@click.command("fetch")
@click.argument("name")
@click.option("--abi", metavar="ABI", help="Of the device, in Android's words: arm64-v8a, ... (this host's).")
@click.option(
    "--system", type=click.Choice(("android", "linux")),
    help="Of the device (with --abi: android where there is such a build; else linux).",
)  # fmt: skip
@click.option("--address", metavar="URL", help="Take it from there, not from its published address.")
@click.option("--sha256", metavar="HEX", help="Keep it only if it has this sha256.")
@click.option(
    "--again", is_flag=True, help="Download it also where it is in the cache: the address gives newer builds."
)
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=30.0, metavar="SECONDS",
    help="How long nothing may come before another try (30).",
)  # fmt: skip
@json_option
def fetch_tool(
    name: str, abi: str | None, system: Any, address: str | None, sha256: str | None, again: bool, timeout_s: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Fetch a published tool and print its path.

    The published files are nightly builds: their content changes, so the sha256 of what came is written down beside
    the file, and given in every record. A file that is there is kept until --again.
    """
    from bench.backends import tools_table
    from bench.backends.tools import host_abi
    from bench.backends.tools_fetch import Wanted, default_system

    tools_table.tool(name)
    abi = tools_table.abi(abi) if abi is not None else None
    wanted = Wanted(
        tool=name, abi=abi or host_abi(), system=system or default_system(name, abi), address=address,
        sha256=_digest(sha256),
    )  # fmt: skip
    click.echo(f"Licence: {tools_table.tool(name).licence}, {tools_table.tool(name).source}", err=True)
    fetched = _fetch(wanted, timeout_s, again)
    if as_json:
        print_json(_plain_fetched(wanted, fetched))
        return
    _say(wanted, fetched)
    click.echo(fetched.path)


def _digest(text: str | None) -> str | None:
    from bench.base.errors import UsageError

    if text is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise UsageError(f"--sha256 {text!r} is no sha256", "", "Give all of its 64 hexadecimal digits.")
    return text.strip().lower()


def _fetch(wanted: Wanted, timeout_s: float, again: bool) -> Fetched:
    from bench.backends.tools_fetch import fetch
    from bench.base.download import Limits
    from bench.base.paths import cache_dir
    from bench.base.progress import Progress

    progress = Progress(0.0)
    report = _drawer(progress, str(wanted)) if progress.live else _silent
    try:
        return fetch(wanted, cache_dir(), Limits(timeout_s=timeout_s), report, again=again)
    finally:
        progress.clear()


def _silent(received: int, announced: int | None) -> None:
    """Elsewhere than on a terminal nothing is drawn."""


def _drawer(progress: Progress, title: str) -> Report:
    from bench.reports import format as fmt

    begun = time.monotonic()
    progress.stage(f"fetching {title}", 1.0)

    def draw(received: int, announced: int | None) -> None:
        left_s = (
            max(announced - received, 0) * (time.monotonic() - begun) / received if announced and received else None
        )
        progress.update(f"{fmt.size(received)} of {fmt.size(announced) if announced else 'unknown size'}", left_s)

    return draw


def _plain_fetched(wanted: Wanted, fetched: Fetched) -> dict[str, Any]:
    import msgspec

    return {
        "name": wanted.tool, "abi": wanted.abi, "system": wanted.system, "path": str(fetched.path),
        "came_from": "network" if fetched.fresh else "cache", "replaced_sha256": fetched.before,
        **msgspec.to_builtins(fetched.note),
    }  # fmt: skip


def _say(wanted: Wanted, fetched: Fetched) -> None:
    note = fetched.note
    came = "downloaded" if fetched.fresh else f"from the cache, fetched {note.fetched}; --again downloads today's build"
    click.echo(f"{wanted}: {note.size_bytes:,} bytes, {came}.", err=True)
    checked = "the one that was given" if note.pinned else "written down; nothing vouches for it: a nightly build"
    click.echo(f"sha256 {note.sha256}\n  {checked}", err=True)
    if fetched.before is not None and fetched.before != note.sha256:
        click.echo(f"It replaces another build: sha256 {fetched.before}", err=True)
