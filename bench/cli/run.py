"""`bench run`: measure the matrix of what was asked."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.base.errors import ExitCode, StorageError, UsageError
from bench.cli.common import config_option, json_option, load_config, print_json, results_folder, results_option

if TYPE_CHECKING:
    from bench.records.types import Record
    from bench.run.config import Config
    from bench.run.plan import Plan
    from bench.run.runner import Settings


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
@click.option("--threads", "-t", multiple=True, type=click.IntRange(1, 1024), help="Threads (default: 1).")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="A backend's option, such as kernels=builtin; each value is a case of its own.",
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
    config = load_config(given["config"])
    settings = _settings(config, given)
    plan = _plan(config, given)
    as_json = given["as_json"]
    out = sys.stderr if as_json else sys.stdout
    _print_plan(plan, settings, out)
    if given["dry_run"]:
        if as_json:
            print_json(_plan_json(plan))
        return ExitCode.NOT_MEASURED if plan.lost else ExitCode.OK
    if not plan.cases:
        return ExitCode.NOT_MEASURED
    return _Session(config, settings, plan, results_folder(given["results"], config), as_json).measure()


def _settings(config: Config, given: dict[str, Any]) -> Settings:
    from bench.run.runner import Settings

    def chosen(name: str) -> Any:
        return getattr(config.run, name) if given.get(name) is None else given[name]

    names = ("time_s", "invocations", "warmup_s", "limit_s", "wait_s", "profile")
    return Settings(**{name: chosen(name) for name in names})


def _plan(config: Config, given: dict[str, Any]) -> Plan:
    from bench.run.plan import Request, make_plan

    options: dict[str, tuple[str, ...]] = {}
    for text in given["options"]:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise UsageError(
                f"--option {text}", "is not of the form KEY=VALUE", "For example: --option kernels=builtin"
            )
        options[key] = (*options.get(key, ()), value)
    return make_plan(
        Request(
            models=tuple(dict.fromkeys(given["models"])),
            devices=tuple(dict.fromkeys(given["devices"])),
            backends=given["backends"],
            accelerators=tuple(dict.fromkeys(given["accelerators"])),
            variants=tuple(dict.fromkeys(given["variants"])),
            threads=tuple(dict.fromkeys(given["threads"])),
            options=options,
            shapes=dict(parse_shape(text) for text in given["shapes"]),
        ),
        config,
    )


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`input=1,256,256,3` or `1,256,256,3` (the only input). Raises UsageError."""
    name, equals, sizes = text.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
        if min(shape) < 1 or (equals and not name):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--shape {text}", "is not of the form INPUT=N,N,...", "For example: --shape input=1,256,256,3"
        ) from None
    return name, shape


def _print_plan(plan: Plan, settings: Settings, out: Any) -> None:
    seconds = len(plan.cases) * settings.expected_s
    about = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    if plan.cases:
        print(
            f"{len(plan.cases)} case{'s' if len(plan.cases) != 1 else ''}, about {about}: "
            f"{settings.invocations} invocations and {settings.time_s:g} s of measuring each",
            file=out,
        )
    for planned in plan.cases:
        print(f"  {planned.case.device} · {planned.case.label}", file=out)
    for skipped in plan.skipped:
        print(f"  skipped: {skipped.combination}: {skipped.reason}", file=out)
        if skipped.todo:
            print(f"           {skipped.todo}", file=out)
    for lost in plan.lost:
        print(f"  not measured at all: {lost}", file=out)
    print(file=out, flush=True)


def _plan_json(plan: Plan) -> dict[str, object]:
    return {
        "cases": [{**_case_json(planned.case), "key": planned.case.key} for planned in plan.cases],
        "skipped": _skipped_json(plan),
        "not_measured": list(plan.lost),
    }


def _case_json(case: Any) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(case)
    return fields


def _skipped_json(plan: Plan) -> list[dict[str, str]]:
    return [{"combination": s.combination, "reason": s.reason, "todo": s.todo} for s in plan.skipped]


class _Session:
    """One run: from a plan to records, tables and the report."""

    def __init__(self, config: Config, settings: Settings, plan: Plan, results: Path, as_json: bool) -> None:
        from bench.run.runner import new_run

        self.config, self.settings, self.plan, self.results, self.as_json = config, settings, plan, results, as_json
        self.reference = new_run(sys.argv)
        self.records: list[tuple[Record, Path]] = []
        self.out = sys.stderr if as_json else sys.stdout

    def measure(self) -> int:
        """Measure, print, and give the exit code. What is finished is printed also when something stops the run."""
        from bench.base.paths import cache_dir, ensure_dir

        ensure_dir(self.results)
        cache = ensure_dir(cache_dir())
        code: int = ExitCode.OK
        try:
            self._cases(cache)
        except KeyboardInterrupt:
            print(
                f"bench: interrupted; {len(self.records)} of {len(self.plan.cases)} cases are finished and kept",
                file=sys.stderr,
            )
            code = ExitCode.INTERRUPTED
        except StorageError as error:
            from bench.cli.main import print_error

            print_error(error)
            code = error.exit_code
        report = self._report(cache) if self.records else None
        self._tell(report)
        if code == ExitCode.OK and (self.plan.lost or not all(record.measured for record, _ in self.records)):
            code = ExitCode.NOT_MEASURED
        return code

    def _cases(self, cache: Path) -> None:
        from bench.base.progress import Progress
        from bench.devices.registry import open_device
        from bench.run.runner import Runner, held

        names = dict.fromkeys(planned.case.device for planned in self.plan.cases)
        known = self.config.devices
        devices = {name: open_device(name, known.get(name), known=known) for name in names}
        progress = Progress(len(self.plan.cases) * self.settings.expected_s)
        runner = Runner(self.reference, self.settings, devices, cache, self.results, progress)
        try:
            with held(devices, self.settings.wait_s, lambda text: print(text, file=sys.stderr)):
                for record, path in runner.measure_all(self.plan.cases):
                    self.records.append((record, path))
        finally:
            progress.clear()

    def _report(self, cache: Path) -> Path | None:
        from bench.cli.report import write_report

        try:
            return write_report(self.records, self.results, cache)
        except StorageError as error:
            print(f"bench: no report: {error.asked}: {error.found}", file=sys.stderr)
            return None

    def _tell(self, report: Path | None) -> None:
        repeat = shlex.join(["bench", *sys.argv[1:]])
        if self.records:
            from bench.reports.terminal import print_run

            folder = self.results / self.reference.id
            print_run(
                [record for record, _ in self.records], report=report, folder=folder, repeat=repeat, stream=self.out
            )
        if self.as_json:
            from bench.reports.jsonout import run_json

            document = run_json([record for record, _ in self.records], [str(path) for _, path in self.records])
            print_json(
                {
                    **document,
                    "run": self.reference.id,
                    "report": str(report) if report else None,
                    "repeat": repeat,
                    "skipped": _skipped_json(self.plan),
                    "not_measured": list(self.plan.lost),
                }
            )
