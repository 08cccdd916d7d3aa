"""`bench doctor`: what this machine can measure, what is missing, what disturbs it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import config_option, json_option, load_config, print_json, results_folder

if TYPE_CHECKING:
    from bench.base.findings import Finding
    from bench.records.types import DeviceIdentity
    from bench.run.health import Health

CONDITIONS_S = 1.0  # how long the machine is watched for steal and for others' load


@click.command("doctor")
@config_option
@json_option
def command(config: Path | None, as_json: bool) -> None:
    """Tell what this machine can measure, what is missing with the command that mends it, and what makes it noisy."""
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
