"""Which flags a benchmark tool has, from its own `--help`: a mistyped flag is silently ignored by the tool itself.

Three forms are read, in any order, from stdout and stderr together:

- classic: `<tab>--name=default<tab>type<tab>optional<tab>meaning`, below `usage: PROGRAM <flags>` (exit code 1);
- TensorFlow up to 1.13: the same without `optional`, and `usage: PROGRAM`;
- Abseil's, which LiteRT 2 prints for its NPUs before the classic ones: `--name (meaning); default: value;`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.base.errors import NotMeasuredError, UsageError, did_you_mean
from bench.base.paths import write_atomic

FOLDER = "tool-help"
_KEPT_STRAYS = 20
_SHOWN_LINES = 6
_MOST_CONTINUED_LINES = 50

Type = Literal["int32", "int64", "float", "bool", "string", "unknown"]

_CLASSIC: Final = re.compile(
    r"\s*--(?P<name>\w[\w.-]*)=(?P<default>.*?)\s+(?P<type>int32|int64|float|bool|string|unknown)"
    r"(?:\s+(?P<need>optional|required)(?=\s|$))?(?:\s+(?P<meaning>.*))?"
)
_ABSEIL: Final = re.compile(r"\s*--(?P<name>\w[\w.-]*) \((?P<rest>.*)")
_ABSEIL_END: Final = re.compile(r"(?P<meaning>.*)\);\s+default: (?P<default>.*?);(?:\s+currently: .*;)?\s*")
_USAGE: Final = re.compile(r"(?:.*[:\]] )?[Uu]sage: (?P<program>\S.*?)(?: <[^>]*>)*\s*")
_LOG: Final = re.compile(r"(?:INFO|WARN|WARNING|ERROR|VERBOSE): ")
_ARGUMENT: Final = re.compile(r"--(?P<name>\w[\w.-]*)=(?P<value>.*)", re.DOTALL)
_BITS = {"int32": 31, "int64": 63}


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """A flag. default, type: as printed; None where the form does not tell."""

    name: str
    default: str | None = None
    type: Type | None = None
    required: bool = False
    meaning: str = ""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool can be asked. program: its name in the usage line; strays: lines among the flags that are none (the
    first few). damaged: a flag's line that has no end.
    """

    program: str = ""
    flags: dict[str, Flag] = {}
    strays: tuple[str, ...] = ()
    damaged: str = ""

    def __contains__(self, name: object) -> bool:
        return name in self.flags

    @property
    def empty(self) -> bool:
        """Whether this is no help of a benchmark tool: all of them take a graph."""
        return "graph" not in self.flags

    @property
    def family(self) -> Literal["classic", "litert"]:
        """Which of the two tools it is; LiteRT's is also published as `benchmark_model`."""
        return "litert" if "use_npu" in self.flags or "use_profiler" in self.flags else "classic"

    def check(self, arguments: Sequence[str]) -> None:
        """Whether the tool takes all of them, and as they are meant: `--name=value` each, none twice.

        Raises UsageError, which names each that it does not take; NotMeasuredError where its flags are not known.
        """
        if self.empty:
            raise _senseless(self.program or "the tool", self)
        wrong: list[str] = []
        hints: list[str] = []
        seen: set[str] = set()
        for argument in arguments:
            found = _ARGUMENT.fullmatch(argument)
            name = found["name"] if found else argument.lstrip("-").partition("=")[0]
            problem = self._problem(argument, found, seen)
            seen.add(name)
            if problem:
                wrong.append(problem)
            if name not in self.flags:
                hints += [hint for hint in [did_you_mean(name, self.flags)] if hint.startswith("Did")]
        if wrong:
            raise UsageError(
                f"{self.program.rpartition('/')[2] or 'the tool'} would not take this as it is meant",
                "\n".join(wrong),
                "\n".join([*dict.fromkeys(hints), "The tool itself ignores such arguments without an error."]),
            )

    def _problem(self, argument: str, found: re.Match[str] | None, seen: set[str]) -> str:
        if found is None:
            return f"{argument}: not of the form --name=value, with two dashes."
        name = found["name"]
        if name not in self.flags:
            return f"{argument}: this build has no flag {name}."
        if name in seen:
            return f"{argument}: {name} is given twice."
        return value_problem(self.flags[name], found["value"])


def value_problem(flag: Flag, value: str) -> str:
    """What the tool would misread in a value; empty for nothing.

    It reads a number up to the first sign that fits none (`4x` is 4), takes an empty one for any number and a large one
    for the largest; a word that is no bool ends it with its whole help.
    """
    wanted = ""
    if flag.type in ("int32", "int64"):
        whole = re.fullmatch(r"[+-]?[0-9]{1,20}", value, re.ASCII)
        limit = 1 << _BITS[flag.type]
        wanted = "" if whole and -limit <= int(value) < limit else "a whole number that fits"
    elif flag.type == "float":
        wanted = "" if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", value, re.I) else "a number"
    elif flag.type == "bool":
        wanted = "" if value in ("true", "false", "0", "1") else "true or false"
    return f"--{flag.name}={value}: it takes {wanted}." if wanted else ""


def parse_help(text: str) -> Capabilities:
    """The flags in a help text; never raises. A flag that stands there twice has the first one's default."""
    reader = _Reader()
    for line in text.split("\n"):
        reader.line(line.rstrip("\r"))
    reader.close()
    return Capabilities(program=reader.program, flags=reader.flags, strays=tuple(reader.strays), damaged=reader.damaged)


class _Reader:
    """Line by line; `_open` is an Abseil flag whose meaning goes on in the next lines."""

    def __init__(self) -> None:
        self.program = ""
        self.flags: dict[str, Flag] = {}
        self.strays: list[str] = []
        self.damaged = ""
        self._open: tuple[str, list[str]] | None = None

    def line(self, line: str) -> None:
        classic, abseil = _CLASSIC.fullmatch(line), _ABSEIL.fullmatch(line)
        if classic:
            self.close()
            self._add(_classic(classic))
        elif abseil:
            self.close()
            self._open = (abseil["name"], [abseil["rest"]])
            self._try_end()
        elif line.lstrip().startswith("--"):
            self.close()
            self.damaged = self.damaged or line.strip()
        elif self._open and len(self._open[1]) < _MOST_CONTINUED_LINES:
            self._open[1].append(line.strip())
            self._try_end()
        else:
            self._other(line)

    def _other(self, line: str) -> None:
        usage = _USAGE.fullmatch(line)
        if usage and not self.program:
            self.program = usage["program"]
        elif line.strip() and self.flags and not _LOG.match(line) and len(self.strays) < _KEPT_STRAYS:
            self.strays.append(line.strip())

    def _try_end(self) -> None:
        assert self._open is not None
        name, pieces = self._open
        end = _ABSEIL_END.fullmatch(" ".join(pieces))
        if end:
            self._open = None
            self._add(Flag(name=name, default=end["default"].strip('"'), meaning=end["meaning"]))

    def close(self) -> None:
        """An Abseil flag without an end."""
        if self._open:
            self.damaged = self.damaged or f"--{self._open[0]} ({self._open[1][0]}"
            self._open = None

    def _add(self, flag: Flag) -> None:
        self.flags.setdefault(flag.name, flag)


def _classic(found: re.Match[str]) -> Flag:
    return Flag(
        name=found["name"],
        default=found["default"],
        type=msgspec.convert(found["type"], Type),
        required=found["need"] == "required",
        meaning=(found["meaning"] or "").strip(),
    )


def capabilities(sha256: str, read: Callable[[], str], cache: Path) -> Capabilities:
    """The flags of the binary with that hash. `read` runs its `--help` and gives stdout and stderr; it is called once
    per binary: the text is kept in the cache.

    Raises NotMeasuredError for a text that is no help or is cut off: nothing is kept then. StorageError.
    """
    path = cache / FOLDER / f"{sha256}.json"
    text = _kept(path)
    if text is not None:
        known = parse_help(text)
        if not known.empty and not known.damaged:
            return known
    text = read()
    found = parse_help(text)
    if found.empty or found.damaged:
        raise _senseless(found.program or "the tool", found, text)
    write_atomic(path, msgspec.json.encode({"help": text}))
    return found


def _kept(path: Path) -> str | None:
    """The text, not what was read from it: a later parser may read more."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]).get("help")
    except (OSError, msgspec.DecodeError):
        return None


def _senseless(program: str, found: Capabilities, text: str = "") -> NotMeasuredError:
    lines = [line for line in text.splitlines() if line.strip()]
    if found.damaged and not found.empty:
        said = f"Its --help has a line without an end:\n{found.damaged[:200]}"
    elif lines:
        said = "\n".join(
            ["Its --help is none of a benchmark tool:", *(line.strip()[:200] for line in lines[-_SHOWN_LINES:])]
        )
    else:
        said = "Its --help printed nothing." if not found.flags else "Its --help has no --graph."
    return NotMeasuredError(
        f"cannot learn which flags {program} takes",
        said,
        "See whether the file is the right tool: bench tools check FILE",
    )
