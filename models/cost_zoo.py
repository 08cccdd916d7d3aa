"""What a list of the zoo says of each model, kept in the cache so that a list loads no format's library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.base.paths import write_atomic
from bench.models import artifacts
from bench.models.sources import EMITTERS, READERS, fingerprint
from bench.models.zoo.entry import ZooEntry

_FORMAT = "tflite"
_SOURCES = (*EMITTERS, *READERS, "dag.py", "ops*.py", "cost*.py")


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One TFLite file of the zoo, its graph as it was converted. macs: None where they are unknown, for that reason.

    maker: the tools that made it, with versions.
    """

    id: str
    size_bytes: int
    op_count: int
    macs: int | None
    unknown: str
    maker: str = ""


def summary(entry: ZooEntry, *, variant: str, era: str, cache: Path, tools: Mapping[str, str] | None = None) -> Summary:
    """Builds the model's file and reads it, unless that is in the cache. Raises what `artifacts.build` raises."""
    kept = cache / "graphs" / f"zoo-{entry.id}-{variant}-{era}-{_key(entry, variant, era, tools or {})}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Summary)
    except (OSError, msgspec.DecodeError):
        found = _summary(entry, variant, era, cache, tools or {})
        write_atomic(kept, msgspec.json.encode(found))
        return found


def _key(entry: ZooEntry, variant: str, era: str, tools: Mapping[str, str]) -> str:
    """Of how the file comes out, and of the code that reads it; the second alone for what cannot be built."""
    if artifacts.supported(entry.id, variant, era, _FORMAT, tools):
        return fingerprint(_SOURCES)[:16]
    built = artifacts.key(entry, variant=variant, era=era, format=_FORMAT, tools=tools)
    return hashlib.sha256(f"{built}\n{fingerprint(_SOURCES)}".encode()).hexdigest()[:16]


def _summary(entry: ZooEntry, variant: str, era: str, cache: Path, tools: Mapping[str, str]) -> Summary:
    from bench.models import cost, ops

    path = artifacts.build(entry.id, variant=variant, era=era, format=_FORMAT, cache=cache, tools=tools)
    table = ops.load(path)
    costs = cost.cost(table)
    return Summary(
        id=entry.id,
        size_bytes=path.stat().st_size,
        op_count=len(table.ops),
        macs=costs.macs,
        unknown=costs.unknown,
        maker=facts.maker if (facts := artifacts.made(path)) else "",
    )


def variants(entry: ZooEntry, era: str, tools: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The variants of a model that can be had here."""
    known = ((each, artifacts.supported(entry.id, each, era, _FORMAT, tools or {})) for each in artifacts.VARIANTS)
    return tuple(variant for variant, reason in known if reason is None)
