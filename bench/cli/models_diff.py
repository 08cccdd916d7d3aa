"""`bench models diff`: what was added, removed and changed between two graphs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.base.errors import ExitCode
from bench.cli.common import json_option, print_json
from bench.cli.models_file import FORMATS, source_file

if TYPE_CHECKING:
    from bench.models.compare import Changed, Difference
    from bench.models.ops import OpTable

_SHOWN = 12


@click.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--format", type=click.Choice(FORMATS), help="Which file of zoo models (that of the other model).")
@click.option("--all", "everything", is_flag=True, help=f"List every op, not the first {_SHOWN} of a kind.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when the graphs differ, so that a script can ask.")
@json_option
def diff_models(before: str, after: str, format: str | None, everything: bool, exit_code: bool, as_json: bool) -> int:
    """Compare the graphs of two models of one format: what was added, removed, changed.

    Ops are paired along the graph, not by their place in the list: one inserted op is one addition. Weights and names
    are not looked at. Exits with 0 whether they differ or not; with --exit-code 1 when they do.
    """
    from bench.models import ops
    from bench.models.compare import compare

    paths = _paths(before, after, format)
    left, right = ops.load(paths[0]), ops.load(paths[1])
    difference = compare(left, right)
    if as_json:
        print_json(_plain(paths, left, right, difference))
    else:
        click.echo(f"before  {paths[0]}\nafter   {paths[1]}")
        _print(left, right, difference, None if everything else _SHOWN)
    return ExitCode.FINDING if exit_code and not difference.same else ExitCode.OK


def _paths(before: str, after: str, format: str | None) -> tuple[Path, Path]:
    from bench.base.errors import UsageError
    from bench.models.model_file import format_of
    from bench.run.asked import find_model

    sources = find_model(before), find_model(after)
    kinds = {format_of(source) for source in sources if isinstance(source, Path)}
    if len(kinds) > 1 or (format and kinds - {format}):
        found = " and ".join(sorted(kinds | ({format} if format else set())))
        todo = "Convert one of them; ops of two formats have different names and forms."
        raise UsageError("diff compares two graphs of one format", f"These are {found}.", todo)
    kind = format or next(iter(kinds), "tflite")
    return source_file(sources[0], kind), source_file(sources[1], kind)


def _plain(paths: tuple[Path, Path], left: OpTable, right: OpTable, difference: Difference) -> dict[str, Any]:
    import msgspec

    def named(table: OpTable, indices: tuple[int, ...]) -> list[dict[str, Any]]:
        return [{"op": index, "type": table.ops[index].type, "name": table.ops[index].name} for index in indices]

    fields: dict[str, Any] = msgspec.to_builtins(difference)
    fields |= {"removed": named(left, difference.removed), "added": named(right, difference.added)}
    return {"before": str(paths[0]), "after": str(paths[1]), "same": difference.same, **fields}


def _print(left: OpTable, right: OpTable, difference: Difference, limit: int | None) -> None:
    from bench.reports.models_text import columns

    if difference.same:
        click.echo(f"\nThe same graph of {len(left.ops)} ops. Weights and names were not compared.")
        return
    for side, (old, new) in difference.interface.items():
        _wrapped(f"{side:<7} {old} -> {new}", "        ")
    if difference.histogram:
        click.echo()
        rows = [[kind, str(a), str(b), f"{b - a:+d}"] for kind, (a, b) in difference.histogram.items()]
        for line in columns(("op type", "before", "after", "change"), rows, (False, True, True, True)):
            click.echo(line)
    for heading, table, indices in (("removed", left, difference.removed), ("added", right, difference.added)):
        _print_ops(heading, table, indices, limit)
    _print_changed(difference.changed, limit)
    equal = len(difference.pairs) - len(difference.changed)
    click.echo(f"\n{equal} of {len(left.ops)} ops before and {len(right.ops)} after are the same.")


def _print_ops(heading: str, table: OpTable, indices: tuple[int, ...], limit: int | None) -> None:
    from bench.models.compare import shape_text

    if indices:
        click.echo(f"\n{heading} ({len(indices)})")
    for index in indices[:limit]:
        op = table.ops[index]
        made = table.made(op)
        click.echo(f"  op {index} {op.type} -> {shape_text(made[0].shape) if made else 'nothing'}")
    _further(len(indices), limit)


def _print_changed(changed: tuple[Changed, ...], limit: int | None) -> None:
    if changed:
        click.echo(f"\nchanged ({len(changed)})")
    for each in changed[:limit]:
        place = f"op {each.before}" + (f" (now {each.after})" if each.after != each.before else "")
        click.echo(f"  {place} {each.type}")
        for name, (old, new) in each.differences.items():
            _wrapped(f"      {name}: {old} -> {new}", "        ")
    _further(len(changed), limit)


def _wrapped(text: str, indent: str) -> None:
    from bench.reports.models_text import wrapped

    click.echo("\n".join(wrapped(text, indent)))


def _further(count: int, limit: int | None) -> None:
    if limit is not None and count > limit:
        click.echo(f"  and {count - limit} more (--all)")
