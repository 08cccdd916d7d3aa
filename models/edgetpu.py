"""The variant `edgetpu`: an int8-io file compiled by Google's edgetpu_compiler.

The compiler is a program for x86-64 Linux that is not ours to bring: it is looked for in bench.toml, then on the PATH.
It takes full integer models alone; with int8 inputs and outputs no QUANTIZE or DEQUANTIZE is left to the CPU.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.base.errors import ModelFileError, NotMeasuredError
from bench.base.process import Child, ChildEnded, ChildTimeout, signal_name
from bench.models.edgetpu_log import Compilation, LogError, parse
from bench.models.edgetpu_parts import edgetpu_parts
from bench.models.inspect import describe
from bench.models.sources import fingerprint

VARIANT = "edgetpu"
SOURCE = "int8-io"  # the variant that is compiled
COMPILER = "edgetpu_compiler"
LIMIT_S = 600.0  # the compiler ends itself after 180 s, unless told otherwise
_VERSION_LIMIT_S = 30.0
_SOURCES = ("edgetpu*.py",)
_HOW = (
    "Install it: a Debian package of Google's for x86-64, see coral.ai/docs/edgetpu/compiler (address unverified); "
    f'or name it in bench.toml: [tools] {COMPILER} = "PATH".'
)
_TODO = "Measure the variant int8-io on the CPU, or compile it elsewhere and give the file."
_NO_WORDS = re.compile(r"(Edge TPU Compiler version|Started a compilation timeout timer) .*")
_WORDS = 400  # characters of what it said


class Compiled(NamedTuple):
    """data: the compiled .tflite; log: what the compiler said of it; text: in its own words."""

    data: bytes
    log: Compilation
    text: str


def missing(tools: Mapping[str, str]) -> str | None:
    """Why nothing can be compiled here, in one sentence or two; None where it can. tools: those of bench.toml."""
    named = tools.get(COMPILER)
    path = named or shutil.which(COMPILER)
    if path is None:
        return f"The variant {VARIANT} is made by {COMPILER}, which is not on the PATH. {_HOW}"
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return f"bench.toml names {path} as {COMPILER}, which is no program. {_HOW}"
    found, why = _version_of(path, os.stat(path).st_mtime_ns)
    return None if found else f"{path} does not work here: {why}"


def maker(tools: Mapping[str, str]) -> str:
    """The tool and its version; `missing` must have said that it is there."""
    path = str(tools.get(COMPILER) or shutil.which(COMPILER))
    return f"{COMPILER} {_version_of(path, os.stat(path).st_mtime_ns)[0]}"


def recipe_key(tools: Mapping[str, str]) -> str:
    """Hex sha256 of what decides, beside the file that is compiled, what comes out: the compiler and our code."""
    return hashlib.sha256(f"{maker(tools)}\n{fingerprint(_SOURCES)}".encode()).hexdigest()


@functools.cache
def _version_of(path: str, changed_ns: int) -> tuple[str, str]:
    """(version, why there is none). changed_ns: of the program's file, so that another one is asked again."""
    try:
        code, text = _run([path, "--version"], Path.cwd(), _VERSION_LIMIT_S)
    except _FailedError as failed:
        return "", str(failed)
    found = re.search(r"Edge TPU Compiler version (\S+)", text)
    return (found[1], "") if found else ("", f"asked for its version it says {_words(text) or 'nothing'!r} ({code}).")


def compile_model(source: Path, tools: Mapping[str, str]) -> Compiled:
    """A full integer .tflite file compiled for the Edge TPU.

    Raises NotMeasuredError, with the compiler's words, for what it refuses, for a model of which it puts nothing on the
    Edge TPU, and where it does not end within LIMIT_S.
    """
    reason = missing(tools)
    if reason:
        raise _error(source, reason)
    path = str(tools.get(COMPILER) or shutil.which(COMPILER))
    with tempfile.TemporaryDirectory(prefix="bench-edgetpu-") as folder:
        scratch = Path(folder)
        shutil.copy(source, scratch / source.name)
        (scratch / "out").mkdir()
        try:
            code, text = _run([path, "-s", "-o", "out", source.name], scratch, LIMIT_S)
            return _result(scratch / "out", source.stem, code, text)
        except _FailedError as failed:
            raise _error(source, str(failed)) from None


class _FailedError(Exception):
    """Why nothing came of it, for a person."""


def _run(command: Sequence[str], cwd: Path, limit_s: float) -> tuple[str, str]:
    """(how it ended: `exit code 0` or a signal, what it said, its standard error last). Raises _FailedError."""
    try:
        child = Child.start(command, cwd=cwd)
    except OSError as error:
        raise _FailedError(f"{command[0]} does not start: {error.strerror or error}.") from None
    until = time.monotonic() + limit_s
    lines: list[str] = []
    try:
        while (left_s := until - time.monotonic()) > 0:
            lines.append(child.read_line(left_s).decode("utf-8", "replace"))
        raise ChildTimeout
    except ChildTimeout:
        raise _FailedError(f"{COMPILER} was not done after {limit_s:.0f} s. {_said(lines)}".strip()) from None
    except ChildEnded as ended:
        how = signal_name(ended.returncode) or f"exit code {ended.returncode}"
        lines += child.stderr_tail().splitlines()
    finally:
        child.close()
    return how, "".join(f"{line}\n" for line in lines)


def _result(out: Path, stem: str, how: str, text: str) -> Compiled:
    """What it wrote and said. Raises _FailedError."""
    file = out / f"{stem}_edgetpu.tflite"
    if how != "exit code 0":
        raise _FailedError(f"{COMPILER} ended with {how}. {_said([text])}".strip())
    if not file.is_file():
        raise _FailedError(f"{COMPILER} wrote no file. {_said([text])}".strip())
    try:
        parts = edgetpu_parts(describe(file, None))
    except ModelFileError as error:
        raise _FailedError(f"{COMPILER} wrote a file that is no model: {error.found} {_said([text])}".strip()) from None
    if parts is None:
        raise _FailedError(f"{COMPILER} put no op of it on the Edge TPU. {_said([text])}".strip())
    try:
        log = parse(text)
        kept = out / f"{stem}_edgetpu.log"
        if "operators" in log.missing and not log.operators and kept.is_file():
            text += kept.read_text(encoding="utf-8", errors="replace")
            log = parse(text)
    except LogError as error:
        raise _FailedError(f"{COMPILER} wrote a file, but of what it said: {error}. {_said([text])}".strip()) from None
    return Compiled(file.read_bytes(), log, text)


def _said(lines: Sequence[str]) -> str:
    words = _words("\n".join(lines))
    return f"It says: {words}" if words else "It says nothing."


def _words(text: str) -> str:
    """The last lines of what was said, on one."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and not _NO_WORDS.fullmatch(line)]
    kept = ""
    for line in reversed(lines):
        if kept and len(line) + len(kept) >= _WORDS:
            break
        kept = f"{line[-_WORDS:]} {kept}".rstrip()
    return kept


def _error(source: Path, found: str) -> NotMeasuredError:
    return NotMeasuredError(f"cannot compile {source.name} for the Edge TPU", found, _TODO)
