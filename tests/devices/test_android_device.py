"""The kind `android`: which phone is meant, who it is, and holding it; on phones that run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench.base.errors import BenchError, NotMeasuredError, UsageError
from bench.devices import android, registry
from bench.devices.android import AndroidDevice, create
from bench.devices.registry import open_device

LONG_S = 60.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the phones of the tests run POSIX programs")

Phone = Any
Make = Callable[..., Phone]


def message(caught: pytest.ExceptionInfo[BenchError]) -> str:
    """All of it, which has to say what was found."""
    assert caught.value.found
    return str(caught.value)


class TestChoice:
    def test_the_only_phone_needs_no_name(self, made: Phone) -> None:
        assert open_device("any", {"kind": "android"}).identify().name == "any"

    def test_two_phones_and_none_chosen_is_an_error_that_lists_them(self, any_phone: Make) -> None:
        one, two = any_phone("one"), any_phone("two", **{"ro.product.model": "Pixel 9"})
        with pytest.raises(UsageError) as caught:
            create("any", {}).identify()
        assert one.serial in message(caught)
        assert two.serial in message(caught)
        assert "--device SERIAL" in message(caught)

    @pytest.mark.parametrize("key", ["serial", "model", "fingerprint"])
    def test_each_key_chooses_among_two(self, any_phone: Make, key: str) -> None:
        any_phone("one")
        two = any_phone("two", **{"ro.product.model": "Pixel 9", "ro.build.fingerprint": "google/p/9"})
        table = {"serial": two.serial, "model": "Pixel 9", "fingerprint": "google/p/9"}
        assert create("it", {key: table[key]}).identify().facts["serial"] == two.own_serial

    def test_adbs_own_variable_chooses(self, any_phone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        any_phone("one")
        two = any_phone("two")
        monkeypatch.setenv("ANDROID_SERIAL", two.serial)
        assert create("it", {}).identify().facts["serial"] == two.own_serial

    @pytest.mark.parametrize(("key", "value"), [("model", "Pixel 9"), ("fingerprint", "other/build")])
    def test_another_phone_than_configured_shows_both(self, made: Phone, key: str, value: str) -> None:
        with pytest.raises(UsageError) as caught:
            create("handy", {"serial": made.serial, key: value}).identify()
        assert value in message(caught)
        assert ("ONEPLUS A3003" if key == "model" else "OnePlus/OnePlus3/OnePlus3:9") in message(caught)

    def test_no_phone_at_all(self, any_phone: Make, any_server: Any) -> None:
        with pytest.raises(NotMeasuredError) as caught:
            create("handy", {"model": "Pixel 9"}).identify()
        assert "no phone is attached" in message(caught)
        assert caught.value.todo

    def test_a_serial_that_is_not_attached_lists_what_is(self, made: Phone) -> None:
        with pytest.raises(NotMeasuredError) as caught:
            create("handy", {"serial": "0123456789"}).identify()
        assert "0123456789" in message(caught)
        assert made.serial in message(caught)

    def test_unauthorized_says_where_to_allow_it(self, any_phone: Make) -> None:
        locked = any_phone(state="unauthorized", **{"ro.adb.secure": "1"})
        with pytest.raises(NotMeasuredError) as caught:
            create("handy", {"serial": locked.serial}).identify()
        assert "unauthorized" in message(caught)
        assert "Allow USB debugging?" in message(caught)

    def test_no_permissions_names_what_gives_them(self, fake_phone: Make) -> None:
        state = "no permissions (missing udev rules? user is in the plugdev group); see [http://x.org/tools]"
        locked = fake_phone(state=state)
        with pytest.raises(NotMeasuredError) as caught:
            create("handy", {"serial": locked.serial}).identify()
        assert "no permissions" in message(caught)
        assert "udev" in caught.value.todo

    def test_a_phone_that_does_not_answer_does_not_hide_the_one_that_is_meant(
        self, any_phone: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(android, "_OTHERS_S", 1.0)
        silent, meant = any_phone("silent"), any_phone("meant", **{"ro.product.model": "Pixel 9"})
        silent.stall()
        assert create("it", {"model": "Pixel 9"}).identify().facts["serial"] == meant.own_serial
        silent.resume()

    def test_offline_is_named(self, made: Phone) -> None:
        made.kill()
        made.wait_for("offline")
        with pytest.raises(NotMeasuredError) as caught:
            create("handy", {"serial": made.serial}).identify()
        assert "offline" in message(caught)

    def test_a_phone_is_found_by_its_serial_without_configuration(self, made: Phone) -> None:
        assert made.serial in [phone.serial for phone in android.attached()]
        assert registry.attached(made.serial) == {"kind": "android", "serial": made.serial}
        assert registry.attached("0123456789") is None

    def test_over_tcp_by_address_and_held_as_the_same_phone(self, made: Phone) -> None:
        over_tcp = create("radio", {"connect": made.serial})
        assert over_tcp.identify().fingerprint == create("x", {"serial": made.serial}).identify().fingerprint
        with over_tcp.lock(0), pytest.raises(NotMeasuredError), create("x", {"serial": made.serial}).lock(0):
            pass

    def test_a_link_over_tcp_that_was_cut_is_made_again(self, lab_phone: Make) -> None:
        made = lab_phone()
        radio = create("radio", {"connect": made.serial})
        before = radio.identify()
        made.lab.ask("disconnect", made.serial)
        assert made.state() == ""
        assert radio.identify() == before

    def test_an_address_where_nothing_answers(self, made: Phone) -> None:
        with pytest.raises(NotMeasuredError) as caught:
            create("radio", {"connect": "127.0.0.1:1"}).identify()
        assert "127.0.0.1:1" in message(caught)

    def test_what_is_no_text_in_the_configuration(self) -> None:
        with pytest.raises(UsageError, match="serial"):
            create("handy", {"serial": 5})


class TestIdentity:
    def test_by_serial_and_build(self, made: Phone, handy: AndroidDevice) -> None:
        identity = handy.identify()
        assert (identity.name, identity.kind) == ("handy", "android")
        assert identity.facts["serial"] == made.own_serial
        assert identity == create("handy", {"serial": made.serial}).identify()

    @pytest.mark.parametrize("key", ["ro.serialno", "ro.build.fingerprint"])
    def test_another_phone_in_its_place_is_noticed(self, made: Phone, handy: AndroidDevice, key: str) -> None:
        before = handy.identify()
        made.kill()
        made.restart(**{key: "another"})
        with pytest.raises(NotMeasuredError, match="cannot measure on handy"):
            handy.identify()
        assert create("handy", {"serial": made.serial}).identify().fingerprint != before.fingerprint

    def test_abis_and_free_space(self, handy: AndroidDevice) -> None:
        assert handy.abis() == ("x86_64",)
        assert isinstance(handy.free_bytes(), int)
        assert handy.free_bytes() > 1 << 20

    def test_there_is_no_python(self, handy: AndroidDevice) -> None:
        with pytest.raises(NotMeasuredError, match="Python"):
            handy.python()

    def test_a_phone_without_the_newer_shell_is_too_old(self, fake_phone: Make) -> None:
        old = fake_phone(features="cmd")
        with pytest.raises(NotMeasuredError, match="Android 7"):
            create("handy", {"serial": old.serial}).identify()


class TestLock:
    def test_a_second_job_waits_with_a_message_or_gives_up(self, made: Phone, handy: AndroidDevice) -> None:
        told: list[str] = []
        other = create("other", {"serial": made.serial})
        with handy.lock(0), pytest.raises(NotMeasuredError) as caught, other.lock(0.2, told.append):
            pass
        assert str(os.getpid()) in message(caught)
        assert len(told) == 1
        with other.lock(0):
            pass

    def test_two_phones_are_held_apart(self, any_phone: Make) -> None:
        one, two = (create(name, {"serial": any_phone(name).serial}) for name in ("one", "two"))
        with one.lock(0), two.lock(0):
            pass

    def test_what_cut_off_runs_left_is_removed(self, made: Phone, handy: AndroidDevice) -> None:
        with handy.lock(0):
            pass
        for path in ("work/old/file", "files/.part-1", "files/0123/kept"):
            (made.tmp / "bench" / path).parent.mkdir(parents=True, exist_ok=True)
            (made.tmp / "bench" / path).write_text("x")
        with handy.lock(0):
            left = [path.name for path in (made.tmp / "bench").rglob("*") if path.is_file()]
        assert left == ["kept"]
