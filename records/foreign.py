"""Times that other tools measured, read as series: pytest-benchmark, pyperf, hyperfine, Google Benchmark.

A series has no placement, no conditions and no fingerprint of ours, so it is shown beside records and never judges one.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.records.foreign_compare import Foreign
from bench.records.foreign_formats import google_benchmark, hyperfine, pyperf, pytest_benchmark
from bench.records.foreign_series import ForeignError, ForeignSeries

__all__ = ["Foreign", "ForeignError", "ForeignSeries", "benchmarks", "is_record", "parse", "read", "which"]

TODO = "bench reads the JSON of pytest-benchmark, pyperf, hyperfine and Google Benchmark."
_READERS: dict[str, Callable[[Any], list[ForeignSeries]]] = {
    "hyperfine": hyperfine, "pyperf": pyperf, "Google Benchmark": google_benchmark,
    "pytest-benchmark": pytest_benchmark,
}  # fmt: skip


def read(path: Path) -> list[ForeignSeries]:
    """The benchmarks of a file, in its order. Raises ForeignError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ForeignError(f"cannot read {path}", str(error.strerror or error), "") from None
    try:
        return parse(data)
    except ForeignError as error:
        raise ForeignError(f"cannot read {path}", f"{error.asked}. {error.found}".strip(), error.todo) from None


def benchmarks(file: str) -> list[Foreign]:
    """The benchmarks of a file, each with the file as it was named. Raises ForeignError."""
    return [Foreign(series, file) for series in read(Path(file))]


def is_record(path: Path) -> bool:
    """Whether a file is one of ours, if a damaged one: its first key is its schema. False where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return re.match(rb'\s*\{\s*"schema"', stream.read(64)) is not None
    except OSError:
        return False


def parse(data: bytes) -> list[ForeignSeries]:
    """The benchmarks of a file's content, whichever tool wrote it. Raises ForeignError."""
    if data.startswith(b"\x1f\x8b"):
        raise ForeignError("It is compressed", "", "Uncompress it first: gunzip FILE")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ForeignError("It is no JSON", str(error), TODO) from None
    tool = which(document)
    if tool is None:
        raise ForeignError("Of which tool it is cannot be told", "", TODO)
    try:
        found = _READERS[tool](document)
    except msgspec.ValidationError as error:
        raise ForeignError(f"It is a damaged {tool} file", str(error), "Let the tool write it again.") from None
    if not found:
        raise ForeignError(f"It is a {tool} file without a benchmark", "", "Let the tool write it again.")
    return _told_apart(found)


def _told_apart(found: list[ForeignSeries]) -> list[ForeignSeries]:
    """Of several of one name in one file the later ones get a number: they are not the same thing."""
    seen: Counter[str] = Counter()
    named = []
    for one in found:
        seen[one.name] += 1
        again = seen[one.name] > 1
        named.append(dataclasses.replace(one, name=f"{one.name} ({seen[one.name]})") if again else one)
    return named


def which(document: Any) -> str | None:
    """The tool that wrote it, from the keys that only it has."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("results"), list):
        return "hyperfine"
    if not isinstance(document.get("benchmarks"), list):
        return None
    if isinstance(document.get("context"), dict):
        return "Google Benchmark"
    if isinstance(document.get("machine_info"), dict):
        return "pytest-benchmark"
    return "pyperf" if "version" in document else None
