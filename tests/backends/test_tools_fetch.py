"""Fetching a tool from a server on this host that also misbehaves: what is kept, and what is written down."""

from __future__ import annotations

import hashlib
import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from fake_web import Answer, Web, content, status

from bench.backends import tools, tools_cache
from bench.backends.tools_fetch import Fetched, Wanted, address_of, default_system, fetch
from bench.backends.tools_table import TOOLS, UNVERIFIED
from bench.base.download import Limits
from bench.base.errors import NotMeasuredError, StorageError, UsageError

NAME = "benchmark_model"
AARCH64, X86_64 = 183, 62
MODIFIED, ETAG = "Mon, 05 Jan 2026 04:05:06 GMT", '"0a1b"'
WANTED = Wanted(tool=NAME, system="android", abi="arm64-v8a")


def program(machine: int = AARCH64, loader: bytes = b"/system/bin/linker64", body: bytes = b"") -> bytes:
    """A 64-bit ELF file with a loader, and anything behind it."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 64, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    entries = ((3, 176, len(loader) + 1), (1, 0, 177 + len(loader) + len(body)))
    table = b"".join(struct.pack("<IIQQQQQQ", kind, 4, at, 0, 0, size, 0, 1) for kind, at, size in entries)
    return head + table + loader + b"\0" + body


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def get(store: Path, address: str, *, again: bool = False, **changes: str) -> Fetched:
    wanted = msgspec.structs.replace(WANTED, address=address, **changes)
    return fetch(wanted, store, Limits(tries=2, timeout_s=60, pause_s=0), lambda *_: None, again=again)


def refused(store: Path, address: str, **changes: str) -> NotMeasuredError:
    with pytest.raises(NotMeasuredError) as caught:
        get(store, address, **changes)
    assert [path for path in store.rglob("*") if path.is_file()] == []
    return caught.value


def test_good(web: Web, store: Path) -> None:
    data = program()
    address = web.give(content(data, Last_Modified=MODIFIED, ETag=ETAG))
    begun = datetime.now(UTC).replace(microsecond=0)
    found = get(store, address)
    assert found.path == store / "tools" / "android-arm64-v8a" / NAME
    assert found.path.read_bytes() == data
    assert found.path.stat().st_mode & 0o111 == 0o111
    written = json.loads((found.path.parent / f"{NAME}.fetched.json").read_text())
    assert begun <= datetime.fromisoformat(written.pop("fetched")) <= datetime.now(UTC)
    assert written == {
        "address": address, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data),
        "last_modified": MODIFIED, "etag": ETAG, "pinned": False,
    }  # fmt: skip
    taken = tools.find(NAME, ["arm64-v8a"], None, store)
    assert (taken.path, taken.source, taken.sha256) == (found.path, "cache", written["sha256"])


def test_without_the_servers_words(web: Web, store: Path) -> None:
    note = get(store, web.give(content(program()))).note
    assert (note.last_modified, note.etag) == (None, None)


def test_kept_until_again(web: Web, store: Path) -> None:
    address = web.give(content(program(body=b"monday")))
    monday = get(store, address)
    web.give(content(program(body=b"tuesday")))
    still = get(store, address)
    assert (still.fresh, still.note) == (False, monday.note)
    assert web.asked == ["/file"]
    tuesday = get(store, address, again=True)
    assert (tuesday.fresh, tuesday.before) == (True, monday.note.sha256)
    assert tuesday.path.read_bytes() == program(body=b"tuesday")
    assert tools_cache.read_note(tuesday.path) == tuesday.note != monday.note


def test_fetched_anew_where_it_is_not_what_is_wanted(web: Web, store: Path) -> None:
    address = web.give(content(program()))
    path = get(store, address).path
    assert get(store, web.give(content(program(body=b"2")), "/other")).fresh
    assert get(store, address, sha256=hashlib.sha256(program()).hexdigest()).fresh
    path.write_bytes(b"damaged")
    assert get(store, address).fresh
    tools_cache.note_path(path).write_text("{")
    assert get(store, address).fresh
    tools_cache.note_path(path).unlink()
    assert get(store, address).fresh
    assert not get(store, address).fresh


def test_pinned(web: Web, store: Path) -> None:
    address = web.give(content(program()))
    error = refused(store, address, sha256="0" * 64)
    assert hashlib.sha256(program()).hexdigest() in error.found
    assert "0" * 64 in error.found
    assert get(store, address, sha256=hashlib.sha256(program()).hexdigest()).note.pinned


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (content(program(), announced=len(program()) + 1), "cut off after"),
        (content(program(body=b"x" * 99)[:-9], announced=-1), "It is cut off: it has"),
        (content(b"<html>Sign in</html>"), "web page"),
        (content(b""), "empty"),
        (content(program(X86_64)), "It is for x86_64 (x86_64)."),
        (content(program(loader=b"/lib/ld-linux-aarch64.so.1")), "It is for linux (its loader"),
        (status(404), "answers 404"),
        (status(503), "It was tried 2 times"),
    ],
)
def test_refused(web: Web, store: Path, answer: Answer, said: str) -> None:
    error = refused(store, web.give(answer))
    assert said in error.found
    assert error.asked == f"cannot fetch {NAME} for arm64-v8a (android)"


def test_a_failure_keeps_what_was_there(web: Web, store: Path) -> None:
    address = web.give(content(program()))
    before = get(store, address)
    web.give(content(b"<html>"))
    with pytest.raises(NotMeasuredError):
        get(store, address, again=True)
    assert before.path.read_bytes() == program()
    assert tools_cache.read_note(before.path) == before.note


def test_a_cache_that_cannot_be_written(web: Web, store: Path) -> None:
    store.mkdir()
    (store / "tools").write_text("a file where a folder belongs")
    with pytest.raises(StorageError):
        get(store, web.give(content(program())))


def test_offline_names_the_folder(store: Path) -> None:
    error = refused(store, "http://127.0.0.1:9/tool")
    assert str(store / "tools" / "android-arm64-v8a" / NAME) in error.todo
    assert "on a machine with a network" in error.todo


def test_what_is_put_there_by_hand_is_found(web: Web, store: Path) -> None:
    path = Path(refused(store, "http://127.0.0.1:9/tool").todo.splitlines()[1])
    path.parent.mkdir(parents=True)
    path.write_bytes(program())
    assert tools.find(NAME, ["arm64-v8a"], None, store).path == path


def test_addresses() -> None:
    for name, tool in TOOLS.items():
        assert len({(build.system, build.abi) for build in tool.builds}) == len(tool.builds)
        for build in tool.builds:
            wanted = Wanted(tool=name, system=build.system, abi=build.abi)
            assert address_of(wanted) == build.address
            assert build.address.startswith("https://storage.googleapis.com/")
            assert (build.sha256, build.reachable) == (UNVERIFIED, UNVERIFIED)
    assert address_of(WANTED).endswith("/latest/android_aarch64_benchmark_model")
    for wrong in ({"abi": "x86"}, {"address": "ftp://a/b"}):
        with pytest.raises(UsageError):
            address_of(msgspec.structs.replace(WANTED, **wrong))


def test_system_of_an_abi() -> None:
    assert default_system(NAME, None) == "linux"
    assert default_system(NAME, "arm64-v8a") == "android"
    assert default_system(NAME, "x86_64") == "linux"
    assert default_system("benchmark_litert_model", "armeabi-v7a") == "linux"
