"""`bench tools` as a user runs it: without a network, with a server on this host, with the host's own programs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from fake_web import Web, content, only_this_host

from bench.backends.tools import host_abi

Run = Callable[..., subprocess.CompletedProcess[str]]
LAB = Path(__file__).resolve().parents[3] / "shared" / "lab" / "bin"
AARCH64, X86_64 = 183, 62
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="takes this host's own ELF files")


@pytest.fixture
def run(bench: Run, tmp_path: Path) -> Run:
    """run(*arguments, code=0): `bench tools` with a cache of its own, that reaches this host only."""
    apart = {"BENCH_CACHE_DIR": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin")}
    return partial(bench, "tools", **apart, **only_this_host())


@pytest.fixture
def program() -> bytes:
    """A real program of this host that is no benchmark tool."""
    found = shutil.which("true")
    if found is None:
        pytest.skip("this host has no `true`")
    return Path(found).read_bytes()


@pytest.fixture
def tool() -> Path:
    path = LAB / "benchmark_model"
    if not path.is_file() or host_abi() != "x86_64":
        pytest.skip(f"no real tool for this host at {path}")
    return path


def for_machine(program: bytes, number: int) -> bytes:
    return program[:18] + number.to_bytes(2, "little") + program[20:]


def test_list_of_nothing(run: Run) -> None:
    text = run("list").stdout
    assert run().stdout == text
    assert text.count("not here") == 3
    assert "arm64-v8a (android)" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    first, second, _ = json.loads(run("list", "--json").stdout)
    assert (first["name"], second["name"]) == ("benchmark_model", "benchmark_litert_model")
    assert first["files"] == []
    assert first["published"][0]["address"].endswith("/android_aarch64_benchmark_model")
    assert {each["sha256"] for each in (*first["published"], *second["published"])} == {"unverified"}


def test_offline(run: Run, tmp_path: Path) -> None:
    done = run("fetch", "benchmark_model", "--abi", "aarch64", code=4)
    assert "no network" in done.stderr
    assert str(tmp_path / "cache" / "tools" / "android-arm64-v8a" / "benchmark_model") in done.stderr
    assert done.stdout == ""


def test_fetched_and_listed(run: Run, web: Web, program: bytes, tmp_path: Path) -> None:
    sha256, modified = hashlib.sha256(program).hexdigest(), "Mon, 05 Jan 2026 04:05:06 GMT"
    ask = ("fetch", "benchmark_model", "--address", web.give(content(program, Last_Modified=modified)))
    done = run(*ask)
    path = Path(done.stdout.strip())
    assert path == tmp_path / "cache" / "tools" / f"linux-{host_abi()}" / "benchmark_model"
    assert path.read_bytes() == program
    assert sha256 in done.stderr
    assert "nothing vouches for it" in done.stderr
    again = run(*ask)
    assert (again.stdout, "from the cache" in again.stderr) == (done.stdout, True)
    web.give(content(program + b"newer", Last_Modified=modified))
    newer = run(*ask, "--again", "--json")
    assert json.loads(newer.stdout)["replaced_sha256"] == sha256
    pinned = run(*ask, "--sha256", sha256, code=4)
    assert f"instead of {sha256}" in pinned.stderr
    (file,) = json.loads(run("list", "--json").stdout)[0]["files"]
    assert (file["path"], file["source"], file["system"]) == (str(path), "cache", "linux")
    assert file["sha256"] == file["fetched"]["sha256"] == json.loads(newer.stdout)["sha256"]
    assert file["fetched"]["last_modified"] == modified
    assert f"{file['sha256'][:16]}  fetched 20" in run("list").stdout
    path.write_bytes(program)
    assert "is not what was fetched" in run("list", code=4).stderr


def test_fetched_for_another(run: Run, web: Web, program: bytes) -> None:
    address = web.give(content(for_machine(program, X86_64 if host_abi() != "x86_64" else AARCH64)))
    ask = ("fetch", "benchmark_model", "--address")
    assert "gives something else. It is for" in run(*ask, address, code=4).stderr
    assert "answers 404" in run(*ask, f"{address}/none", code=4).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch"], "NAME"),
        (["fetch", "benchmark_modle"], "Did you mean benchmark_model"),
        (["fetch", "benchmark_model", "--abi", "arm65"], "Did you mean"),
        (["fetch", "benchmark_model", "--sha256", "12"], "64 hexadecimal digits"),
        (["fetch", "benchmark_model", "--address", "/a/file"], "http"),
        (["fetch", "benchmark_model", "--abi", "x86"], "Published: arm64-v8a (android)"),
        (["check", "nowhere"], "there is no file nowhere"),
        (["check", "."], "It is a folder"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments, code=2)
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_named_in_the_configuration(run: Run, tmp_path: Path, program: bytes) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "linux_x86-64_benchmark_model").write_bytes(for_machine(program, X86_64))
    (own / "android_aarch64_benchmark_model").write_bytes(for_machine(program, AARCH64))
    (own / "benchmark_model").write_text("#!/bin/sh\n")
    (tmp_path / "bench.toml").write_text('[tools]\nbenchmark_model = "own"\nbenchmark_litert_model = "missing"\n')
    first, second, _ = json.loads(run("list", "--json").stdout)
    assert [(file.get("abi"), file.get("source")) for file in first["files"]] == [
        ("arm64-v8a", "named"), (None, None), ("x86_64", "named"),
    ]  # fmt: skip
    assert "missing" in second["files"][0]["error"]["asked"]
    text = run("list").stdout
    assert "It is a script" in text
    assert "bench.toml" in text


def test_on_the_path(run: Run, tmp_path: Path, program: bytes) -> None:
    (tmp_path / "bin").mkdir()
    path = tmp_path / "bin" / "benchmark_model"
    path.write_bytes(program)
    path.chmod(0o755)
    (file,) = json.loads(run("list", "--json").stdout)[0]["files"]
    assert (file["path"], file["source"], file["abi"]) == (str(path), "path", host_abi())


def test_check_of_other_files(run: Run, tmp_path: Path, program: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(for_machine(program, AARCH64 if host_abi() != "arm64-v8a" else X86_64))
    text = run("check", path).stdout
    assert "not read: it is for" in text
    path.write_bytes(program)
    path.chmod(0o644)
    facts = json.loads(run("check", path, "--json").stdout)
    assert (facts["abi"], facts["flags"]) == (host_abi(), None)
    assert "chmod +x" in facts["not_read"]
    path.chmod(0o755)
    assert f"cannot learn which flags {path} takes" in run("check", path, code=4).stderr


def test_check_of_the_real_tool(run: Run, tool: Path, tmp_path: Path) -> None:
    text = run("check", tool).stdout
    assert "flags        58, those of benchmark_model" in text
    assert "without use_gpu, use_nnapi" in text
    facts = json.loads(run("check", tool, "--json").stdout)
    assert (facts["abi"], facts["system"], facts["family"]) == ("x86_64", "linux", "classic")
    assert {"name": "use_xnnpack", "default": "false", "type": "bool"}.items() <= {
        flag["name"]: flag for flag in facts["flags"]
    }["use_xnnpack"].items()
    sha256 = hashlib.sha256(tool.read_bytes()).hexdigest()
    assert (tmp_path / "cache" / "tool-help" / f"{sha256}.json").is_file()
