"""A finding: something a person should know about a machine, a run or a graph, with the reason and the remedy."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["info", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """code: stable kebab-case id (`cpu-steal`); what: one sentence; why: why it matters; remedy: what to do."""

    code: str
    severity: Severity
    what: str
    why: str = ""
    remedy: str = ""
