"""Which file a MODEL on the command line of `bench models` means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import F, load_config

if TYPE_CHECKING:
    from bench.models.zoo.entry import ZooEntry

FORMATS = ("tflite", "onnx")


def file_options(command: F) -> F:
    """--format, --variant and --era: which file of a zoo model. A file of the user's is what it is."""
    for decorate in (
        click.option("--era", metavar="ERA", help="Op forms of a zoo model: 2019 (default) or modern."),
        click.option(
            "--variant",
            default="fp32",
            metavar="NAME",
            help="Precision of a zoo model: fp32, int8, edgetpu, ... (fp32).",
        ),
        click.option("--format", type=click.Choice(FORMATS), default="tflite", help="Which file of a zoo model."),
    ):
        command = decorate(command)
    return command


def model_file(
    model: str, format: str, variant: str = "fp32", era: str | None = None, calibration: Path | None = None
) -> Path:
    """The user's file, or the zoo's, built where the cache lacks it. Raises UsageError, NotMeasuredError."""
    from bench.run.asked import find_model

    return source_file(find_model(model), format, variant, era, calibration)


def source_file(
    source: ZooEntry | Path, format: str, variant: str = "fp32", era: str | None = None, calibration: Path | None = None
) -> Path:
    from bench.base.paths import cache_dir
    from bench.models import artifacts
    from bench.records.parts import DEFAULT_ERA as ERA

    if isinstance(source, Path):
        return source
    tools = load_config(None).tools if variant == artifacts.COMPILED else {}
    return artifacts.build(
        source.id,
        variant=variant,
        era=era or ERA,
        format=format,
        cache=cache_dir(),
        calibration=calibration,
        tools=tools,
    )
