"""Which phone it is: facts from one round trip, reasons for the rest, and a fingerprint of what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import NotMeasuredError
from bench.devices import android_gpu
from bench.devices.adb_link import ShellResult
from bench.devices.android_identity import fingerprint, gather_identity, parse_properties
from bench.devices.linux_files import Tree, UnreadableError

SAMPLES = Path(__file__).parents[3] / "shared" / "formats" / "samples"
PROPERTIES = """[ro.product.model]: [ONEPLUS A3003]
[ro.product.device]: [OnePlus3]
[ro.product.manufacturer]: [OnePlus]
[ro.board.platform]: [msm8996]
[ro.hardware]: [qcom]
[ro.build.version.release]: [9]
[ro.build.version.sdk]: [28]
[ro.build.type]: [user]
[ro.build.fingerprint]: [OnePlus/OnePlus3/OnePlus3:9/PKQ1.181203.001/1911042107:user/release-keys]
[ro.product.cpu.abilist]: [arm64-v8a,armeabi-v7a,armeabi]
[ro.serialno]: [abcd1234]
[persist.several.lines]: [one
two]
"""
CORE = "processor\t: {n}\nFeatures\t: fp asimd{more}\nCPU implementer\t: 0x51\nCPU part\t: {part}\n\n"


def plant(phone: Any, properties: str = PROPERTIES) -> None:
    parts = ("0x211", "0x211", "0x205", "0x205")
    phone.files(
        {
            "/proc/cpuinfo": "".join(CORE.format(n=n, part=part, more=" i8mm" * n) for n, part in enumerate(parts)),
            "/proc/meminfo": "MemTotal: 5800000 kB\n",
            "/sys/devices/system/cpu/present": "0-3\n",
            "/sys/class/kgsl/kgsl-3d0/gpu_model": "Adreno530v3\n",
        }
    )
    phone.says("getprop", properties)
    phone.command("uname", '[ "$1" = -r ] && echo 3.18.120-perf || echo aarch64')


def test_a_whole_phone_in_one_round_trip(phone: Any) -> None:
    plant(phone)
    facts, missing = gather_identity(phone, root=phone.root)
    assert len(phone.calls) == 1
    assert facts == {
        "model": "ONEPLUS A3003",
        "device": "OnePlus3",
        "manufacturer": "OnePlus",
        "android_version": "9",
        "os": "Android 9",
        "sdk": 28,
        "build_fingerprint": "OnePlus/OnePlus3/OnePlus3:9/PKQ1.181203.001/1911042107:user/release-keys",
        "build_type": "user",
        "serial": "abcd1234",
        "soc": "msm8996",
        "abis": ("arm64-v8a", "armeabi-v7a", "armeabi"),
        "gpu": "Adreno 530",
        "architecture": "aarch64",
        "kernel": "3.18.120-perf",
        "cpu_cores": "ARM core 0x51:0x211 x2 + ARM core 0x51:0x205 x2",
        "logical_cores": 4,
        "isa": ("asimd",),
        "memory_bytes": 5800000 * 1024,
        "virtual": "no",
        "rooted": False,
        "phone": "OnePlus 3",
    }
    assert missing == {}


def test_a_phone_that_tells_nothing(phone: Any) -> None:
    phone.says("getprop", "")
    facts, missing = gather_identity(phone, root=phone.root)
    assert not {"model", "serial", "gpu", "virtual", "memory_bytes", "logical_cores"} & set(facts)
    assert all(missing.values())


def test_without_a_link_all_is_missing_for_that_reason() -> None:
    def gone(command: str, /) -> ShellResult:
        raise NotMeasuredError("cannot reach the phone", "device offline")

    facts, missing = gather_identity(gone)
    assert facts == {}
    assert set(missing.values()) == {"cannot reach the phone; device offline"}


def test_a_known_phone_fills_in_the_gpu_that_its_system_hides(phone: Any) -> None:
    plant(phone)
    Path(phone.root + "/sys/class/kgsl/kgsl-3d0/gpu_model").unlink()
    assert gather_identity(phone, root=phone.root)[0]["gpu"] == "Adreno 530"
    phone.says("getprop", "[ro.product.model]: [Nobody's phone]\n")
    facts, missing = gather_identity(phone, root=phone.root)
    assert "gpu" not in facts
    assert "gpuinfo" in missing["gpu"]


@pytest.mark.parametrize(
    ("extra", "name", "expected"),
    [
        ("[ro.soc.model]: [SM8550]", "soc", "SM8550"),
        ("[ro.kernel.qemu]: [1]", "virtual", "emulator"),
        ("[ro.hardware]: [ranchu]", "virtual", "emulator"),
        ("[ro.build.version.sdk]: [?]", "sdk", None),
    ],
)
def test_properties(phone: Any, extra: str, name: str, expected: str | None) -> None:
    plant(phone, f"{PROPERTIES}{extra}\n")
    assert gather_identity(phone, root=phone.root)[0].get(name) == expected


def test_rooted(phone: Any) -> None:
    plant(phone)
    phone.command("su", "exit 1")
    assert gather_identity(phone, root=phone.root)[0]["rooted"] is True
    (Path(phone.root) / "bin/su").unlink()
    phone.user = "0"
    assert gather_identity(phone, root=phone.root)[0]["rooted"] is True


def test_the_fingerprint_is_of_this_phone_with_this_system(phone: Any) -> None:
    plant(phone)
    facts, _ = gather_identity(phone, root=phone.root)
    first = fingerprint(facts)
    assert len(first) == 16
    for name, value in (("rooted", True), ("kernel", "4"), ("memory_bytes", 5800001 * 1024), ("gpu", "x")):
        assert fingerprint({**facts, name: value}) == first
    for name, value in (("serial", "other"), ("build_fingerprint", "other"), ("cpu_cores", "x"), ("logical_cores", 8)):
        assert fingerprint({**facts, name: value}) != first


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("kgsl/kgsl-3d0/gpu_model", "Adreno530v3", "Adreno 530"),
        ("kgsl/kgsl-3d0/gpu_model", "Adreno (TM) 618", "Adreno 618"),
        ("misc/mali0/device/gpuinfo", "Mali-G76 4 cores r0p0 0x7212", "Mali-G76 MC4"),
        ("misc/mali0/device/gpuinfo", "Something new", "Something new"),
    ],
)
def test_gpu_models(tmp_path: Path, path: str, text: str, expected: str) -> None:
    file = tmp_path / "sys/class" / path
    file.parent.mkdir(parents=True)
    file.write_text(f"{text}\n")
    assert android_gpu.model(Tree(tmp_path)) == expected
    file.unlink()
    with pytest.raises(UnreadableError):
        android_gpu.model(Tree(tmp_path))


@given(st.text())
def test_no_property_list_crashes(text: str) -> None:
    parse_properties(text)
    assert parse_properties(f"{PROPERTIES}{text}")["ro.product.device"]


def test_values_with_brackets_and_lines() -> None:
    assert parse_properties("[a]: [x [y]]\n[b]: []\n[c]: [1\n2]\n") == {"a": "x [y]", "b": "", "c": "1\n2"}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no corpus of samples beside the repository")
def test_real_properties() -> None:
    text = "".join((SAMPLES / f"getprop_{name}.txt").read_text() for name in ("msm8996_pixel_excerpt",))
    assert parse_properties(text)["ro.board.platform"] == "msm8996"
