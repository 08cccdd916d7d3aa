"""The process with TensorFlow, where there is none, or where it dies: what is said, and that nothing is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.base.errors import NotMeasuredError
from bench.models import artifacts, keras_host, keras_probe, modern
from bench.models.keras_job import Reply

# What stands in for a Python: it has the packages, and then does this in place of the conversion.
Python = Callable[[str], Path]


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Python:
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")

    def make(action: str) -> Path:
        versions = json.dumps({"tensorflow": "9.9", "keras": "9.9"})
        script = tmp_path / "python"
        script.write_text(f"#!/bin/sh\ncase $1 in\n-m) {action};;\n*) echo '{versions}';;\nesac\n")
        script.chmod(0o755)
        monkeypatch.setenv(keras_host.VARIABLE, str(script))
        keras_host._packages_of.cache_clear()
        return script

    return make


def refusal(cache: Path, kind: str = "tflite") -> NotMeasuredError:
    with pytest.raises(NotMeasuredError) as caught:
        artifacts.build("paradox_1", variant="fp32", era="modern", format=kind, cache=cache)
    assert caught.value.asked
    assert caught.value.todo
    assert not cache.exists()
    return caught.value


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("echo out of memory >&2; kill -9 $$", "The conversion ended with SIGKILL: out of memory"),
        ("echo no module >&2; exit 3", "The conversion ended with exit code 3: no module"),
        ("echo hello; sleep 60", "The conversion gave an answer that cannot be read."),
        ('echo \'{"colour": "red"}\'', "The conversion gave an answer that cannot be read."),
        ('echo \'{"error": "ValueError: no such op"}\'', "The converter says: ValueError: no such op"),
    ],
)
def test_a_worker_that_fails_is_told_in_its_words(action: str, words: str, python: Python, tmp_path: Path) -> None:
    python(action)
    assert refusal(tmp_path / "cache").found == words


def test_a_worker_that_takes_too_long_ends(python: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python("sleep 60")
    monkeypatch.setattr(keras_host, "LIMIT_S", 0.2)
    assert refusal(tmp_path / "cache").found == "The conversion was not done after 0 s."


def test_package_that_is_missing_there(python: Python, tmp_path: Path) -> None:
    path = python("exit 3")
    assert artifacts.supported("prisma", "fp32", "modern", "tflite") is None
    found = refusal(tmp_path / "cache", "onnx").found
    assert f"tf2onnx is not in {path}" in found
    assert "pip install '.[convert]'" in found


def test_a_python_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keras_host.VARIABLE, str(tmp_path / "no-python"))
    found = refusal(tmp_path / "cache").found
    assert f"{keras_host.VARIABLE} names {tmp_path / 'no-python'}, which does not run" in found


def test_without_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keras_host.VARIABLE, raising=False)
    for module in keras_probe.PACKAGES:
        monkeypatch.setitem(sys.modules, module, None)
    assert artifacts.supported("prisma", "fp32", "2019", "tflite") is None
    reason = artifacts.supported("prisma", "fp32", "modern", "tflite")
    assert reason == (
        "Files of the era modern are made by today's converters, and TensorFlow and Keras are not installed: "
        "pip install '.[convert]'. Without them there is the era 2019."
    )
    assert refusal(tmp_path / "cache").found == reason


def test_another_version_makes_another_file(python: Python) -> None:
    path = python("exit 3")
    key = modern.recipe_key("tflite")
    path.write_text(path.read_text().replace("9.9", "9.10"))
    keras_host._packages_of.cache_clear()
    assert modern.recipe_key("tflite") != key


def test_reply_survives_its_line() -> None:
    reply = Reply(params=3, seconds={"build": 0.5}, error="a\nb")
    assert b"\n" not in reply.encode()
    assert Reply.decode(reply.encode()) == reply
