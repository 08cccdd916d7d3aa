"""A web server on this host for what is fetched, which answers as a test says: also wrongly, late, or never whole."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


class Web(ThreadingHTTPServer):
    """Answers with what it was given, else 404.

    asked: the paths in the order in which they came; over: is set when the test is, for answers that wait.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.over = threading.Event()

    def give(self, answer: Answer, path: str = "/file") -> str:
        """Answer so from now on at that path; its address."""
        self.answers[path] = answer
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answers.get(self.path, status(404))(self)

    def log_message(self, format: str, *arguments: object) -> None:
        """The test's output stays clean."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "*")
    with Web() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.over.set()
        running.shutdown()


def only_this_host() -> dict[str, str]:
    """Environment variables with which a `bench` reaches this host, and nothing else."""
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy"), NOBODY)
    return {**proxies, "no_proxy": "127.0.0.1"}


def content(data: bytes, announced: int | None = None, **headers: str) -> Answer:
    """announced: another Content-Length than that of the data, -1 for none; headers: with _ for -."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if announced != -1:
            handler.send_header("Content-Length", str(len(data) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def status(code: int) -> Answer:
    return lambda handler: handler.send_error(code)


def moved(address: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.end_headers()

    return answer


def broken_off(data: bytes) -> Answer:
    """Half of it, then a reset of the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content(data[: len(data) // 2], announced=len(data))(handler)
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return answer


def in_turn(*answers: Answer) -> Answer:
    """The last one for all that comes after."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)
