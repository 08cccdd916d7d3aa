"""Lines of a log without what loggers put before them.

In this order: a logcat prefix, `INFO: ` and its like, `[file.h:92] ` of LiteRT 2. Any line may have any of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LOGCAT = re.compile(
    r"(?:\d{4}-)?(?:\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}\s{1,8}(?:[+-]\d{4}\s{1,8})?)?"
    r"(?:(?:\w{1,20}\s{1,8})?\d{1,10}\s{1,8}\d{1,10}\s{1,8}[VDIWEF] [\w./-]{1,60}\s{0,40}: ?"
    r"|[VDIWEF]/[\w./-]{1,60}\s{0,40}(?:\(\s{0,8}\d{1,10}\))?: ?"
    r"|[VDIWEF] tflite\w{0,40}\s{0,40}: ?)"
)
_LEVELS = ("INFO: ", "WARNING: ", "ERROR: ", "VERBOSE: ", "WARN: ", "FATAL: ")
_BARE_LEVELS = frozenset(level.strip() for level in _LEVELS)
_SHORT = 12
_SOURCE = re.compile(r"\[[\w./+-]{1,200}:\d{1,6}\] ?")
_LOGCAT_STARTS = frozenset("0123456789VDIWEF")


class Line(NamedTuple):
    """raw: without prefixes, white space kept; text: without white space around; level: `ERROR`, or empty."""

    raw: str
    text: str
    level: str


def strip_prefix(line: str) -> Line:
    """One line without what a logger put before it."""
    body, level = line, ""
    start = line.lstrip()
    if start[:1] in _LOGCAT_STARTS and (found := _LOGCAT.match(start)):
        body = start[found.end() :]
        start = body.lstrip()
    if start.startswith(_LEVELS):
        level, _, body = start.partition(": ")
        start = body.lstrip()
    elif len(start) < _SHORT and start.rstrip() in _BARE_LEVELS:
        level, body, start = start.rstrip(" :"), "", ""
    if start.startswith("[") and (found := _SOURCE.match(start)):
        body = start[found.end() :]
        start = body
    return Line(body, start.strip(), level)


def lines(text: str) -> Iterator[Line]:
    r"""The lines of a text that are not empty, without prefixes.

    A line that repeats the one before it, once with `INFO: ` and once without, is left out: an app's console shows both
    what the runtime wrote and what the tool logged of it. Only `\n` and `\r` end a line, since names may hold anything.
    """
    before: Line | None = None
    for line in text.replace("\r", "\n").split("\n"):
        found = strip_prefix(line)
        if not found.text:
            continue
        if before is not None and found.text == before.text and bool(found.level) != bool(before.level):
            before = None
            continue
        before = found
        yield found
