"""`bench doctor --device`: one device step by step, from being reached to its disk, and what to do for what fails."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from bench.backends import tools
from bench.backends.registry import BACKENDS
from bench.backends.tensorrt import locate
from bench.base.errors import BenchError, NotMeasuredError
from bench.base.findings import Finding
from bench.devices.assess import assess
from bench.devices.checkup import FREE_BYTES
from bench.devices.protocol import Device
from bench.devices.view import View
from bench.records.types import Conditions, DeviceIdentity, Reading
from bench.run import health, step_edgetpu

State = Literal["ok", "failed", "warning", "skipped"]
_TARGETS: dict[str, tools.Target] = {"android": "android", "local": "host"}
_PROBE = "echo bench-was-here\n"  # no first line with #!: a phone has its shell elsewhere
_ANSWER_S = 20.0
_POWER_S = 0.5  # enough for a meter that adds up: it needs two readings


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """found: what is there, or is wrong; todo: how to mend it."""

    name: str
    state: State
    found: str
    todo: str = ""


def steps(
    device: Device, python: bool, named_tools: Mapping[str, str], cache: Path, watch: Callable[[], None],
    accelerator: str = "",
) -> Iterator[Step]:  # fmt: skip
    """Each step as it is done; a device that cannot be reached has no more than that one.

    python: whether its kind can have Python runtimes; watch: waits while its conditions are watched; accelerator: its
    default.
    """
    try:
        identity = device.identify()
    except BenchError as error:
        yield _failed("reachable", error)
        return
    yield Step(name="reachable", state="ok", found=f"{identity.name} ({identity.kind}) answers")
    yield _identity(identity)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(device.lock(0.0))
        except BenchError as error:
            yield Step(name="held", state="warning", found=error.found, todo=error.todo)
        if device.kind != "local":  # there, files are used where they lie
            yield _permissions(device)
        yield from _runtimes(device) if python else ()
        if accelerator == "edgetpu" or device.kind == "coral-board":
            yield _edgetpu(device)
        yield from _tools(device, named_tools, cache)
        yield from _state(device, identity, watch)
        yield _pin(device)
        yield _power(device)
        yield _disk(device)


def failed(found: list[Step]) -> bool:
    return any(step.state == "failed" for step in found)


def _failed(name: str, error: BenchError, state: State = "failed") -> Step:
    return Step(name=name, state=state, found=": ".join(filter(None, (error.asked, error.found))), todo=error.todo)


def _identity(identity: DeviceIdentity) -> Step:
    unknown = [f"{name}: {reason}" for name, reason in identity.unavailable.items()]
    found = f"{identity.title}; fingerprint {identity.fingerprint}"
    return Step(name="identity", state="warning" if unknown else "ok", found="; ".join([found, *unknown]))


def _permissions(device: Device) -> Step:
    """A program is brought there, executed, and fetched again."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder) / "probe.sh"
            probe.write_text(_PROBE)
            probe.chmod(0o755)
            remote = device.push(probe)
            process = device.spawn(["sh", "-c", 'exec "$0"', remote])
            try:
                line = process.read_line(_ANSWER_S)
            finally:
                process.close(grace_s=1.0)
            device.pull(remote, Path(folder) / "back")
        if line.strip() != b"bench-was-here":
            raise NotMeasuredError("a program that was brought there answers something else", repr(line[:80]))
    except BenchError as error:
        return _failed("permissions", error)
    except Exception as error:  # of the process: it ended, or its time was over
        return Step(
            name="permissions",
            state="failed",
            found=f"a program that was brought there does not run: {str(error) or type(error).__name__}",
            todo="Name another folder for it where programs may be executed (folder = ..., without noexec).",
        )
    return Step(name="permissions", state="ok", found="files can be brought there, executed and fetched")


def _runtimes(device: Device) -> Iterator[Step]:
    try:
        python = device.python()
    except BenchError as error:
        yield _failed("python", error, "warning")
        return
    yield Step(name="python", state="ok", found=python)
    try:
        found = health.gather(device)
    except BenchError as error:
        yield _failed("runtimes", error)
        return
    for each in found:
        name = f"runtime {each.backend}"
        if each.error:
            yield Step(name=name, state="warning", found=each.error, todo=each.todo)
        else:
            yield Step(name=name, state="ok", found=f"{each.title} {each.version}")
    if found and all(each.error for each in found):
        todo = f"On the device: {python} -m pip install ai-edge-litert"
        yield Step(name="runtimes", state="failed", found="none of them starts", todo=todo)


def _edgetpu(device: Device) -> Step:
    try:
        found, todo = step_edgetpu.look(device)
    except BenchError as error:
        return _failed("edgetpu", error)
    return Step(name="edgetpu", state="failed" if todo else "ok", found=found, todo=todo)


def _tools(device: Device, named: Mapping[str, str], cache: Path) -> Iterator[Step]:
    target = _TARGETS.get(device.kind, "linux")
    for row in BACKENDS.values():
        if not row.native:
            continue
        try:
            if row.name == "trtexec":  # lives there, beside its TensorRT
                place = locate.find(device, named.get(row.name)).path
            else:
                place = str(tools.find(row.name, device.abis(), named.get(row.name), cache, target=target).path)
        except BenchError as error:
            yield Step(name=f"tool {row.name}", state="skipped", found=error.asked, todo=error.todo)
            continue
        yield Step(name=f"tool {row.name}", state="ok", found=place)


def _state(device: Device, identity: DeviceIdentity, watch: Callable[[], None]) -> Iterator[Step]:
    before = device.conditions("before")
    watch()
    after = device.conditions("after")
    found = assess(identity, before, [], after, threads=1)
    clocks = [one for one in found if one.code in _CLOCKS]
    yield _of("clocks", clocks, _clock_words(after))
    heat = [one for one in found if one.code == "temperature-high"]
    hottest = View(identity, before, (), after, 1).hottest()
    sensors = f"{hottest[0]} {hottest[1]:.1f} C" if hottest else ""
    reason = next((one.unavailable for one in after.readings if one.name.startswith("temp") and one.unavailable), "")
    if hottest or heat:
        yield _of("temperature", heat, sensors)
    else:
        yield Step(name="temperature", state="warning", found=f"no sensor can be read: {reason or 'none is there'}")
    others = [one for one in found if one not in clocks and one not in heat]
    yield _of("quiet", others, "nothing disturbs")


_CLOCKS = (
    *("cpu-governor", "clocks-unreadable", "clock-limit-fell", "cpu-throttled", "virtual-machine"),
    *("board-throttled", "board-throttled-before", "clocks-free"),
)


def _of(name: str, findings: list[Finding], otherwise: str) -> Step:
    if not findings:
        return Step(name=name, state="ok", found=otherwise)
    worst: State = "warning" if any(one.severity != "info" for one in findings) else "ok"
    todo = "\n".join(dict.fromkeys(one.remedy for one in findings if one.remedy))
    return Step(name=name, state=worst, found=" ".join(one.what for one in findings), todo=todo)


def _clock_words(conditions: Conditions) -> str:
    known = {one.name: one.value for one in conditions.readings if one.value is not None}
    parts = []
    if "cpu.governor" in known:
        parts.append(f"governor {known['cpu.governor']}")
    clock = known.get("cpu.clock_max_now")
    if isinstance(clock, int | float):
        parts.append(f"at {clock / 1e9:.2f} GHz")
    return " ".join(parts) or "not known"


def _pin(device: Device) -> Step:
    """Held for a moment, and put back."""
    try:
        with device.pin() as readings:
            told = next((one for one in readings if one.name == "pin"), None)
    except BenchError as error:
        return _failed("pin", error, "warning")
    if told is not None and told.value is not None:
        return Step(name="pin", state="ok", found=f"{told.value} for a moment, and put back")
    return Step(name="pin", state="skipped", found=told.unavailable if told else "this kind holds no clocks")


def _power(device: Device) -> Step:
    """Read for a moment. A rail is nothing that a device must have."""
    with device.power() as sampler:
        time.sleep(0.0 if sampler.reason else _POWER_S)
        readings, refused, reason = sampler.readings(), sampler.refused(), sampler.reason
    if reason:
        return Step(name="power rails", state="skipped", found=reason)
    rails = [
        f"{rail.name} {series[-1].watts:.3g} W{' (all of the board)' if rail.scope == 'board' else ''}"
        for rail, series in readings.items()
        if series
    ]
    lost = [f"{rail.name}: {why}" for rail, why in refused.items()]
    found = "; ".join([f"{', '.join(rails) or 'no reading'} ({sampler.source})", *lost])
    return Step(name="power rails", state="warning" if lost or not rails else "ok", found=found)


def _disk(device: Device) -> Step:
    try:
        free = device.free_bytes()
    except BenchError as error:
        return _failed("disk", error)
    if isinstance(free, Reading):
        return Step(name="disk", state="warning", found=free.unavailable)
    found = f"{free / (1 << 20):,.0f} MiB free where bench puts files"
    if free < FREE_BYTES:
        todo = f"Free some space there; what bench left goes with: bench devices clean {device.name}"
        return Step(name="disk", state="warning", found=found, todo=todo)
    return Step(name="disk", state="ok", found=found)
