"""Files on another device: brought there by content, kept below a limit, checked by their hash, and taken away."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shlex
from collections.abc import Generator
from pathlib import Path

from bench.base.errors import NotMeasuredError
from bench.base.paths import storage_error
from bench.devices.remote import SHORT_S, Remote, ShellResult
from bench.devices.remote_room import parse_df, parse_listing, safe_name, storage_words, to_remove
from bench.records.types import Reading

LIMIT_BYTES = 2 << 30
_SPARE_BYTES = 16 << 20  # of free space that stays: programs need some, and a full disk makes a system unwell
_HASH_S = 120.0
_HASHES = ("sha256", "sha1", "md5")  # Android 7 has no sha256sum


class RemoteFiles:
    """The files of ours on one device, below `home`. A kind of device adds how bytes are sent and received."""

    def __init__(self, link: Remote, *, home: str, disk: str, limit_bytes: int = LIMIT_BYTES) -> None:
        """home: absolute; disk: what a person calls what it lies on."""
        self._link = link
        self._home = home
        self._there = shlex.quote(home)
        self._disk = disk
        self._limit = limit_bytes
        self._pushed: dict[tuple[str, int, int], str] = {}
        self._hash = ""

    def push(self, local: Path) -> str:
        """Bring it to files/HASH/NAME, unless that very content is there; checked once for each of these.

        Raises NotMeasuredError.
        """
        try:
            facts = local.stat()
            key = (str(local.resolve()), facts.st_size, facts.st_mtime_ns)
            if key in self._pushed:
                return self._pushed[key]
            digests = {"sha256": _digest(local, "sha256")}
        except OSError as error:
            raise NotMeasuredError(f"cannot use {local}", error.strerror or str(error)) from None
        remote = f"{self._home}/files/{digests['sha256'][:16]}/{safe_name(local.name)}"
        if not self._is(remote, local, digests):
            self._make_room(facts.st_size, local)
            self._bring(local, remote, digests)
        self._done(f"touch {shlex.quote(remote)}; chmod 755 {shlex.quote(remote)}", f"cannot use {remote}")
        self._pushed[key] = remote
        return remote

    def pull(self, remote: str, to: Path) -> None:
        """Raises NotMeasuredError, StorageError."""
        part = to.parent / f".{secrets.token_hex(8)}.part"
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as stream, contextlib.closing(self._received(remote)) as pieces:
                for piece in pieces:
                    stream.write(piece)
            os.replace(part, to)
        except OSError as error:
            raise storage_error(to, error) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    def make_folder(self) -> str:
        """An empty folder below work/. Raises NotMeasuredError."""
        folder = f"{self._home}/work/{secrets.token_hex(6)}"
        self._done(
            f"mkdir -p {self._there}/work && mkdir {shlex.quote(folder)}", f"cannot make a folder on {self._link.title}"
        )
        return folder

    def remove(self, path: str, timeout_s: float = SHORT_S) -> None:
        self._link.shell(f"rm -rf {shlex.quote(path)}", timeout_s)

    def tidy(self) -> None:
        """Remove what runs that were cut off left half done. Only while no job runs there. Raises NotMeasuredError."""
        self._link.shell(f"rm -rf {self._there}/work {self._there}/files/.part-*")

    def clean(self) -> int:
        """Remove everything; the bytes that are free again, by `du`. Raises NotMeasuredError."""
        before = self._link.shell(f"du -sk {self._there} 2>/dev/null").stdout.split()
        self._done(f"rm -rf {self._there}", f"cannot clean {self._link.title}")
        self._pushed.clear()
        return int(before[0]) * 1024 if before and before[0].isdecimal() else 0

    def free_bytes(self) -> int | Reading:
        result = self._link.shell(f'd={self._there}; while [ ! -d "$d/" ]; do d=${{d%/*}}; done; df -k "$d/"')
        free = parse_df(result.stdout)
        if free is None:
            said = (result.stderr or result.stdout).strip() or "df said nothing"
            return Reading(name="disk.free", unit="bytes", unavailable=f"df does not tell it: {said[:200]}")
        return free

    def _done(self, command: str, asked: str) -> ShellResult:
        result = self._link.shell(command)
        if result.returncode != 0:
            said = result.stderr.strip() or f"exit code {result.returncode}"
            raise NotMeasuredError(asked, *storage_words(said, self._disk))
        return result

    def _is(self, remote: str, local: Path, digests: dict[str, str]) -> bool:
        """Whether `remote` is there with the content of `local`: its size says nothing. digests: of `local`."""
        path = shlex.quote(remote)
        for name in (self._hash,) if self._hash else _HASHES:
            result = self._link.shell(f"[ -f {path} ] || exit 3; {name}sum < {path}", _HASH_S)
            if result.returncode == 3:
                return False
            if result.returncode != 127:
                self._hash = name
                if name not in digests:
                    digests[name] = _digest(local, name)
                return result.returncode == 0 and result.stdout.split()[:1] == [digests[name]]
        raise NotMeasuredError(f"cannot check files on {self._link.title}", "it has no sha256sum, sha1sum or md5sum")

    def _bring(self, local: Path, remote: str, digests: dict[str, str]) -> None:
        """Push to a name of its own, check, and rename: no half file ever has the right name."""
        asked = f"cannot bring {local.name} to {self._link.title}"
        part = f"{self._home}/files/.part-{secrets.token_hex(8)}"
        folder, path, quoted = map(shlex.quote, (os.path.dirname(remote), remote, part))
        self._done(f"mkdir -p {folder}", asked)
        try:
            self._send(local, part, asked)
            if not self._is(part, local, digests):
                raise NotMeasuredError(
                    asked,
                    "what arrived there is not what was sent",
                    "Try again; if it stays so, check the cable or the disk.",
                )
            self._done(f"chmod 755 {quoted} && mv -f {quoted} {path}", asked)
        except BaseException:
            self._discard(quoted, folder)
            raise

    def _discard(self, part: str, folder: str) -> None:
        with contextlib.suppress(NotMeasuredError):  # the link is gone: `tidy` finds it
            self._link.shell(f"rm -f {part}; rmdir {folder} 2>/dev/null", 5.0)

    def _send(self, local: Path, part: str, asked: str) -> None:
        """Write what `local` holds to the path `part` there. Raises NotMeasuredError, which begins with `asked`."""
        raise NotImplementedError

    def _received(self, remote: str) -> Generator[bytes, None, None]:
        """What a file there holds, in pieces. Raises NotMeasuredError."""
        raise NotImplementedError

    def _make_room(self, size: int, local: Path) -> None:
        """Remove what was used least recently until it fits; never what this run brought. Raises NotMeasuredError."""
        listed = self._link.shell(f"stat -c '%Y %s %n' {self._there}/files/*/* 2>/dev/null").stdout
        free = self.free_bytes()
        kept = parse_listing(listed)
        room = None if isinstance(free, Reading) else free - _SPARE_BYTES
        removed = to_remove(kept, set(self._pushed.values()), size, self._limit, room)
        if removed:
            paths = " ".join(shlex.quote(path) for path in removed)
            self._link.shell(f"rm -f {paths}; rmdir {self._there}/files/* 2>/dev/null")
            free = self.free_bytes()
        if not isinstance(free, Reading) and free - _SPARE_BYTES < size:
            raise NotMeasuredError(
                f"cannot bring {local.name} to {self._link.title}",
                f"it has {size:,} bytes; its {self._disk} has {free:,} bytes free; {_SPARE_BYTES:,} must stay",
                f"Free some space there, on the disk of {self._home}.",
            )


def _digest(local: Path, name: str) -> str:
    with open(local, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()
