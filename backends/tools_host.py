"""Asking a native tool on this host which flags it has."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from bench.backends.tflite.help import Capabilities, capabilities
from bench.backends.tools import assess, host_abi
from bench.backends.tools_elf import Elf
from bench.base.errors import NotMeasuredError, UsageError
from bench.base.paths import cache_dir

HELP_LIMIT_S = 20.0


def not_here(path: Path, elf: Elf) -> str:
    """Why this host cannot start that file; empty where it can."""
    if sys.platform != "linux":
        return "this host does not run Linux programs."
    try:
        problem, _ = assess(elf, [host_abi()], "host")
    except UsageError as error:
        problem = error.found
    if problem:
        return problem[0].lower() + problem[1:]
    return "" if os.access(path, os.X_OK) else f"it may not be started. Allow it: chmod +x {path}"


def read_help(path: Path) -> str:
    """What `--help` prints, stdout before stderr; the exit code says nothing (it is 1). Raises NotMeasuredError."""
    try:
        done = subprocess.run(
            [os.path.abspath(path), "--help"], stdin=subprocess.DEVNULL, capture_output=True, timeout=HELP_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(f"{path} --help does not end", f"It was ended after {HELP_LIMIT_S:g} s.") from None
    except OSError as error:
        raise NotMeasuredError(f"cannot start {path}", str(error.strerror or error)) from None
    return "\n".join(stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))


def read_capabilities(path: Path) -> Capabilities:
    """The flags of a tool that runs on this host; asked once per content. Raises NotMeasuredError, StorageError."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        return capabilities(sha256, lambda: read_help(path), cache_dir())
    except NotMeasuredError as error:
        raise NotMeasuredError(
            f"cannot learn which flags {path} takes", error.found, "Is it a benchmark tool?"
        ) from None
