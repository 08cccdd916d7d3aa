"""`bench models table`: the zoo as a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import config_option, find_run, load_config, results_folder, results_option

if TYPE_CHECKING:
    from bench.models.zoo.entry import ZooEntry
    from bench.reports.zoo_table import ZooRow

HEAD = """# The model zoo

Written by `bench models table`, with the outcome of a run over the zoo on one host; not by hand.

The networks are rebuilt from their published descriptions, with seeded random weights: their latency is that of the
originals, their masks mean nothing. Sizes are in bytes of the .tflite file. The last columns are the .tflite file on
LiteRT and OpenVINO and the .onnx file on ONNX Runtime: whether the output is that of LiteRT's reference kernels on the
same network (the largest difference, or the masks' overlap as IoU), and where it ran. fp32 must agree within 1e-4 of
the output's range, fp16 within 1e-2, int8 with an IoU of 0.95 where the output is a mask: what misses that is printed
as DIFFERS. The last column of the variants names the tools that made the file.
"""


@click.command("table")
@click.option("--run", "run_id", default="last", help="The run over the zoo that tells what ran (default: the last).")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
@results_option
@config_option
def zoo_table(run_id: str, output: Path | None, results: Path | None, config: Path | None) -> None:
    """Write the zoo's table in Markdown: models and variants, published figures, and what ran in a run."""
    from bench.base.paths import cache_dir, write_atomic
    from bench.models import artifacts, catalog
    from bench.records import store
    from bench.reports.zoo_table import zoo_markdown

    settings = load_config(config)
    root = results_folder(results, settings)
    records, _ = store.load_run(root, find_run(root, run_id))
    rows = [
        _row(entry, variant, cache_dir(), settings.tools)
        for entry in catalog.entries()
        for variant in artifacts.VARIANTS
    ]
    text = zoo_markdown(rows, [record for record, _ in records], HEAD)
    if output:
        click.echo(write_atomic(output, text.encode()))
    else:
        click.echo(text, nl=False)


def _row(entry: ZooEntry, variant: str, cache: Path, tools: Mapping[str, str]) -> ZooRow:
    from bench.models import artifacts
    from bench.models.cost_zoo import summary
    from bench.models.published import PUBLISHED, Figures
    from bench.records.parts import DEFAULT_ERA as ERA
    from bench.reports.zoo_table import ZooRow

    figures = PUBLISHED.get((entry.id, variant), Figures())
    reason = artifacts.supported(entry.id, variant, ERA, "tflite", tools)
    if reason is not None:
        return ZooRow(entry.id, variant, entry.params, entry.params_train, None, 0, 0, reason=reason)
    found = summary(entry, variant=variant, era=ERA, cache=cache, tools=tools)
    return ZooRow(
        entry.id, variant, entry.params, entry.params_train, found.macs, found.size_bytes, found.op_count,
        figures.params, figures.size_bytes, figures.op_count, figures.why,
        maker=found.maker,
    )  # fmt: skip
