"""Opening a model file: which format it is, and what to say of one that is none."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from bench.base.errors import ModelFileError, nearest

Format = Literal["tflite", "onnx", "ir"]

SUFFIXES: dict[str, Format] = {".tflite": "tflite", ".onnx": "onnx", ".xml": "ir"}
TFLITE_IDENTIFIER = b"TFL3"

_KNOWN_STARTS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Fetch the file: git lfs pull."),
    (b"PK\x03\x04", "a zip archive", "Unpack it and give the model inside."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the model inside."),
    (b"\x89PNG", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"\x89HDF", "an HDF5 file (Keras)", "Convert it to TFLite or ONNX first."),
)


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's content, read in pieces. Raises ModelFileError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises ModelFileError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def format_of(path: Path) -> Format:
    """The format, from the suffix. Raises ModelFileError for a path that is no file or has another suffix."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(mode):
        found = "It is a folder." if stat.S_ISDIR(mode) else "It is no regular file."
        raise ModelFileError(f"cannot read {path}", found, "Give a .tflite, .onnx or OpenVINO .xml file.")
    known = SUFFIXES.get(path.suffix.lower())
    if known is None:
        found = f"Its name ends in {path.suffix!r}." if path.suffix else "Its name has no suffix."
        if read_head(path)[4:8] == TFLITE_IDENTIFIER:
            raise ModelFileError(f"cannot tell what {path} is", f"{found} Inside it is TFLite.", "Name it *.tflite.")
        todo = "A model's name ends in .tflite, .onnx or .xml (OpenVINO)."
        raise ModelFileError(f"cannot tell what {path} is", found, todo)
    return known


def read_head(path: Path, count: int = 64) -> bytes:
    """The first bytes of a file. Raises ModelFileError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError | ValueError) -> ModelFileError:
    """The error for a file that cannot be opened; for a missing one with the nearest names beside it."""
    todo = "Check the path and its permissions."
    if isinstance(error, FileNotFoundError) and path.parent.is_dir():
        close = nearest(path.name, (each.name for each in path.parent.iterdir()))
        todo = f"Did you mean {' or '.join(close)}?" if close else "Check the path."
    found = error.strerror if isinstance(error, OSError) else None
    return ModelFileError(f"cannot read {path}", found or str(error), todo)


def no_model(path: Path, kind: str, head: bytes, detail: str = "") -> ModelFileError:
    """The error for a file that is not what its name says: says what it looks like instead."""
    asked = f"{path} is no {kind} file"
    if not head:
        return ModelFileError(asked, "It is empty.", "Get the file again.")
    for start, name, todo in _KNOWN_STARTS:
        if head.startswith(start):
            return ModelFileError(asked, f"It is {name}.", todo or "Give a model file.")
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return ModelFileError(asked, "It is a web page.", "Download the raw file, not the page that shows it.")
    if re.fullmatch(rb"[\t\n\r\x20-\x7e]+", head):
        return ModelFileError(asked, detail or "It is text.", "Give a model file.")
    return ModelFileError(asked, detail or "Its content is something else.", "Give a model file.")


def damaged(path: Path, kind: str, detail: str) -> ModelFileError:
    """The error for a file that starts well but whose parts do not fit together, as when it was cut off."""
    found = f"It is damaged or cut off: {detail}."
    return ModelFileError(f"cannot read {path} as {kind}", found, "Get or convert the file again.")


@contextmanager
def guarded(path: Path, kind: str) -> Iterator[None]:
    """Turns whatever a format's reader raises on wrong bytes into a ModelFileError.

    The readers are generated code without errors of their own: on bytes that make no sense they raise struct.error,
    IndexError, TypeError, ValueError and more, so everything is caught.
    """
    try:
        yield
    except (ModelFileError, MemoryError):
        raise
    except Exception as error:
        raise damaged(path, kind, f"its parts point to where nothing is ({type(error).__name__})") from error
