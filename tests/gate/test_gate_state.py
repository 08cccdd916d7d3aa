"""When a block does not count, and when two arms are no pair."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.gate.compare import differences, notes
from bench.gate.state import changed, clock_state
from bench.records.types import (
    Agreement,
    Artifact,
    Conditions,
    GraphFacts,
    Placement,
    Reading,
    TensorSpec,
    Tool,
)
from bench.records.verdicts import ArmFacts, Axis


def at(**values: Any) -> Conditions:
    """`cpu__governor` stands for cpu.governor."""
    readings = tuple(Reading(name=name.replace("__", "."), value=value) for name, value in values.items())
    return Conditions(phase="before", at="", readings=readings)


@pytest.mark.parametrize(
    ("before", "after", "thrown"),
    [
        ({"throttle__count": 3}, {"throttle__count": 4}, True),
        ({"throttle__count": 3}, {"throttle__count": 3}, False),
        ({"cpu__clock_limit": 2.4e9}, {"cpu__clock_limit": 1.8e9}, True),
        ({"cpu__clock_limit": 1.8e9}, {"cpu__clock_limit": 2.4e9}, True),
        ({"cpu__clock_limit": 2.400e9}, {"cpu__clock_limit": 2.401e9}, False),
        ({"cpu4__clock_limit": 2.4e9}, {"cpu4__clock_limit": 1.2e9}, True),
        ({"thermal__status": "none"}, {"thermal__status": "moderate"}, True),
        ({"throttled__now": "no"}, {"throttled__now": "throttled"}, True),
        ({"throttled__now": "throttled"}, {"throttled__now": "throttled"}, False),
        ({"throttled__since_boot": "no"}, {"throttled__since_boot": "clock capped"}, True),
        ({"power_mode": "MAXN (0)"}, {"power_mode": "5W (1)"}, True),
        ({"jetson_clocks": "held"}, {"jetson_clocks": "free"}, True),
        ({"power__limit__package": 15.0}, {"power__limit__package": 6.0}, True),
        ({"cpu__allowed": 2}, {"cpu__allowed": 1}, True),
        ({"cpu__governor": "powersave"}, {"cpu__governor": "performance"}, True),
        ({"cgroup__throttled": 5}, {"cgroup__throttled": 900}, False),
        ({"load__1min": 0.1, "temp__cpu": 40.0}, {"load__1min": 9.0, "temp__cpu": 90.0}, False),
        ({"cpu__clock_limit": 2.4e9}, {}, False),
    ],
)
def test_thrown_by_device_state_only(before: dict[str, Any], after: dict[str, Any], thrown: bool) -> None:
    assert bool(changed(at(**before), at(**after))) is thrown


def test_what_cannot_be_read_says_nothing() -> None:
    unread = Conditions(phase="after", at="", readings=(Reading(name="throttle.count", unavailable="no file"),))
    assert not changed(at(throttle__count=1), unread)
    assert clock_state(unread) == {}
    assert clock_state(at(cpu__governor="performance", cpu__clock_limit=2e9)) == {"cpu.governor": "performance"}


def arm(shape: tuple[int, ...] = (1, 8), **changes: Any) -> ArmFacts:
    spec = TensorSpec(name="x", dtype="float32", shape=shape)
    graph = GraphFacts(
        format="tflite", inputs=(spec,), outputs=(), op_count=1, histogram={}, constant_elements=0, size_bytes=1
    )
    whole = ArmFacts(
        label="a", artifact=Artifact(name="a", sha256="a", source="file", graph=graph),
        tool=Tool(runtime="litert", version="2", agent_sha256="", python="3.11", sync=""),
        placement=Placement(kind="full", delegate="XNNPACK"), agreement=Agreement(reference="r", ok=True),
        state={"cpu.governor": "performance"}, typical_ns=1e6,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


NEWER = Tool(runtime="litert", version="3", agent_sha256="", python="3.12", sync="")
WRONG = Agreement(reference="r", ok=False, tolerance="largest difference at most 0.0001", reason="largest difference 1")
LOSSY = Agreement(reference="r", ok=False, tolerance="mask IoU at least 0.95", reason="mask IoU 0.94")


@pytest.mark.parametrize(
    ("head", "axis", "named"),
    [
        (arm(), "artifact", []),
        (arm(tool=NEWER), "artifact", ["version", "python"]),
        (arm(tool=NEWER), "runtime", []),
        (arm(agreement=WRONG), "artifact", ["agreement"]),
        (arm(agreement=LOSSY), "artifact", []),
        (arm(agreement=Agreement(reference="", ok=None, reason="no reference")), "artifact", []),
        (arm(placement=Placement(kind="partial", nodes=1, total=2)), "runtime", ["placement"]),
        (arm(placement=Placement(kind="full", delegate="GPU")), "artifact", ["placement"]),
        (arm(state={"cpu.governor": "powersave"}), "artifact", ["cpu.governor"]),
        (arm(state={}), "artifact", []),
        (arm(shape=(1, 9)), "artifact", ["input shapes"]),
    ],
)
def test_unlike_is_named(head: ArmFacts, axis: Axis, named: list[str]) -> None:
    found = differences(arm(), head, axis, "cpu")
    assert [text.partition(":")[0] for text in found] == named


def test_what_fell_back_to_the_cpu_is_no_arm_of_an_accelerator() -> None:
    fell = arm(placement=Placement(kind="none", reason="no such delegate"))
    assert len(differences(fell, fell, "runtime", "gpu")) == 2
    assert differences(fell, fell, "runtime", "cpu") == []


def test_notes_name_what_is_not_known() -> None:
    unknown = arm(agreement=Agreement(reference="", ok=None, reason="no reference"))
    assert any("no reference" in note for note in notes(unknown, arm(agreement=LOSSY)))
    assert any("mask IoU" in note for note in notes(unknown, arm(agreement=LOSSY)))
    assert any("same file" in note for note in notes(arm(), arm()))
