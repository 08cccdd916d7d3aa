"""One `bench gate`: from what was named to verdicts, printed and kept."""

from __future__ import annotations

import contextlib
import random
import sys
from pathlib import Path
from typing import IO, Any

import msgspec

from bench.backends import registry
from bench.base.errors import UsageError
from bench.base.paths import cache_dir, ensure_dir, write_atomic
from bench.base.progress import Progress
from bench.cli import gate_arms
from bench.cli.common import find_run, print_json, reader_may_leave
from bench.cli.gate_arms import Named, Pairs
from bench.devices.protocol import Device
from bench.devices.registry import open_device
from bench.gate import engine, history, selftest
from bench.gate.arm import Pair
from bench.gate.budgets import budgets, without_record
from bench.gate.config import CaseRule, GateConfig, rule_for
from bench.gate.engine import Ask, Lab
from bench.gate.words import exit_code, settle
from bench.records import store, verdict_files
from bench.records.verdicts import BudgetVerdict, Rule, SelfTest, Verdict
from bench.reports import gate_text
from bench.run.config import Config
from bench.run.cool import pinned
from bench.run.runner import held, new_run


class GateSession:
    """Compares every pair of arms that was named."""

    def __init__(
        self, given: dict[str, Any], config: Config, gate: GateConfig, asked: CaseRule, results: Path, out: IO[str]
    ) -> None:
        self.given, self.config, self.gate, self.asked = given, config, gate, asked
        self.results, self.out, self.reference = results, out, new_run(sys.argv)
        self.chance = random.Random(given["seed"])
        self.progress = Progress(0.0)

    def compare(self) -> int:
        """Measure, print, keep, and give the exit code. What is finished is printed and kept whatever follows."""
        ensure_dir(self.results)
        cache = ensure_dir(cache_dir())
        sides = [Named(side, self.given[side] or "", self.given[f"{side}_env"] or "") for side in ("base", "head")]
        with contextlib.ExitStack() as stack:
            found = gate_arms.find(sides[0], sides[1], self.given, self.config, self.gate, cache, stack)
            lost = self._tell_plans(found)
            rules = [self._rule(pair) for pair in found.pairs]
            names = dict.fromkeys(pair.head.case.device for pair in found.pairs)
            known = self.config.devices
            devices = {name: open_device(name, known.get(name), known=known) for name in names}
            wait_s = self.config.run.wait_s if self.given["wait_s"] is None else self.given["wait_s"]
            stack.callback(self.progress.clear)
            stack.enter_context(held(devices, wait_s, lambda text: print(text, file=sys.stderr)))
            self._pin(devices, stack)
            labs = {name: self._lab(device, cache) for name, device in devices.items()}
            if self.given["self_test"]:
                return self._self_tests(found.pairs, rules, labs, lost)
            verdicts = self._verdicts(found.pairs, rules, labs)
        return self._finish(verdicts, lost)

    def _tell_plans(self, found: Pairs) -> bool:
        for skipped in dict.fromkeys(skipped for plan in found.plans for skipped in plan.skipped):
            print(f"skipped: {skipped.combination}: {skipped.reason} {skipped.todo}".rstrip(), file=sys.stderr)
        lost = list(dict.fromkeys(text for plan in found.plans for text in plan.lost))
        lost += found.alone
        for text in lost:
            print(f"not measured at all: {text}", file=sys.stderr)
        if not found.pairs:
            print("Nothing was compared: base and head have no case in common.", file=sys.stderr)
        return bool(lost)

    def _pin(self, devices: dict[str, Device], stack: contextlib.ExitStack) -> None:
        asked = self.config.run.pin if self.given["pin"] is None else self.given["pin"]
        for device in devices.values():
            _, findings = stack.enter_context(pinned(device, asked))
            for finding in findings:
                print(f"{device.name}: {finding.what}: {finding.why}", file=sys.stderr)

    def _rule(self, pair: Pair) -> Rule:
        case = pair.head.case
        return rule_for(self.gate, case, self.asked, registry.backend(case.backend).native)

    def _lab(self, device: Device, cache: Path) -> Lab:
        return Lab(device, device.identify(), cache, self.config.run.limit_s, self.progress, self.chance)

    def _verdicts(self, pairs: tuple[Pair, ...], rules: list[Rule], labs: dict[str, Lab]) -> list[Verdict]:
        known, unreadable = history.gather(self.results)
        for error in unreadable:  # its blocks may be of the same comparison: leaving them out must not be silent
            print(f"bench: {error.asked}: {error.found} Its blocks do not count.", file=sys.stderr)
        verdicts: list[Verdict] = []
        for number, (pair, rule) in enumerate(zip(pairs, rules, strict=True), 1):
            lab = labs[pair.head.case.device]
            left_s = sum(each.budget_s for each in rules[number:])
            self.progress.stage(f"[{number}/{len(pairs)}] {pair.head.case.label}", rule.budget_s + left_s)
            verdicts.append(engine.run(lab, Ask(
                pair=pair, rule=rule, run=self.reference, cases=len(pairs), left_s=left_s,
                earlier=lambda comparison: () if self.given["fresh"] else history.earlier(known, comparison),
                spread=history.spread(known, lab.identity.fingerprint, pair.head.case),
            )))  # fmt: skip
            verdict_files.save(verdicts[-1], self.results)
            if verdicts[-1].interrupted:
                break
        settled = settle(verdicts)
        for before, after in zip(verdicts, settled, strict=True):
            if after != before:
                verdict_files.save(after, self.results)
        return settled

    def _finish(self, verdicts: list[Verdict], lost: bool) -> int:
        with reader_may_leave():
            for verdict in verdicts:
                for line in gate_text.verdict_lines(verdict):
                    print(line, file=self.out)
            if verdicts:
                print(f"Verdicts: {self.results / self.reference.id}", file=self.out)
        code = exit_code(verdicts, lost=lost)
        if self.given["markdown"]:
            write_atomic(self.given["markdown"], gate_text.markdown(verdicts).encode())
        if self.given["as_json"]:
            print_json({"verdicts": [msgspec.to_builtins(each) for each in verdicts], "exit_code": int(code)})
        return code

    def _self_tests(self, pairs: tuple[Pair, ...], rules: list[Rule], labs: dict[str, Lab], lost: bool) -> int:
        found: list[SelfTest] = []
        for pair, rule in zip(pairs, rules, strict=True):
            lab = labs[pair.base.case.device]
            one = selftest.run(
                lab, pair, rule, self.reference, self.given["trials"], self.given["inject"],
                lambda what, trial: print(gate_text.trial_line(what, trial), file=sys.stderr, flush=True),
            )  # fmt: skip
            self.progress.clear()
            if one.equal or one.slowed:
                verdict_files.save(one, self.results)
                found.append(one)
                print("\n".join(gate_text.self_test_lines(one)), file=self.out)
            if one.interrupted:
                break
        if self.given["as_json"]:
            print_json({"self_tests": [msgspec.to_builtins(each) for each in found]})
        return selftest.exit_code(found, lost)


def check_budgets(given: dict[str, Any], gate: GateConfig, results: Path) -> int:
    """Every `[[gate.budget]]` against the records of a run; a budget without a record was not measured."""
    if not gate.budget:
        todo = 'Write [[gate.budget]] with model = "NAME" and median_ms = 110 in bench.toml.'
        raise UsageError("--run", "there is no budget to check", todo)
    from bench.cli.main import print_error

    loaded, damaged = store.load_run(results, find_run(results, given["run"]))
    for error in damaged:
        print_error(error)
    records = [record for record, _ in loaded]
    found: list[BudgetVerdict] = [verdict for record in records for verdict in budgets(record, gate.budget)]
    missing = without_record(gate.budget, records)
    out = sys.stderr if given["as_json"] else sys.stdout
    code = exit_code([], found, lost=bool(missing or damaged))
    with reader_may_leave():
        for verdict in found:
            print(gate_text.budget_line(verdict), file=out)
        for text in missing:
            print(f"NOT MEASURED  {text}: no record of the run is about it", file=out)
    if given["markdown"]:
        write_atomic(given["markdown"], gate_text.markdown([], found).encode())
    if given["as_json"]:
        print_json({
            "budgets": [msgspec.to_builtins(each) for each in found], "not_measured": missing, "exit_code": int(code),
        })  # fmt: skip
    return code
