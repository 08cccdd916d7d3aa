"""Times as people write them: `90s`, `10m`, `1h`."""

from __future__ import annotations

import re

from bench.base.errors import UsageError

LONGEST_S = 86_400
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(text: str, option: str) -> float:
    """Seconds in `90s`, `10m`, `1.5h`, `90`, from 1 s to 24 h. Raises UsageError, which names the option."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", text.strip())
    found = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 1 <= found <= LONGEST_S:
        raise UsageError(f"{option} {text}", "is no time between 1s and 24h", f"For example: {option} 10m")
    return found
