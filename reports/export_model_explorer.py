"""One op profile as node data for Model Explorer: ms per inference on each node of the graph that is open there.

https://github.com/google-ai-edge/model-explorer/wiki: results are found by the name of an op's output tensor. Without a
graph's id around them they are for the graph that is open; what a runtime fused is one row, whose time stands at the
last of its source ops only, so that sums stay right.
"""

from __future__ import annotations

import json
import re

from bench.base.errors import UsageError
from bench.records.types import OpRow
from bench.reports.export_given import Given, name, profiled

GRADIENT = ((0.0, "#22c55e"), (0.5, "#eab308"), (1.0, "#ef4444"))
# `CONV_2D conv_1` and `Conv:conv_1`: an op's type, then the name of what it puts out.
_TYPED = re.compile(r"[A-Za-z][A-Za-z0-9_]*[ :](?=.)")


def render(given: Given) -> str:
    """Raises NotMeasuredError without a profile; UsageError where several cases have one: a file holds one."""
    found = profiled(given)
    if len(found) > 1:
        cases = "\n".join(name(record) for record, _ in found)
        todo = "Name one record's file instead of the run: `bench show RUN --json` tells their paths."
        raise UsageError("node data is of one op profile", cases, todo)
    (record, profile), *_ = found
    results: dict[str, float] = {}
    for row in profile.rows:
        key = _node(row)
        results[key] = results.get(key, 0.0) + row.time_ns / 1e6
    document = {
        "name": f"{name(record)} [ms]",
        "results": {key: {"value": value} for key, value in results.items()},
        "gradient": [{"stop": stop, "bgColor": color} for stop, color in GRADIENT],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _node(row: OpRow) -> str:
    if not row.source_ops:
        return row.name
    last = row.source_ops[-1]
    return _TYPED.sub("", last, count=1) if _TYPED.match(last) else last
