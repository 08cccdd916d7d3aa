"""What the fixture `bench_case` gives: a case measured inside a test, and held against a budget or a stored run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec
import pytest

from bench.base.errors import BenchError, UsageError
from bench.base.paths import cache_dir, ensure_dir, results_dir
from bench.base.progress import Progress
from bench.devices.registry import open_device
from bench.gate.budgets import budgets
from bench.gate.config import Budget
from bench.records import store
from bench.records.comparison import Axis, Pair, pair
from bench.records.stats import LatencySummary
from bench.records.types import Record
from bench.records.verdicts import BudgetVerdict
from bench.reports import compare_view, gate_text, jsonout, view
from bench.run import config as configuration
from bench.run.asked import Request
from bench.run.plan import Planned, make_plan
from bench.run.runner import Runner, held, new_run
from bench.run.settings import Settings

_NO_VERDICT = "Two runs apart are a comparison, no verdict: `bench gate` judges a change."


def _fail(text: str) -> NoReturn:
    """The test fails with a sentence, without a traceback through our files."""
    __tracebackhide__ = True
    pytest.fail(text, pytrace=False)


def _or_fail(get: Callable[[], Record], before: str) -> Record:
    """What an error of ours says is what the test fails with."""
    __tracebackhide__ = True
    try:
        return get()
    except (BenchError, ValueError) as error:
        text = f"{before}{error}"
    _fail(text)


class Session:
    """All that one pytest session measures: a run, and one more for each case that is measured once more.

    told: a line for each case, for the end of the session.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.options = config.option
        self.root = config.rootpath
        self.command = ["pytest", *config.invocation_params.args]
        self.run = new_run(self.command)
        self.records: list[Record] = []
        self.told: list[str] = []

    @property
    def config(self) -> configuration.Config:
        return configuration.load(self.root)

    @property
    def results(self) -> Path:
        """--bench-results, else bench.toml's, else the user's data folder; absolute."""
        return Path(self.options.bench_results or self.config.results or results_dir()).expanduser().absolute()

    def measure(self, request: Request, asked: Mapping[str, Any]) -> Record:
        """Raises BenchError."""
        config = self.config
        planned = _only(request, config)
        run = msgspec.structs.replace(config.run, **asked)
        names = ("time_s", "invocations", "warmup_s", "limit_s", "wait_s", "profile", "cool_c", "cool_wait_s", "pin")
        settings = Settings(**{name: getattr(run, name) for name in names}, tools=config.tools)
        name = planned.case.device
        devices = {name: open_device(name, config.devices.get(name), known=config.devices)}
        cache, results = ensure_dir(cache_dir()), ensure_dir(self.results)
        progress = Progress(0.0, enabled=False)
        if any(each.run.id == self.run.id and each.case_key == planned.case.key for each in self.records):
            self.run = new_run(self.command)  # a run has one record of a case, and records are never overwritten
        with held(devices, settings.wait_s, lambda text: print(text, file=sys.stderr)):
            ((record, _),) = Runner(self.run, settings, devices, cache, results, progress).measure_all([planned])
        self.records.append(record)
        return record

    def stored(self, wanted: str | Path, record: Record) -> Record:
        """The record of the same case in an earlier run: an id, its beginning, `last`, or a file. BenchError."""
        if Path(wanted).is_file():
            return store.load(Path(wanted))
        runs = sorted({path.parent for path in store.files(self.results)}, key=lambda folder: folder.name)
        own = {each.run.id for each in self.records}
        earlier = [folder for folder in runs if folder.name not in own]
        if wanted != "last":
            earlier = [folder for folder in earlier if folder.name.startswith(str(wanted))]
        for folder in reversed(earlier):
            found, _ = store.load_run(self.results, folder.name)
            for each, _ in found:
                if each.case_key == record.case_key and each.measured:
                    return each
        raise UsageError(
            f"no stored run {str(wanted)!r} of {view.case_text(record.case)}", f"looked in {self.results}",
            "Store one first: run this test without the comparison, or bench run.",
        )  # fmt: skip

    def machine_info(self) -> dict[str, Any]:
        """Device name -> what it is: stable facts, since pytest-benchmark tells where they differ."""
        found = {each.device.name: each.device for each in self.records}
        return {name: {"title": one.title, "fingerprint": one.fingerprint} for name, one in found.items()}

    def document(self) -> dict[str, Any]:
        """As `bench run --json` tells a run."""
        return jsonout.run_json(self.records)


def _only(request: Request, config: configuration.Config) -> Planned:
    plan = make_plan(request, config)
    if len(plan.cases) == 1:
        return plan.cases[0]
    skipped = "\n".join(f"{each.combination}: {each.reason} {each.todo}".rstrip() for each in plan.skipped)
    raise UsageError(f"bench_case({request.models[0]!r}) is {len(plan.cases)} cases, not one", skipped, "")


@dataclass(frozen=True)
class Measured:
    """A measured case: its record, and what a test may ask of it. Times in ns."""

    record: Record
    summary: LatencySummary
    session: Session

    @property
    def median_ns(self) -> float:
        return self.summary.median_ns

    def check(
        self, *, median_ms: float | None = None, p90_ms: float | None = None, p95_ms: float | None = None,
        load_ms: float | None = None, first_ms: float | None = None, peak_mb: float | None = None,
        artifact_mb: float | None = None, placement: Literal["full"] | None = None,
        agreement: Literal[True] | None = None,
    ) -> list[BudgetVerdict]:  # fmt: skip
        """Fails the test where a budget is exceeded, or what it is about was not measured; the words are the gate's.

        Raises ValueError for a budget without a quantity, or not above 0.
        """
        __tracebackhide__ = True
        budget = Budget(
            median_ms=median_ms, p90_ms=p90_ms, p95_ms=p95_ms, load_ms=load_ms, first_ms=first_ms, peak_mb=peak_mb,
            artifact_mb=artifact_mb, placement=placement, agreement=agreement,
        )  # fmt: skip
        self._no_replay()
        found = budgets(self.record, [budget])
        bad = [gate_text.budget_line(each) for each in found if each.word != "within budget"]
        if bad:
            _fail("\n".join(bad))
        return found

    def check_against(
        self, stored: str | Path | Record = "last", *, slower_by: float, by: Sequence[Axis] = ("run",)
    ) -> Pair:
        """Fails the test where this run is surely slower than a stored one by more than a share: 0.2 is 20 %.

        stored: a run's id, its beginning, `last` (the last run of this case before this session), a record's file, or a
        record. by: what may differ; all else that makes times incomparable fails the test. Surely: the low end of the
        95 % interval. Machines drift between runs, so allow for that; a change is judged by `bench gate`.
        """
        __tracebackhide__ = True
        self._no_replay()
        base = stored if isinstance(stored, Record) else _or_fail(lambda: self.session.stored(stored, self.record), "")
        found = pair(base, self.record, by)
        label = f"{view.case_text(self.record.case, device=True)} against run {base.run.id}"
        if found.verdict:
            unlike = "; ".join(f"{one.what}: {one.base} against {one.other}" for one in found.unlike if one.void)
            _fail(f"{found.verdict.upper()}  {label}: {unlike or view.error_text(base)}")
        ratio = found.ratio
        if ratio is None or ratio.low is None:
            why = "no median" if ratio is None else ratio.reason
            _fail(f"NOT MEASURED  {label}: whether it is slower cannot be told: {why} (--bench-invocations)")
        if ratio.low > 1 + slower_by:
            change = compare_view.ratio_text(ratio).replace("\n", " ")
            _fail(f"SLOWER  {label}: {change}, allowed {slower_by:+.1%}. {_NO_VERDICT}")
        return found

    def _no_replay(self) -> None:
        __tracebackhide__ = True
        if self.record.replayed:
            _fail(f"NOT MEASURED  {view.case_text(self.record.case, device=True)}: it is replayed, which never gates")


class BenchCase:
    """The fixture: bench_case(model, ...) measures one case and keeps its record in the results folder."""

    def __init__(self, session: Session, node: pytest.Item) -> None:
        self.session = session
        self.node = node

    def __call__(
        self, model: str | Path, *, device: str = "", backend: str = "", accelerator: str = "", variant: str = "",
        era: str = "", threads: int | None = None, options: Mapping[str, str] | None = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None, time_s: float | None = None,
        invocations: int | None = None, profile: bool = False,
    ) -> Measured:  # fmt: skip
        """Measure as `bench run -m MODEL` with the options of these names; the command line's --bench-* win.

        model: a zoo id, or a file's path, relative to the working directory. A case that cannot be measured fails the
        test.
        """
        __tracebackhide__ = True
        given = self.session.options
        device = given.bench_device or device
        request = Request(
            models=(str(model),), devices=_one(device), backends=_one(backend), accelerators=_one(accelerator),
            variants=_one(variant), eras=_one(era), threads=() if threads is None else (threads,),
            options={key: (value,) for key, value in (options or {}).items()}, shapes=shapes or {},
        )  # fmt: skip
        asked = {"time_s": given.bench_time or time_s, "invocations": given.bench_invocations or invocations}
        asked = {key: value for key, value in asked.items() if value is not None}
        record = _or_fail(
            lambda: self.session.measure(request, {**asked, "profile": profile}), f"bench_case({model}): "
        )
        summary = view.numbers(record)
        label = view.case_text(record.case, device=True)
        if summary is None:
            todo = record.error.todo if record.error else ""
            _fail(f"NOT MEASURED  {label}: {view.error_text(record)} {todo}".rstrip())
        said = f"{view.median_text(summary)} {view.interval_text(summary)}, {view.placement_text(record.placement)}"
        self.session.told.append(f"{self.node.nodeid}: {label}: {said}")
        self.node.user_properties.append((f"bench median_ns {label}", summary.median_ns))
        return Measured(record, summary, self.session)


def _one(name: str) -> tuple[str, ...]:
    return (name,) if name else ()
