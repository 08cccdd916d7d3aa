"""One `bench run`: from a plan to records, tables and the report."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from bench.backends.tflite.help import FOLDER as HELP_FOLDER
from bench.base.errors import ExitCode, StorageError
from bench.base.paths import cache_dir, ensure_dir, portable
from bench.base.progress import Progress
from bench.cli.common import print_json, reader_may_leave
from bench.cli.report import write_report
from bench.devices.protocol import Device
from bench.devices.recording import Recording
from bench.devices.registry import open_device
from bench.records.types import Record
from bench.run.config import Config
from bench.run.plan import Plan
from bench.run.runner import Runner, held, new_run
from bench.run.settings import Settings


def skipped_json(plan: Plan) -> list[dict[str, str]]:
    """What could not be planned, for --json."""
    return [{"combination": s.combination, "reason": s.reason, "todo": s.todo} for s in plan.skipped]


def _whole(record: Record) -> bool:
    """Whether all was measured that was asked for."""
    return record.measured and (record.accuracy is None or record.accuracy.pixels is not None)


class Session:
    """One run: from a plan to records, tables and the report."""

    def __init__(
        self, config: Config, settings: Settings, plan: Plan, results: Path, as_json: bool, record: Path | None = None
    ) -> None:
        """record: the folder where the devices' exchange is recorded; None: it is not."""
        self.record = record
        self.config, self.settings, self.plan, self.results, self.as_json = config, settings, plan, results, as_json
        self.reference = new_run(sys.argv)
        self.records: list[tuple[Record, Path]] = []
        self.out = sys.stderr if as_json else sys.stdout

    def measure(self) -> int:
        """Measure, print, and give the exit code. What is finished is printed also when something stops the run."""
        ensure_dir(self.results)
        cache = ensure_dir(cache_dir())
        code: int = ExitCode.OK
        try:
            self._cases(cache)
        except KeyboardInterrupt:
            print(
                f"bench: interrupted; {len(self.records)} of {len(self.plan.cases)} cases are finished and kept",
                file=sys.stderr,
            )
            code = ExitCode.INTERRUPTED
        except StorageError as error:
            from bench.cli.main import print_error

            print_error(error)
            code = error.exit_code
        report = self._report(cache) if self.records else None
        with reader_may_leave():
            self._tell(report)
        if code == ExitCode.OK and (self.plan.lost or not all(map(_whole, (record for record, _ in self.records)))):
            code = ExitCode.NOT_MEASURED
        return code

    def _cases(self, cache: Path) -> None:
        names = dict.fromkeys(planned.case.device for planned in self.plan.cases)
        known = self.config.devices
        devices: dict[str, Device] = {name: open_device(name, known.get(name), known=known) for name in names}
        if self.record is not None:
            shutil.rmtree(cache / HELP_FOLDER, ignore_errors=True)  # tools are to say their flags once more
            devices = {name: Recording(device, self.record, self.reference.command) for name, device in devices.items()}
        progress = Progress(len(self.plan.cases) * self.settings.expected_s)
        runner = Runner(self.reference, self.settings, devices, cache, self.results, progress)
        try:
            with held(devices, self.settings.wait_s, lambda text: print(text, file=sys.stderr), runner.lost):
                for record, path in runner.measure_all(self.plan.cases):
                    self.records.append((record, path))
        finally:
            progress.clear()

    def _report(self, cache: Path) -> Path | None:
        try:
            return write_report(self.records, self.results, cache)
        except StorageError as error:
            print(f"bench: no report: {error.asked}: {error.found}", file=sys.stderr)
            return None

    def _tell(self, report: Path | None) -> None:
        repeat = shlex.join(["bench", *map(portable, sys.argv[1:])])
        if self.records:
            from bench.reports.terminal import print_run

            folder = self.results / self.reference.id
            print_run(
                [record for record, _ in self.records], report=report, folder=folder, repeat=repeat, stream=self.out
            )
        if self.as_json:
            from bench.reports.jsonout import run_json

            document = run_json([record for record, _ in self.records], [str(path) for _, path in self.records])
            print_json(
                {
                    **document,
                    "run": self.reference.id,
                    "report": str(report) if report else None,
                    "repeat": repeat,
                    "skipped": skipped_json(self.plan),
                    "not_measured": list(self.plan.lost),
                }
            )
