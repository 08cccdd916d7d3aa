"""Fetching published files from a server on this host that also misbehaves, and keeping them."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import msgspec
import pytest
from fake_web import Answer, Web, broken_off, content, in_turn, moved, status
from hypothesis import given
from hypothesis import strategies as st

from bench.base.download import Limits, NotFetched, download
from bench.base.errors import ModelFileError, NotMeasuredError, StorageError, UsageError
from bench.models import originals
from bench.models.fetch import Fetched, cached, expected, fetch, mismatch, place
from bench.models.originals import Original

ONE_TRY = Limits(tries=1, timeout_s=60)
PATIENT = Limits(tries=3, timeout_s=60, pause_s=0)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def data(zoo_file: Callable[..., Path]) -> bytes:
    return zoo_file("paradox_3").read_bytes()


@pytest.fixture(scope="module")
def other(zoo_file: Callable[..., Path]) -> bytes:
    return zoo_file("paradox_4").read_bytes()


def known(data: bytes) -> Original:
    return msgspec.structs.replace(
        originals.find("paradox_3"), size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


@pytest.fixture
def unknown() -> Original:
    return originals.find("slim_raw")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# --- what comes ---


def test_fetched_once_then_from_the_cache(web: Web, store: Path, data: bytes) -> None:
    class Here(Original, frozen=True):
        @property
        def address(self) -> str:
            return address

    address = web.give(content(data))
    original = Here(**msgspec.structs.asdict(known(data)))
    first = fetch(original, store, limits=ONE_TRY)
    assert first.path == place(original, store, original.sha256)
    assert first.path == store / "originals" / original.sha256[:16] / "model3.tflite"
    assert first.path.read_bytes() == data
    assert (first.came_from, first.trusted, first.first_use) == ("network", False, False)
    assert files(store) == ["model3.tflite"]
    if os.name == "posix":
        assert stat.S_IMODE(first.path.stat().st_mode) & 0o400
    second = fetch(original, store, limits=ONE_TRY)
    assert second == msgspec.structs.replace(first, came_from="cache")
    assert web.asked == ["/file"]

    first.path.write_bytes(data[:-1] + b"x")  # a damaged cache is mended
    assert cached(original, store) is None
    assert fetch(original, store, limits=ONE_TRY).path.read_bytes() == data
    assert len(web.asked) == 2


def test_progress_is_reported(web: Web, data: bytes) -> None:
    seen: list[tuple[int, int | None]] = []
    big = data * 200
    assert download(web.give(content(big)), len(big), ONE_TRY, lambda *now: seen.append(now)) == big
    assert seen[-1] == (len(big), len(big))
    assert len(seen) > 1
    assert [now for now, _ in seen] == sorted(now for now, _ in seen)


def fails(original: Original, store: Path, source: str, limits: Limits = ONE_TRY) -> NotMeasuredError:
    """Fetching fails, and leaves nothing."""
    before = files(store)
    with pytest.raises(NotMeasuredError) as caught:
        fetch(original, store, source=source, limits=limits)
    assert files(store) == before
    assert source in caught.value.found
    assert caught.value.todo
    return caught.value


def test_wrong_hash(web: Web, store: Path, data: bytes) -> None:
    changed = data[:-1] + bytes([data[-1] ^ 1])
    error = fails(known(data), store, web.give(content(changed)), PATIENT)
    assert hashlib.sha256(changed).hexdigest() in error.found
    assert hashlib.sha256(data).hexdigest() in error.found
    assert len(web.asked) == 1  # another try would bring the same


def test_wrong_size(web: Web, store: Path, data: bytes) -> None:
    assert "instead of" in fails(known(data), store, web.give(content(data[:-4]))).found
    assert "more than" in fails(known(data), store, web.give(content(data + b"more"))).found


def test_endless_answer_is_not_read_to_its_end(web: Web, store: Path, data: bytes) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not web.over.is_set():
                handler.wfile.write(data)
        except OSError:
            ended.set()

    ended = threading.Event()
    assert "more than" in fails(known(data), store, web.give(endless)).found
    assert ended.wait(60)


@pytest.mark.parametrize("cut", [lambda data: content(data[:100], announced=len(data)), broken_off])
def test_cut_off(web: Web, store: Path, data: bytes, cut: Callable[[bytes], Answer]) -> None:
    error = fails(known(data), store, web.give(cut(data)), PATIENT)
    assert "off" in error.found
    assert "3 times" in error.found
    assert len(web.asked) == 3
    mended = web.give(in_turn(cut(data), content(data)))
    assert fetch(known(data), store, source=mended, limits=PATIENT).path.read_bytes() == data


def test_cut_off_within_a_chunk(web: Web, store: Path, data: bytes) -> None:
    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(f"{len(data):x}\r\n".encode() + data[:50])
        handler.close_connection = True

    assert "cut off" in fails(known(data), store, web.give(chunked)).found


@pytest.mark.parametrize(("code", "tries"), [(404, 1), (403, 1), (500, 3), (503, 3), (429, 3)])
def test_error_of_the_server(web: Web, store: Path, data: bytes, code: int, tries: int) -> None:
    error = fails(known(data), store, web.give(status(code)), PATIENT)
    assert f"answers {code}" in error.found
    assert len(web.asked) == tries
    assert "--from FILE" in error.todo
    assert str(place(known(data), store, known(data).sha256)) in error.todo


def test_pauses_grow_and_are_bounded(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("bench.base.download.time.sleep", pauses.append)
    with pytest.raises(NotFetched, match="8 times"):
        download(web.give(status(503)), 10, Limits(tries=8), lambda *_: None)
    assert pauses == [1, 2, 4, 8, 16, 20, 20]


def test_redirects(web: Web, store: Path, data: bytes) -> None:
    target = web.give(content(data), "/target")
    assert fetch(known(data), store, source=web.give(moved(target), "/moved"), limits=ONE_TRY).size_bytes == len(data)
    assert web.asked == ["/moved", "/target"]
    circle = web.give(moved("/circle"), "/circle")
    assert "answers 302" in fails(known(data), store / "b", circle).found
    away = web.give(moved("file:///etc/passwd"), "/away")
    assert "answers 302" in fails(known(data), store / "b", away).found


def test_slow_server(web: Web, store: Path, data: bytes) -> None:
    def stalled(handler: BaseHTTPRequestHandler) -> None:
        content(data[:100], announced=len(data))(handler)
        handler.wfile.flush()
        web.over.wait(30)

    address = web.give(stalled)
    assert "within 0.2 s" in fails(known(data), store, address, Limits(timeout_s=0.2, tries=1)).found
    mended = web.give(in_turn(stalled, content(data)))
    assert fetch(known(data), store, source=mended, limits=Limits(timeout_s=1, pause_s=0)).path.is_file()


def test_dripping_server_has_a_limit(web: Web, store: Path, data: bytes) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for each in data[:40]:
            handler.wfile.write(bytes([each]))
            if web.over.wait(0.05):
                return

    error = fails(known(data), store, web.give(drip), Limits(timeout_s=60, whole_s=0.2, tries=1))
    assert "too long" in error.found
    assert "40 bytes" not in error.found  # the end was not waited for


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"PK\x03\x04....................", "zip archive"),
        (b"", "empty"),
        (b"not here", "text"),
    ],
)
def test_something_else_comes(web: Web, store: Path, data: bytes, unknown: Original, sent: bytes, said: str) -> None:
    for original in (known(data), unknown):
        assert said in fails(original, store, web.give(content(sent))).found


def test_nothing_answers(store: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/model.tflite"
        error = fails(known(data), store, address, PATIENT)
    assert "no network" in error.found
    assert "times" not in error.found
    assert "on a machine with a network" in error.todo
    nowhere = fails(known(data), store, "http://no-such-host.invalid/model.tflite", PATIENT)
    assert "No network" in nowhere.found
    assert "times" not in nowhere.found


@pytest.mark.parametrize(
    "address", ["http://", "http://[x/", "http://a b/", "http://127.0.0.1:99999/", "http://é/\x01"]
)
def test_address_that_is_none(store: Path, data: bytes, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    fails(known(data), store, address)


# --- the user's own file ---


def test_own_file(tmp_path: Path, store: Path, data: bytes, other: bytes) -> None:
    mine = tmp_path / "mine.bin"
    mine.write_bytes(data)
    found = fetch(known(data), store, source=str(mine))
    assert (found.came_from, found.path.read_bytes()) == ("file", data)
    assert fetch(known(data), store) == msgspec.structs.replace(found, came_from="cache")
    mine.write_bytes(other)
    with pytest.raises(ModelFileError, match="is not the original") as caught:
        fetch(known(data), store, source=str(mine))
    assert "more than" in caught.value.found
    assert found.path.read_bytes() == data


def test_own_file_that_is_not_there(tmp_path: Path, store: Path, data: bytes) -> None:
    (tmp_path / "mine.tflite").write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        fetch(known(data), store, source=str(tmp_path / "mime.tflite"))
    assert "Did you mean mine.tflite" in caught.value.todo
    with pytest.raises(ModelFileError):
        fetch(known(data), store, source=str(tmp_path))
    with pytest.raises(UsageError, match="ftp://"):
        fetch(known(data), store, source="ftp://example.org/model.tflite")
    assert files(store) == []


def test_cache_that_cannot_be_written(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cache").write_text("a file")
    (tmp_path / "mine").write_bytes(data)
    with pytest.raises(StorageError):
        fetch(known(data), tmp_path / "cache", source=str(tmp_path / "mine"))


# --- a file whose hash is not known ---


def test_first_use_is_trusted_and_then_held_to(
    web: Web, store: Path, unknown: Original, data: bytes, other: bytes, tmp_path: Path
) -> None:
    assert expected(unknown, store) is None
    assert cached(unknown, store) is None
    first = fetch(unknown, store, source=web.give(content(data)), limits=ONE_TRY)
    assert (first.first_use, first.trusted) == (True, True)
    assert first.sha256 == hashlib.sha256(data).hexdigest()
    record = first.path.with_name("portrait_segmentation.tflite.first-use.json")
    assert json.loads(record.read_text())["sha256"] == first.sha256

    again = fetch(unknown, store, limits=ONE_TRY)
    assert (again.came_from, again.first_use, again.trusted) == ("cache", False, True)
    assert len(web.asked) == 1

    error = fails(unknown, store, web.give(content(other)))
    assert str(record) in error.todo
    mine = tmp_path / "mine.tflite"
    mine.write_bytes(other)
    with pytest.raises(ModelFileError) as caught:
        fetch(unknown, store, source=str(mine))
    assert str(record) in caught.value.todo
    assert first.path.read_bytes() == data

    first.path.unlink()  # the record still holds the next download to the same file
    fails(unknown, store, web.give(content(other)))
    assert fetch(unknown, store, source=web.give(content(data)), limits=ONE_TRY).first_use is False
    record.unlink()
    assert fetch(unknown, store, source=str(mine)).first_use is True


def test_first_use_takes_no_torn_file(web: Web, store: Path, unknown: Original, data: bytes) -> None:
    """Nothing announces its size: only reading it tells that the end is missing."""

    def torn(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])

    assert "damaged or cut off" in fails(unknown, store, web.give(torn)).found


def test_damaged_record_is_no_new_first_use(store: Path, unknown: Original, data: bytes, tmp_path: Path) -> None:
    mine = tmp_path / "mine.tflite"
    mine.write_bytes(data)
    record = Path(f"{fetch(unknown, store, source=str(mine)).path}.first-use.json")
    record.write_text("{")
    with pytest.raises(NotMeasuredError, match="damaged") as caught:
        fetch(unknown, store)
    assert str(record) in caught.value.found


def test_two_at_once_trust_one_file(web: Web, store: Path, unknown: Original, data: bytes, other: bytes) -> None:
    both = threading.Barrier(2)
    given_out = iter((data, other))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        mine = next(given_out)
        both.wait(60)
        content(mine)(handler)

    address = web.give(answer)
    outcomes: list[Fetched | NotMeasuredError] = []

    def one() -> None:
        try:
            outcomes.append(fetch(unknown, store, source=address, limits=ONE_TRY))
        except NotMeasuredError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert any(isinstance(each, NotMeasuredError) for each in outcomes)
    assert len(outcomes) == 2
    with pytest.raises(NotMeasuredError, match="Different files"):
        fetch(unknown, store)


@given(sent=st.binary(max_size=200))
def test_nothing_but_the_file_is_right(sent: bytes) -> None:
    original = originals.find("prisma")
    assert mismatch(original, expected(original, Path("none")), sent)
    assert mismatch(originals.find("slim_raw"), None, sent)
