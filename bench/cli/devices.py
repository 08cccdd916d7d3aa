"""`bench devices`: what can be measured on, and what is known of it."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import config_option, json_option, load_config, print_json


@click.command("devices")
@config_option
@json_option
def command(config: Path | None, as_json: bool) -> None:
    """List this host and the devices of bench.toml, with their identity."""
    import msgspec

    from bench.devices.registry import open_device

    tables = load_config(config).devices
    identities = [open_device(name, tables.get(name)).identify() for name in dict.fromkeys(("local", *tables))]
    if as_json:
        print_json([msgspec.to_builtins(identity) for identity in identities])
        return
    for identity in identities:
        click.echo(f"{identity.name} ({identity.kind}): {identity.title}")
        click.echo(f"  {'fingerprint':<16} {identity.fingerprint}")
        for key, value in identity.facts.items():
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            click.echo(f"  {key:<16} {text}")
        for key, reason in identity.unavailable.items():
            click.echo(f"  {key:<16} unavailable: {reason}")
