"""`[gate]` of bench.toml: the rule, cases with a rule of their own, absolute budgets, how a revision is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from bench.base.errors import UsageError, did_you_mean
from bench.gate.rule import PRESETS
from bench.records.types import Case
from bench.records.verdicts import Rule

Preset = Literal["default", "strict"]
# Seconds for one case; a native tool is started anew for each turn.
TIME_S = {"default": 120.0, "strict": 180.0}
NATIVE_TIME_S = {"default": 900.0, "strict": 1500.0}


class Matching(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cases are meant: all that are not empty must be the case's. model: zoo id, or a file's name."""

    model: str = ""
    device: str = ""
    backend: str = ""
    accelerator: str = ""
    variant: str = ""

    def matches(self, case: Case) -> bool:
        return all(getattr(self, axis) in ("", getattr(case, axis)) for axis in Matching.__struct_fields__)


class CaseRule(Matching, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[gate.case]]`: what the rule is for these cases; None: as `[gate]` has it. seconds: for the comparison."""

    preset: Preset | None = None
    tolerance: float | None = None
    limit: float | None = None
    alpha: float | None = None
    max_blocks: int | None = None
    seconds: float | None = None
    floor_ms: float | None = None


class Budget(Matching, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[gate.budget]]`: what these cases may take at most. `_mb`: of 1,000,000 bytes. placement: must be `full`;
    agreement: the output must be the reference's.
    """

    median_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    peak_mb: float | None = None
    artifact_mb: float | None = None
    placement: Literal["full"] | None = None
    agreement: Literal[True] | None = None

    def __post_init__(self) -> None:
        names = [name for name in self.__struct_fields__ if name not in Matching.__struct_fields__]
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if not given:
            raise ValueError(f"a budget without a quantity: {', '.join(names)}")
        for name, value in given.items():
            if isinstance(value, float) and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be above 0, not {value:g}")


class GateConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table. build: makes what is compared from a checkout of a revision, at the place of `{out}`.

    builds: a `model` file or a native `tool`; built: the name of what is made (its suffix says the format).
    """

    preset: Preset | None = None
    tolerance: float | None = None
    limit: float | None = None
    alpha: float | None = None
    max_blocks: int | None = None
    seconds: float | None = None
    floor_ms: float | None = None
    build: str = ""
    builds: Literal["model", "tool"] = "model"
    built: str = "model.tflite"
    build_limit_s: float = 3600.0
    case: tuple[CaseRule, ...] = ()
    budget: tuple[Budget, ...] = ()

    def __post_init__(self) -> None:
        if self.build and "{out}" not in self.build:
            raise ValueError("build must say where its result goes: {out}")
        if not self.built or "/" in self.built or "\\" in self.built:
            raise ValueError(f"built is a file's name, not {self.built!r}")
        if not self.build_limit_s > 0:
            raise ValueError(f"build_limit_s must be above 0, not {self.build_limit_s:g}")


_ASKED = ("tolerance", "limit", "alpha", "max_blocks", "floor_ms")


_ROWS: dict[str, type[msgspec.Struct]] = {"case": CaseRule, "budget": Budget}


def parse(table: Mapping[str, Any], where: str = "bench.toml") -> GateConfig:
    """Validate `[gate]`. Raises UsageError, which names the key."""
    _known("[gate]", table, GateConfig, where)
    for key, kind in _ROWS.items():
        rows = table.get(key, [])
        for row in rows if isinstance(rows, list) else ():
            _known(f"[[gate.{key}]]", row, kind, where)
    try:
        config = msgspec.convert(dict(table), type=GateConfig)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"{where}: [gate] has a wrong value", str(error).replace("$", "gate"), "") from None
    for case in (None, *config.case):
        _rule(config, case, CaseRule(), native=False)
    return config


def _known(name: str, row: Any, kind: type[msgspec.Struct], where: str) -> None:
    for key in row if isinstance(row, Mapping) else ():
        if key not in kind.__struct_fields__:
            raise UsageError(f"{where}: {name} {key} is no known key", "", did_you_mean(key, kind.__struct_fields__))


def rule_for(config: GateConfig, case: Case, asked: CaseRule, native: bool) -> Rule:
    """The rule of a case: the command line before `[[gate.case]]`, before `[gate]`, before the preset. UsageError."""
    matching = [each for each in config.case if each.matches(case)]
    return _rule(config, _merged(matching), asked, native)


def _merged(rows: list[CaseRule]) -> CaseRule:
    """Later rows win, as they stand below in the file."""
    merged = CaseRule()
    for row in rows:
        given = {name: getattr(row, name) for name in (*_ASKED, "preset", "seconds") if getattr(row, name) is not None}
        merged = msgspec.structs.replace(merged, **_cleared(given), **given)
    return merged


def _cleared(given: Mapping[str, object]) -> dict[str, None]:
    """A preset replaces the tolerance and limit of what stood before it."""
    return {name: None for name in ("tolerance", "limit") if name not in given} if "preset" in given else {}


def _rule(config: GateConfig, case: CaseRule | None, asked: CaseRule, native: bool) -> Rule:
    preset: str = "default"
    values: dict[str, Any] = {"alpha": 0.05, "max_blocks": 24, "floor_ms": 0.0}
    seconds: float | None = None
    values["tolerance"], values["limit"] = PRESETS[preset]
    for layer in (config, case, asked):
        if layer is None:
            continue
        if layer.preset is not None:
            preset = layer.preset
            values["tolerance"], values["limit"] = PRESETS[preset]
        values |= {name: getattr(layer, name) for name in _ASKED if getattr(layer, name) is not None}
        seconds = layer.seconds if layer.seconds is not None else seconds
    times = NATIVE_TIME_S if native else TIME_S
    named = preset if (values["tolerance"], values["limit"]) == PRESETS[preset] else "own"
    try:
        return Rule(preset=named, budget_s=times[preset] if seconds is None else seconds, **values)
    except ValueError as error:
        raise UsageError(
            "this rule decides nothing", str(error), "See docs/gate.md for what each number means."
        ) from None
