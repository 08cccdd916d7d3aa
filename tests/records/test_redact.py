"""What must not travel is replaced everywhere in a record, stably, and told; all else stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.findings import Finding
from bench.records import redact, store
from bench.records.energy import RailEnergy
from bench.records.redact import Redaction
from bench.records.types import CaseError, Energy, Record

Make = Callable[..., Record]
KEY = b"a key"
SERIAL, USER, HOST = "R58M123ABC", "margarethe", "kiste7"


def secret_record(make_record: Make) -> Record:
    record = make_record(
        case_device=SERIAL,
        transcript=(
            f"adb -s {SERIAL} shell x\n/home/{USER}/models/a.tflite",
            f"ssh {USER}@{HOST} and 192.168.7.21:5555",
        ),
        error=CaseError(kind="crash", message=f"C:\\Users\\{USER}\\x", stderr_tail=f"at {HOST}: no"),
        findings=(Finding(code="x", severity="info", what=f"device {SERIAL} of {USER}"),),
    )
    run = msgspec.structs.replace(record.run, command=("bench", "run", "--device", SERIAL, f"/Users/{USER}/m.tflite"))
    device = msgspec.structs.replace(
        record.device, name=SERIAL, kind="android", facts={**record.device.facts, "serial": SERIAL}
    )
    return msgspec.structs.replace(record, run=run, device=device)


def redacted(*records: Record, key: bytes = KEY) -> tuple[Redaction, list[Record]]:
    redaction = Redaction(key)
    for record in records:
        redaction.learn(record)
    return redaction, [redaction.apply(record) for record in records]


def test_no_name_is_left_anywhere(make_record: Make) -> None:
    redaction, (changed,) = redacted(secret_record(make_record))
    text = store.encode(changed).decode()
    for name in (SERIAL, USER, HOST, "192.168.7.21"):
        assert name not in text
    assert changed.case.device == changed.device.name == changed.device.facts["serial"]
    assert changed.case_key == changed.case.key != secret_record(make_record).case_key
    assert {redaction.names[made] for made in redaction.counts} == {SERIAL, USER, HOST, "192.168.7.21:5555"}
    made = {name: made for made, name in redaction.names.items()}
    assert redaction.counts[made[SERIAL]] == 6
    assert f"/home/{made[USER]}/models/a.tflite" in changed.transcript[0]
    assert SERIAL not in str(redaction.told())


def test_all_else_stays(make_record: Make) -> None:
    record = secret_record(make_record)
    _, (changed,) = redacted(record)
    for part in ("invocations", "profile", "placement", "artifact", "tool", "agreement", "conditions"):
        assert getattr(changed, part) == getattr(record, part)
    _, (same,) = redacted(make_record())
    assert same == make_record()


def test_stand_ins_hold_from_export_to_export_and_differ_by_key(make_record: Make, tmp_path: Path) -> None:
    record = secret_record(make_record)
    key = redact.key(tmp_path)
    assert redact.key(tmp_path) == key
    assert redact.key(tmp_path / "other") != key
    assert redacted(record, key=key)[1] == redacted(record, make_record(), key=key)[1][:1]
    assert redacted(record, key=key)[1] != redacted(record, key=b"another")[1]
    assert list(store.files(tmp_path)) == []


def test_a_name_learnt_from_one_record_is_replaced_in_the_others(make_record: Make) -> None:
    plain = make_record(transcript=(f"{HOST} says hello to {USER}",))
    _, (_, changed) = redacted(secret_record(make_record), plain)
    assert HOST not in changed.transcript[0]
    assert USER not in changed.transcript[0]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("ANDROID_SERIAL=emulator-5554 x", "emulator-5554"),
        ("serial number: 12AB34CD56", "12AB34CD56"),
        ("mac 0a:1B:2c:3d:4e:5f up", "0a:1B:2c:3d:4e:5f"),
        ("connected to 100.64.1.2:5555", "100.64.1.2:5555"),
        ("host is 10.0.0.17 now", "10.0.0.17"),
        ("ping werkstatt.local", "werkstatt.local"),
        ("C:\\\\Users\\\\Ann-Kathrin\\\\x", "Ann-Kathrin"),
        ("/mnt/c/Users/jürgen/x", "jürgen"),
        ("C:\\Users\\Max Muster\\models\\a.tflite", "Muster"),
        ("/Users/Max Muster/a.tflite", "Muster"),
        ("[ro.serialno]: [9A8B7C6D5E]", "9A8B7C6D5E"),
        ("Serial\t\t: 10000000abcdef01", "10000000abcdef01"),
        ("fe80::1ff:fe23:4567:890a is up", "fe80::1ff"),
        ("from 2001:db8:85a3:0:0:8a2e:370:7334", "8a2e:370"),
        ("cannot reach tx2lab: it did not answer", "tx2lab"),
        ("board.example.com, port 22: timed out", "board.example.com"),
        ("203.0.113.9, port 22: timed out", "203.0.113.9"),
        ("no host of the name kiste9 is known", "kiste9"),
        ("cannot start python3 on tx2 (lab.example.com)", "lab.example.com"),
    ],
)
def test_forms_of_names(make_record: Make, text: str, gone: str) -> None:
    _, (changed,) = redacted(make_record(transcript=(text,)))
    assert gone not in changed.transcript[0]


@pytest.mark.parametrize(
    "text",
    [
        "android.hardware.thermal@2.0::IThermal, libfoo@2.0",
        "runtime 2026.4.1.0 and 1.22.0.1",
        "/home/root/x and root@localhost",
        "12:34:56 INFO: conv_1/user_1",
        "tflite::ops::add at fade::b1, 10:11:12:13",
        "C:\\Users\\Public\\x and /Users/Shared/a b/c",
        "cannot run a Python runtime on cpu (litert), port 3 of the hub",
    ],
)
def test_what_only_looks_like_a_name_stays(make_record: Make, text: str) -> None:
    _, (changed,) = redacted(make_record(transcript=(text,)))
    assert changed.transcript == (text,)


@pytest.mark.parametrize("name", ["model", "board", "transcript", "samples_ns", "package"])
def test_a_name_that_is_a_word_of_the_format(make_record: Make, name: str) -> None:
    """Fields and words of fixed lists stay: what was exported can be read, and says the same."""
    rails = (RailEnergy(name="x", scope="board"), RailEnergy(name="y", scope="package", unavailable=f"of {name}"))
    record = make_record(transcript=(f"/home/{name}/x",), energy=Energy(rails=rails, board="x"))
    _, (changed,) = redacted(record)
    assert store.decode(store.encode(changed), Path("x")) == changed
    assert name not in changed.transcript[0]
    assert changed.energy is not None
    assert [rail.scope for rail in changed.energy.rails] == ["board", "package"]
    assert name not in changed.energy.rails[1].unavailable
    assert changed.invocations == record.invocations


def test_names_are_replaced_as_whole_words(make_record: Make) -> None:
    text = "/home/max/x max maximum climax max_pool Max (max)"
    _, (changed,) = redacted(make_record(transcript=(text,)))
    made = changed.transcript[0].split("/")[2]
    assert changed.transcript[0] == f"/home/{made}/x {made} maximum climax max_pool Max ({made})"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_gives_a_record_that_can_be_read(make_record: Make, name: str, text: str) -> None:
    record = make_record(transcript=(f"/home/{name}/x", text), case_model=text or "m")
    _, (changed,) = redacted(record)
    data: Any = store.encode(changed)
    assert store.decode(data, Path("x")) == changed
