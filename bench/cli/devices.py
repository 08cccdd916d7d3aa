"""`bench devices`: what can be measured on, and what is known of it; `clean`: remove what bench left there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.base.errors import BenchError, ExitCode
from bench.cli.common import config_option, json_option, load_config, print_json


@click.group("devices", invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def command(context: click.Context, config: Path | None, as_json: bool) -> int | None:
    """List this host, the devices of bench.toml and attached phones, with their identity."""
    if context.invoked_subcommand is not None:
        return None
    tables = load_config(config).devices
    names = dict.fromkeys(("local", *tables))
    found = [_look(name, tables.get(name)) for name in names]
    others = _unnamed(tables)
    if as_json:
        print_json([*found, *({"name": serial, "kind": "android", "state": state} for serial, state in others)])
    else:
        for each in found:
            _print(each)
        for serial, state in others:
            click.echo(f"{serial} (android): attached, {state}; not in bench.toml")
            if state == "device":
                click.echo(f"  bench run --device {serial} --model prisma")
    return ExitCode.NOT_MEASURED if any("error" in each for each in found) else ExitCode.OK


def _look(name: str, table: dict[str, Any] | None) -> dict[str, Any]:
    """The identity as plain values, or why it cannot be had."""
    import msgspec

    from bench.devices.registry import open_device

    try:
        return dict(msgspec.to_builtins(open_device(name, table).identify()))
    except BenchError as error:
        kind = (table or {}).get("kind", "local")
        return {"name": name, "kind": kind, "error": f"{error.asked}: {error.found}", "todo": error.todo}


def _print(found: dict[str, Any]) -> None:
    if "error" in found:
        click.echo(f"{found['name']} ({found['kind']}): not usable: {found['error']}")
        for line in filter(None, found["todo"].splitlines()):
            click.echo(f"  {line}")
        return
    from bench.records.types import DeviceIdentity

    identity = DeviceIdentity(**found)
    click.echo(f"{identity.name} ({identity.kind}): {identity.title}")
    click.echo(f"  {'fingerprint':<16} {identity.fingerprint}")
    for key, value in identity.facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        click.echo(f"  {key:<16} {text}")
    for key, reason in identity.unavailable.items():
        click.echo(f"  {key:<16} unavailable: {reason}")


def _unnamed(tables: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """(serial, state) of phones that adb has and bench.toml does not name. No server is started for it."""
    from bench.devices.android import attached

    named = {str(table.get(key, "")) for table in tables.values() for key in ("serial", "connect")}
    try:
        return [(phone.serial, phone.state) for phone in attached(start=False) if phone.serial not in named]
    except BenchError:
        return []  # no adb here, which is no fault


@command.command("clean")
@click.argument("name")
@config_option
@click.option("--wait", "wait_s", type=click.FloatRange(0.0), default=0.0, help="Seconds to wait for another job.")
def clean(name: str, config: Path | None, wait_s: float) -> None:
    """Remove what bench left on a device: models, tools, inputs; what was pinned is put back."""
    from bench.devices.registry import attached, open_device
    from bench.reports.format import size

    tables = load_config(config).devices
    device = open_device(name, tables.get(name) or attached(name), known=tables)
    with device.lock(wait_s, lambda text: click.echo(text, err=True)):
        click.echo(f"{name}: {size(device.clean())} freed")
