"""How a run measures: seconds and counts, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to measure. time_s: of timed inferences per case, spread over the invocations."""

    time_s: float
    invocations: int
    warmup_s: float
    limit_s: float
    wait_s: float
    profile: bool

    @property
    def share_s(self) -> float:
        return self.time_s / self.invocations

    @property
    def invocation_warmup_s(self) -> float:
        """A short run is not made long by its warm-up."""
        return min(self.warmup_s, max(1.0, self.time_s))

    @property
    def expected_s(self) -> float:
        """A guess for one case: starts, loads and a typical warm-up of each invocation, turns, and the profile."""
        typical_warmup = min(self.invocation_warmup_s, 0.6)
        return self.time_s + self.invocations * (typical_warmup + 0.4) + (2.0 if self.profile else 0.0)
