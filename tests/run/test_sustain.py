"""Sustained cases: a key of their own, work without a pause by a real runtime, and how the analysis is told."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.client import InvocationFailed
from bench.backends.job import Measured, Watch
from bench.base.errors import UsageError
from bench.base.progress import Progress
from bench.devices.local import LocalDevice, create
from bench.records import store
from bench.records.types import CaseError, Invocation, Memory, Placement, Summary, Tool
from bench.run import sustain
from bench.run.asked import Request
from bench.run.config import Config
from bench.run.duration import LONGEST_S, seconds
from bench.run.plan import make_plan
from bench.run.runner import Runner, new_run
from bench.run.settings import Settings
from bench.run.sofar import SoFar

LAB = Path(__file__).resolve().parents[3] / "shared" / "lab" / "bin"
SHORT = Settings(time_s=10.0, invocations=5, warmup_s=10.0, limit_s=60.0, wait_s=1.0, profile=True, sustain_s=4.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [("90s", 90), ("10m", 600), ("1h", 3600), ("90", 90), ("1.5m", 90), ("24h", 86_400), (" 5s ", 5), ("1s", 1)],
)
def test_times_as_people_write_them(text: str, found: float) -> None:
    assert seconds(text, "--sustain") == found


@pytest.mark.parametrize(
    "text", ["", "0", "0.5s", "25h", "-5s", "10 m", "m", "1e3", "nan", "inf", "10min", "٣s", "1.s"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        seconds(text, "--sustain")
    assert caught.value.asked == f"--sustain {text}"


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert 1 <= seconds(text, "--sustain") <= LONGEST_S


def test_a_sustained_case_is_another_case() -> None:
    plan = make_plan(Request(models=("paradox_1", "paradox_2")), Config())
    long, longer = sustain.planned(plan, 600.0), sustain.planned(plan, 3600.0)
    keys = {each.case.key for one in (plan, long, longer) for each in one.cases}
    assert len(keys) == 6
    assert sustain.planned(plan, seconds("10m", "")).cases == long.cases
    assert "sustain=600s" in long.cases[0].case.label
    assert sustain.without(long.cases[0].case) == plan.cases[0].case


@given(st.floats(1, LONGEST_S))
def test_an_invocation_has_five_to_ten_seconds_in_a_run_of_a_minute_or_more(whole: float) -> None:
    share = sustain.share_s(whole)
    assert 5 <= share <= 10 if whole >= 60 else 0 < share <= 5
    assert whole / share > 11.9


@dataclass
class Clocked:
    """A driver whose invocations take as long as they are asked to, on a clock of its own."""

    now_ns: int = 0
    lasts_s: list[float] = field(default_factory=list)
    fails_at: int = -1

    def measure(self, job: Any, asked_s: float, warmup_s: float, watch: Watch) -> Measured:
        if len(self.lasts_s) == self.fails_at:
            raise InvocationFailed(CaseError(kind="crash", message="it died"))
        assert warmup_s == 0.0
        self.lasts_s.append(asked_s)
        self.now_ns += int((asked_s + 0.5) * 1e9)
        invocation = Invocation(
            started="", spawn_ns=None, load_ns=None, first_inference_ns=None, warmup=None, turns=(), memory=Memory(),
            summary=Summary(count=10, mean_ns=asked_s * 1e8),
        )  # fmt: skip
        tool = Tool(runtime="r", version="1", agent_sha256="", python="", sync="")
        return Measured(invocation, tool, Placement(kind="full"), "")


def clocked(monkeypatch: pytest.MonkeyPatch, root: Path, whole_s: float, **changes: Any) -> tuple[SoFar, Clocked]:
    zone = root / "sys/class/thermal/thermal_zone0"
    policy = root / "sys/devices/system/cpu/cpufreq/policy0"
    for folder in (zone, policy):
        folder.mkdir(parents=True)
    (zone / "type").write_text("cpu_thermal\n")
    (zone / "temp").write_text("51500\n")
    (policy / "scaling_cur_freq").write_text("1800000\n")
    driver, found = Clocked(**changes), SoFar()
    monkeypatch.setattr("bench.run.sustain.time.monotonic_ns", lambda: driver.now_ns)
    case = make_plan(Request(models=("paradox_1",)), Config()).cases[0].case

    @dataclass
    class AJob:
        device: LocalDevice
        case: Any

    job: Any = AJob(create("box", {"sysfs": str(root)}), case)
    try:
        sustain.measure(driver, job, whole_s, found, lambda index, left_s: Watch())  # type: ignore[arg-type]
    except InvocationFailed as failed:
        found.error = failed.error
    return found, driver


def test_invocations_follow_each_other_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found, driver = clocked(monkeypatch, tmp_path, 600.0)
    assert driver.lasts_s == [10.0] * 57  # 57 x 10.5 s; what is left is less than half a share
    run = found.sustained
    assert run is not None
    assert (run.asked_s, run.took_s) == (600.0, 598.5)
    assert [point.at_ns for point in run.points[:2]] == [5_250_000_000, 15_750_000_000]
    assert run.points[0].centre_ns == 1e9
    assert (run.points[0].temperature_c, run.points[0].cpu_hz, run.points[0].gpu_hz) == (51.5, 1.8e9, None)
    assert len(found.invocations) == len(run.points) == 57


def test_one_that_ends_early_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found, _ = clocked(monkeypatch, tmp_path, 600.0, fails_at=4)
    assert found.error is not None
    assert found.sustained is not None
    assert len(found.sustained.points) == len(found.invocations) == 4
    assert found.sustained.took_s == 42.0


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_a_real_runtime_is_kept_at_work(cache_folder: Path, results_folder: Path, backend: str) -> None:
    plan = sustain.planned(make_plan(Request(models=("paradox_1",), backends=(backend,)), Config()), 4.0)
    progress = Progress(1.0, stream=io.StringIO())
    runner = Runner(new_run(["bench"]), SHORT, {"local": LocalDevice()}, cache_folder, results_folder, progress)
    ((record, path),) = runner.measure_all(plan.cases)
    assert store.load(path) == record
    assert record.measured
    assert record.case.options["sustain"] == "4s"
    assert record.agreement is not None
    assert record.agreement.ok
    run = record.sustained
    assert run is not None
    assert run.took_s > 3.5
    assert len(run.points) == len(record.invocations) >= 2
    assert all(before.at_ns < after.at_ns for before, after in zip(run.points, run.points[1:], strict=False))
    assert all(each.steady is None for each in record.invocations)
    assert (record.profile, record.profile_reason) == (None, sustain.NO_PROFILE)
    assert not {"not-steady", "invocations-differ", "implausible-fast"} & {one.code for one in record.findings}


def test_the_command_and_what_it_tells(bench: Callable[..., Any], tmp_path: Path) -> None:
    done = bench("run", "-m", "paradox_1", "--sustain", "3s", "--json")
    assert "3 s of work without a pause" in done.stderr
    assert "sustained 3" in done.stderr
    assert "throttling point unknown" in " ".join(done.stderr.split())
    told = json.loads(done.stdout)
    (case,) = told["cases"]
    assert case["sustained"]["asked_s"] == 3
    assert case["sustained"]["throttling"]["throttled"] is None
    assert case["sustained"]["throttling"]["reason"]
    assert len(case["sustained"]["points"]) >= 2
    page = Path(told["report"]).read_text()
    assert "Latency while at work" in page
    assert "Throttling" in page
    shown = bench("show", told["run"]).stdout
    assert "throttling point unknown" in " ".join(shown.split())


def test_a_recorded_one_has_the_same_points_again(bench: Callable[..., Any], tmp_path: Path) -> None:
    asked = ("run", "-m", "paradox_1", "--sustain", "3s", "--json")
    first = json.loads(bench(*asked, "--record", tmp_path / "kept").stdout)
    (tmp_path / "bench.toml").write_text('[devices.again]\nkind = "replay"\nrecording = "kept/local"\n')
    again = json.loads(bench(*asked, "-d", "again").stdout)
    one, other = (told["cases"][0]["sustained"] for told in (first, again))
    assert [point["centre_ns"] for point in one["points"]] == [point["centre_ns"] for point in other["points"]]
    assert other["took_s"] == pytest.approx(one["took_s"], abs=0.5)


@pytest.mark.skipif(not (LAB / "benchmark_model").is_file(), reason=f"needs {LAB}/benchmark_model")
def test_a_native_tool_on_a_phone_is_kept_at_work(bench: Callable[..., Any], fake_phone: Callable[..., Any]) -> None:
    made = fake_phone()
    asked = ("run", "-m", "paradox_1", "-d", made.serial, "-b", "benchmark_model", "--sustain", "4s", "--json", "--pin")
    told = json.loads(bench(*asked, "--tool", f"benchmark_model={LAB / 'benchmark_model'}").stdout)
    (case,) = told["cases"]
    assert case["latency"]["of"] != "samples"
    assert len(case["sustained"]["points"]) == case["latency"]["invocations"] >= 2
    assert all(point["centre_ns"] > 0 for point in case["sustained"]["points"])
    assert "not-pinned" in {one["code"] for one in case["findings"]}
    page = Path(told["report"]).read_text()
    assert "Latency while at work" in page


@pytest.mark.parametrize(
    "arguments", [("--sustain", "10x"), ("--sustain", "10m", "--time", "5"), ("--sustain", "10m", "--invocations", "5")]
)
def test_what_cannot_be_asked(bench: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    done = bench("run", "-m", "paradox_1", "--dry-run", *arguments, code=2)
    assert "--sustain" in done.stderr
