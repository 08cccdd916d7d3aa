"""`bench models list`: the zoo at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, load_config, print_json

if TYPE_CHECKING:
    from bench.models.cost_zoo import Summary
    from bench.models.zoo.entry import ZooEntry


@click.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List the models of the zoo. The first time, their files are built to be read."""
    from bench.base.errors import NotMeasuredError
    from bench.base.paths import cache_dir
    from bench.models import catalog
    from bench.models.cost_zoo import summary
    from bench.records.parts import DEFAULT_ERA as ERA

    rows: list[tuple[ZooEntry, Summary | None]] = []
    for entry in catalog.entries():
        try:
            rows.append((entry, summary(entry, variant="fp32", era=ERA, cache=cache_dir())))
        except NotMeasuredError:  # this model has no such file
            rows.append((entry, None))
    tools = load_config(None).tools
    if as_json:
        print_json([_list_item(entry, found, tools) for entry, found in rows])
        return
    _print_list(rows)
    _print_variants([entry for entry, _ in rows], tools)
    click.echo("Shapes are without the batch of 1. `bench models show MODEL` tells more; a path")
    click.echo("to .tflite, .onnx or OpenVINO .xml works as MODEL too.")


def _list_item(entry: ZooEntry, found: Summary | None, tools: Mapping[str, str]) -> dict[str, Any]:
    from bench.models import artifacts
    from bench.models.cost_zoo import variants
    from bench.records.parts import DEFAULT_ERA as ERA

    return {
        "id": entry.id, "aliases": list(entry.aliases), "summary": entry.summary, "params": entry.params,
        "input_shape": list(entry.input_shape), "output_shape": list(entry.output_shape),
        "macs": found and found.macs, "macs_unknown": found.unknown if found else "not built",
        "size_bytes": found and found.size_bytes, "op_count": found and found.op_count,
        "variants": list(variants(entry, ERA, tools)), "formats": list(artifacts.FORMATS),
    }  # fmt: skip


def _print_list(rows: list[tuple[ZooEntry, Summary | None]]) -> None:
    from bench.reports.models_text import UNKNOWN, batchless, columns, mmac, size

    table = [
        [
            entry.id, f"{entry.params:,}", mmac(found.macs) if found else UNKNOWN,
            size(found.size_bytes) if found else UNKNOWN, str(found.op_count) if found else UNKNOWN,
            batchless(entry.input_shape), batchless(entry.output_shape),
        ]
        for entry, found in rows
    ]  # fmt: skip
    heads = ("model", "params", "MMAC", "size", "ops", "input", "output")
    for line in columns(heads, table, (False, True, True, True, True, False, False)):
        click.echo(line)
    click.echo()


def _print_variants(entries: list[ZooEntry], tools: Mapping[str, str]) -> None:
    from bench.models.artifacts import VARIANTS
    from bench.models.cost_zoo import variants
    from bench.records.parts import DEFAULT_ERA as ERA
    from bench.reports.models_text import wrapped

    had = {entry.id: variants(entry, ERA, tools) for entry in entries}
    names = [
        variant + (f" (not of {', '.join(without)})" if without else "")
        for variant in VARIANTS
        if len(without := [each for each, known in had.items() if variant not in known]) < len(had)
    ]
    for line in wrapped(f"Variants: {', '.join(names)}."):
        click.echo(line)
