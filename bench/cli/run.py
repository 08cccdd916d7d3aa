"""`bench run`: measure the matrix of what was asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.base.errors import ExitCode
from bench.cli.common import (
    config_option,
    json_option,
    load_config,
    print_json,
    reader_may_leave,
    results_folder,
    results_option,
)

if TYPE_CHECKING:
    from bench.models.pictures import PictureSet
    from bench.run.plan import Plan
    from bench.run.settings import Settings


def _seconds(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    from bench.run.duration import seconds

    return None if text is None else seconds(text, "--sustain")


@click.command("run")
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    required=True,
    metavar="MODEL",
    help="Zoo id, alias, or a path to .tflite, .onnx or OpenVINO .xml. Repeatable, as are the next ones.",
)
@click.option("--device", "-d", "devices", multiple=True, metavar="NAME", help="Device (default: local).")
@click.option("--backend", "-b", "backends", multiple=True, metavar="NAME", help="Runtime: litert, onnxruntime, ...")
@click.option("--accelerator", "-a", "accelerators", multiple=True, metavar="NAME", help="cpu, gpu, npu, auto, ...")
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="Precision of a zoo model (default: fp32).")
@click.option("--era", "eras", multiple=True, metavar="ERA", help="Op forms of a zoo model: 2019 (default) or modern.")
@click.option("--threads", "-t", multiple=True, type=click.IntRange(1, 1024), help="Threads (default: 1).")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="A backend's option, such as kernels=builtin; each value is a case of its own.",
)
@click.option(
    "--batch",
    multiple=True,
    type=click.IntRange(1, 9999),
    metavar="N",
    help="Items in one inference (default: what the file says, mostly 1).",
)
@click.option(
    "--streams",
    multiple=True,
    type=click.IntRange(1, 9999),
    metavar="N",
    help="Measure throughput too, with N inferences at a time (default: 1, no throughput).",
)
@click.option("--shape", "shapes", multiple=True, metavar="[INPUT=]N,N,..", help="Fix the shape of a dynamic input.")
@click.option(
    "--time",
    "time_s",
    type=click.FloatRange(0.01),
    metavar="SECONDS",
    help="Seconds of measuring per case (default: 10), over all invocations.",
)
@click.option("--invocations", type=click.IntRange(1, 1000), help="Starts of the runtime per case (default: 5).")
@click.option(
    "--limit",
    "limit_s",
    type=click.FloatRange(1.0),
    metavar="SECONDS",
    help="End an invocation that takes longer (default: 300).",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.0),
    metavar="SECONDS",
    help="Wait this long for a device that another job holds (default: 600).",
)
@click.option("--profile/--no-profile", default=None, help="Measure the time of each op too (default: yes).")
@click.option(
    "--sustain",
    metavar="TIME",
    callback=_seconds,
    help="Keep each case at work so long (90s, 10m, 1h), to see where it slows down; instead of --time.",
)
@click.option(
    "--cool",
    "cool_c",
    type=click.FloatRange(0.0, 125.0),
    metavar="CELSIUS",
    help="Before each case, wait until the device is no hotter (default: 0, do not wait).",
)
@click.option(
    "--cool-wait",
    "cool_wait_s",
    type=click.FloatRange(0.0),
    metavar="SECONDS",
    help="Wait no longer than this for --cool (default: 300).",
)
@click.option("--pin/--no-pin", default=None, help="Hold the device's clocks still where it lets us (default: no).")
@click.option(
    "--accuracy",
    "pictures",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Measure accuracy on pictures with masks: images/NAME.jpg and masks/NAME.png, or NAME.jpg and NAME_mask.png.",
)
@click.option(
    "--scaling",
    type=click.Choice(("unit", "signed", "raw", "portrait")),
    help="How --accuracy turns pixels into the input of a file of yours (default: by its type; the zoo's is known).",
)
@click.option(
    "--tool",
    "named_tools",
    multiple=True,
    metavar="NAME=PATH",
    help="A native tool, such as benchmark_model=FILE, or a folder with one per ABI.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Pictures that calibrate int8 variants of the zoo (default: a generated set).",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help='Record all that is said with each device into DIR/NAME, for devices of kind = "replay".',
)
@click.option("--dry-run", is_flag=True, help="Print the plan and measure nothing.")
@results_option
@config_option
@json_option
def command(**given: Any) -> int:
    """Measure models on devices, and write a record and a report.

    Every combination of what is given is a case; what cannot be is named and skipped.

    \b
    bench run --model prisma
    bench run -m prisma -m paradox_1 -b litert -b onnxruntime -b openvino
    bench run -m my.tflite --option kernels=xnnpack --option kernels=builtin
    """
    from bench.cli.run_given import plan_of, settings_of, with_attached

    config = with_attached(load_config(given["config"]), given["devices"])
    settings = settings_of(config, given)
    plan = plan_of(config, given)
    if settings.sustain_s is not None:
        from bench.run.sustain import planned

        plan = planned(plan, settings.sustain_s)
    as_json = given["as_json"]
    out = sys.stderr if as_json else sys.stdout
    with reader_may_leave():
        _print_plan(plan, settings, out)
    if given["dry_run"]:
        if as_json:
            print_json(_plan_json(plan))
        return ExitCode.NOT_MEASURED if plan.lost else ExitCode.OK
    if not plan.cases:
        return ExitCode.NOT_MEASURED
    from bench.cli.session import Session

    return Session(config, settings, plan, results_folder(given["results"], config), as_json, given["record"]).measure()


def _print_plan(plan: Plan, settings: Settings, out: Any) -> None:
    seconds = len(plan.cases) * settings.expected_s
    about = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    if plan.cases:
        each = f"{settings.invocations} invocations and {settings.time_s:g} s of measuring each"
        if settings.sustain_s is not None:
            each = f"{settings.sustain_s:g} s of work without a pause each"
        print(f"{len(plan.cases)} case{'s' if len(plan.cases) != 1 else ''}, about {about}: {each}", file=out)
    if settings.pictures:
        _print_pictures(settings.pictures, out)
    for planned in plan.cases:
        print(f"  {planned.case.device} · {planned.case.label}", file=out)
    for skipped in plan.skipped:
        print(f"  skipped: {skipped.combination}: {skipped.reason}", file=out)
        if skipped.todo:
            print(f"           {skipped.todo}", file=out)
    for lost in plan.lost:
        print(f"  not measured at all: {lost}", file=out)
    print(file=out, flush=True)


def _print_pictures(found: PictureSet, out: Any) -> None:
    from bench.reports.words import plain

    counts = f"{len(found.pairs)} picture{'s' if len(found.pairs) != 1 else ''} of {found.name}"
    unusable = f"; {len(found.unusable)} cannot be used" if found.unusable else ""
    print(plain(f"accuracy on {counts}{unusable}"), file=out)
    for text in found.unusable:
        print(plain(f"  not used: {text}"), file=out)


def _plan_json(plan: Plan) -> dict[str, object]:
    from bench.cli.session import skipped_json

    return {
        "cases": [{**_case_json(planned.case), "key": planned.case.key} for planned in plan.cases],
        "skipped": skipped_json(plan),
        "not_measured": list(plan.lost),
    }


def _case_json(case: Any) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(case)
    return fields
