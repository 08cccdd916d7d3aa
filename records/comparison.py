"""Two records side by side: what they are paired by, what differs besides, and whether that makes it void. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from bench.records.stats.differences import OpDifferences, Ratio, median_ratio, op_differences
from bench.records.types import Agreement, Case, Record, Tool

Axis: TypeAlias = Literal["run", "device", "backend", "accelerator", "variant", "threads"]
Topic: TypeAlias = Literal["case", "device", "clocks", "runtime", "placement", "artifact", "output", "environment"]
AXES: tuple[Axis, ...] = ("run", "device", "backend", "accelerator", "variant", "threads")
# What cannot be the same where this differs, and so does not make the comparison void.
_BRINGS: dict[str, tuple[Topic, ...]] = {
    "device": ("device", "clocks"),
    "backend": ("runtime", "placement"),
    "accelerator": ("placement",),
}
# A backend's options and file format come with it; so do the options of what it runs on.
_WITH: dict[str, tuple[str, ...]] = {"backend": ("format", "options"), "accelerator": ("options",)}
VOIDING: tuple[Topic, ...] = ("case", "device", "clocks", "runtime", "placement")
# Options that multiply the work, whoever does it: they stay with the case.
WORK = ("batch", "streams", "sustain")
UNKNOWN = "not known"
_HELD = ("governor", "boost", "battery.saver", "pin", "power_mode", "jetson_clocks")
_LIMIT_KEPT = 0.98  # some drivers round clocks
_Told: TypeAlias = tuple[Topic, str, str, str]  # topic, what, base, other


@dataclass(frozen=True)
class Unlike:
    """One thing that differs between two records. void: so that their times say nothing of each other."""

    topic: Topic
    what: str
    base: str
    other: str
    void: bool

    @property
    def unknown(self) -> bool:
        """Only one side tells it."""
        return UNKNOWN in (self.base, self.other)


@dataclass(frozen=True)
class Pair:
    """Two records of one case but for the axis. ratio and ops are None where that cannot be compared.

    verdict: `not comparable`, `not measured`, or empty: what differs is told in numbers, never judged here.
    """

    base: Record
    other: Record
    unlike: tuple[Unlike, ...]
    ratio: Ratio | None
    ops: OpDifferences | None

    @property
    def verdict(self) -> str:
        if not (self.base.measured and self.other.measured):
            return "not measured"
        return "not comparable" if any(one.void for one in self.unlike) else ""


@dataclass(frozen=True)
class Group:
    """Records of one case but for the axis: the first is the base of all pairs."""

    records: tuple[Record, ...]
    pairs: tuple[Pair, ...]


def groups(
    records: Sequence[Record], axes: Sequence[Axis], kind: Callable[[str], str] = str
) -> tuple[list[Group], list[Record]]:
    """Records that belong together, in the order given; and those that nothing belongs to.

    kind: as for `op_differences`.
    """
    by_rest: dict[bytes, list[Record]] = {}
    for record in records:
        by_rest.setdefault(rest(record.case, axes), []).append(record)
    together, alone = [], []
    for base, *others in by_rest.values():
        if len({tuple(axis_value(record, axis) for axis in axes) for record in (base, *others)}) > 1:
            together.append(Group((base, *others), tuple(pair(base, other, axes, kind) for other in others)))
        else:
            alone += [base, *others]
    return together, alone


def axis_value(record: Record, axis: Axis) -> str:
    return record.run.id if axis == "run" else str(getattr(record.case, axis))


def rest(case: Case, axes: Sequence[Axis]) -> bytes:
    """What records of one group share: the case without the axes."""
    fields = msgspec.structs.asdict(case) | {key: case.options[key] for key in WORK if key in case.options}
    for axis in axes:
        for name in (axis, *_WITH.get(axis, ())):
            fields.pop(name, None)
    return msgspec.json.encode(fields, order="sorted")


def pair(base: Record, other: Record, axes: Sequence[Axis], kind: Callable[[str], str] = str) -> Pair:
    """What differs, and by how much the times do where they can be compared."""
    found = Pair(base, other, unlike(base, other, axes), None, None)
    if found.verdict:
        return found
    profiles = base.profile, other.profile
    ops = None
    if profiles[0] is not None and profiles[1] is not None:
        ops = op_differences(profiles[0], profiles[1], kind)
    return Pair(base, other, found.unlike, median_ratio(base, other), ops)


def brings(axes: Sequence[Axis]) -> frozenset[Topic]:
    """What differs with the axes, and so is no reason not to compare."""
    return frozenset(topic for axis in axes for topic in _BRINGS.get(axis, ()))


def unlike(base: Record, other: Record, axes: Sequence[Axis]) -> tuple[Unlike, ...]:
    """All that differs besides the axes and the times themselves, the void-making first."""
    brought = brings(axes)
    found = [
        Unlike(topic, what, left, right, topic in VOIDING and topic not in brought)
        for topic, what, left, right in (
            *_devices(base, other),
            *_clocks(base, other),
            *_runtimes(base, other),
            ("placement", "placement", base.placement.text, other.placement.text),
            *_artifacts(base, other),
            *_environment(base, other),
        )
        if left != right
    ]
    return tuple(sorted(found, key=lambda one: not one.void))


def _devices(base: Record, other: Record) -> Iterable[_Told]:
    left, right = base.device, other.device
    if left.fingerprint == right.fingerprint:
        return  # a title may tell more facts than the stable ones
    yield "device", "device", f"{left.title} ({left.fingerprint})", f"{right.title} ({right.fingerprint})"


def _clocks(base: Record, other: Record) -> Iterable[_Told]:
    left, right = clock_state(base), clock_state(other)
    for name in dict.fromkeys([*left, *right]):
        yield "clocks", name, left.get(name, UNKNOWN), right.get(name, UNKNOWN)
    low, high = clock_limits(base), clock_limits(other)
    for name in dict.fromkeys([*low, *high]):
        one, two = low.get(name), high.get(name)
        if one is None or two is None or min(one, two) < _LIMIT_KEPT * max(one, two):
            yield "clocks", name, _hertz(one), _hertz(two)


def _hertz(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value / 1e9:.2f} GHz"


def _runtimes(base: Record, other: Record) -> Iterable[_Told]:
    left, right = base.tool, other.tool
    yield "runtime", "runtime", runtime_text(left), runtime_text(right)
    yield "runtime", "end of a sample", left.sync if left else UNKNOWN, right.sync if right else UNKNOWN
    if left is None or right is None or left.runtime != right.runtime:
        return  # settings are a runtime's own
    sides = left.settings, right.settings
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        yield "environment", f"setting {name}", sides[0].get(name, UNKNOWN), sides[1].get(name, UNKNOWN)


def runtime_text(tool: Tool | None) -> str:
    """`litert 2.3.0`; of a native tool also the beginning of its file's hash, since two builds may share a version."""
    if tool is None:
        return UNKNOWN
    text = f"{tool.runtime} {tool.version}".strip()
    return f"{text} ({tool.binary_sha256[:12]})" if tool.binary_sha256 else text


def _artifacts(base: Record, other: Record) -> Iterable[_Told]:
    left, right = base.artifact, other.artifact
    if left is None or right is None:
        yield "artifact", "artifact", left.name if left else UNKNOWN, right.name if right else UNKNOWN
        return
    yield "artifact", "artifact", f"{left.name} {left.sha256[:12]}", f"{right.name} {right.sha256[:12]}"
    yield "artifact", "ops in the file", str(left.graph.op_count), str(right.graph.op_count)
    yield "artifact", "weights", str(left.graph.constant_elements), str(right.graph.constant_elements)
    yield "output", "output", _output(base.agreement), _output(other.agreement)


def _output(agreement: Agreement | None) -> str:
    if agreement is None or agreement.ok is None:
        return "not compared"
    return "as the reference" if agreement.ok else "DIFFERS from the reference"


def _environment(base: Record, other: Record) -> Iterable[_Told]:
    words = {True: "yes", False: "no"}
    yield "environment", "replayed", words[base.replayed], words[other.replayed]
    yield "environment", "bench", base.run.bench_version, other.run.bench_version
    for name in ("agent_sha256", "python"):
        left, right = (str(getattr(record.tool, name, UNKNOWN))[:12] for record in (base, other))
        yield "environment", name, left, right
    facts = base.device.facts, other.device.facts
    for name in dict.fromkeys([*facts[0], *facts[1]]):
        if not name.startswith("replayed"):
            yield "environment", name, _fact(facts[0].get(name)), _fact(facts[1].get(name))


def _fact(value: object) -> str:
    if value is None:
        return UNKNOWN
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def clock_state(record: Record) -> dict[str, str]:
    """What holds the clocks, as far as it is known: governor, boost, power saving, pinned or not; by reading.

    While measuring, else before it: pinning comes in between. Not the clocks themselves, which move.
    """
    # `pinned: governors of 8 cores` and `pinned` are one state.
    words = {name: {str(one).partition(":")[0] for one in values} for name, values in _states(record, _HELD).items()}
    return {name: ", ".join(sorted(each)) for name, each in sorted(words.items())}


def clock_limits(record: Record) -> dict[str, float]:
    """The clock limits in Hz by reading: the lowest while measuring, else before it."""
    found = _states(record, ("clock_limit",))
    numbers = {name: [value for value in values if isinstance(value, int | float)] for name, values in found.items()}
    return {name: float(min(values)) for name, values in numbers.items() if values}


def _states(record: Record, endings: tuple[str, ...]) -> dict[str, list[float | int | str]]:
    during = [one.during for one in record.invocations if one.during is not None]
    moments = [one for one in record.conditions if one.phase == "during"] + during
    found: dict[str, list[float | int | str]] = {}
    for conditions in (moments, [one for one in record.conditions if one.phase == "before"]):
        seen: dict[str, list[float | int | str]] = {}
        for reading in (reading for moment in conditions for reading in moment.readings):
            if reading.name.endswith(endings) and reading.value is not None:
                seen.setdefault(reading.name, []).append(reading.value)
        found = {**seen, **found}
    return found
