"""The part of a record that says what a case drew: power and energy of each rail that could be read."""

from __future__ import annotations

from typing import Literal

from bench.records.parts import Part

# What a rail feeds: all of the board or module, the CPU's package, one consumer, or nobody says. Never from its name
# alone.
Scope = Literal["board", "package", "part", "unknown"]


class RailEnergy(Part, frozen=True, kw_only=True):
    """One rail over the timed part. mean_w, joules: of all the time that was watched, pauses between turns included.

    idle_w: of the moments before, with the model not running; None with the reason in idle_reason.
    joules_per_inference: without the pauses, which are taken at idle_w, where that is not known at mean_w.
    net_w: mean_w above idle_w; net_joules_per_inference: all that was drawn above idle, per inference.
    samples, rate_hz: readings in the watched time; changes: how often their value changed, which tells how often the
    meter itself looks. resolution_w: of one reading; None: not known.
    unavailable: why it has no numbers.
    """

    name: str
    scope: Scope
    mean_w: float | None = None
    idle_w: float | None = None
    joules: float | None = None
    joules_per_inference: float | None = None
    net_w: float | None = None
    net_joules_per_inference: float | None = None
    samples: int = 0
    idle_samples: int = 0
    changes: int = 0
    rate_hz: float | None = None
    resolution_w: float | None = None
    idle_reason: str = ""
    unavailable: str = ""


class Energy(Part, frozen=True, kw_only=True):
    """What was drawn while so many timed inferences took timed_ns. Rails are never added up.

    watched_ns: from the first to the last of them in each invocation, pauses between turns included; located: how it is
    known when that was. source: how the rails were read; board: the rail that is all of the board, empty where none is
    known to be. unavailable: why there is nothing at all.
    """

    source: str = ""
    rails: tuple[RailEnergy, ...] = ()
    board: str = ""
    inferences: int = 0
    timed_ns: int = 0
    watched_ns: int = 0
    located: str = ""
    unavailable: str = ""

    @property
    def known(self) -> tuple[RailEnergy, ...]:
        """The rails that have numbers."""
        return tuple(rail for rail in self.rails if not rail.unavailable)

    @property
    def whole(self) -> RailEnergy | None:
        """The board's own rail, where it is known and has numbers."""
        return next((rail for rail in self.known if rail.name == self.board), None)
