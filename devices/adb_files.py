"""Files on a phone: sent and received over adb's sync protocol."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from bench.base.errors import NotMeasuredError
from bench.devices import adb_sync
from bench.devices.adb_link import Link
from bench.devices.adb_wire import Refused
from bench.devices.remote_files import LIMIT_BYTES, RemoteFiles
from bench.devices.remote_room import storage_words

HOME = "/data/local/tmp/bench"  # the folder of an Android that the shell may write and execute in
_DISK = "/data"


class PhoneFiles(RemoteFiles):
    """The files of ours on one phone, below `home`."""

    def __init__(self, link: Link, *, home: str = HOME, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(link, home=home, disk=_DISK, limit_bytes=limit_bytes)
        self._phone = link

    def _send(self, local: Path, part: str, asked: str) -> None:
        try:
            with open(local, "rb") as stream, self._phone.errors(asked), self._phone.open("sync:") as wire:
                try:
                    adb_sync.send(wire, stream, part)
                except Refused as error:
                    raise NotMeasuredError(asked, *storage_words(str(error), _DISK)) from None
        except OSError as error:
            raise NotMeasuredError(f"cannot read {local}", error.strerror or str(error)) from None

    def _received(self, remote: str) -> Generator[bytes, None, None]:
        with self._phone.errors(f"cannot fetch {remote}"), self._phone.open("sync:") as wire:
            yield from adb_sync.received(wire, remote)
