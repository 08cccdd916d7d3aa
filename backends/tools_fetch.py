"""Getting a native tool over HTTP. Nightly builds: what came is written down beside the file, a given hash is enforced.

Nothing is kept of a file that is cut off, is no program, is for another processor, or has another hash.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.backends import tools_cache, tools_elf
from bench.backends.tools_cache import Note
from bench.backends.tools_elf import Elf, NoProgram, System
from bench.backends.tools_table import build, tool
from bench.base.download import Answer, Limits, NotFetched, Report, ask
from bench.base.errors import NotMeasuredError, UsageError

MOST_BYTES = 512_000_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to get, and for which device. address: None for the published one; sha256: what it must have, if known."""

    tool: str
    system: System
    abi: str
    address: str | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.tool} for {self.abi} ({self.system})"


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A tool in the cache. fresh: downloaded now. before: the sha256 of the file that it replaced, if any."""

    path: Path
    note: Note
    elf: Elf
    fresh: bool
    before: str | None = None


def default_system(name: str, abi: str | None) -> System:
    """Of which system a device is, when at most its ABI was said: a phone, where there is a build for phones."""
    return "android" if abi is not None and build(name, "android", abi) is not None else "linux"


def address_of(wanted: Wanted) -> str:
    """Raises UsageError where nothing is published for that device, or the given address is no http."""
    if wanted.address is not None:
        if not wanted.address.lower().startswith(("http://", "https://")):
            raise UsageError(f"cannot fetch from {wanted.address}", "", "Give an http or https address.")
        return wanted.address
    published = build(wanted.tool, wanted.system, wanted.abi)
    if published is None:
        known = ", ".join(f"{each.abi} ({each.system})" for each in tool(wanted.tool).builds)
        raise UsageError(
            f"no {wanted} is published",
            f"Published: {known}." if known else f"Licence: {tool(wanted.tool).licence}.",
            f"Build it ({tool(wanted.tool).source}), or give --address URL.",
        )
    return published.address


def fetch(wanted: Wanted, cache: Path, limits: Limits, report: Report, *, again: bool = False) -> Fetched:
    """The tool: from the cache where it is what is wanted, else from its address; `again` downloads it in any case.

    Raises UsageError for what is not published, NotMeasuredError where it cannot be had or something else comes,
    StorageError for a cache that cannot be written.
    """
    address = address_of(wanted)
    path = tools_cache.place(cache, wanted.tool, wanted.system, wanted.abi)
    known = None if again else _kept(path, wanted)
    if known is not None:
        return known
    try:
        answer = ask(address, MOST_BYTES, limits, report)
    except NotFetched as error:
        raise NotMeasuredError(
            f"cannot fetch {wanted}", f"{error.why}\n{address}", by_hand(wanted, path, offline=error.offline)
        ) from None
    elf = _checked(wanted, address, answer)
    before = _sha256(path)
    note = _note(wanted, address, answer)
    tools_cache.keep(path, answer.content, note)
    return Fetched(path=path, note=note, elf=elf, fresh=True, before=before)


def by_hand(wanted: Wanted, path: Path, *, offline: bool) -> str:
    """What to do where it cannot be downloaded."""
    where = "on a machine with a network" if offline else "by other means"
    return (
        f"Get it {where} and put it there:\n{path}\n"
        f'or name it: --tool {wanted.tool}=FILE, or bench.toml, [tools] {wanted.tool} = "FILE".'
    )


def _kept(path: Path, wanted: Wanted) -> Fetched | None:
    """The file in the cache, where it was fetched from the wanted address and has the wanted hash."""
    try:
        note = tools_cache.read_note(path)
    except NotMeasuredError:  # it is fetched anew, with its note
        return None
    if note is None or note.sha256 != _sha256(path):
        return None
    if note.address != address_of(wanted) or wanted.sha256 not in (None, note.sha256):
        return None
    return Fetched(path=path, note=note, elf=tools_elf.read(path), fresh=False)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _checked(wanted: Wanted, address: str, answer: Answer) -> Elf:
    """Raises NotMeasuredError for content that is not what is wanted."""
    wrong = ""
    try:
        if len(answer.content) > MOST_BYTES:
            raise NoProgram(f"It has more than {MOST_BYTES:,} bytes.")
        elf = tools_elf.of_bytes(answer.content)
    except NoProgram as error:
        wrong = error.why
    else:
        sha256 = hashlib.sha256(answer.content).hexdigest()
        if elf.abi != wanted.abi:
            wrong = f"It is for {elf.machine}{f' ({elf.abi})' if elf.abi else ''}."
        elif elf.system not in (None, wanted.system):
            wrong = f"It is for {elf.system} (its loader is {elf.interpreter})."
        elif wanted.sha256 not in (None, sha256):
            wrong = f"Its sha256 is {sha256}\ninstead of {wanted.sha256}."
    if wrong:
        raise NotMeasuredError(
            f"cannot fetch {wanted}",
            f"{address}\ngives something else. {wrong}",
            "Nothing was kept. Nightly builds change: see whether the hash is that of today's."
            if wanted.sha256
            else "Nothing was kept. Give another address with --address URL.",
        )
    return elf


def _note(wanted: Wanted, address: str, answer: Answer) -> Note:
    return Note(
        address=address,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256=hashlib.sha256(answer.content).hexdigest(),
        size_bytes=len(answer.content),
        last_modified=answer.last_modified,
        etag=answer.etag,
        pinned=wanted.sha256 is not None,
    )
