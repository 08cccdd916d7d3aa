"""A series of times that another tool measured, and the error for a file that holds none."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.base.errors import BenchError, ExitCode
from bench.records.stats.latency import median_interval
from bench.records.stats.percentile import quantile

LONGEST_NS = 1e18  # thirty years


class ForeignError(BenchError):
    """A file that is none of the known formats, or a damaged one."""

    exit_code = ExitCode.USAGE
    kind = "foreign file"


@dataclass(frozen=True)
class ForeignSeries:
    """One benchmark of another tool.

    invocations_ns: the times by start of a process, in ns; empty where the tool told a summary only. of: `samples`:
    one time each; `means`: of several iterations each; `summary`: only the numbers below. count: times, or what the
    summary is of; None: not told. mean_ns, median_ns, std_ns, minimum_ns, maximum_ns: None: not told. at: when, as the
    tool wrote it; error: why it has no times. environment: what the tool told of the machine, by its names.
    """

    name: str
    tool: str
    of: Literal["samples", "means", "summary"]
    invocations_ns: tuple[tuple[float, ...], ...] = ()
    count: int | None = None
    mean_ns: float | None = None
    median_ns: float | None = None
    std_ns: float | None = None
    minimum_ns: float | None = None
    maximum_ns: float | None = None
    at: str = ""
    error: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def centre_ns(self) -> float | None:
        """The median, else the mean; None: neither was told."""
        return self.mean_ns if self.median_ns is None else self.median_ns

    @property
    def medians_ns(self) -> list[float]:
        """Of each process; empty for a summary."""
        return [quantile(sorted(times), 0.5) for times in self.invocations_ns if times]

    @property
    def interval_ns(self) -> tuple[float, float] | None:
        """The 95 % interval of the typical process's median; None below three processes, as for a record.

        Widened to hold the median of all times, as a record's is.
        """
        found = median_interval(self.medians_ns)
        if found is None or self.median_ns is None:
            return None
        return min(found[0], self.median_ns), max(found[1], self.median_ns)

    @property
    def interval_reason(self) -> str:
        """Why there is no interval; empty where there is one."""
        if self.interval_ns is not None:
            return ""
        count = len(self.medians_ns)
        if count >= 3:
            return "a median is 0 ns"
        return f"{count} process{'es' if count != 1 else ''} < 3" if count else "a summary only"


def timed(
    name: str, tool: str, of: Literal["samples", "means"], invocations_ns: Sequence[Sequence[float]],
    at: str = "", environment: Mapping[str, str] | None = None,
) -> ForeignSeries:  # fmt: skip
    """A series of times that are there, at least one. Raises ForeignError for a time that cannot be."""
    times = [time for each in invocations_ns for time in each]
    if not times:
        raise ForeignError(f"{tool}: {name!r} has no times", "", "Save the times too, or leave this benchmark out.")
    if impossible := [time for time in times if not 0 <= time < LONGEST_NS]:
        raise ForeignError(f"{tool}: {name!r} has a time that cannot be", f"{impossible[0]:g} ns", "")
    return ForeignSeries(
        name=name, tool=tool, of=of, invocations_ns=tuple(tuple(each) for each in invocations_ns if each),
        count=len(times), mean_ns=statistics.fmean(times), median_ns=quantile(sorted(times), 0.5),
        std_ns=statistics.stdev(times) if len(times) > 1 else None, minimum_ns=min(times), maximum_ns=max(times),
        at=at, environment=environment or {},
    )  # fmt: skip
