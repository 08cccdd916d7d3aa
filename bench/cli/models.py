"""`bench models`: the zoo, and what a graph says before it is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, print_json

if TYPE_CHECKING:
    from bench.records.types import GraphFacts, TensorSpec


@click.group("models", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """The model zoo: `list`, `show MODEL`, `build MODEL`."""
    if context.invoked_subcommand is None:
        context.invoke(list_models, as_json=False)


def _shape(spec: TensorSpec) -> str:
    sizes = "x".join("?" if size < 0 else str(size) for size in spec.shape)
    return f"{spec.name}: {spec.dtype} {sizes or 'scalar'}"


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List the models of the zoo."""
    from bench.models import artifacts, catalog

    entries = catalog.entries()
    if as_json:
        print_json([
            {
                "id": entry.id, "aliases": list(entry.aliases), "summary": entry.summary, "params": entry.params,
                "input_shape": list(entry.input_shape), "output_shape": list(entry.output_shape),
                "variants": list(artifacts.VARIANTS), "formats": list(artifacts.FORMATS),
            }
            for entry in entries
        ])  # fmt: skip
        return
    width = max(len(entry.id) for entry in entries)
    for entry in entries:
        aliases = f" (also {', '.join(entry.aliases)})" if entry.aliases else ""
        click.echo(f"{entry.id:<{width}}  {entry.params:>9,} params  {entry.summary}{aliases}")
    click.echo("\nbench models show MODEL tells more; a path to .tflite, .onnx or OpenVINO .xml works as MODEL too.")


def _file(model: str, format: str) -> Path:
    from bench.base.paths import cache_dir
    from bench.models import artifacts
    from bench.run.plan import ERA, find_model

    source = find_model(model)
    if isinstance(source, Path):
        return source
    return artifacts.build(source.id, variant="fp32", era=ERA, format=format, cache=cache_dir())


@command.command("show")
@click.argument("model")
@click.option("--format", type=click.Choice(("tflite", "onnx")), default="tflite", help="Which file of a zoo model.")
@json_option
def show_model(model: str, format: str, as_json: bool) -> None:
    """Show a graph's inputs, outputs and ops. MODEL: a zoo id, an alias, or a file."""
    from bench.base.paths import cache_dir
    from bench.models.inspect import describe, sha256_of

    path = _file(model, format)
    graph, digest = describe(path, cache_dir()), sha256_of(path)
    if as_json:
        import msgspec

        fields: dict[str, Any] = msgspec.to_builtins(graph)
        print_json({"path": str(path), "sha256": digest, **fields})
        return
    _print_graph(path, digest, graph)


def _print_graph(path: Path, digest: str, graph: GraphFacts) -> None:
    click.echo(f"{path}\nsha256 {digest}, {graph.size_bytes:,} bytes, {graph.format}")
    for kind, specs in (("input", graph.inputs), ("output", graph.outputs)):
        for spec in specs:
            click.echo(f"{kind:<7} {_shape(spec)}")
    click.echo(f"{graph.constant_elements:,} constant elements, {graph.op_count} ops:")
    for op, count in sorted(graph.histogram.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:>6}  {op}")


@command.command("build")
@click.argument("model")
@click.option("--format", type=click.Choice(("tflite", "onnx")), default="tflite", help="Which form of it.")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Copy the file there.")
def build_model(model: str, format: str, output: Path | None) -> None:
    """Build a zoo model's file (or find it in the cache) and print its path."""
    from bench.base.paths import write_atomic
    from bench.models import catalog

    path = _file(catalog.resolve(model).id, format)
    click.echo(write_atomic(output, path.read_bytes()) if output else path)
