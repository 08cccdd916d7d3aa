"""The page of `bench compare --html`: one file without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bench.records.comparison import Axis
from bench.reports import blocks
from bench.reports.blocks import Block
from bench.reports.html import page
from bench.reports.html_bundle import Bundle
from bench.reports.html_cases import Charts
from bench.reports.html_tags import join, tag


def render(told: Sequence[Block], axes: Sequence[Axis], generated: str = "") -> str:
    """told: as it is printed; generated: when, ISO 8601 (else now)."""
    title = f"bench compare by {' and '.join(axes)}"
    at = generated or datetime.now(UTC).isoformat(timespec="seconds")
    main = tag("main", blocks.html(told))
    body = join([tag("header", tag("h1", title)), main, tag("footer", tag("p", f"Made {at}"))])
    return page(title, body, Charts(), Bundle("", ""))
