"""Waiting until a device is cool, and pinning: on a fake machine's sensors, and around real cases."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.base.progress import Progress
from bench.devices.local import LocalDevice, create
from bench.devices.registry import open_device
from bench.records.types import Conditions, Reading, Record
from bench.run import cool
from bench.run.asked import Request
from bench.run.config import Config
from bench.run.plan import make_plan
from bench.run.runner import Runner, new_run
from bench.run.settings import Settings

ZONE = "sys/class/thermal/thermal_zone0"


class Machine:
    """A host with one sensor, whose temperatures come one after the other: one more after each pause."""

    def __init__(self, root: Path, *celsius: float) -> None:
        self.folder = root / ZONE
        self.folder.mkdir(parents=True)
        (self.folder / "type").write_text("x86_pkg_temp\n")
        self.next = list(celsius)
        self.now_s = 0.0
        self.paused: list[float] = []
        self.told: list[tuple[float, float]] = []
        self._heat()
        self.device = create("box", {"sysfs": str(root)})

    def _heat(self) -> None:
        if self.next:
            (self.folder / "temp").write_text(f"{round(self.next.pop(0) * 1000)}\n")

    def sleep(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.now_s += seconds
        self._heat()

    def wait(self, target_c: float, limit_s: float) -> list[Any]:
        return cool.wait(
            self.device, target_c, limit_s, lambda *now: self.told.append(now), self.sleep, lambda: self.now_s
        )


def test_it_never_sleeps_where_it_is_cool_already(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 40.0)
    assert machine.wait(40.0, 300.0) == []
    assert (machine.paused, machine.told) == ([], [])


def test_it_waits_until_it_is_cool_and_no_longer(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 52.0, 55.0, 47.0, 39.5, 20.0)
    assert machine.wait(40.0, 300.0) == []
    assert [now for now, _ in machine.told] == [52.0, 55.0, 47.0]
    assert sum(machine.paused) == 3 * cool.POLL_S
    assert machine.next == [20.0]


def test_the_limit_is_kept_and_told(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 60.0, 50.0, 48.25)
    (finding,) = machine.wait(40.0, 5.0)
    assert machine.paused == [2.0, 2.0, 1.0]
    assert (finding.code, finding.severity) == ("not-cooled", "warning")
    assert "48.25 C after 5 s" in finding.what
    assert "not at 40 C" in finding.what


def test_no_limit_at_all_measures_at_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 60.0)
    assert [one.code for one in machine.wait(40.0, 0.0)] == ["not-cooled"]
    assert machine.paused == []


def test_an_unknown_temperature_is_not_waited_for_and_says_why(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0.0)  # a sensor that is not fed
    (finding,) = machine.wait(40.0, 300.0)
    assert machine.paused == []
    assert finding.code == "cooling-unknown"
    assert "0 C, which it cannot mean" in finding.why


def test_a_sensor_that_falls_silent_ends_the_waiting(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 60.0, 58.0, 0.0)
    assert [one.code for one in machine.wait(40.0, 300.0)] == ["cooling-unknown"]
    assert len(machine.paused) == 2


def test_ctrl_c_gets_through(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 60.0)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cool.wait(machine.device, 40.0, 300.0, lambda *_: None, interrupted)


def test_a_replay_does_not_sleep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, 60.0)
    monkeypatch.setattr(machine.device, "kind", "replay", raising=False)
    assert [one.code for one in machine.wait(40.0, 300.0)] == ["not-cooled"]
    assert machine.paused == []


def test_a_phone_cools_down(fake_phone: Callable[..., Any]) -> None:
    """A hot charging port does not count, and is not waited for."""
    made = fake_phone()

    def heat(battery: float, cpu: float) -> None:
        lines = [
            "Current temperatures from HAL:",
            f"\tTemperature{{mValue={cpu}, mType=0, mName=CPU0, mStatus=0}}",
            f"\tTemperature{{mValue={battery}, mType=2, mName=battery, mStatus=0}}",
            "\tTemperature{mValue=70.0, mType=4, mName=usb, mStatus=0}",
        ]
        text = "\n".join(["IsStatusOverride: false", "Thermal Status: 0", *lines])
        made.put_bin("dumpsys", f"[ \"$1\" = thermalservice ] && cat <<'END'\n{text}\nEND")

    course = [(38.0, 45.0), (39.0, 30.0), (34.5, 30.0)]
    heat(36.0, 61.0)
    told: list[float] = []
    device = open_device("handy", {"kind": "android", "serial": made.serial})
    found = cool.wait(device, 35.0, 60.0, lambda now_c, _: told.append(now_c), lambda _: heat(*course.pop(0)))
    assert (found, told, course) == ([], [61.0, 45.0, 39.0], [])


class Pinning(LocalDevice):
    """This host, as if it could pin: `state` is what a run may not leave behind."""

    def __init__(self, *readings: Reading) -> None:
        super().__init__()
        self.readings, self.state, self.log = readings, "free", list[str]()

    @contextlib.contextmanager
    def pin(self) -> Iterator[tuple[Reading, ...]]:
        self.state = "held"
        try:
            yield self.readings
        finally:
            self.state = "free"

    def conditions(self, phase: Any) -> Conditions:
        self.log.append(f"{phase} {self.state}")
        return super().conditions(phase)


HELD = (Reading(name="pin.cpu0.governor", value="performance"), Reading(name="pin", value="pinned: cpu0.governor"))


def measured(device: Any, cache: Path, results: Path, model: str = "paradox_1", **changes: Any) -> Record:
    facts = {"time_s": 0.1, "invocations": 1, "warmup_s": 0.0, "limit_s": 60.0, "wait_s": 1.0, "profile": False}
    progress = Progress(1.0, stream=io.StringIO())
    run = Runner(new_run(["bench"]), Settings(**{**facts, **changes}), {"local": device}, cache, results, progress)
    ((record, _),) = run.measure_all(make_plan(Request(models=(model,)), Config()).cases)
    return record


def test_what_was_pinned_stands_in_all_moments_and_is_put_back(cache_folder: Path, results_folder: Path) -> None:
    device = Pinning(*HELD)
    record = measured(device, cache_folder, results_folder, pin=True)
    assert record.measured
    assert device.log == ["before held", "during held", "after held"]
    assert device.state == "free"
    moments = [*record.conditions, *(one.during for one in record.invocations if one.during is not None)]
    assert {moment.phase for moment in moments} == {"before", "during", "after"}
    for moment in moments:
        assert [one.value for one in moment.readings if one.name == "pin"] == ["pinned: cpu0.governor"]
        assert moment.get("pin.cpu0.governor") == HELD[0]
    assert "not-pinned" not in {one.code for one in record.findings}


def test_it_is_put_back_when_the_case_fails(cache_folder: Path, results_folder: Path, crashing_tflite: Path) -> None:
    device = Pinning(*HELD)
    record = measured(device, cache_folder, results_folder, str(crashing_tflite), pin=True)
    assert record.error is not None
    assert device.log[0] == "before held"
    assert device.state == "free"


def test_nothing_is_pinned_unasked(cache_folder: Path, results_folder: Path) -> None:
    device = Pinning(*HELD)
    record = measured(device, cache_folder, results_folder)
    assert device.log == ["before free", "during free", "after free"]
    assert [one.value for one in record.conditions[0].readings if one.name == "pin"] == ["unpinned"]


def test_a_device_that_cannot_be_pinned_says_why(cache_folder: Path, results_folder: Path) -> None:
    record = measured(LocalDevice(), cache_folder, results_folder, pin=True)
    (finding,) = (one for one in record.findings if one.code == "not-pinned")
    assert "no clocks of the host" in finding.why
    pin = record.conditions[0].get("pin")
    assert pin is not None
    assert pin.value is None
    assert "no clocks of the host" in pin.unavailable


def test_a_case_that_was_not_cool_says_so_and_is_measured(
    cache_folder: Path, results_folder: Path, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, 80.0)
    record = measured(machine.device, cache_folder, results_folder, cool_c=50.0, cool_wait_s=0.3)
    assert record.measured
    (finding,) = (one for one in record.findings if one.code == "not-cooled")
    assert "80 C after 0.3 s" in finding.what
    before = record.conditions[0].get("temp.x86_pkg_temp")
    assert before is not None
    assert before.value == 80.0


def test_without_being_asked_nothing_is_waited_for(cache_folder: Path, results_folder: Path, tmp_path: Path) -> None:
    record = measured(Machine(tmp_path, 90.0).device, cache_folder, results_folder)
    assert not {"not-cooled", "cooling-unknown"} & {one.code for one in record.findings}


@pytest.mark.parametrize("arguments", [("--cool", "-1"), ("--cool", "126"), ("--cool", "nan"), ("--cool-wait", "-1")])
def test_what_is_no_temperature_or_time(bench: Callable[..., Any], arguments: tuple[str, str]) -> None:
    done = bench("run", "-m", "paradox_1", "--dry-run", *arguments, code=2)
    assert arguments[0].removeprefix("--").split("-")[0] in done.stderr
