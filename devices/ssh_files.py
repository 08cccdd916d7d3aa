"""Files on a board: sent and received as the input and output of `cat` there, so that no SFTP server is needed."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from bench.base.errors import NotMeasuredError
from bench.devices.remote_files import LIMIT_BYTES, RemoteFiles
from bench.devices.remote_room import storage_words
from bench.devices.ssh_link import SshLink

_DISK = "disk"
_PIECE = 1 << 18


class SshFiles(RemoteFiles):
    """The files of ours on one board, below `home`."""

    def __init__(self, link: SshLink, *, home: str, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(link, home=home, disk=_DISK, limit_bytes=limit_bytes)
        self._board = link

    def _send(self, local: Path, part: str, asked: str) -> None:
        try:
            with open(local, "rb") as stream:
                result = self._board.send(f"cat > {shlex.quote(part)}", _pieces(stream))
        except OSError as error:
            raise NotMeasuredError(f"cannot read {local}", error.strerror or str(error)) from None
        if result.returncode != 0:
            said = result.stderr.strip() or f"exit code {result.returncode}"
            raise NotMeasuredError(asked, *storage_words(said, _DISK))

    def _received(self, remote: str) -> Generator[bytes, None, None]:
        yield from self._board.receive(f"exec cat {shlex.quote(remote)}")


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece
