"""What a list of the zoo says of each model, kept in the cache so that a list loads no format's library."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.base.paths import write_atomic
from bench.models import artifacts
from bench.models.sources import EMITTERS, READERS, fingerprint
from bench.models.zoo.entry import ZooEntry

_FORMAT = "tflite"
_SOURCES = (*EMITTERS, *READERS, "dag.py", "ops*.py", "cost*.py")


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One TFLite file of the zoo, its graph as it was converted. macs: None where they are unknown, for that reason."""

    id: str
    size_bytes: int
    op_count: int
    macs: int | None
    unknown: str


def summary(entry: ZooEntry, *, variant: str, era: str, cache: Path) -> Summary:
    """Builds the model's file and reads it, unless that is in the cache. Raises what `artifacts.build` raises."""
    kept = cache / "graphs" / f"zoo-{entry.id}-{variant}-{era}-{fingerprint(_SOURCES)[:16]}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Summary)
    except (OSError, msgspec.DecodeError):
        found = _summary(entry, variant, era, cache)
        write_atomic(kept, msgspec.json.encode(found))
        return found


def _summary(entry: ZooEntry, variant: str, era: str, cache: Path) -> Summary:
    from bench.models import cost, ops

    path = artifacts.build(entry.id, variant=variant, era=era, format=_FORMAT, cache=cache)
    table = ops.load(path)
    costs = cost.cost(table)
    return Summary(
        id=entry.id,
        size_bytes=path.stat().st_size,
        op_count=len(table.ops),
        macs=costs.macs,
        unknown=costs.unknown,
    )


def variants(entry: ZooEntry, era: str) -> tuple[str, ...]:
    """The variants of a model that can be had here."""
    return tuple(each for each in artifacts.VARIANTS if artifacts.supported(entry.id, each, era, _FORMAT) is None)
