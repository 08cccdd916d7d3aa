"""What the kinds of boards have beyond any Linux machine: what is asked of them, and how the answers are read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.devices.bulk import Bulk
from bench.devices.identity import Fact
from bench.devices.linux_files import UnreadableError
from bench.records.types import Reading

Facts = Callable[[Bulk], Mapping[str, Callable[[], Fact]]]


@dataclass(frozen=True)
class Nature:
    """A kind of board. files: globs below /proc and /sys; facts, readings: name -> (shell) command, which are asked for
    with the identity and with the conditions.

    read_facts: readers of facts, each may raise UnreadableError; read_readings: what conditions have beyond Linux's.
    pin, restore: see `board_pin`; pin: of the table. tegrastats: whether it reads the power rails there.
    """

    kind: str
    files: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    readings: dict[str, str] = field(default_factory=dict)
    read_facts: Facts = lambda bulk: {}
    read_readings: Callable[[Bulk], tuple[Reading, ...]] = lambda bulk: ()
    pin: Callable[[Mapping[str, object]], str] | None = None
    restore: str = ""
    tegrastats: bool = False

    def add_facts(self, bulk: Bulk, facts: dict[str, Fact], missing: dict[str, str]) -> None:
        for name, read in self.read_facts(bulk).items():
            try:
                facts[name] = read()
            except UnreadableError as error:
                missing[name] = str(error)


def packages(bulk: Bulk, name: str = "packages") -> dict[str, str]:
    """Package -> version, of `dpkg-query -W -f '${Package} ${Version}\\n'`."""
    found = {}
    for line in bulk.said(name).splitlines():
        package, _, version = line.strip().partition(" ")
        if package and version and " " not in version and version[0].isdigit():
            found[package] = version
    return found


def package(bulk: Bulk, *beginnings: str) -> str:
    """The version of the first installed package whose name begins so. Raises UnreadableError."""
    found = packages(bulk)
    for beginning in beginnings:
        for name in sorted(found):
            if name.startswith(beginning):
                return found[name]
    raise UnreadableError(f"no package {' or '.join(beginnings)} is installed")


def run(command: str) -> str:
    """The command, or words where there is no such program: a shell's own differ."""
    name = command.split()[0]
    return f"if command -v {name} >/dev/null; then {command}; else echo 'there is no program {name}'; fi"


def query(*patterns: str) -> str:
    """The command that lists packages; of patterns without a match dpkg complains, and lists the others."""
    quoted = " ".join(f"'{pattern}'" for pattern in patterns)
    return f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {quoted} 2>/dev/null"
