"""What others have published of the same case on the same phone, beside ours."""

from __future__ import annotations

from bench.base.findings import Finding
from bench.models.published_latency import LATENCIES
from bench.records.types import Case, DeviceIdentity


def published(case: Case, device: DeviceIdentity) -> tuple[Finding, ...]:
    """An info where the zoo's source document has a latency for this phone, accelerator and fp32 model."""
    phone = str(device.facts.get("phone", ""))
    known = LATENCIES.get((phone, case.accelerator, case.model))
    if known is None or case.variant != "fp32":
        return ()
    return (
        Finding(
            code="published-latency",
            severity="info",
            what=f"published for the {phone}, {case.accelerator}: {known}",
            why="Measured by others with another version of the runtime: a hint of what to expect, no target.",
            remedy="",
        ),
    )
