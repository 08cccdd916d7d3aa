"""The mathematics on records: small pure functions, each with its formula and its source."""

from bench.records.stats.latency import LatencySummary, latency_summary
from bench.records.stats.percentile import Percentile, percentile, samples_needed

__all__ = ["LatencySummary", "Percentile", "latency_summary", "percentile", "samples_needed"]
