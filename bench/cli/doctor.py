"""`bench doctor`: what this machine can measure, what is missing, what disturbs it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.base.errors import ExitCode
from bench.cli.common import config_option, json_option, load_config, print_json, results_folder

if TYPE_CHECKING:
    from bench.base.findings import Finding
    from bench.records.types import DeviceIdentity
    from bench.run.config import Config
    from bench.run.health import Health

CONDITIONS_S = 1.0  # how long the machine is watched for steal and for others' load


@click.command("doctor")
@click.option("--device", "-d", "name", metavar="NAME", help="Go through this device step by step instead.")
@config_option
@json_option
def command(name: str | None, config: Path | None, as_json: bool) -> int | None:
    """Tell what this machine can measure, what is missing with the command that mends it, and what makes it noisy."""
    if name is not None:
        return _device(name, load_config(config), as_json)
    _host(config, as_json)
    return None


def _device(name: str, settings: Config, as_json: bool) -> int:
    """One device step by step, as far as it gets."""
    from bench.base.paths import cache_dir, ensure_dir
    from bench.devices.registry import attached, kind_of, open_device
    from bench.run import steps

    known = settings.devices
    table = known.get(name) or (attached(name) if name != "local" else None)
    device = open_device(name, table, known=known)
    found = []
    going = steps.steps(
        device,
        python=kind_of(table or {}).python,
        named_tools=settings.tools,
        cache=ensure_dir(cache_dir()),
        watch=lambda: time.sleep(CONDITIONS_S),
        accelerator=str((table or {}).get("accelerator", "")),
    )
    for step in going:
        found.append(step)
        if not as_json:
            click.echo(f"{step.state:<8} {step.name:<24} {step.found}")
            for line in step.todo.splitlines() if step.state != "ok" else ():
                click.echo(f"{'':<33} {line}")
    if as_json:
        import msgspec

        print_json({"device": name, "steps": msgspec.to_builtins(found)})
    return ExitCode.NOT_MEASURED if steps.failed(found) else ExitCode.OK


def _host(config: Path | None, as_json: bool) -> None:
    from bench.base.paths import cache_dir
    from bench.devices import assess, checkup
    from bench.devices.registry import open_device
    from bench.run import health

    settings = load_config(config)
    device = open_device("local", settings.devices.get("local"))
    identity = device.identify()
    before = device.conditions("before")
    time.sleep(CONDITIONS_S)
    after = device.conditions("after")
    folders = {"results": results_folder(None, settings), "cache": cache_dir()}
    runtimes = health.gather(device)
    findings = [
        *health.assess(runtimes),
        *health.assess_tools(settings.tools),
        *checkup.assess(checkup.gather(folders=folders)),
        *assess.assess(identity, before, [], after, threads=1),
    ]
    if as_json:
        import msgspec

        print_json({
            "device": msgspec.to_builtins(identity),
            "backends": [msgspec.to_builtins(runtime) for runtime in runtimes],
            "findings": [msgspec.to_builtins(finding) for finding in findings],
        })  # fmt: skip
        return
    _print(identity, runtimes, findings, folders)


def _print(
    identity: DeviceIdentity, runtimes: Sequence[Health], findings: Sequence[Finding], folders: dict[str, Path]
) -> None:
    click.echo(f"{identity.name}: {identity.title}\n")
    click.echo("Backends")
    for runtime in runtimes:
        click.echo(f"  {runtime}")
    click.echo("\nFolders")
    for role, folder in folders.items():
        click.echo(f"  {role:<8} {folder}")
    if not findings:
        click.echo("\nNothing found that would disturb a measurement.")
        return
    click.echo("\nFindings")
    order = {"error": 0, "warning": 1, "info": 2}
    for finding in sorted(findings, key=lambda each: order[each.severity]):
        click.echo(f"  {finding.severity}: {finding.what}")
        for text in (finding.why, finding.remedy):
            if text:
                click.echo(f"      {text}")
