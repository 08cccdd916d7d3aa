"""Finding trtexec where it lives: on the device, beside the TensorRT that it was built with."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from bench.backends import tool_run
from bench.backends.tensorrt.help import parse_help
from bench.backends.tflite.help import Capabilities
from bench.base.errors import NotMeasuredError, UsageError
from bench.devices.protocol import Device

LIMIT_S: Final = 30.0
PLACES: Final = ("trtexec", "/usr/src/tensorrt/bin/trtexec")
# The answer has a word of its own in front: a login shell may greet first.
_MARK: Final = "bench-found"
_SCRIPT: Final = f"""
for each in "$@"; do
  path=$(command -v "$each") || continue
  echo "{_MARK} path $path"
  echo "{_MARK} sha256 $(sha256sum < "$path" 2>/dev/null)"
  exit 0
done
"""


class Found(NamedTuple):
    """path: on the device; sha256: empty where the device cannot tell it."""

    path: str
    sha256: str


def find(device: Device, named: str | None) -> Found:
    """named: by the user, a path there, else a file here that is brought there. Raises UsageError, NotMeasuredError."""
    found = _look(device, [named] if named else list(PLACES))
    if found is None and named and Path(named).expanduser().is_file():
        found = _look(device, [device.push(Path(named).expanduser())])
    if found is not None:
        return found
    if named:
        raise UsageError(
            f"--tool trtexec={named}",
            f"There is no such program on {device.name}, nor here.",
            "Give its path on the device.",
        )
    raise UsageError(
        f"{device.name} has no trtexec",
        f"It is not on the PATH there, nor at {PLACES[1]}.",
        "Install TensorRT there (on a Jetson: sudo apt install tensorrt), or name it: --tool trtexec=PATH.",
    )


def _look(device: Device, places: list[str]) -> Found | None:
    ran = tool_run.run(device, ["sh", "-c", _SCRIPT, "sh", *places], LIMIT_S)
    told = dict(_answers(ran.stdout))
    return Found(told["path"], told.get("sha256", "").partition(" ")[0]) if told.get("path") else None


def _answers(text: str) -> list[tuple[str, str]]:
    lines = (line.split(" ", 2) for line in text.split("\n") if line.startswith(f"{_MARK} "))
    return [(words[1], words[2].strip()) for words in lines if len(words) == 3]


def sha256(device: Device, path: str) -> str:
    """Of a file there; empty where the device cannot tell it."""
    ran = tool_run.run(device, ["sh", "-c", f'echo "{_MARK} sha256 $(sha256sum < "$1")"', "sh", path], LIMIT_S)
    return dict(_answers(ran.stdout)).get("sha256", "").partition(" ")[0]


def ask(device: Device, path: str) -> Capabilities:
    """Its flags and version. Raises UsageError for another program, NotMeasuredError for one that does not start."""
    ran = tool_run.run(device, [path, "--help"], LIMIT_S)
    found = parse_help(ran.stdout + ran.stderr)
    if "loadEngine" in found:
        return found
    tail = "\n".join((ran.stderr or ran.stdout).strip().split("\n")[-3:])
    if "shared librar" in tail or ran.timed_out or ran.lost:
        raise NotMeasuredError(
            f"cannot start {path} on {device.name}",
            tail or ran.end,
            "It needs the TensorRT that it was built with: install that, or set LD_LIBRARY_PATH there.",
        )
    raise UsageError(f"{path} on {device.name} is no trtexec", f"Its --help names no --loadEngine.\n{tail}".strip())
