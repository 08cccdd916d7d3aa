"""What a native program says of itself: for which processor, for which system, and whether the file is whole.

Read from the ELF header, the program headers and the notes (`man 5 elf`); nothing is started.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from bench.base.errors import UsageError

System = Literal["android", "linux"]

_MAGIC: Final = b"\x7fELF"
_RUNNABLE = (2, 3)  # ET_EXEC; ET_DYN: a position-independent program, or a library
_INTERPRETER, _NOTE = 3, 4  # p_type
_MOST_NOTES_BYTES = 1 << 16
# e_machine -> name of the processor, and Android's name of the ABI for 32 and for 64 bits
_MACHINES: dict[int, tuple[str, str | None, str | None]] = {
    3: ("x86", "x86", None),
    40: ("arm", "armeabi-v7a", None),
    62: ("x86_64", None, "x86_64"),
    183: ("aarch64", None, "arm64-v8a"),
    243: ("riscv", None, "riscv64"),
}
_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive; an .apk is an app, not the tool itself"),
    (b"\x1f\x8b", "compressed (gzip); unpack it first"),
    (b"MZ", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a program for macOS"),
    (b"#!", "a script; name the program itself"),
    (b"<", "a web page or XML, perhaps a server's error"),
)


class Elf(msgspec.Struct, frozen=True, kw_only=True):
    """machine: the processor's name; abi: Android's name for it, None where Android has none.

    interpreter: the loader that starts it, None for a static program. system: by loader and notes; None: the file does
    not tell, as a static program may not. android_api: the oldest API level that it was built for.
    """

    machine: str
    abi: str | None
    bits: int
    interpreter: str | None = None
    system: System | None = None
    android_api: int | None = None


class NoProgram(Exception):
    """why: one sentence for the user."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def read(path: Path) -> Elf:
    """The facts of a file. Raises UsageError for what is missing, empty, damaged, or no such program."""
    try:
        if path.exists() and not path.is_file():
            raise NoProgram("It is a folder." if path.is_dir() else "It is no regular file.")
        with path.open("rb") as stream:
            return parse(stream, os.fstat(stream.fileno()).st_size)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", "", "Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"cannot read {path}", str(getattr(error, "strerror", None) or error)) from None
    except NoProgram as error:
        raise UsageError(
            f"{path} is no program for Android or Linux", error.why, "Give the tool's own file: an ELF executable."
        ) from None


def of_bytes(data: bytes) -> Elf:
    """The facts of a file's content. Raises NoProgram."""
    return parse(io.BytesIO(data), len(data))


def parse(stream: BinaryIO, size_bytes: int) -> Elf:
    """The facts of a file that can be sought in. Raises NoProgram."""
    ident = stream.read(16)
    if not ident:
        raise NoProgram("It is empty.")
    if ident[:4] != _MAGIC:
        raise NoProgram(_not_elf(ident))
    if len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise NoProgram("Its ELF header is damaged.")
    wide, order = ident[4] == 2, "<" if ident[5] == 1 else ">"
    # e_type .. e_shnum; the widths of e_entry, e_phoff and e_shoff follow the class
    layout = struct.Struct(f"{order}HHI{'QQQ' if wide else 'III'}IHHHHH")
    header = stream.read(layout.size)
    if len(header) < layout.size:
        raise NoProgram("It is cut off within its header.")
    kind, machine, _, entry, at, sections_at, _, _, entry_bytes, count, section_bytes, sections = layout.unpack(header)
    if kind not in _RUNNABLE:
        raise NoProgram("It is an object or core file, not a program.")
    segments = _segments(stream, size_bytes, at, entry_bytes, count, wide, order)
    _must_be_whole(segments, sections_at + section_bytes * sections, size_bytes)
    interpreter = _interpreter(stream, segments)
    if interpreter is None and kind == 3 and not entry:
        raise NoProgram("It is a library, not a program.")
    return _facts(machine, wide, order, interpreter, _notes(stream, segments, order))


def _not_elf(head: bytes) -> str:
    for magic, what in _OTHER_FILES:
        if head.lstrip().startswith(magic):
            return f"It is {what}."
    return "It is not an ELF file."


def _segments(
    stream: BinaryIO, size_bytes: int, at: int, entry_bytes: int, count: int, wide: bool, order: str
) -> list[tuple[int, int, int]]:
    """(type, offset, bytes) of each program header."""
    layout = struct.Struct(f"{order}IIQQQQ" if wide else f"{order}IIIII")
    if not count or entry_bytes < layout.size:
        raise NoProgram("Its ELF header is damaged.")
    if at + entry_bytes * count > size_bytes:
        raise NoProgram("It is cut off within its header.")
    stream.seek(at)
    table = stream.read(entry_bytes * count)
    found = []
    for number in range(count):
        fields = layout.unpack_from(table, number * entry_bytes)
        # p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz; with 32 bits the flags come last
        found.append((fields[0], fields[2], fields[5]) if wide else (fields[0], fields[1], fields[4]))
    return found


def _must_be_whole(segments: list[tuple[int, int, int]], sections_end: int, size_bytes: int) -> None:
    needed = max([sections_end, *(at + length for _, at, length in segments)])
    if needed > size_bytes:
        raise NoProgram(f"It is cut off: it has {size_bytes:,} bytes, its header speaks of {needed:,}.")


def _interpreter(stream: BinaryIO, segments: list[tuple[int, int, int]]) -> str | None:
    for kind, at, length in segments:
        if kind == _INTERPRETER:
            stream.seek(at)
            return stream.read(min(length, 4096)).rstrip(b"\0").decode("utf-8", "replace") or None
    return None


def _notes(stream: BinaryIO, segments: list[tuple[int, int, int]], order: str) -> dict[tuple[str, int], bytes]:
    """(owner, type) -> content. What is damaged ends the reading: a note is a hint only."""
    found: dict[tuple[str, int], bytes] = {}
    for kind, at, length in segments:
        if kind != _NOTE:
            continue
        stream.seek(at)
        data = stream.read(min(length, _MOST_NOTES_BYTES))
        place = 0
        while place + 12 <= len(data):
            name_bytes, content_bytes, number = struct.unpack_from(f"{order}III", data, place)
            name_at = place + 12
            content_at = name_at + (name_bytes + 3) // 4 * 4
            owner = data[name_at : name_at + name_bytes].rstrip(b"\0").decode("ascii", "replace")
            found.setdefault((owner, number), data[content_at : content_at + content_bytes])
            place = content_at + (content_bytes + 3) // 4 * 4
    return found


def _facts(
    machine: int, wide: bool, order: str, interpreter: str | None, notes: dict[tuple[str, int], bytes]
) -> Elf:  # fmt: skip
    name, narrow_abi, wide_abi = _MACHINES.get(machine, (f"processor number {machine} of ELF", None, None))
    abi = wide_abi if wide else narrow_abi
    if order == ">":
        name, abi = f"{name}, big-endian", None
    level = notes.get(("Android", 1), b"")  # .note.android.ident: the API level comes first
    return Elf(
        machine=name, abi=abi, bits=64 if wide else 32, interpreter=interpreter, system=_system(interpreter, notes),
        android_api=struct.unpack_from(f"{order}I", level)[0] if len(level) >= 4 else None,
    )  # fmt: skip


def _system(interpreter: str | None, notes: dict[tuple[str, int], bytes]) -> System | None:
    if ("Android", 1) in notes:
        return "android"
    if interpreter is not None:
        return "android" if interpreter.startswith(("/system/", "/apex/")) else "linux"
    return "linux" if ("GNU", 1) in notes else None  # .note.ABI-tag
