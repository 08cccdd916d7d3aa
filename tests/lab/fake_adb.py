"""adb's server and phones in this process, for where the lab cannot be had: the host, shell and sync protocols.

A phone's commands run in this computer's `sh`, with /data/local/tmp meaning a folder of the test.
Protocols: OVERVIEW.TXT, SERVICES.TXT, SYNC.TXT and shell_protocol.h of Android's packages/modules/adb.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from pathlib import Path
from typing import Any

from fake_services import Shell, exactly, sync
from phone_folder import PhoneFolder, until

PROPS = {
    "ro.product.model": "ONEPLUS A3003",
    "ro.product.name": "OnePlus3",
    "ro.product.device": "OnePlus3",
    "ro.build.version.release": "9",
    "ro.build.fingerprint": "OnePlus/OnePlus3/OnePlus3:9/PKQ1.181203.001/1911042107:user/release-keys",
    "ro.product.cpu.abilist": "x86_64",
}
GETPROP = """#!/bin/sh
[ -n "$1" ] && { sed -n "s/^$1=//p" "$ADBD_PROPS" | tail -n 1; exit 0; }
sed 's/\\([^=]*\\)=\\(.*\\)/[\\1]: [\\2]/' "$ADBD_PROPS"
"""


class FakePhone(PhoneFolder):
    def __init__(
        self, server: FakeServer, folder: Path, serial: str, state: str, features: str, props: dict[str, Any]
    ) -> None:
        super().__init__(folder)
        self.server = server
        self.serial = serial
        self.features = features
        self.going = threading.Event()
        self.going.set()
        self.links: list[socket.socket] = []
        self._props = {**PROPS, "ro.serialno": f"FAKE{serial}", **props}
        self._state = state
        self.put_bin("getprop", GETPROP)
        self._write_props()

    @property
    def own_serial(self) -> str:
        return str(self._props["ro.serialno"])

    def state(self) -> str:
        return self._state

    def kill(self) -> None:
        """The link breaks; what the phone runs goes on."""
        self._state = "offline"
        cut(self.links)

    def restart(self, **props: Any) -> None:
        self._props |= props
        self._write_props()
        self._state = "device"

    def connect(self) -> None:
        self._state = "device"

    def stall(self) -> None:
        self.going.clear()

    def resume(self) -> None:
        self.going.set()

    def end(self) -> None:
        self.kill()
        self.resume()
        self.end_processes()

    def path(self, text: str) -> str:
        """What a command or a path means here. A path that is one of here already (from a listing) stays."""
        return re.sub(f"(?<!{re.escape(str(self.folder))})/data/local/tmp", str(self.tmp), text)

    def _write_props(self) -> None:
        (self.folder / "props").write_text("".join(f"{key}={value}\n" for key, value in self._props.items()))

    def serve(self, link: socket.socket, service: str) -> None:
        self.links.append(link)
        self.going.wait()
        if service.startswith("shell,v2,raw:") and "shell_v2" in self.features:
            link.sendall(b"OKAY")
            Shell(self, link, service.removeprefix("shell,v2,raw:")).run()
        elif service == "sync:":
            link.sendall(b"OKAY")
            sync(link, self.path, self.going)
        else:
            fail(link, "closed")


class FakeServer:
    """Listens at `port`; a thread for each connection."""

    def __init__(self) -> None:
        self.phones: dict[str, FakePhone] = {}
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self.port = 0
        self.version = 41
        self.start_server()

    def start_server(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def kill_server(self) -> None:
        if self._listener is not None:
            # shutdown, since a thread waits in accept and keeps the socket listening
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        cut(self._links)
        until(lambda: not self._answers(), "the end of the server")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._links.append(link)
                threading.Thread(target=self._talk, args=(link,), daemon=True).start()

    def _talk(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError), link:
            phone = None
            while phone is None:
                phone = self._host(link, request(link))
            phone.serve(link, request(link))

    def _host(self, link: socket.socket, text: str) -> FakePhone | None:
        """Answer a request to the server; the phone when it asks for one."""
        if text == "host:version":
            answer(link, f"{self.version:04x}")
        elif text in ("host:devices-l", "host:devices"):
            tags = " product:OnePlus3 model:{} transport_id:1" if text.endswith("-l") else ""
            answer(link, "".join(f"{each.serial}\t{each.state()}{tags.format('X')}\n" for each in self.phones.values()))
        elif text.startswith("host:connect:"):
            where = text.removeprefix("host:connect:")
            answer(link, f"connected to {where}" if where in self.phones else f"failed to connect to {where}")
        elif text.endswith(":features"):
            answer(link, self.phones[text.removeprefix("host-serial:").removesuffix(":features")].features)
        elif text.startswith("host:transport:"):
            phone = self.phones.get(text.removeprefix("host:transport:"))
            if phone is not None and phone.state() == "device":
                link.sendall(b"OKAY")
                return phone
            fail(link, f"device {phone.state()}" if phone else "device not found")
        else:
            fail(link, "unknown host service")
        raise EOFError

    def close(self) -> None:
        for phone in self.phones.values():
            phone.end()
        self.kill_server()


def request(link: socket.socket) -> str:
    return exactly(link, int(exactly(link, 4), 16)).decode()


def answer(link: socket.socket, text: str) -> None:
    link.sendall(f"OKAY{len(text.encode()):04x}{text}".encode())


def fail(link: socket.socket, text: str) -> None:
    link.sendall(f"FAIL{len(text):04x}{text}".encode())


def cut(links: list[socket.socket]) -> None:
    for link in links:
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
    links.clear()
