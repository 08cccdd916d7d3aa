"""Our end of the agent's protocol: a process, requests with deadlines, and what went wrong in words."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from bench.base.process import ChildEnded, ChildTimeout, LinkLost, Process, signal_name
from bench.devices.protocol import Device
from bench.devices.recording_process import ReplayedProcess
from bench.records.types import CaseError, TensorSpec

# What a signal of a measuring process usually means, for `todo`.
SIGNAL_ADVICE = {
    "SIGSEGV": "The runtime crashed: check the model with `bench models show`, or try another backend or its options.",
    "SIGILL": "The runtime used an instruction that this CPU or driver lacks; try another build or accelerator.",
    "SIGABRT": "The runtime gave up on an internal check; its last words stand below.",
    "SIGKILL": "Killed from outside: often the kernel, out of memory. See `dmesg`, or free some memory.",
    "SIGBUS": "The model file or memory went away under the runtime; is the disk full?",
}
_MISMATCH = (
    "A libedgetpu that was built for another TensorFlow than this runtime does that. Install a libedgetpu for this "
    "runtime's version, or the runtime (tflite_runtime) that your libedgetpu was built for."
)
_NO_KERNEL = "A GPU's delegate that lacks an op can do that; see what it said below, and measure it on the CPU."
# What it usually means where such an accelerator is at work.
ACCELERATOR_ADVICE = {
    "edgetpu": {"SIGSEGV": _MISMATCH, "SIGABRT": _MISMATCH},
    "gpu": {"SIGILL": _NO_KERNEL},
}


class InvocationFailed(Exception):
    """An invocation that gave no result; `error` is what the record says. transcript: all that its process printed."""

    def __init__(self, error: CaseError, transcript: str = "") -> None:
        super().__init__(error.message)
        self.error = error
        self.transcript = transcript


class AgentClient:
    """One agent process. Use as a context: on leaving, its process group is gone."""

    def __init__(self, device: Device, agent: str, limit_s: float, accelerator: str = "") -> None:
        """limit_s: for the whole invocation. accelerator: tells what a crash may mean.

        Raises NotMeasuredError when it cannot be started.
        """
        self._accelerator = accelerator
        self._begun = time.monotonic()
        self._limit_s = limit_s
        self._ends = self._begun + limit_s
        self._python = device.python()
        self._place = "" if device.kind == "local" else f"On {device.name}: "
        self._child: Process = device.spawn([self._python, agent])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an answered `quit` it leaves by itself; after anything else there is nothing to wait for.
        self._child.close(grace_s=2.0 if kind is None else 0.0)

    @property
    def elapsed_ns(self) -> int:
        """Since its start; of a replayed process, as it was when it was recorded."""
        if isinstance(self._child, ReplayedProcess):
            return self._child.elapsed_ns
        return int((time.monotonic() - self._begun) * 1e9)

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """What the harness does inside while the agent waits does not count against the limit."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._ends += time.monotonic() - begun

    def stderr(self) -> str:
        return self._child.stderr_tail()

    def ask(self, command: str, phase: str, **fields: object) -> dict[str, Any]:
        """Send a request and give the answer. phase: named in errors. Raises InvocationFailed."""
        try:
            self._child.write_line(msgspec.json.encode({"cmd": command, **fields}))
            line = self._child.read_line(self.left_s)
        except ChildTimeout:
            self._child.kill()
            self._child.wait(5.0)
            raise InvocationFailed(
                CaseError(
                    kind="timed out",
                    message=f"no answer within {self._limit_s:g} s (in {phase}); its processes were ended",
                    todo="Give it more time with --limit, or look for what blocks it in the lines below.",
                    phase=phase,
                    stderr_tail=self.stderr(),
                )
            ) from None
        except LinkLost as lost:
            raise InvocationFailed(lost_error(lost.reason, phase, self.stderr())) from None
        except ChildEnded as ended:
            raise InvocationFailed(ended_error(ended.returncode, phase, self.stderr(), self._accelerator)) from None
        try:
            answer: dict[str, Any] = msgspec.json.decode(line)
        except msgspec.DecodeError:
            raise InvocationFailed(
                CaseError(kind="protocol", message=f"the agent answered with no JSON: {line[:200]!r}", phase=phase)
            ) from None
        if not answer.get("ok"):
            raise InvocationFailed(self._where(refused_error(answer.get("error") or {}, phase, self.stderr())))
        return answer

    def _where(self, error: CaseError) -> CaseError:
        """A command of pip is for the interpreter that measured, which may be another one, on another machine."""
        if not error.todo.startswith("pip ") or (not self._place and self._python == sys.executable):
            return error
        return msgspec.structs.replace(error, todo=f"{self._place}{self._python} -m {error.todo}")


def ended_error(returncode: int | None, phase: str, stderr: str, accelerator: str = "") -> CaseError:
    """What to say of a process that ended in the middle of something."""
    name = signal_name(returncode)
    if name:
        message = f"the measuring process was ended by {name} (in {phase})"
    else:
        message = f"the measuring process ended by itself with exit code {returncode} (in {phase})"
    return CaseError(
        kind="crashed",
        message=message,
        todo=ACCELERATOR_ADVICE.get(accelerator, {}).get(name) or SIGNAL_ADVICE.get(name, ""),
        phase=phase,
        exit_code=None if name else returncode,
        signal=name,
        stderr_tail=stderr,
    )


def lost_error(reason: str, phase: str, stderr: str) -> CaseError:
    """What to say where the way to the device broke: what became of the process is not known."""
    return CaseError(
        kind="link lost",
        message=f"the way to the device broke in the middle: {reason} (in {phase})",
        todo="See to the way to it, and repeat; what was left running there is ended before the next case.",
        phase=phase,
        stderr_tail=stderr,
    )


def refused_error(error: Mapping[str, Any], phase: str, stderr: str) -> CaseError:
    return CaseError(
        kind=str(error.get("kind", "runtime error")),
        message=str(error.get("message", "no message")),
        todo=str(error.get("todo", "")),
        phase=phase,
        stderr_tail=stderr,
    )


def sizes_text(spec: TensorSpec) -> str:
    """`N,256,256,3`: N stands for a dynamic dimension."""
    return ",".join("N" if size < 0 else str(size) for size in spec.shape)


def open_shape(spec: TensorSpec, phase: str) -> InvocationFailed:
    """The failure of an input that is left dynamic, whether its file or the runtime tells."""
    sizes = sizes_text(spec)
    return InvocationFailed(
        CaseError(
            kind="shape",
            message=f"input {spec.name} has no fixed shape: {sizes}",
            todo=f"Fix it with the size that you ship, such as --shape {spec.name}={sizes.replace('N', '1')}",
            phase=phase,
        )
    )
