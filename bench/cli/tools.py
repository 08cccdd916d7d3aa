"""`bench tools`: the native measuring tools that devices run: which are here, fetching one, checking a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import config_option, json_option, load_config, print_json
from bench.cli.tools_fetch import fetch_tool

if TYPE_CHECKING:
    from bench.backends.tflite.help import Capabilities
    from bench.backends.tools import ToolFile
    from bench.base.errors import UsageError

_SHOWN_DIGITS = 16
_TELLING_FLAGS = ("use_gpu", "use_nnapi", "use_hexagon", "use_npu", "use_xnnpack", "external_delegate_path")


@click.group("tools", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Native measuring tools, such as benchmark_model: a program that is sent to the device and started there."""
    if context.invoked_subcommand is None:
        context.invoke(list_tools, config=None, as_json=False)


command.add_command(fetch_tool)


@command.command("list")
@config_option
@json_option
def list_tools(config: Path | None, as_json: bool) -> None:
    """List the tools: where their files are, for which devices, and what is published."""
    from bench.backends.tools import here
    from bench.backends.tools_table import TOOLS
    from bench.base.paths import cache_dir

    named: dict[str, str] = load_config(config).tools
    found = {name: here(name, named.get(name), cache_dir()) for name in TOOLS}
    if as_json:
        print_json([_plain_tool(name, files) for name, files in found.items()])
        return
    for name, files in found.items():
        _print_tool(name, files)


def _plain_tool(name: str, files: list[ToolFile | UsageError]) -> dict[str, Any]:
    import msgspec

    from bench.backends.tools_table import tool

    facts = tool(name)
    builds = [{**msgspec.to_builtins(each), "address": each.address} for each in facts.builds]
    return {
        "name": name, "title": facts.title, "licence": facts.licence, "source": facts.source,
        "files": [_plain_file(each) for each in files], "published": builds,
    }  # fmt: skip


def _plain_file(file: ToolFile | UsageError) -> dict[str, Any]:
    import msgspec

    from bench.backends.tools_cache import read_note
    from bench.base.errors import UsageError

    if isinstance(file, UsageError):
        return {"error": {"asked": file.asked, "found": file.found, "todo": file.todo}}
    fields: dict[str, Any] = msgspec.to_builtins(file, enc_hook=str)
    note = read_note(file.path) if file.source == "cache" else None
    return {**fields, "fetched": note and msgspec.to_builtins(note)}


def _print_tool(name: str, files: list[ToolFile | UsageError]) -> None:
    from bench.backends.tools import ToolFile
    from bench.backends.tools_table import tool
    from bench.reports.models_text import columns, wrapped

    facts = tool(name)
    click.echo(f"{name}: {facts.title}")
    rows = [
        [each.abi, each.system or "any system", each.sha256[:_SHOWN_DIGITS], _origin(each), str(each.path)]
        for each in files
        if isinstance(each, ToolFile)
    ]
    for line in columns(("ABI", "system", "sha256", "from", "path"), rows, (False,) * 5) if rows else ():
        click.echo(f"  {line}")
    for each in files:
        if not isinstance(each, ToolFile):
            click.echo(f"  {each.asked}: {each.found}")
    if not files:
        click.echo("  not here")
    published = ", ".join(f"{each.abi} ({each.system})" for each in facts.builds)
    where = (
        f"published for {published}: bench tools fetch {name}"
        if published
        else f"not published by itself: {facts.source}"
    )
    for line in wrapped(f"  {where}", "    "):
        click.echo(line)


def _origin(file: ToolFile) -> str:
    from bench.backends.tools_cache import read_note

    if file.source != "cache":
        return {"named": "bench.toml", "path": "PATH"}[file.source]
    note = read_note(file.path)
    return f"fetched {note.fetched[:10]}" if note else "put there"


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check_tool(file: Path, as_json: bool) -> None:
    """Tell for which device a tool's file is, and, where it runs on this host, which flags it has."""
    from bench.backends import tools_elf
    from bench.backends.tools_host import not_here, read_capabilities

    elf = tools_elf.read(file)
    why = not_here(file, elf)
    known = None if why else read_capabilities(file)
    if as_json:
        print_json(_plain_check(file, known, why))
        return
    rows = {
        "processor": f"{elf.machine}, {elf.bits} bits", "ABI": elf.abi or "none of Android's",
        "system": elf.system or "any (it does not tell)", "loader": elf.interpreter or "none: a static program",
        "Android API": str(elf.android_api or ""), "flags": _flags(known) if known else f"not read: {why}",
    }  # fmt: skip
    for name, text in rows.items():
        if text:
            click.echo(f"{name:<12} {text}")


def _flags(known: Capabilities) -> str:
    has = [name for name in _TELLING_FLAGS if name in known]
    lacks = [name for name in _TELLING_FLAGS if name not in known]
    family = {"classic": "benchmark_model", "litert": "benchmark_litert_model"}[known.family]
    return f"{len(known.flags)}, those of {family}\n{'':<13}with {', '.join(has)}\n{'':<13}without {', '.join(lacks)}"


def _plain_check(file: Path, known: Capabilities | None, why: str) -> dict[str, Any]:
    import msgspec

    from bench.backends import tools_elf

    facts = {"path": str(file), **msgspec.to_builtins(tools_elf.read(file))}
    if known is None:
        return {**facts, "flags": None, "not_read": why}
    return {**facts, "family": known.family, "flags": [msgspec.to_builtins(flag) for flag in known.flags.values()]}
