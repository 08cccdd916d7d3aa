"""The layer times of `--exportProfile`.

Writer: TensorRT, samples/common/sampleReporting.cpp, exportJSONProfile: the number of profiled inferences first, then
a layer per line. It looks like JSON and need not be: names are written as they are, with their quotes, backslashes and
control characters. So a layer is read from its right end, where the numbers stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = r"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|inf|nan))"
_COUNT: Final = re.compile(r'\s*\[\s*\{\s*"count"\s*:\s*(\d+)\s*\}\s*')
# The text is split at these; a name that holds one whole would have to be written by somebody who wants to break this.
_LAYER: Final = re.compile(
    r',[ ]*\{[ ]*"name"[ ]*:[ ]*"(?P<name>(?:(?!\n,[ ]*\{[ ]*"name").)*?)"[ ]*,[ ]*"timeMs"[ ]*:[ ]*'
    + _NUMBER
    + r'[ ]*,[ ]*"averageMs"[ ]*:[ ]*'
    + _NUMBER
    + r'(?:[ ]*,[ ]*"medianMs"[ ]*:[ ]*'
    + _NUMBER
    + r')?[ ]*,[ ]*"percentage"[ ]*:[ ]*'
    + _NUMBER
    + r"[ ]*\}[ ]*\r?\n?",
    re.DOTALL,
)


@dataclass(frozen=True)
class LayerTime:
    """total_ms: over all profiled inferences."""

    name: str
    total_ms: float
    average_ms: float
    median_ms: float | None = None


class ProfileFileError(Exception):
    """The file cannot be used: why, in words."""


def parse(text: str) -> tuple[int, tuple[LayerTime, ...]]:
    """(profiled inferences, layers in the engine's order). Raises ProfileFileError for what is not whole."""
    head = _COUNT.match(text)
    if head is None or int(head[1]) < 1:
        raise ProfileFileError("the file of --exportProfile does not begin with the number of inferences")
    position = head.end()
    layers: list[LayerTime] = []
    while match := _LAYER.match(text, position):
        median = None if match[4] is None else float(match[4])
        layers.append(LayerTime(match["name"], float(match[2]), float(match[3]), median))
        position = match.end()
    if text[position:].strip() != "]":
        raise ProfileFileError(f"the file of --exportProfile is not whole: {len(layers)} layers were read of it")
    if not layers:
        raise ProfileFileError("the file of --exportProfile names no layer")
    return int(head[1]), tuple(layers)
