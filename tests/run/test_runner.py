"""From planned cases to records, in this process but with a real agent."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.backends import pack
from bench.backends.job import Measured
from bench.base.errors import NotMeasuredError, StorageError
from bench.base.progress import Progress
from bench.devices.local import LocalDevice
from bench.models import edgetpu, modern, quantize
from bench.models.quantize import missing
from bench.records import store
from bench.records.types import Invocation, Memory, Placement, Tool, Turn, Warmup
from bench.run import health
from bench.run.config import Config
from bench.run.plan import Request, make_plan
from bench.run.runner import Runner, held, new_run
from bench.run.settings import Settings
from bench.run.sofar import SoFar, take

QUICK = Settings(time_s=0.1, invocations=1, warmup_s=0.0, limit_s=60.0, wait_s=1.0, profile=False)


def runner(cache: Path, results: Path, settings: Settings = QUICK) -> Runner:
    progress = Progress(1.0, stream=io.StringIO())
    return Runner(new_run(["bench"]), settings, {"local": LocalDevice()}, cache, results, progress)


def planned(*models: str, **asked: Any) -> Any:
    return make_plan(Request(models=models, **asked), Config()).cases


def test_a_record_is_on_disk_before_the_next_case_begins(cache_folder: Path, results_folder: Path) -> None:
    measuring = runner(cache_folder, results_folder).measure_all(planned("paradox_1", "paradox_2"))
    record, path = next(measuring)
    assert store.load(path) == record
    assert len(list(store.files(results_folder))) == 1
    del measuring


def test_a_record_holds_what_a_reader_needs(cache_folder: Path, results_folder: Path) -> None:
    ((record, _),) = runner(cache_folder, results_folder).measure_all(planned("paradox_7"))
    assert record.measured
    assert record.case_key == record.case.key
    assert record.artifact is not None
    assert record.artifact.source == "zoo"
    assert record.artifact.graph.op_count == 3
    assert record.tool is not None
    assert record.tool.agent_sha256 == pack.packed(cache_folder)[1]
    assert record.agreement is not None
    assert record.agreement.ok is True
    assert [conditions.phase for conditions in record.conditions] == ["before", "after"]
    assert all(each.during is not None and each.during.phase == "during" for each in record.invocations)
    assert record.profile is None
    assert record.profile_reason


def test_a_file_that_goes_away_is_an_error_in_its_record_and_the_next_case_is_measured(
    cache_folder: Path, results_folder: Path, zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "gone.tflite"
    path.write_bytes(zoo_file("paradox_1").read_bytes())
    cases = planned(str(path), "paradox_1")
    path.unlink()
    records = [record for record, _ in runner(cache_folder, results_folder).measure_all(cases)]
    assert [record.measured for record in records] == [False, True]
    assert records[0].error is not None
    assert "gone.tflite" in records[0].error.message
    assert records[0].placement.kind == "unknown"
    assert records[0].profile_reason


def test_a_results_folder_that_cannot_be_written_stops_the_run(cache_folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    with pytest.raises(StorageError):
        next(runner(cache_folder, blocked).measure_all(planned("paradox_1")))


def measured(kind: Any, delegate: str = "CPU", stderr: str = "") -> Measured:
    invocation = Invocation(
        started="", spawn_ns=1, load_ns=1, first_inference_ns=1, memory=Memory(),
        warmup=Warmup(inferences=1, duration_ns=1, window_medians_ns=(1,), steady=True),
        turns=(Turn(start_ns=0, samples_ns=(1,)),),
    )  # fmt: skip
    tool = Tool(runtime="r", version="1", agent_sha256="", python="3", sync="")
    return Measured(invocation, tool, Placement(kind=kind, delegate=delegate), stderr)


def test_invocations_that_were_placed_differently_are_not_called_full() -> None:
    found, during = SoFar(), LocalDevice().conditions("during")
    for each in (measured("full"), measured("none"), measured("full", stderr="words")):
        take(found, each, during)
    assert found.placement.kind == "unknown"
    assert found.placement.reason == "invocations differ: full (CPU), then none (CPU)"
    assert found.transcript == ["words"]
    assert len(found.invocations) == 3


def test_a_device_that_cannot_be_held_is_a_record_of_that_and_the_others_go_on(
    cache_folder: Path, results_folder: Path
) -> None:
    class Away(LocalDevice):
        @contextmanager
        def lock(self, wait_s: float, tell: Any = None) -> Iterator[None]:
            raise NotMeasuredError("cannot use the device pi", "no answer", "Is it on?")
            yield

    devices = {"local": LocalDevice(), "pi": Away("pi")}
    config = Config(devices={"pi": {"kind": "local"}})
    cases = make_plan(Request(models=("paradox_1",), devices=("pi", "local")), config).cases
    measuring = Runner(new_run(["bench"]), QUICK, devices, cache_folder, results_folder, Progress(1.0, io.StringIO()))
    with held(devices, 1.0, print, measuring.lost):
        away, here = [record for record, _ in measuring.measure_all(cases)]
    assert away.error is not None
    assert "no answer" in away.error.message
    assert (away.device.name, away.device.fingerprint) == ("pi", "")
    assert here.measured
    with pytest.raises(NotMeasuredError), held({"pi": Away("pi")}, 1.0, print, {}):
        pass


def test_a_short_run_is_not_made_long_by_its_warm_up() -> None:
    assert QUICK.invocation_warmup_s == 0.0
    changed = Settings(time_s=0.3, invocations=3, warmup_s=10.0, limit_s=1, wait_s=1, profile=True)
    assert changed.invocation_warmup_s == 1.0
    assert changed.share_s == pytest.approx(0.1)
    assert changed.expected_s > 0.3


class Lockable:
    def __init__(self, name: str, log: list[str], fail: bool = False) -> None:
        self.name, self.log, self.fail = name, log, fail

    @contextmanager
    def lock(self, wait_s: float, tell: Any) -> Iterator[None]:
        if self.fail:
            raise NotMeasuredError(self.name)
        self.log.append(f"+{self.name}")
        yield
        self.log.append(f"-{self.name}")


def test_all_devices_are_held_in_one_order_and_let_go() -> None:
    log: list[str] = []
    devices: Any = {name: Lockable(name, log) for name in ("b", "a", "c")}
    with held(devices, 1.0, print):
        assert log == ["+a", "+b", "+c"]
    assert log[3:] == ["-c", "-b", "-a"]


def test_a_device_that_another_job_holds_is_not_measured_on() -> None:
    with held({"local": LocalDevice()}, 1.0, print):
        told: list[str] = []
        with pytest.raises(NotMeasuredError), held({"local": LocalDevice()}, 0.2, told.append):
            pass
        assert len(told) == 1


def test_each_runtime_is_started_to_see_whether_it_works() -> None:
    found = {each.backend: each for each in health.gather(LocalDevice())}
    assert set(found) == {"litert", "onnxruntime", "openvino", "opencv", "tensorrt"}
    extras = [found.pop("opencv"), found.pop("tensorrt")]
    assert all(each.version and not each.error for each in found.values())
    assert health.assess(list(found.values())) == []
    for extra in extras:
        assert bool(extra.version) != bool(extra.error)
        assert [finding.severity for finding in health.assess([extra])] == ["info"] * bool(extra.error)


def test_a_runtime_that_does_not_start_is_a_finding_with_its_remedy() -> None:
    broken = health.Health(
        backend="openvino", title="OpenVINO", version="", accelerators=("cpu",), error="no", todo="pip install openvino"
    )
    (finding,) = health.assess([broken])
    assert finding.severity == "warning"
    assert finding.remedy == "pip install openvino"
    assert "not usable" in str(broken)


def test_a_dead_interpreter_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    dead = tmp_path / "python"
    dead.write_text("#!/bin/sh\nexit 9\n")
    dead.chmod(0o755)
    found = health.gather(LocalDevice(python=str(dead)))
    assert all("exit code 9" in each.error and each.todo for each in found)


def test_the_doctor_names_the_tools_that_models_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "missing", lambda: "the quantizer is not installed: pip install it")
    monkeypatch.setattr(modern, "why_not", lambda format: None)
    monkeypatch.setattr(edgetpu, "missing", lambda tools: None)
    (found,) = health.assess_tools({})
    assert (found.code, found.severity) == ("no-quantizer", "info")
    assert "pip install" in found.what


@pytest.mark.skipif(missing() is not None, reason="needs the quantizer")
def test_making_the_references_leaves_the_cases_own_outputs_alone(cache_folder: Path, results_folder: Path) -> None:
    """The second run finds both references in the cache: they must say the same as when they had to be made."""
    shutil.rmtree(cache_folder / "references", ignore_errors=True)
    found = []
    for _ in range(2):
        cases = planned("deconv_munet_128", variants=("int8",))
        ((record, _),) = runner(cache_folder, results_folder).measure_all(cases)
        assert record.agreement is not None
        found.append((record.agreement.fp32_mask_iou, record.agreement.max_abs_diff))
    assert found[0] == found[1]
    assert found[0][0] is not None
    assert found[0][0] < 1.0
