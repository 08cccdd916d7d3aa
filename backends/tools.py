"""Finding a native measuring tool for a device: what the user named, else what was fetched, else (here) the PATH.

A tool is judged by its file before it is sent anywhere: for which processor it is, for which system, whether it is
whole.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from bench.backends import tools_cache, tools_elf
from bench.backends.tools_elf import Elf, System
from bench.backends.tools_table import ABIS, TOOLS, build, tool
from bench.base.errors import UsageError
from bench.base.findings import Finding

# android: a phone; linux: a board; host: this machine, where the PATH counts too
Target = Literal["android", "linux", "host"]
Source = Literal["named", "cache", "path"]
_SYSTEMS: tuple[System, ...] = ("android", "linux")
_TITLES: dict[Target, str] = {"android": "the phone", "linux": "the board", "host": "this host"}


class ToolFile(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's file. abi: Android's name of the ABI it is for; of one that was found for a device, one of the device's.

    system: what it was built for; None where the file does not tell, as a static program may not. findings: what the
    user should know of it.
    """

    path: Path
    sha256: str
    size_bytes: int
    abi: str
    system: System | None
    source: Source
    findings: tuple[Finding, ...] = ()


def host_abi() -> str:
    """Android's name of the ABI that programs of this host have. Raises UsageError for a processor without one."""
    machine = platform.machine()
    found = next((name for name, others in ABIS.items() if machine.lower() in (name, *others)), None)
    if found is None:
        raise UsageError("no native tool can run on this host", f"Its processor is {machine or 'unknown'}.")
    if sys.maxsize < 1 << 32:  # a 32-bit system on a 64-bit kernel: its libraries are what counts
        return {"arm64-v8a": "armeabi-v7a", "x86_64": "x86"}.get(found, found)
    return found


def assignments(given: Sequence[str]) -> dict[str, str]:
    """NAME=PATH of a command line, by name; the last one wins. Raises UsageError."""
    found = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not path:
            raise UsageError(f"--tool {text!r} names no file", "", "Give NAME=PATH: --tool benchmark_model=FILE")
        found[tool(name).name] = path
    return found


def find(name: str, abis: Sequence[str], named: str | None, cache: Path, *, target: Target = "android") -> ToolFile:
    """The tool's file for a device whose ABIs these are, the preferred first.

    named: a file, or a folder with a file per ABI. What is named is taken or is an error: nothing is looked for then.
    Raises UsageError where there is none or it is for something else, NotMeasuredError for a damaged cache.
    """
    if named is not None:
        return _named(name, abis, named, target)
    system: System = "android" if target == "android" else "linux"
    for each in abis:
        path = tools_cache.place(cache, name, system, each)
        if path.exists():
            found = inspect(name, path, [each], target, "cache")
            tools_cache.must_be(path, tools_cache.read_note(path), found.sha256)
            return msgspec.structs.replace(found, findings=found.findings + _second_choice(each, abis, target))
    on_path = shutil.which(name) if target == "host" else None
    if on_path:
        return inspect(name, Path(on_path), abis, target, "path")
    raise _nowhere(name, abis, system, cache, target)


def inspect(name: str, path: Path, abis: Sequence[str], target: Target, source: Source) -> ToolFile:
    """That file for one of these ABIs. Raises UsageError."""
    elf = tools_elf.read(path)
    problem, findings = assess(elf, abis, target)
    if not problem and target == "host" and not os.access(path, os.X_OK):
        problem = f"It may not be started. Allow it: chmod +x {path}"
    if problem:
        raise UsageError(
            f"cannot use {path}", problem, f"Name another: --tool {name}=PATH, or bench.toml, [tools] {name}."
        )
    return _file(path, elf, source, (*findings, *_second_choice(elf.abi, abis, target)))


def assess(elf: Elf, abis: Sequence[str], target: Target) -> tuple[str, list[Finding]]:
    """What makes such a file useless on a device with these ABIs (empty: nothing), and what to know of it."""
    where = _TITLES[target]
    if elf.abi not in abis:
        return f"It is for {elf.machine}{f' ({elf.abi})' if elf.abi else ''}, {where} has {', '.join(abis)}.", []
    if target != "android" and elf.system == "android":
        return f"It is for Android (its loader is {elf.interpreter}), {where} runs Linux.", []
    if target == "android" and elf.system == "linux" and elf.interpreter is not None:
        return "", [
            Finding(
                code="tool-for-linux",
                severity="warning",
                what=f"The tool was built for Linux, not for Android: its loader is {elf.interpreter}.",
                why="A phone has no such loader as a rule: the program is then not found, though it is there.",
                remedy="Give a build for Android, if it does not start.",
            )
        ]
    return "", []


def _second_choice(abi: str | None, abis: Sequence[str], target: Target) -> tuple[Finding, ...]:
    if not abis or abi == abis[0]:
        return ()
    return (
        Finding(
            code="tool-second-abi",
            severity="warning",
            what=f"The tool is for {abi}; {_TITLES[target]} prefers {abis[0]}.",
            why="Other kernels run then, often slower ones.",
            remedy=f"Give a build for {abis[0]} to measure what apps get.",
        ),
    )


def _file(path: Path, elf: Elf, source: Source, findings: tuple[Finding, ...] = ()) -> ToolFile:
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size_bytes = os.fstat(stream.fileno()).st_size
    return ToolFile(
        path=path, sha256=sha256, size_bytes=size_bytes, abi=elf.abi or elf.machine, system=elf.system, source=source,
        findings=findings,
    )  # fmt: skip


def _named(name: str, abis: Sequence[str], named: str, target: Target) -> ToolFile:
    if not named:
        raise UsageError(f"the path of {name} is empty", "", f"Give a file: --tool {name}=PATH")
    path = Path(named).expanduser()
    if not os.path.isdir(path):
        return inspect(name, path, abis, target, "named")
    for each in abis:
        for candidate in candidates(name, each, "android" if target == "android" else "linux"):
            if os.path.isfile(path / candidate):
                found = inspect(name, path / candidate, [each], target, "named")
                return msgspec.structs.replace(found, findings=found.findings + _second_choice(each, abis, target))
    if os.path.isfile(path / name):
        return inspect(name, path / name, abis, target, "named")
    try:
        there = sorted(os.listdir(path))
    except OSError as error:
        raise UsageError(f"cannot read {path}", str(error.strerror or error)) from None
    raise UsageError(
        f"no {name} for {' or '.join(abis)} in {path}",
        f"There: {', '.join(there[:8])}{', ...' * (len(there) > 8)}" if there else "It is empty.",
        f"Lay it there as {abis[0]}/{name} or {name}_{abis[0]}, or name the file itself.",
    )


def candidates(name: str, abi: str, system: System) -> Iterator[str]:
    """How a file for an ABI may be called in a folder: our names, then the published ones, of its own system first."""
    yield from (f"{abi}/{name}", f"{name}_{abi}")
    for each in sorted(_SYSTEMS, key=lambda other: other != system):
        published = build(name, each, abi) if name in TOOLS else None
        if published is not None:
            yield published.file
        for architecture in (abi, *ABIS.get(abi, ())):
            yield from (
                f"{each}_{architecture}_{name}",
                f"{each}_{architecture}/{name}",
                f"{each}-{architecture}/{name}",
            )


def here(name: str, named: str | None, cache: Path) -> list[ToolFile | UsageError]:
    """All files of a tool that are known of: named ones, fetched ones, the one on the PATH. Errors stand in for files.

    Raises NotMeasuredError for a damaged cache.
    """
    found: list[ToolFile | UsageError] = []
    if named is not None:
        path = Path(named).expanduser()
        inside = {
            path / each: None
            for one in ABIS
            for system in _SYSTEMS
            for each in (*candidates(name, one, system), name)
            if os.path.isfile(path / each)
        }
        found += [_any(each, "named") for each in (inside if os.path.isdir(path) else [path])]
    for path in sorted((cache / tools_cache.FOLDER).glob(f"*/{name}")):
        entry = _any(path, "cache")
        if isinstance(entry, ToolFile):
            tools_cache.must_be(path, tools_cache.read_note(path), entry.sha256)
        found.append(entry)
    on_path = shutil.which(name)
    return [*found, _any(Path(on_path), "path")] if on_path else found


def _any(path: Path, source: Source) -> ToolFile | UsageError:
    try:
        return _file(path, tools_elf.read(path), source)
    except UsageError as error:
        return error


def _nowhere(name: str, abis: Sequence[str], system: System, cache: Path, target: Target) -> UsageError:
    looked = [tools_cache.place(cache, name, system, each) for each in abis]
    published = next((each for each in abis if name in TOOLS and build(name, system, each)), None)
    todo = [f'Name your file: --tool {name}=PATH, or bench.toml, [tools] {name} = "PATH".']
    if published:
        todo.insert(0, f"bench tools fetch {name} --abi {published} --system {system}")
    return UsageError(
        f"no {name} for {_TITLES[target]} ({', '.join(abis)})",
        "\n".join(["It was looked for here:", *map(str, looked), *["the PATH"] * (target == "host")]),
        "\n".join(todo),
    )
