"""Protocol buffers without their schema: the wire format's fields, and `BenchmarkResult`, which no package ships.

Wire format: protobuf.dev/programming-guides/encoding. The fields of `BenchmarkResult` were read from a tool's file
beside what the same run printed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import NotMeasuredError

NS_PER_MS = 1_000_000
BYTES_PER_KB = 1024
Value = int | float | bytes
_NOT_ONE = "It is cut off, or another file: let the tool write it again."


class WireError(ValueError):
    """Bytes that are no protocol buffer."""


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """(field number, value) in order: int for varints, float for fixed 32 and 64 bit, bytes for the rest.

    Raises WireError where the bytes end too early or are none of these.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise WireError("field number 0")
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise WireError(f"wire type {kind}")
        part = data[at : at + size]
        if len(part) != size:
            raise WireError("the data ends within a field")
        at += size
        yield number, part if kind == 2 else struct.unpack("<d" if kind == 1 else "<f", part)[0]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise WireError("the data ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise WireError("a number of more than ten bytes")


@dataclass(frozen=True, kw_only=True)
class ResultFile:
    """`--result_file_path`: latencies in nanoseconds (from 32-bit milliseconds: seven digits), memory in bytes.

    footprints: growth since the tool's start; peak: only with `--report_peak_memory_footprint`.
    """

    avg_ns: float | None = None
    min_ns: float | None = None
    max_ns: float | None = None
    std_ns: float | None = None
    median_ns: float | None = None
    p5_ns: float | None = None
    p95_ns: float | None = None
    init_ns: float | None = None
    first_inference_ns: float | None = None
    warmup_avg_ns: float | None = None
    init_footprint_bytes: int | None = None
    overall_footprint_bytes: int | None = None
    peak_bytes: int | None = None
    runs: int | None = None
    warmup_runs: int | None = None


_LATENCY = (
    *("avg_ns", "min_ns", "max_ns", "std_ns", "median_ns", "p5_ns", "p95_ns"),
    *("init_ns", "first_inference_ns", "warmup_avg_ns"),
)
_LATENCY_FIELD, _MEMORY_FIELD, _MISC_FIELD = 2, 3, 4


def read_result(path: Path) -> ResultFile:
    """The file of `--result_file_path`. Raises NotMeasuredError when it cannot be read or is none."""
    try:
        return parse_result(path.read_bytes())
    except (OSError, WireError) as error:
        raise NotMeasuredError(f"{path} cannot be read as the tool's result", str(error), _NOT_ONE) from None


def parse_result(data: bytes) -> ResultFile:
    """`BenchmarkResult` -> numbers. Raises WireError when the bytes are none.

    Latencies of a run that timed nothing are zeros in the file, and None here.
    """
    parts = {number: value for number, value in fields(data) if isinstance(value, bytes)}
    if _LATENCY_FIELD not in parts:
        raise WireError("there are no latencies in it")
    latency = _numbers(parts[_LATENCY_FIELD])
    memory = _numbers(parts.get(_MEMORY_FIELD, b""))
    misc = _numbers(parts.get(_MISC_FIELD, b""))
    timed = bool(misc.get(2, 1))
    found = {name: latency.get(index) for index, name in enumerate(_LATENCY, 1)}
    known = {name: round(value * NS_PER_MS) for name, value in found.items() if value is not None}
    if not timed:
        known = {"init_ns": known["init_ns"]} if "init_ns" in known else {}
    return ResultFile(
        **known,
        init_footprint_bytes=_bytes(memory.get(1), BYTES_PER_KB),
        overall_footprint_bytes=_bytes(memory.get(2), BYTES_PER_KB),
        peak_bytes=_bytes(memory.get(3), BYTES_PER_KB**2),
        runs=_bytes(misc.get(2), 1),
        warmup_runs=_bytes(misc.get(3), 1),
    )


def _numbers(data: bytes) -> dict[int, float]:
    return {number: value for number, value in fields(data) if not isinstance(value, bytes) and math.isfinite(value)}


def _bytes(value: float | None, unit: int) -> int | None:
    return None if value is None else round(value * unit)
