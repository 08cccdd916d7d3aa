"""How a run measures: seconds and counts, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.models.pictures import PictureSet
from bench.models.scaling import Scaling

PICTURE_S = 0.05  # a guess: to decode one, run it, and count


@dataclass(frozen=True)
class Settings:
    """How to measure. time_s: of timed inferences per case, spread over the invocations.

    pictures: to measure accuracy on; None: not asked for. scaling: of inputs of the user's own files; None: by type.
    calibration: folder of pictures that int8 variants are calibrated with; None: a generated set.
    tools: of native tools, name -> path on this host, as the user named them.
    sustain_s: of work without a pause, instead of time_s in several invocations; None: not asked for. cool_c: wait
    until the device is no hotter, 0: do not, for at most cool_wait_s; pin: hold its clocks still.
    several: there are cases with a phase for throughput.
    """

    time_s: float
    invocations: int
    warmup_s: float
    limit_s: float
    wait_s: float
    profile: bool
    pictures: PictureSet | None = None
    scaling: Scaling | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    calibration: Path | None = None
    sustain_s: float | None = None
    cool_c: float = 0.0
    cool_wait_s: float = 300.0
    pin: bool = False
    several: bool = False

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
        if self.sustain_s is not None:
            return self.sustain_s + 2.0 + accuracy_s
        profile_s = 2.0 if self.profile else 0.0
        measuring_s = self.time_s * (2 if self.several else 1)
        return measuring_s + self.invocations * (typical_warmup + 0.4) + profile_s + accuracy_s
