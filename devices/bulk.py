"""Many files and commands of another device in one shell round trip, then read as any Linux machine's tree is.

A round trip costs more than what it reads, so everything is asked for at once: `grep -H ''` prints each line
of each file behind its path, in one process, and names on its own account what it may not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from bench.base.errors import NotMeasuredError
from bench.devices.linux_files import Tree, UnreadableError
from bench.devices.remote import ShellResult

_MARK = "@@bench "
_FILES = "files"
_END = "end"
# `grep: /sys/x: Permission denied`, and the same with quotes around the path or `sh: ` before it
_REFUSED = re.compile(r"(?:\S+: )?grep: '?(/[^:']+)'?: (.+)")


class Shell(Protocol):
    """A short command on the device. Raises NotMeasuredError when the way to it is gone."""

    def __call__(self, command: str, /) -> ShellResult: ...


class Bulk(Tree):
    """What one round trip brought: files to be read as those of a tree, and what commands said."""

    def __init__(
        self, files: Mapping[str, str], refused: Mapping[str, str], said: Mapping[str, str], broken: str = ""
    ) -> None:
        """refused: path -> why, of those there; said: command's name -> its output; broken: why all is unknown."""
        super().__init__()
        self._files = dict(files)
        self._refused = dict(refused)
        self._said = dict(said)
        self.broken = broken

    def text(self, path: str) -> str:
        if path in self._files:
            return self._files[path].strip()
        if path in self._refused:
            raise UnreadableError(f"cannot read {path}: {self._refused[path]}")
        raise UnreadableError(self.broken or f"no {path}, or it is empty")

    def names(self, path: str, prefix: str = "") -> list[str]:
        folder = path.rstrip("/") + "/"
        known = [*self._files, *self._refused]
        inside = {name[len(folder) :].partition("/")[0] for name in known if name.startswith(folder)}
        return sorted(name for name in inside if name.startswith(prefix))

    def exists(self, path: str) -> bool:
        return path in self._files or bool(self.names(path))

    def add(self, files: Mapping[str, str]) -> None:
        """What was learned of files in another way, such as by a command."""
        self._files |= files

    def said(self, name: str) -> str:
        """What a command printed, stripped. Raises UnreadableError when it was not reached or said nothing."""
        if self.broken:
            raise UnreadableError(self.broken)
        text = self._said.get(name, "").strip()
        if not text:
            raise UnreadableError(f"the device said nothing about `{name}`")
        return text

    def printed(self, name: str, root: str = "") -> Bulk:
        """The files that a command printed by `grep -H ''`. Raises UnreadableError as `said` does."""
        return Bulk(*_lines(self.said(name).split("\n"), root), {})


def script(files: Sequence[str], commands: Mapping[str, str], root: str = "") -> str:
    """The shell script that `parse` understands the output of. files: globs; may begin with a variable set before."""
    lines = [f"echo '{_MARK}{_FILES}'"]
    if files:
        lines.append(f"grep -H '' {' '.join(root + path for path in files)} 2>&1")
    for name, command in commands.items():
        # a line break first: what a command prints may lack its last one
        lines += [f"echo; echo '{_MARK}{name}'", f"{{ {command}; }} 2>&1"]
    return "\n".join([*lines, f"echo; echo '{_MARK}{_END}'"])


def parse(text: str, root: str = "") -> Bulk:
    """root: what stood before every path of `files`; it is taken off again."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(_MARK):
            current = sections.setdefault(line[len(_MARK) :].strip(), [])
        else:
            current.append(line)
    if _END not in sections:
        # not even the half: a number's last digits may be missing
        return Bulk({}, {}, {}, broken=f"the device's answer was cut off: {text[-60:].strip()!r}")
    said = {name: "\n".join(lines) for name, lines in sections.items() if name not in (_FILES, _END)}
    return Bulk(*_lines(sections.get(_FILES, []), root), said)


def _lines(lines: Sequence[str], root: str) -> tuple[dict[str, str], dict[str, str]]:
    """What grep printed: path -> text, and path -> why it could not be read."""
    files: dict[str, str] = {}
    refused: dict[str, str] = {}
    for line in lines:
        refusal = _REFUSED.fullmatch(line)
        path, colon, value = line.partition(":")
        if refusal:
            if "No such file" in refusal[2]:
                continue
            refused[refusal[1].removeprefix(root)] = refusal[2]
        elif colon and path.startswith(root + "/"):
            path = path.removeprefix(root)
            files[path] = f"{files[path]}\n{value}" if path in files else value
    return files, refused


def ask(shell: Shell, text: str, root: str = "") -> Bulk:
    """Run a `script`. What the way to it or the device itself refuses makes everything unreadable, for that
    reason; never raises."""
    try:
        result = shell(text)
    except NotMeasuredError as error:
        return Bulk({}, {}, {}, broken="; ".join(part for part in (error.asked, error.found) if part))
    if _MARK not in result.stdout:
        reason = (result.stderr or result.stdout).strip()[:200] or f"exit code {result.returncode}"
        return Bulk({}, {}, {}, broken=f"the device's shell gave no answer: {reason}")
    return parse(result.stdout, root)
