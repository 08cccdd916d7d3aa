"""Op tables of the tool as they stand: rows, sections, and what is known of their wholeness.

The tool prints one table of its initialisation and one of the timed runs; each has up to three sections: Run Order,
Top by Computation Time (ten rows) and Summary by node type. A model of several subgraphs has these once per subgraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Generation = Literal["", "G1", "G2", "G3", "G4"]

_NODE_ID = re.compile(r":(\d+)$")
_KERNEL = re.compile(r"TfLite\w*Delegate\w*|LITERT_\w+|DELEGATE\b.*|\w*[Dd]ispatch[ _]?[Dd]elegate\w*")
INSIDE = "Delegate/"


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row of Run Order or Top. avg_ms: of **one call**; a nan in the table is None.

    times_called: per inference, cut to a whole number by the tool: 0 where it was called in few of them; calls: the
    same without that cut, which only the binary form tells. position: place in Run Order, from 0; start_ms: only the
    first generation tells it.
    delegate_internal: an operator inside of a delegate, so `name` is the delegate's and its number counts in there.
    """

    node_type: str
    name: str
    position: int
    first_ms: float | None = None
    avg_ms: float | None = None
    percent: float | None = None
    cdf_percent: float | None = None
    mem_kb: float | None = None
    times_called: int | None = None
    start_ms: float | None = None
    subgraph: int = 0
    delegate_internal: bool = False
    calls: float | None = None

    @property
    def node_id(self) -> int | None:
        """The node's number in its subgraph: `[a]:71` is 71. None inside of a delegate, and where none is printed."""
        found = None if self.delegate_internal else _NODE_ID.search(self.name)
        return int(found[1]) if found and self.name.startswith("[") else None

    @property
    def tensors(self) -> tuple[str, ...]:
        """The node's output tensors: `[a, b]:71` names a and b."""
        if self.delegate_internal or not self.name.startswith("["):
            return ()
        inner = self.name[1 : self.name.rfind("]")] if "]" in self.name else ""
        return tuple(part for part in inner.split(", ") if part)

    @property
    def is_kernel(self) -> bool:
        """The row is a delegate's whole partition: one node that stands for several of the file."""
        return not self.delegate_internal and _KERNEL.fullmatch(self.node_type) is not None


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One row of Summary by node type. avg_ms: already the sum over the type's nodes and calls."""

    node_type: str
    count: int
    avg_ms: float | None = None
    percent: float | None = None
    cdf_percent: float | None = None
    mem_kb: float | None = None
    times_called: int | None = None
    subgraph: int = 0
    delegate_internal: bool = False


@dataclass(frozen=True, kw_only=True)
class OpTable:
    """One table: that of the initialisation, or that of the timed runs.

    total_ns: mean over the runs of the sum of the rows, as the tool counts it; runs: how many it had.
    nodes_executed, nodes_observed: the tool's own counts, over all of the table's subgraphs.
    timed: some row has a time above 0 (a GPU without profiling queue gives names and zeros).
    skipped_lines: lines inside of the table that are not of it. problem: why the table is not whole, empty when it is.
    """

    generation: Generation = ""
    csv: bool = False
    rows: tuple[TableRow, ...] = ()
    top: tuple[TableRow, ...] = ()
    summary: tuple[SummaryRow, ...] = ()
    runs: int | None = None
    total_ns: float | None = None
    nodes_executed: int | None = None
    nodes_observed: int | None = None
    skipped_lines: int = 0
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def timed(self) -> bool:
        return any(row.avg_ms is not None and row.avg_ms > 0 for row in self.rows)

    @property
    def whole(self) -> bool:
        return not self.problem
