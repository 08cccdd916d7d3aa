"""What github-action-benchmark reads as `customSmallerIsBetter`: a list of name, unit, value, range and extra."""

from __future__ import annotations

import json

from bench.reports import view
from bench.reports.export_given import Given, facts, measured, name

_SHOWN = ("placement", "runtime", "device", "output", "artifact_sha256", "run")


def render(given: Given) -> str:
    """Medians in ns; range: the 95 % interval, left out where there is none. Raises NotMeasuredError."""
    rows = []
    for record, summary in measured(given):
        row: dict[str, str | float] = {"name": name(record), "unit": "ns", "value": summary.median_ns}
        if summary.low_ns is not None and summary.high_ns is not None:
            row["range"] = f"{summary.low_ns:.0f} to {summary.high_ns:.0f}"
        known = facts(record, summary)
        said = [f"{key}: {known[key]}" for key in _SHOWN if key in known]
        row["extra"] = "\n".join([view.samples_text(summary), *said])
        rows.append(row)
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
