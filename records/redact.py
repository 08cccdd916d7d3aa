"""Records for other eyes: serial numbers, names of hosts and users, network addresses become stable stand-ins.

A stand-in is made with a key that stays in the results folder: the same name gives the same stand-in in every export
of that folder, so that series hold together, and nobody without the key can try names against it.
"""

from __future__ import annotations

import contextlib
import functools
import getpass
import hashlib
import hmac
import platform
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec

from bench.base.paths import write_atomic
from bench.records.types import Record

KEY_FILE = ".redaction-key"
# In a path: /home/NAME, /Users/NAME, C:\Users\NAME, /mnt/c/Users/NAME; backslashes may be doubled.
_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:[\\/]+(?:Users|Documents and Settings)[\\/]+)([^/\\:\s\"'<>]+)")
# A name with spaces, as far as the path goes on behind it.
_SPACED = re.compile(r"(?:/Users/|[A-Za-z]:[\\/]+(?:Users|Documents and Settings)[\\/]+)([^/\\:\r\n\t\"'<>]+)(?=[\\/])")
# Not the versions of Android's services: `android.hardware.thermal@2.0`.
_AT = re.compile(r"(?<![\w.+-])([A-Za-z_][\w+-]*)@([A-Za-z][A-Za-z0-9.-]*[A-Za-z0-9])(?![\w-])")
_LIKE_SERIAL = re.compile(r"(?=(?:\D*\d){2})[A-Za-z0-9._:-]{6,}")
_HEX = "[0-9A-Fa-f]"
_IPV6 = rf"(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}|(?:{_HEX}{{1,4}}:){{1,6}}(?::{_HEX}{{1,4}}){{1,6}}"
_PATTERNS = (
    ("serial", re.compile(r"(?:\bANDROID_SERIAL=|\badb\s+-s\s+)([\w.:-]{4,64})")),
    ("serial", re.compile(r"\b[Ss]erial(?:no|[ _-]?[Nn]umber)?\]?\s*[=:]\s*\[?([\w.:-]{4,64})")),
    ("address", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}(?!\d)")),  # with a port: a version has none
    ("address", re.compile(r"(?<![\w.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?![\w.])")),
    ("address", re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:])")),
    ("address", re.compile(rf"(?<![\w:.])(?=[23]{_HEX}{{3}}:|f[cde]{_HEX}{{2}}:)(?:{_IPV6})(?![\w:])")),
    ("address", re.compile(r"(?<![\w.])((?:\d{1,3}\.){3}\d{1,3})(?=, port \d)")),
    # What we say ourselves of a board that is out of reach.
    ("host", re.compile(r"(?<![\w.-])([A-Za-z][\w.-]*\w)(?=, port \d+: )")),
    ("host", re.compile(r"\b(?:cannot reach|no host of the name) ([A-Za-z][\w.-]*\w)(?=:| is known|$)")),
    ("host", re.compile(r"\bcannot [^()]* (?:on|to) [\w.-]+ \(([A-Za-z][\w-]*(?:\.[\w-]+)+)\)")),
    ("host", re.compile(r"(?<![\w.-])([A-Za-z0-9-]+\.(?:local|lan|internal|home\.arpa))(?![\w-])")),
)
_FACTS = {"serial": "serial", "host": "host", "hostname": "host", "address": "address", "user": "user"}
# Names that say nothing of a person or a place, and the words that records are made of.
_COMMON = frozenset(
    (
        *("root", "user", "shell", "runner", "ubuntu", "debian", "pi", "shared", "public", "localhost", "default"),
        *("android", "local", "replay", "ssh", "cpu", "gpu", "npu", "full", "partial", "none", "unknown", "before"),
        *("during", "after", "info", "warning", "error", "zoo", "file", "tflite", "onnx", "ir", "bench", "run"),
    )
)
_SHORTEST = 2


def key(root: Path) -> bytes:
    """The folder's key, made where there is none. Raises StorageError."""
    path = root / KEY_FILE
    try:
        return path.read_bytes()
    except OSError:
        made = secrets.token_hex(32).encode()
        write_atomic(path, made)
        return made


class Redaction:
    """Finds what must not travel, over all records of an export, and then replaces it in each of them.

    counts: stand-in -> in how many places; names: stand-in -> what it stands for (for the user's own eyes only).
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._kinds: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self.counts: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self._note("host", platform.node())
        self._note("host", platform.node().partition(".")[0])
        with contextlib.suppress(OSError, KeyError, ImportError):  # the system's list has no such user
            self._note("user", getpass.getuser())

    def _note(self, kind: str, name: str) -> None:
        if len(name) >= _SHORTEST and name.casefold() not in _COMMON and not name.isspace():
            self._kinds.setdefault(name, kind)
            self._pattern = None

    def learn(self, record: Record) -> None:
        """Look for what must not travel in one record."""
        for name, value in record.device.facts.items():
            if name in _FACTS and isinstance(value, str):
                self._note(_FACTS[name], value)
        for text in _texts(msgspec.to_builtins(record)):
            for name in (*_HOME.findall(text), *_SPACED.findall(text)):
                self._note("user", name)
            for user, host in _AT.findall(text):
                self._note("user", user)
                self._note("host", host)
            for kind, pattern in _PATTERNS:
                for name in pattern.findall(text):
                    self._note(kind, name)
        name = record.device.name
        if record.device.kind == "android" and "serial" not in record.device.facts and _LIKE_SERIAL.fullmatch(name):
            self._note("serial", name)  # a phone that never answered is known by the number that was asked for

    def stand_in(self, kind: str, name: str) -> str:
        digest = hmac.new(self._key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{digest[:8]}"

    def apply(self, record: Record) -> Record:
        """The record without what was found. Where that changes its case, its key is that of the case as it now is."""
        if self._pattern is None:
            # The longest first: a host's full name before its first part.
            names = sorted(self._kinds, key=lambda name: (-len(name), name))
            either = "|".join(map(re.escape, names)) or "(?!)"
            self._pattern = re.compile(rf"(?<![A-Za-z0-9_])(?:{either})(?![A-Za-z0-9_])")
        changed: Record = self._swap(record, self._pattern)
        if changed.case == record.case:
            return changed
        return msgspec.structs.replace(changed, case_key=changed.case.key)

    def told(self) -> list[dict[str, object]]:
        """What was replaced, without the names themselves."""
        return [{"stand_in": made, "places": count} for made, count in sorted(self.counts.items())]

    def _swap(self, value: Any, pattern: re.Pattern[str]) -> Any:
        if isinstance(value, str):
            return pattern.sub(self._replacement, value)
        if isinstance(value, msgspec.Struct):
            texts = {name: self._swap(getattr(value, name), pattern) for name in _free(type(value))}
            return msgspec.structs.replace(value, **texts)
        if isinstance(value, Mapping):
            return {self._swap(name, pattern): self._swap(each, pattern) for name, each in value.items()}
        if isinstance(value, tuple):
            return tuple(self._swap(each, pattern) for each in value)
        return value

    def _replacement(self, match: re.Match[str]) -> str:
        name = match[0]
        made = self.stand_in(self._kinds[name], name)
        self.counts[made] += 1
        self.names[made] = name
        return made


@functools.cache
def _free(part: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields that hold more than a word of a fixed list: a host may be called as one of those words are."""
    return tuple(field.name for field in msgspec.structs.fields(part) if not _fixed(field.type))


def _fixed(kind: Any) -> bool:
    return get_origin(kind) is Literal or (isinstance(kind, UnionType) and any(map(_fixed, get_args(kind))))


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(name)
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
