"""The page of `bench compare --html`: one file without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bench.records.comparison import Axis, Group
from bench.records.types import Record
from bench.reports import blocks, compare_view
from bench.reports.html import page
from bench.reports.html_bundle import Bundle
from bench.reports.html_cases import Charts
from bench.reports.html_tags import join, tag


def render(groups: Sequence[Group], alone: Sequence[Record], axes: Sequence[Axis], generated: str = "") -> str:
    """generated: when, ISO 8601 (else now)."""
    title = f"bench compare by {' and '.join(axes)}"
    at = generated or datetime.now(UTC).isoformat(timespec="seconds")
    told = blocks.html(compare_view.blocks(groups, alone, axes))
    body = join([tag("header", tag("h1", title)), tag("main", told), tag("footer", tag("p", f"Made {at}"))])
    return page(title, body, Charts(), Bundle("", ""))
