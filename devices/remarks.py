"""What a rule over conditions says: a warning, or something worth knowing."""

from __future__ import annotations

from bench.base.findings import Finding
from bench.records.types import DeviceIdentity


def warning(code: str, what: str, why: str, remedy: str) -> Finding:
    return Finding(code=code, severity="warning", what=what, why=why, remedy=remedy)


def info(code: str, what: str, why: str, remedy: str = "") -> Finding:
    return Finding(code=code, severity="info", what=what, why=why, remedy=remedy)


def origin(identity: DeviceIdentity) -> tuple[Finding, ...]:
    """What to say of a record that was not measured but replayed."""
    if not identity.replayed:
        return ()
    source = identity.facts.get("replayed_from", "a recording")
    return (
        warning(
            "replayed",
            f"This was replayed, not measured: {source}.",
            "The numbers are of that day and device, read anew by this bench; they gate nothing.",
            "Measure on the device itself for numbers of today.",
        ),
    )
