"""How a run measures: seconds and counts, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.models.pictures import PictureSet
from bench.models.scaling import Scaling

PICTURE_S = 0.05  # a guess: to decode one, run it, and count


@dataclass(frozen=True)
class Settings:
    """How to measure. time_s: of timed inferences per case, spread over the invocations.

    pictures: to measure accuracy on; None: not asked for. scaling: of inputs of the user's own files; None: by type.
    """

    time_s: float
    invocations: int
    warmup_s: float
    limit_s: float
    wait_s: float
    profile: bool
    pictures: PictureSet | None = None
    scaling: Scaling | None = None

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
        accuracy_s = 1.0 + PICTURE_S * len(self.pictures.pairs) if self.pictures else 0.0
        profile_s = 2.0 if self.profile else 0.0
        return self.time_s + self.invocations * (typical_warmup + 0.4) + profile_s + accuracy_s
