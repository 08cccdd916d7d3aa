"""Whether the backends work here: each runtime is really started in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.backends import pack
from bench.backends.client import AgentClient, InvocationFailed
from bench.backends.registry import BACKENDS, Backend
from bench.base.errors import BenchError
from bench.base.findings import Finding
from bench.base.paths import cache_dir
from bench.devices.protocol import Device
from bench.models import edgetpu, modern, quantize

START_LIMIT_S = 60.0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """One backend here. version: empty when it does not start; accelerators: those that it knows of."""

    backend: str
    title: str
    version: str
    accelerators: tuple[str, ...]
    error: str
    todo: str

    def __str__(self) -> str:
        if self.error:
            return f"{self.backend:<12} not usable: {self.error}"
        return f"{self.backend:<12} {self.title} {self.version}, can be asked for {', '.join(self.accelerators)}"


def gather(device: Device) -> list[Health]:
    """Start each runtime once, as an invocation would. Raises StorageError when the agent cannot be written."""
    agent, _ = pack.packed(cache_dir())
    return [_start(device, device.push(agent), row) for row in BACKENDS.values() if not row.native]


def _start(device: Device, agent: str, row: Backend) -> Health:
    def health(version: str = "", error: str = "", todo: str = "") -> Health:
        return Health(
            backend=row.name, title=row.title, version=version, accelerators=row.accelerators, error=error, todo=todo
        )

    try:
        with AgentClient(device, agent, START_LIMIT_S) as client:
            answer = client.ask(
                "hello", "importing the runtime", backend=row.name, accelerator=row.accelerators[0], threads=1,
                options={},
            )  # fmt: skip
            client.ask("quit", "leaving")
            return health(version=str(answer["version"]))
    except InvocationFailed as failed:
        return health(error=failed.error.message, todo=failed.error.todo or row.install)
    except BenchError as error:
        return health(error=str(error), todo=error.todo)


def assess(found: Sequence[Health]) -> list[Finding]:
    """A warning for each backend that cannot be used, with the command that mends it."""
    return [
        Finding(
            code=f"backend-{each.backend}",
            severity="info" if BACKENDS[each.backend].extra else "warning",
            what=f"{each.title} cannot be used: {each.error}",
            why=f"Cases with --backend {each.backend} will be skipped or fail.",
            remedy=each.todo,
        )
        for each in found
        if each.error
    ]


def assess_tools(tools: Mapping[str, str]) -> list[Finding]:
    """What models cannot be made here for want of a tool, with the command that mends it. tools: of bench.toml."""
    lacking = (
        ("quantizer", quantize.missing(), "There are no fp16, dynamic and int8 variants of the zoo without it."),
        ("converter", modern.why_not("tflite"), "There are no models of the era modern without it."),
        ("edgetpu-compiler", edgetpu.missing(tools), "There is no variant edgetpu of the zoo without it."),
    )
    return [
        Finding(code=f"no-{name}", severity="info", what=reason, why=why, remedy="")
        for name, reason, why in lacking
        if reason
    ]
