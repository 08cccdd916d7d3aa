"""Errors that a user is meant to read: what was asked, what was found, what to do next, and the exit code.

Exit codes, for every verb (docs/architecture.md):
0 done and good; 1 a finding that the user asked to be told; 2 usage or configuration; 3 inconclusive;
4 something was not measured; 70 our own fault; 130 interrupted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FINDING = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOT_MEASURED = 4
    INTERNAL = 70
    INTERRUPTED = 130


class BenchError(Exception):
    """Base of every error that is printed without a traceback.

    asked: what the user wanted; found: what was there instead; todo: the next step. `found` may have several
    lines; the whole stays within one screen.
    """

    exit_code: ExitCode = ExitCode.INTERNAL
    kind: str = "internal"

    def __init__(self, asked: str, found: str = "", todo: str = "") -> None:
        super().__init__(asked)
        self.asked = asked
        self.found = found
        self.todo = todo

    def __str__(self) -> str:
        return "\n".join(part for part in (self.asked, self.found, self.todo) if part)


class UsageError(BenchError):
    """A command line or a bench.toml that cannot be carried out."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class ModelFileError(BenchError):
    """A file that is no model, is truncated, or holds what no runtime here can take."""

    exit_code = ExitCode.USAGE
    kind = "model file"


class StorageError(BenchError):
    """The results or cache folder cannot be written: no permission, full disk."""

    exit_code = ExitCode.NOT_MEASURED
    kind = "storage"


class NotMeasuredError(BenchError):
    """A case that could not be measured; it becomes a record with this error."""

    exit_code = ExitCode.NOT_MEASURED
    kind = "not measured"


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that are closest to a mistyped one, best first; empty when none is near."""
    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(name.casefold(), by_folded, n=count, cutoff=0.5)
    return [by_folded[folded] for folded in close]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """One sentence for `todo`: the nearest names, else all of them."""
    names = sorted(set(known))
    close = nearest(name, names)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(names)}." if names else ""
