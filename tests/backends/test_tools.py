"""Whose programs a file's ELF header says they are, and which file is taken for a device."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import struct
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends import tools, tools_cache, tools_elf, tools_table
from bench.backends.tools_cache import Note
from bench.base.errors import BenchError, NotMeasuredError, UsageError

ANDROID64, ANDROID32 = "/system/bin/linker64", "/system/bin/linker"
GLIBC64 = "/lib64/ld-linux-x86-64.so.2"
AARCH64, ARM, X86_64, X86, RISCV, S390 = 183, 40, 62, 3, 243, 22
PHONE = ("arm64-v8a", "armeabi-v7a")
NAME = "benchmark_model"
LAB = Path(__file__).resolve().parents[3] / "shared" / "lab" / "bin"


def elf(
    machine: int = AARCH64,
    interpreter: str | None = ANDROID64,
    *,
    wide: bool = True,
    order: str = "<",
    kind: int = 3,
    entry: int = 0x1000,
    note: tuple[bytes, int, bytes] | None = None,
    body: bytes = b"",
) -> bytes:
    """A whole ELF file: header, program headers, their contents. No sections."""
    parts = [(1, body.ljust(16, b"."))]
    if interpreter is not None:
        parts.append((3, interpreter.encode() + b"\0"))
    if note is not None:
        owner = note[0] + b"\0"
        head = struct.pack(f"{order}III", len(owner), len(note[2]), note[1])
        parts.append((4, head + owner.ljust((len(owner) + 3) // 4 * 4, b"\0") + note[2]))
    head_bytes, entry_bytes = (64, 56) if wide else (52, 32)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    header = ident + struct.pack(
        f"{order}HHI{'QQQ' if wide else 'III'}IHHHHHH",
        kind, machine, 1, entry, head_bytes, 0, 0, head_bytes, entry_bytes, len(parts), 0, 0, 0,
    )  # fmt: skip
    at, table, contents = head_bytes + entry_bytes * len(parts), b"", b""
    for number, content in parts:
        place = at + len(contents)
        fields = (
            struct.pack(f"{order}IIQQQQQQ", number, 4, place, 0, 0, len(content), 0, 1)
            if wide
            else struct.pack(f"{order}IIIIIIII", number, place, 0, 0, len(content), 0, 4, 1)
        )
        table, contents = table + fields, contents + content
    return header + table + contents


@pytest.fixture
def put(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def lay(path: Path, data: bytes, *, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


def find(cache: Path, named: Path | str | None = None, abis: tuple[str, ...] = PHONE, **more: str) -> tools.ToolFile:
    return tools.find(NAME, abis, None if named is None else str(named), cache, **more)  # type: ignore[arg-type]


def refused(cache: Path, *arguments: object, **more: object) -> BenchError:
    with pytest.raises(UsageError) as caught:
        find(cache, *arguments, **more)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (elf(), ("aarch64", "arm64-v8a", 64, "android")),
        (elf(ARM, ANDROID32, wide=False), ("arm", "armeabi-v7a", 32, "android")),
        (elf(X86_64, GLIBC64), ("x86_64", "x86_64", 64, "linux")),
        (elf(X86, "/lib/ld-linux.so.2", wide=False), ("x86", "x86", 32, "linux")),
        (elf(X86_64, "/apex/com.android.runtime/bin/linker64"), ("x86_64", "x86_64", 64, "android")),
        (elf(AARCH64, "/lib/ld-musl-aarch64.so.1"), ("aarch64", "arm64-v8a", 64, "linux")),
        (elf(RISCV, ANDROID64), ("riscv", "riscv64", 64, "android")),
        (elf(AARCH64, None, kind=2), ("aarch64", "arm64-v8a", 64, None)),
        (elf(AARCH64, None), ("aarch64", "arm64-v8a", 64, None)),  # static, position-independent
        (elf(AARCH64, None, note=(b"Android", 1, b"\x1a\0\0\0")), ("aarch64", "arm64-v8a", 64, "android")),
        (elf(AARCH64, None, note=(b"GNU", 1, bytes(16))), ("aarch64", "arm64-v8a", 64, "linux")),
        (elf(X86_64, "/lib/ld.so", wide=False), ("x86_64", None, 32, "linux")),  # x32
        (elf(ARM, "/lib/ld.so", wide=False, order=">"), ("arm, big-endian", None, 32, "linux")),
        (elf(S390, "/lib/ld64.so.1", order=">"), ("processor number 22 of ELF, big-endian", None, 64, "linux")),
    ],
)
def test_facts(data: bytes, expected: tuple[str, str | None, int, str | None]) -> None:
    found = tools_elf.of_bytes(data)
    assert (found.machine, found.abi, found.bits, found.system) == expected


def test_android_level() -> None:
    assert tools_elf.of_bytes(elf(note=(b"Android", 1, struct.pack("<I", 26)))).android_api == 26
    assert tools_elf.of_bytes(elf()).android_api is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"hello, world, this is no program", "not an ELF"),
        (b"PK\x03\x04" + bytes(90), "an app, not the tool"),
        (b"\n<!doctype html>", "web page"),
        (b"#!/bin/sh\nexec real", "script"),
        (b"MZ" + bytes(90), "Windows"),
        (b"\xcf\xfa\xed\xfe" + bytes(90), "macOS"),
        (b"\x7fELF", "damaged"),
        (elf()[:40], "cut off within its header"),
        (elf()[:100], "cut off within its header"),
        (elf(body=b"x" * 500)[:-20], "It is cut off: it has"),
        (elf(kind=1), "object"),
        (elf(interpreter=None, entry=0), "library"),
    ],
)
def test_no_program(put: Path, data: bytes, said: str) -> None:
    error = refused(put, lay(put / "file", data))
    assert said in error.found
    assert str(put / "file") in error.asked


@given(st.integers(0, 400), st.binary(max_size=8))
def test_damage_never_crashes(at: int, other: bytes) -> None:
    data = elf(note=(b"Android", 1, b"\x1a\0\0\0"))
    for damaged in (data[:at], data[:at] + other + data[at + len(other) :]):
        with contextlib.suppress(tools_elf.NoProgram):
            tools_elf.of_bytes(damaged)


def test_other_processor(put: Path) -> None:
    error = refused(put, lay(put / NAME, elf()), ("x86_64",))
    assert error.found == "It is for aarch64 (arm64-v8a), the phone has x86_64."
    assert "--tool benchmark_model=PATH" in error.todo


def test_named_file(put: Path) -> None:
    data = elf()
    found = find(put, lay(put / "any name", data))
    assert (found.abi, found.system, found.source, found.findings) == ("arm64-v8a", "android", "named", ())
    assert (found.sha256, found.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    slower = find(put, lay(put / "32", elf(ARM, ANDROID32, wide=False)))
    assert [each.code for each in slower.findings] == ["tool-second-abi"]


def test_named_wins_and_is_no_hint(put: Path) -> None:
    """What is named wrongly is an error, though the cache has a good one."""
    lay(tools_cache.place(put, NAME, "android", "arm64-v8a"), elf())
    assert "there is no file" in refused(put, put / "missing").asked
    assert "empty" in refused(put, "").asked
    assert "cannot read" in refused(put, "a\0b").asked
    assert find(put).source == "cache"


def test_linux_program_on_a_phone(put: Path) -> None:
    (finding,) = find(put, lay(put / "f", elf(X86_64, GLIBC64)), ("x86_64",)).findings
    assert (finding.code, finding.severity) == ("tool-for-linux", "warning")
    assert GLIBC64 in finding.what
    assert find(put, lay(put / "f", elf(X86_64, None)), ("x86_64",)).findings == ()  # static: runs on both


@pytest.mark.parametrize("target", ["linux", "host"])
def test_android_program_on_linux(put: Path, target: str) -> None:
    error = refused(put, lay(put / "f", elf()), target=target)
    assert ANDROID64 in error.found


def test_may_not_be_started(put: Path) -> None:
    path = lay(put / "f", elf(X86_64, GLIBC64), mode=0o644)
    if os.access(path, os.X_OK):
        pytest.skip("this system has no permission to start a file")
    assert "chmod +x" in refused(put, path, ("x86_64",), target="host").found
    find(put, path, ("x86_64",))  # on a phone it gets its permission when it is sent


@pytest.mark.parametrize(
    "where",
    [
        f"arm64-v8a/{NAME}", f"{NAME}_arm64-v8a", f"android_aarch64_{NAME}", f"android_arm64/{NAME}",
        f"android-arm64-v8a/{NAME}", f"linux_aarch64_{NAME}", NAME,
    ],
)  # fmt: skip
def test_folder(put: Path, where: str) -> None:
    lay(put / f"armeabi-v7a/{NAME}", elf(ARM, ANDROID32, wide=False))
    lay(put / where, elf())
    if where != NAME:
        found = find(put, put)
        assert (found.path, found.abi, found.findings) == (put / where, "arm64-v8a", ())
        assert [each.code for each in find(put, put, ("x86", "armeabi-v7a")).findings] == ["tool-second-abi"]
    shutil.rmtree(put / "armeabi-v7a")
    assert find(put, put).path == put / where


def test_folder_of_both_systems(put: Path) -> None:
    lay(put / f"linux_aarch64_{NAME}", elf(AARCH64, "/lib/ld-linux-aarch64.so.1"))
    lay(put / f"android_aarch64_{NAME}", elf())
    assert find(put, put).system == "android"
    assert find(put, put, target="linux").system == "linux"


def test_folder_without_a_match(put: Path) -> None:
    assert "It is empty" in refused(put, put).found
    lay(put / f"x86_64/{NAME}", elf(X86_64))
    error = refused(put, put)
    assert f"no {NAME} for arm64-v8a or armeabi-v7a" in error.asked
    assert "x86_64" in error.found
    assert f"arm64-v8a/{NAME}" in error.todo


def test_folder_that_lies(put: Path) -> None:
    """A file below the name of one ABI that is for another is no match for either."""
    lay(put / f"arm64-v8a/{NAME}", elf(X86_64))
    assert "It is for x86_64" in refused(put, put).found


def test_published_names_are_found(put: Path) -> None:
    for tool in tools_table.TOOLS.values():
        for build in tool.builds:
            assert build.file in set(tools.candidates(tool.name, build.abi, build.system))


def test_cache(put: Path) -> None:
    path = lay(tools_cache.place(put, NAME, "android", "armeabi-v7a"), elf(ARM, ANDROID32, wide=False))
    found = find(put)
    assert (found.path, found.source) == (path, "cache")
    assert [each.code for each in found.findings] == ["tool-second-abi"]
    assert f"{NAME} for the board" in refused(put, target="linux").asked  # a phone's is none for a board
    note = Note(address="http://a/b", fetched="2026-01-01T00:00:00+00:00", sha256="0" * 64, size_bytes=1)
    tools_cache.note_path(path).write_bytes(msgspec.json.encode(note))
    with pytest.raises(NotMeasuredError, match="is not what was fetched"):
        find(put)
    tools_cache.note_path(path).write_text("{")
    with pytest.raises(NotMeasuredError, match="came from"):
        find(put)


def test_nowhere(put: Path) -> None:
    error = refused(put)
    assert str(put / "tools" / "android-arm64-v8a" / NAME) in error.found
    assert f"bench tools fetch {NAME} --abi arm64-v8a --system android" in error.todo
    assert "bench tools fetch" not in refused(put, abis=("x86",)).todo  # none is published


def test_path_is_for_this_host_only(put: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lay(put / NAME, elf(X86_64, GLIBC64))
    monkeypatch.setenv("PATH", str(put))
    found = find(put / "cache", abis=("x86_64",), target="host")
    assert (found.path, found.source) == (path, "path")
    refused(put / "cache", abis=("x86_64",))
    monkeypatch.setenv("PATH", str(put / "cache"))
    assert "the PATH" in refused(put / "cache", abis=("x86_64",), target="host").found


def test_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, abi in {"AMD64": "x86_64", "aarch64": "arm64-v8a", "armv7l": "armeabi-v7a", "i686": "x86"}.items():
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        assert tools.host_abi() == abi
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert tools.host_abi() == "armeabi-v7a"
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    with pytest.raises(UsageError):
        tools.host_abi()


def test_assignments() -> None:
    assert tools.assignments([f"{NAME}=a=b", f"{NAME}=c"]) == {NAME: "c"}
    for wrong in (NAME, f"{NAME}=", "benchmark_modle=x"):
        with pytest.raises(UsageError):
            tools.assignments([wrong])


def test_names_of_abis() -> None:
    assert [tools_table.abi(text) for text in ("aarch64", "x86-64", "ARM", "armeabi-v7a")] == [
        "arm64-v8a", "x86_64", "armeabi-v7a", "armeabi-v7a",
    ]  # fmt: skip
    with pytest.raises(UsageError) as caught:
        tools_table.abi("arm64-v8")
    assert "arm64-v8a" in caught.value.todo


@pytest.mark.parametrize("name", ["benchmark_model", "benchmark_model_gpu"])
def test_real_binaries(name: str, put: Path) -> None:
    if not (LAB / name).is_file():
        pytest.skip(f"no real tool at {LAB / name}")
    found = find(put, LAB / name, ("x86_64",))
    assert (found.abi, found.system) == ("x86_64", "linux")
    assert [each.code for each in found.findings] == ["tool-for-linux"]
    assert "It is for x86_64" in refused(put, LAB / name).found
    lay(put / "half", (LAB / name).read_bytes()[:-1000])
    assert "cut off" in refused(put, put / "half", ("x86_64",)).found
