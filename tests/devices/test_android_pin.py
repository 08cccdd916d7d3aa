"""Pinning with a real shell over a fake phone: what is held, and that all is put back, whatever becomes of us."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import NotMeasuredError
from bench.devices.adb_link import ShellResult
from bench.devices.android_conditions import AndroidConditions
from bench.devices.android_pin import pin, restore_leftover
from bench.devices.android_pin_script import Change, restore_script, writable

FOLDER = "/data/local/tmp/bench/pin"
CPU = "/sys/devices/system/cpu/cpufreq"
KGSL = "/sys/class/kgsl/kgsl-3d0"
ORIGINAL = {
    f"{CPU}/policy0/scaling_governor": "schedutil",
    f"{CPU}/policy0/scaling_available_governors": "powersave performance schedutil",
    f"{CPU}/policy4/scaling_governor": "walt",
    f"{CPU}/policy4/scaling_available_governors": "walt performance",
    f"{CPU}/policy7/scaling_governor": "walt",
    f"{CPU}/policy7/scaling_available_governors": "walt",
    f"{KGSL}/devfreq/governor": "msm-adreno-tz",
    f"{KGSL}/devfreq/available_governors": "performance msm-adreno-tz",
    f"{KGSL}/force_clk_on": "0",
    f"{KGSL}/idle_timer": "80",
    f"{KGSL}/min_pwrlevel": "6",
    f"{KGSL}/max_pwrlevel": "1",
}
PINNED = {
    f"{CPU}/policy0/scaling_governor": "performance",
    f"{CPU}/policy4/scaling_governor": "performance",
    f"{KGSL}/devfreq/governor": "performance",
    f"{KGSL}/force_clk_on": "1",
    f"{KGSL}/idle_timer": "1000000",
    f"{KGSL}/min_pwrlevel": "1",
}


@pytest.fixture
def rooted(phone: Any) -> Any:
    phone.files({path: f"{text}\n" for path, text in ORIGINAL.items()})
    phone.user = "0"
    return phone


def state(phone: Any) -> dict[str, str]:
    return {path: phone.text(path) for path in ORIGINAL}


def left(phone: Any) -> list[str]:
    return sorted(path.name for path in Path(phone.root + FOLDER).glob("*"))


def within(seconds: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_with_root_clocks_are_held_and_put_back(rooted: Any) -> None:
    rooted.says("fixed_mode", "false")
    with pin(rooted, root=rooted.root) as readings:
        assert state(rooted) == {**ORIGINAL, **PINNED}
        assert rooted.said("fixed_mode").strip() == "true"
        known = {one.name: one.value for one in readings}
        conditions = {one.name: one.value for one in AndroidConditions(rooted, root=rooted.root).readings()}
    assert known.pop("pin") == (
        "pinned: fixed_performance=on, cpu0.governor=performance, cpu4.governor=performance, gpu.governor=performance, "
        "gpu.force_clk_on=1, gpu.idle_timer=1000000, gpu.min_pwrlevel=1"
    )
    assert set(known) == {
        *("pin.fixed_performance", "pin.cpu0.governor", "pin.cpu4.governor", "pin.gpu.governor"),
        *("pin.gpu.force_clk_on", "pin.gpu.idle_timer", "pin.gpu.min_pwrlevel"),
    }
    assert conditions["pin"] == "pinned"
    assert state(rooted) == ORIGINAL
    assert rooted.said("fixed_mode").strip() == "false"
    assert left(rooted) == []


def test_without_root_only_the_fixed_mode(phone: Any) -> None:
    phone.files({path: f"{text}\n" for path, text in ORIGINAL.items()})
    phone.says("fixed_mode", "false")
    with pin(phone, root=phone.root) as readings:
        assert state(phone) == ORIGINAL
        assert phone.said("fixed_mode").strip() == "true"
        assert readings[-1].value == "pinned: fixed_performance=on"
    assert phone.said("fixed_mode").strip() == "false"


def test_a_phone_that_can_hold_nothing_says_why(phone: Any) -> None:
    with pin(phone, root=phone.root) as readings:
        pass
    assert [one.name for one in readings] == ["pin.fixed_performance", "pin"]
    assert readings[-1].value is None
    assert readings[-1].unavailable.startswith("unpinned: no root; no fixed-performance mode")
    assert left(phone) == []


@pytest.mark.parametrize("form", ['[ "$1" = -c ] || exit 1; shift', '[ "$1" = 0 ] || exit 1; shift'])
def test_root_by_su(rooted: Any, form: str) -> None:
    """Magisk's `su -c COMMAND` and the system's own `su 0 COMMAND ARGUMENTS`."""
    rooted.user = "2000"
    run = 'exec sh -c "$*"' if "-c" in form else 'exec "$@"'
    rooted.command("su", f"{form}\nIAM=root; export IAM\n{run}")
    rooted.command("id", '[ -n "$IAM" ] && echo 0 || echo 2000')
    with pin(rooted, root=rooted.root):
        assert state(rooted) == {**ORIGINAL, **PINNED}
    assert state(rooted) == ORIGINAL


def test_put_back_after_an_exception_too(rooted: Any) -> None:
    def interrupted() -> None:
        with pin(rooted, root=rooted.root):
            assert state(rooted) != ORIGINAL
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert state(rooted) == ORIGINAL


class Cable:
    """Carries commands until it is pulled."""

    def __init__(self, phone: Any) -> None:
        self.phone, self.pulled = phone, False

    def __call__(self, command: str, /) -> ShellResult:
        if self.pulled:
            raise NotMeasuredError("cannot reach the phone", "device offline")
        return self.phone(command)


def test_the_phone_puts_back_by_itself_when_the_cable_is_pulled(rooted: Any) -> None:
    rooted.says("fixed_mode", "false")
    cable = Cable(rooted)
    with pin(cable, root=rooted.root, silence_s=1.5):
        time.sleep(3.5)
        assert state(rooted) == {**ORIGINAL, **PINNED}  # several silences long it heard us
        cable.pulled = True
        assert within(60, lambda: state(rooted) == ORIGINAL)
        assert within(60, lambda: left(rooted) == [])
    assert rooted.said("fixed_mode").strip() == "false"


def test_a_cable_pulled_between_the_changes(rooted: Any) -> None:
    cable = Cable(rooted)

    def until_written(command: str, /) -> ShellResult:
        result = cable(command)
        cable.pulled = cable.pulled or "echo performance >" in command
        return result

    with pin(until_written, root=rooted.root, silence_s=0.3) as readings:
        assert state(rooted) != ORIGINAL
        assert "device offline" in readings[-1].unavailable
    assert within(60, lambda: state(rooted) == ORIGINAL)


def test_what_was_left_pinned_is_put_back_before_the_next_pin(rooted: Any) -> None:
    """The phone's watch was killed as well: the next run must not take pinned values for the original ones."""
    changes = [Change("cpu0.governor", rooted.root + f"{CPU}/policy0/scaling_governor", "schedutil", "performance")]
    folder = rooted.root + FOLDER
    script = restore_script(changes, folder=folder, token="gone", silence_s=60, fixed=True)
    rooted.files({f"{FOLDER}/restore.sh": script, f"{CPU}/policy0/scaling_governor": "performance\n"})
    with pin(rooted, root=rooted.root):
        assert state(rooted) == {**ORIGINAL, **PINNED}
    assert state(rooted) == ORIGINAL
    assert restore_leftover(rooted, root=rooted.root) is False


def test_what_cannot_be_put_back_is_kept_for_another_try(rooted: Any) -> None:
    gone = Change("cpu0.governor", rooted.root + "/sys/none/governor", "schedutil", "performance")
    script = restore_script([gone], folder=rooted.root + FOLDER, token="x", silence_s=60, fixed=False)
    rooted.files({f"{FOLDER}/restore.sh": script})
    with pin(rooted, root=rooted.root) as readings:
        assert "could not be put back" in readings[0].unavailable
        assert state(rooted) == ORIGINAL
    assert left(rooted) == ["restore.sh"]
    rooted.files({"/sys/none/governor": "performance"})
    assert restore_leftover(rooted, root=rooted.root) is True
    assert rooted.text("/sys/none/governor") == "schedutil"
    assert left(rooted) == []


def test_nothing_is_changed_where_the_watch_cannot_start(rooted: Any) -> None:
    rooted.says("fixed_mode", "false")

    def no_watch(command: str, /) -> ShellResult:
        return rooted("true" if " watch " in command else command)

    with pin(no_watch, root=rooted.root) as readings:
        assert state(rooted) == ORIGINAL
        assert rooted.said("fixed_mode").strip() == "false"
    assert "did not start" in readings[-1].unavailable


def test_what_the_phone_does_not_take_is_no_pin(rooted: Any) -> None:
    path = Path(rooted.root + f"{KGSL}/force_clk_on")
    real = rooted.__call__

    def stubborn(command: str, /) -> ShellResult:
        result = real(command)
        path.write_text("0\n")  # a vendor's daemon
        return result

    with pin(stubborn, root=rooted.root) as readings:
        told = {one.name: one for one in readings}
    assert "keeps 0" in told["pin.gpu.force_clk_on"].unavailable
    assert "force_clk_on" not in str(told["pin"].value)


def test_values_that_could_not_stand_in_a_script_are_left_alone(rooted: Any) -> None:
    assert not writable(Change("x", "/sys/x", "a; reboot", "1"))
    rooted.files({f"{KGSL}/idle_timer": "80 ms; reboot\n"})
    with pin(rooted, root=rooted.root) as readings:
        assert rooted.text(f"{KGSL}/idle_timer") == "80 ms; reboot"
    assert "left alone" in next(one for one in readings if one.name == "pin.gpu.idle_timer").unavailable


def test_without_a_link_there_is_a_reason() -> None:
    def gone(command: str, /) -> ShellResult:
        raise NotMeasuredError("cannot reach the phone", "device offline")

    with pin(gone) as readings:
        pass
    assert [one.unavailable for one in readings] == ["unpinned: cannot reach the phone; device offline"]
