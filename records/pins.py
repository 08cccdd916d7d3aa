"""Anchors: the runs that later ones are compared with, pinned by the user, in a file of the results folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from bench.base.errors import StorageError, UsageError
from bench.base.paths import write_atomic
from bench.records.parts import Part

FILE_NAME = "anchors.json"
SCHEMA = 1
_NAMES = {"fingerprint": "device", "runtime": "runtime", "placement": "placement", "clocks": "clocks"}


class Identity(Part, frozen=True, kw_only=True):
    """What runs of one series have in common besides the case; empty text: not known."""

    fingerprint: str
    runtime: str
    placement: str
    clocks: str

    def unlike(self, before: Identity) -> tuple[str, ...]:
        """`runtime: litert 2.3.0, before litert 2.2.0`, one for each that differs."""
        sides = [(name, getattr(self, field), getattr(before, field)) for field, name in _NAMES.items()]
        return tuple(
            f"{name}: {now or 'not known'}, before {then or 'not known'}" for name, now, then in sides if now != then
        )


class Anchor(Part, frozen=True, kw_only=True):
    """One pinned run of one series. median_ns is kept here, so that the record itself may go."""

    case_key: str
    identity: Identity
    run_id: str
    median_ns: float


class _File(Part, frozen=True, kw_only=True):
    schema: int
    anchors: tuple[Anchor, ...]


def read(root: Path) -> tuple[Anchor, ...]:
    """The anchors of a results folder; none where nothing was pinned. Raises UsageError for a damaged file."""
    path = root / FILE_NAME
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        if file.schema > SCHEMA:
            raise msgspec.ValidationError(f"schema {file.schema}; this bench knows {SCHEMA}")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise UsageError(f"cannot read {path}", str(error.strerror or error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}", f"damaged: {error}", "Delete it and pin again.") from None
    return file.anchors


def pin(root: Path, new: Sequence[Anchor]) -> None:
    """Set anchors; one that the same series had before is replaced. Raises UsageError, StorageError."""
    taken = {(each.case_key, each.identity) for each in new}
    kept = [each for each in read(root) if (each.case_key, each.identity) not in taken]
    _write(root, [*kept, *new])


def unpin(root: Path, chosen: Callable[[Anchor], bool]) -> list[Anchor]:
    """Remove the chosen anchors, and give them. Raises UsageError, StorageError."""
    before = read(root)
    gone = [each for each in before if chosen(each)]
    if gone:
        _write(root, [each for each in before if each not in gone])
    return gone


def _write(root: Path, anchors: Iterable[Anchor]) -> None:
    if not root.is_dir():
        raise StorageError(f"cannot write {root / FILE_NAME}", "There is no such results folder.")
    write_atomic(root / FILE_NAME, msgspec.json.encode(_File(schema=SCHEMA, anchors=tuple(anchors))) + b"\n")
