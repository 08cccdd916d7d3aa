"""How often the gate cries wolf, and how often it sleeps: trials on this machine, with other load present.

    nox -s trials            # runs what is left of the plan below, then prints the table
    nox -s trials -- --table # prints the table of what is there

The plan is fixed before the first trial: alpha, presets, injected slow-downs, load and seeds stand here. Each trial is
a whole comparison as `bench gate --self-test` does it, with fresh processes; its line in `trials.jsonl` has every turn,
so that what other rules would have said of the same turns is computed afterwards. A run that is cut off goes on where
it was.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.base.paths import cache_dir, ensure_dir
from bench.base.progress import Progress
from bench.cli.gate_arms import Named, find
from bench.devices.registry import open_device
from bench.gate import engine
from bench.gate.arm import Pair
from bench.gate.config import CaseRule, GateConfig, rule_for
from bench.gate.engine import Ask, Lab
from bench.records.verdicts import Verdict
from bench.run.config import Config
from bench.run.runner import held, new_run

MODEL = "paradox_7"  # about a millisecond on one thread of this host
LOAD_SHARE = 0.35  # of one core, in bursts of a random length
FILE = "trials.jsonl"


class Kind(NamedTuple):
    """trials of one preset with a slow-down of `injected` (0: equal arms)."""

    name: str
    preset: str
    injected: float
    trials: int


PLAN = (
    Kind("A/A", "default", 0.0, 100),
    Kind("+5 %", "default", 0.05, 30),
    Kind("A/A strict", "strict", 0.0, 30),
    Kind("+3 % strict", "strict", 0.03, 30),
)
LARGER = ("deeplab_dm05_513", "deeplab_dm05_513_dense")  # the same network with zeros multiplied: really more work

_LOAD = """
import os, random, sys, time
parent = os.getppid(); chance = random.Random(int(sys.argv[1])); share = float(sys.argv[2])
while os.getppid() == parent:
    length = chance.uniform(0.02, 2.0); until = time.monotonic() + length
    while time.monotonic() < until: pass
    time.sleep(length * (1 - share) / share)
"""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One line. turns: s of each turn in ns, base and head, all blocks in order."""

    kind: str
    number: int
    word: str
    change: float | None
    seconds: float
    blocks: int
    thrown: int
    reason: str
    base_ns: tuple[float, ...]
    head_ns: tuple[float, ...]


@contextlib.contextmanager
def load(seed: int) -> Iterator[None]:
    """Another program that is busy for LOAD_SHARE of a core, in bursts."""
    busy = subprocess.Popen([sys.executable, "-c", _LOAD, str(seed), str(LOAD_SHARE)])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def given(model: str) -> dict[str, Any]:
    names = ("devices", "backends", "accelerators", "threads", "named_tools")
    return {"models": (model,) if model else (), "variant": None, "era": None, "options": {}, "shapes": {},
            "self_test": bool(model), **dict.fromkeys(names, ())}  # fmt: skip


def pair_of(stack: contextlib.ExitStack, cache: Path, base: str = "", head: str = "") -> Pair:
    """An arm with itself, or two models."""
    sides = Named("base", base, ""), Named("head", head, "")
    return find(*sides, given("" if base else MODEL), Config(), GateConfig(), cache, stack).pairs[0]


def run(folder: Path, plan: Sequence[Kind] = PLAN) -> None:
    """What is left of the plan, one line each; then the larger model once."""
    cache, path = ensure_dir(cache_dir()), ensure_dir(folder) / FILE
    done = {(trial.kind, trial.number) for trial in read(path)}
    device, progress = open_device("local"), Progress(0.0)
    # In turns, so that all kinds meet the same weather, whenever the run is cut off.
    jobs = sorted(
        ((number / kind.trials, kind, number) for kind in plan for number in range(kind.trials)), key=lambda job: job[0]
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(held({"local": device}, 600.0, print))
        pair, larger = pair_of(stack, cache), pair_of(stack, cache, *LARGER)
        jobs.append((1.0, Kind("larger model", "default", 0.0, 1), 0))
        for _, kind, number in jobs:
            if (kind.name, number) in done:
                continue
            chance = random.Random(f"{kind.name} {number}")
            arms = larger if kind.name == "larger model" else pair
            if kind.injected:
                arms = dataclasses.replace(
                    pair, head=dataclasses.replace(pair.base, busy=kind.injected, label="slowed")
                )
            rule = rule_for(GateConfig(), arms.head.case, CaseRule(preset=kind.preset), False)
            lab = Lab(device, device.identify(), cache, 300.0, progress, chance)
            with load(chance.randrange(1 << 30)):
                verdict = engine.run(lab, Ask(pair=arms, rule=rule, run=new_run(["trials"])))
            if verdict.interrupted:
                return
            trial = line_of(kind.name, number, verdict)
            with path.open("ab") as stream:
                stream.write(msgspec.json.encode(trial) + b"\n")
            progress.clear()
            change = "" if trial.change is None else f"{trial.change:+.1%}"
            print(f"{kind.name} {number + 1}/{kind.trials}: {trial.word} {change} in {trial.seconds:.0f} s", flush=True)


def line_of(kind: str, number: int, verdict: Verdict) -> Trial:
    return Trial(
        kind=kind, number=number, word=verdict.word, change=verdict.change, seconds=verdict.seconds,
        blocks=len(verdict.blocks), thrown=len(verdict.thrown), reason=verdict.reason,
        base_ns=tuple(value for block in verdict.blocks for value in block.base_ns),
        head_ns=tuple(value for block in verdict.blocks for value in block.head_ns),
    )  # fmt: skip


def read(path: Path) -> list[Trial]:
    if not path.is_file():
        return []
    return [msgspec.json.decode(line, type=Trial) for line in path.read_bytes().splitlines() if line]


def interval(hits: int, trials: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, hits, trials - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(0.975, hits + 1, trials - hits)) if hits < trials else 1.0


def others(trial: Trial) -> dict[str, bool]:
    """What the usual rules would have called slower, on the same turns."""
    from scipy import stats

    base, head = trial.base_ns, trial.head_ns
    return {
        "min > 5 %": min(head) > 1.05 * min(base),
        "Welch t": float(stats.ttest_ind(head, base, equal_var=False, alternative="greater").pvalue) < 0.05,
        "Mann-Whitney": float(stats.mannwhitneyu(head, base, alternative="greater").pvalue) < 0.05,
    }


def table(trials: Sequence[Trial]) -> str:
    """Markdown: per kind the share that was called regressed, with its exact interval, and the other rules'."""
    rules = ("min > 5 %", "Welch t", "Mann-Whitney")
    lines = [
        "| trials | regressed [95 %] | within limit, faster | inconclusive | median seconds | "
        + " | ".join(rules)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(rules),
    ]
    for name in dict.fromkeys(trial.kind for trial in trials):
        mine = [trial for trial in trials if trial.kind == name]
        red = sum(trial.word == "regressed" for trial in mine)
        good = sum(trial.word in ("within limit", "faster") for trial in mine)
        low, high = interval(red, len(mine))
        said = [others(trial) for trial in mine if trial.base_ns]
        told = [f"{sum(each[rule] for each in said)} of {len(said)}" for rule in rules]
        seconds = statistics.median(trial.seconds for trial in mine)
        lines.append(
            f"| {name} | {red} of {len(mine)} [{low:.0%}, {high:.0%}] | {good} | {len(mine) - red - good} "
            f"| {seconds:.0f} | " + " | ".join(told) + " |"
        )  # fmt: skip
    changes = [trial.change for trial in trials if trial.kind.startswith("A/A") and trial.change is not None]
    if len(changes) > 1:
        lines.append(f"\nThe estimates of equal arms spread by {statistics.pstdev(map(math.log1p, changes)):.2%}.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("trials"))
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if not asked.table:
        with contextlib.suppress(KeyboardInterrupt):
            run(asked.folder)
    print(table(read(asked.folder / FILE)))


if __name__ == "__main__":
    main()
