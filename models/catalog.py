"""Which models the zoo has, and which one a name means. Pure data: loads nothing heavy."""

from __future__ import annotations

from bench.base.errors import UsageError, did_you_mean
from bench.models.zoo import deeplab, mnv3, munet, paradox, portrait, prisma, slim
from bench.models.zoo.entry import ZooEntry

_ENTRIES: tuple[ZooEntry, ...] = (
    *munet.ENTRIES,
    *mnv3.UNETS,
    *prisma.ENTRIES,
    *portrait.ENTRIES,
    *slim.ENTRIES,
    *deeplab.ENTRIES,
    mnv3.TRANSITION,
    *paradox.ENTRIES,
)


def entries() -> tuple[ZooEntry, ...]:
    """All models of the zoo, in the order in which lists show them."""
    return _ENTRIES


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_")


def resolve(name: str) -> ZooEntry:
    """The entry of an id or alias; upper and lower case, `-` and `_` are the same.

    Raises UsageError for a name that nothing has (with the nearest ones) or that several have (with all of those).
    """
    wanted = _folded(name)
    by_id = [entry for entry in _ENTRIES if entry.id == wanted]
    found = by_id or [entry for entry in _ENTRIES if wanted in map(_folded, entry.aliases)]
    if len(found) == 1:
        return found[0]
    asked = f"no model of the zoo is called {name!r}"
    if found:
        ids = ", ".join(entry.id for entry in found)
        raise UsageError(f"{name!r} stands for several models", f"It may mean: {ids}.", "Give one of these ids.")
    known = {name for entry in _ENTRIES for name in (entry.id, *entry.aliases)}
    raise UsageError(asked, f"The zoo has {len(_ENTRIES)} models.", did_you_mean(wanted, known))
