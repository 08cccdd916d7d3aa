"""`bench models`: the zoo, and what a graph says before it is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, print_json
from bench.cli.models_diff import diff_models
from bench.cli.models_fetch import fetch_original
from bench.cli.models_file import file_options, model_file
from bench.cli.models_lint import lint_model
from bench.cli.models_list import list_models
from bench.cli.models_table import zoo_table

if TYPE_CHECKING:
    from bench.models.artifacts import Made
    from bench.models.cost import GraphCost
    from bench.models.ops import OpTable
    from bench.records.types import GraphFacts

_SHOWN_OPS = 20


@click.group("models", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """The model zoo, and what a model's graph says before it is run."""
    if context.invoked_subcommand is None:
        context.invoke(list_models, as_json=False)


command.add_command(list_models)
command.add_command(diff_models)
command.add_command(lint_model)
command.add_command(fetch_original)
command.add_command(zoo_table)


@command.command("show")
@click.argument("model")
@file_options
@click.option(
    "--ops", "count", default=str(_SHOWN_OPS), metavar="N|all",
    help=f"How many ops to list: those with most MACs, in execution order ({_SHOWN_OPS}).",
)  # fmt: skip
@click.option("--op", "wanted", type=int, metavar="INDEX", help="Show all that is known of this op instead.")
@json_option
def show_model(
    model: str, format: str, variant: str, era: str | None, count: str, wanted: int | None, as_json: bool
) -> None:
    """Show a graph: inputs, outputs, ops with shapes, MACs, bytes, and the least memory that its activations need.

    MODEL: a zoo id, an alias, or a file. MACs are counted for convolutions and matrix products; an unknown is never
    written as 0. Of an OpenVINO .xml only inputs, outputs and the histogram are shown.
    """
    from bench.base.paths import cache_dir
    from bench.models import artifacts, cost, ops
    from bench.models.inspect import describe, sha256_of
    from bench.models.model_file import format_of

    number = _number(count)
    path = model_file(model, format, variant, era)
    graph, digest = describe(path, cache_dir()), sha256_of(path)
    table = None if format_of(path) == "ir" else ops.load(path)
    costs = None if table is None else cost.cost(table)
    if wanted is not None:
        _show_op(path, table, costs, wanted, as_json)
        return
    facts = artifacts.made(path)
    if as_json:
        whole = {} if table is None or costs is None else _whole(table, costs)
        print_json({"path": str(path), "sha256": digest, **_fields(graph, facts), **whole})
        return
    _print_graph(path, digest, graph, facts)
    if table is None or costs is None:
        for op, each in sorted(graph.histogram.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"{each:>6}  {op}")
        return
    _print_ops(table, costs, number)


def _fields(graph: GraphFacts, facts: Made | None) -> dict[str, Any]:
    """The graph's facts; who made a file of the zoo; the parts of one that was compiled for the Edge TPU."""
    import msgspec

    from bench.models.edgetpu_parts import edgetpu_parts

    fields: dict[str, Any] = msgspec.to_builtins(graph)
    parts = edgetpu_parts(graph)
    edgetpu = parts and {
        "compiled": parts.compiled, "left": parts.left, "log": msgspec.to_builtins(facts and facts.compilation),
    }  # fmt: skip
    return {**fields, "made_by": facts and facts.maker, "edgetpu": edgetpu}


def _number(count: str) -> int | None:
    """None for `all`."""
    if count == "all":
        return None
    if not count.isdigit():
        raise click.BadParameter(f"{count!r} is neither a number nor `all`.", param_hint="--ops")
    return int(count)


def _show_op(path: Path, table: OpTable | None, costs: GraphCost | None, wanted: int, as_json: bool) -> None:
    from bench.base.errors import UsageError
    from bench.models.ops import load
    from bench.reports.models_text import one_op

    table = table or load(path)  # an IR: load says why not
    if costs is None or not 0 <= wanted < len(table.ops):
        raise UsageError(f"no op {wanted} in {path}", f"It has the ops 0 to {len(table.ops) - 1}.")
    if as_json:
        print_json(_whole(table, costs)["ops"][wanted])
        return
    for line in one_op(table, table.ops[wanted], costs.ops[wanted]):
        click.echo(line)


def _whole(table: OpTable, costs: GraphCost) -> dict[str, Any]:
    """The op table and its costs as plain values; tensors are named by their keys."""
    import msgspec

    ops = [
        {**msgspec.to_builtins(op), **msgspec.to_builtins(each), "moved_bytes": each.moved_bytes}
        for op, each in zip(table.ops, costs.ops, strict=True)
    ]
    tensors = [{**msgspec.to_builtins(tensor), "size_bytes": tensor.size_bytes} for tensor in table.tensors.values()]
    return {
        "macs": costs.macs, "macs_unknown": costs.unknown, "weight_bytes": costs.weight_bytes,
        "moved_bytes": costs.moved_bytes, "peak": msgspec.to_builtins(costs.peak),
        "input_keys": list(table.inputs), "output_keys": list(table.outputs), "ops": ops, "tensors": tensors,
    }  # fmt: skip


def _print_graph(path: Path, digest: str, graph: GraphFacts, facts: Made | None) -> None:
    from bench.models.edgetpu_parts import COMPILED_OP, edgetpu_parts
    from bench.reports import models_text as text

    click.echo(f"{path}\nsha256 {digest}\n{graph.format}, {graph.size_bytes:,} bytes")
    for line in (*text.made_by(facts), *text.edgetpu(graph, facts)):
        click.echo(line)
    for kind, specs in (("input", graph.inputs), ("output", graph.outputs)):
        for spec in specs:
            sizes = "x".join("?" if each < 0 else str(each) for each in spec.shape)
            click.echo(f"{kind:<7} {spec.name}: {spec.dtype} {sizes or 'scalar'}")
    outside = f" outside of the {COMPILED_OP}" if edgetpu_parts(graph) else ""
    click.echo(f"{graph.constant_elements:,} weights{outside}")


def _print_ops(table: OpTable, costs: GraphCost, number: int | None) -> None:
    from bench.reports import models_text as text

    for line in (*text.totals(table, costs), "", *text.histogram(table, costs)):
        click.echo(line)
    shown = text.costliest(costs, len(table.ops) if number is None else number)
    if not shown:
        return
    click.echo()
    if len(shown) < len(table.ops):
        click.echo(f"The {len(shown)} of {len(table.ops)} ops with most MACs, in execution order (--ops all: every op)")
    for line in text.op_rows(table, costs, shown):
        click.echo(line)
    click.echo("Shapes are without the batch of 1; moved: activations read and written.")


@command.command("build")
@click.argument("model")
@file_options
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Copy the file there.")
@click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="DIR", help="Pictures to calibrate an int8 variant with."
)
def build_model(
    model: str, format: str, variant: str, era: str | None, output: Path | None, calibration: Path | None
) -> None:
    """Build a zoo model's file (or find it in the cache) and print its path."""
    from bench.base.paths import write_atomic
    from bench.models import catalog

    path = model_file(catalog.resolve(model).id, format, variant, era, calibration)
    click.echo(write_atomic(output, path.read_bytes()) if output else path)


@command.command("pictures")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", default=8, type=click.IntRange(1, 10_000), help="How many (default: 8).")
@click.option("--size", default=256, type=click.IntRange(16, 4096), help="Pixels along each side (default: 256).")
def write_pictures(folder: Path, count: int, size: int) -> None:
    """Write generated portrait-like shapes with masks into FOLDER, to try --accuracy on. They are no photographs."""
    from bench.models import synthetic_portraits

    synthetic_portraits.write(folder, count, size)
    click.echo(folder)
