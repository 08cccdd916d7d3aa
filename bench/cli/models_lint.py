"""`bench models lint`: advice on a graph before it goes to a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from bench.base.errors import ExitCode
from bench.cli.common import json_option, print_json
from bench.cli.models_file import file_options, model_file

if TYPE_CHECKING:
    from bench.base.findings import Severity
    from bench.models.delegates import Target
    from bench.models.lint import Advice
    from bench.models.ops import OpTable

_TARGETS = ("gpu", "nnapi", "hexagon", "edgetpu")  # bench.models.delegate_ops.TARGETS, without loading it for --help
_SHOWN = 6


@click.command("lint")
@click.argument("model")
@file_options
@click.option(
    "--target", "targets", multiple=True, type=click.Choice(_TARGETS),
    help="Only what concerns this accelerator (may be given several times; default: all).",
)  # fmt: skip
@click.option(
    "--fail-on", type=click.Choice(("warning", "error")), help="Exit with 1 if there is such advice or worse."
)
@click.option("--all", "everything", is_flag=True, help=f"List every place, not the first {_SHOWN} of a kind.")
@json_option
def lint_model(
    model: str,
    format: str,
    variant: str,
    era: str | None,
    targets: tuple[str, ...],
    fail_on: str | None,
    everything: bool,
    as_json: bool,
) -> int:
    """Advise on a graph before it is measured: what accelerators will not take, copy, pad, or compute in vain.

    MODEL: a zoo id, an alias, or a .tflite or .onnx file. Advice comes from the file alone; what it costs on a device,
    only `bench run` tells. Exits with 0, or with 1 when --fail-on is met.
    """
    from bench.models import lint

    path = model_file(model, format, variant, era)
    subject = lint.gather(path)
    advice = lint.assess(subject, cast("tuple[Target, ...]", targets))
    if as_json:
        print_json({"path": str(path), "targets": list(targets or _TARGETS), "advice": [_plain(one) for one in advice]})
    else:
        click.echo(str(path))
        _print(subject.table, advice, None if everything else _SHOWN)
    failed = fail_on is not None and lint.reached(advice, cast("Severity", fail_on))
    return ExitCode.FINDING if failed else ExitCode.OK


def _plain(advice: Advice) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(advice)
    return fields


def _print(table: OpTable, advice: Sequence[Advice], limit: int | None) -> None:
    from bench.reports import format as fmt

    groups: dict[tuple[str, str, str], list[Advice]] = {}
    for each in advice:
        groups.setdefault((each.severity, each.code, each.remedy), []).append(each)
    for group in groups.values():
        _print_group(table, group, limit)
    counts = [sum(each.severity == severity for each in advice) for severity in ("error", "warning", "info")]
    names = ("error", "warning", "note")
    said = ", ".join(fmt.counted(count, name) for count, name in zip(counts, names, strict=True) if count)
    click.echo(f"\n{said or 'Nothing to advise.'}")


def _print_group(table: OpTable, group: Sequence[Advice], limit: int | None) -> None:
    first = group[0]
    click.echo()
    where = "all accelerators" if set(first.targets) == set(_TARGETS) else ", ".join(first.targets)
    _wrapped(f"{first.severity.upper()} {first.title} [{first.code}; {where}]", "  ")
    for each in group[:limit]:
        _wrapped(f"  {_place(table, each)}{each.what}{_bytes(each)}", "      ")
    if limit is not None and len(group) > limit:
        click.echo(f"  and {len(group) - limit} more (--all)")
    known = [each.estimated_bytes for each in group if each.estimated_bytes is not None]
    if len(group) > 1 and known and first.bytes_are:
        from bench.reports import format as fmt

        _wrapped(f"  together {fmt.size(sum(known))} {first.bytes_are}", "      ")
    for label, text in (("why", first.why), ("do", first.remedy), ("source", first.source)):
        if text:
            _wrapped(f"  {label}: {text}", "      ")


def _place(table: OpTable, advice: Advice) -> str:
    """`op 12 CONV_2D 64x64x16: `; the tensor's name for a graph input."""
    from bench.reports.models_text import short_shape

    tensor = table.tensors.get(advice.tensor)
    shape = f" {short_shape(tensor)}" if tensor is not None else ""
    if advice.op is not None:
        said = advice.what.startswith(advice.op_type)
        return f"op {advice.op}{'' if said else f' {advice.op_type}'}{shape}: "
    return f"input {advice.tensor_name}{shape}: " if tensor is not None else ""


def _bytes(advice: Advice) -> str:
    from bench.reports import format as fmt

    if advice.estimated_bytes is None or not advice.bytes_are:
        return ""
    return f" ({fmt.size(advice.estimated_bytes)})"


def _wrapped(text: str, indent: str) -> None:
    from bench.reports.models_text import wrapped

    click.echo("\n".join(wrapped(text, indent)))
