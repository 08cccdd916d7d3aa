"""Phones of either kind: each test that asks for one runs on Android's own daemon and on the one in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_adb import FakePhone, FakeServer

VARIABLES = ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL")


@pytest.fixture(scope="session", autouse=True)
def no_adb_server() -> Iterator[None]:
    """No test finds the user's server, or starts one: none is ever started on what is not this computer's address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_ADDRESS", "127.0.0.2")
        patch.setenv("ANDROID_ADB_SERVER_PORT", "9")
        for name in ("ADB_SERVER_SOCKET", "ANDROID_SERIAL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def fake_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    if not sys.platform.startswith("linux"):
        pytest.skip("a phone's commands need Linux's /proc, and its grep")
    server = FakeServer()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(server.port))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield server
    server.close()


@pytest.fixture
def fake_phone(fake_server: FakeServer, tmp_path: Path) -> Callable[..., FakePhone]:
    """fake_phone(name="phone", state="device", features="shell_v2,cmd", **props) -> FakePhone."""

    def start(name: str = "phone", *, state: str = "device", features: str = "shell_v2,cmd", **props: Any) -> FakePhone:
        serial = f"127.0.0.1:{20000 + len(fake_server.phones)}"
        made = FakePhone(fake_server, tmp_path / "phones" / name, serial, state, features, props)
        fake_server.phones[serial] = made
        return made

    return start


@pytest.fixture(params=["lab", "fake"])
def any_server(request: pytest.FixtureRequest) -> Any:
    """adb's server: kill_server(), start_server()."""
    return request.getfixturevalue("phone_lab" if request.param == "lab" else "fake_server")


@pytest.fixture
def any_phone(request: pytest.FixtureRequest, any_server: Any) -> Any:
    """lab_phone or fake_phone."""
    return request.getfixturevalue("fake_phone" if isinstance(any_server, FakeServer) else "lab_phone")
