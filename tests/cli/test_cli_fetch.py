"""`bench models fetch` as a user runs it: from a server on this host, from a file, without a network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fake_web import Web, content, only_this_host

from bench.models import originals

Run = Callable[..., subprocess.CompletedProcess[str]]
Original = Callable[[str], Path]
PRISMA = "239033b3ff31fb34"


@pytest.fixture
def fetch(bench: Run, tmp_path: Path) -> Run:
    """fetch(*arguments, code=0): `bench models fetch` with a cache of its own, that reaches this host only."""
    return partial(bench, "models", "fetch", BENCH_CACHE_DIR=str(tmp_path / "cache"), **only_this_host())


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[str]]:
    """kept(): all files in the cache of published files."""
    folder = tmp_path / "cache" / "originals"
    return lambda: sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_fetched_then_from_the_cache(fetch: Run, web: Web, original: Original, kept: Callable[[], list[str]]) -> None:
    file = original("prisma-net.tflite")
    done = fetch("Prisma-Net", "--from", web.give(content(file.read_bytes()), "/prisma.tflite"))
    assert kept() == [f"{PRISMA}/prisma-net.tflite"]
    path = Path(done.stdout.strip())
    assert path.parts[-3:] == ("originals", PRISMA, "prisma-net.tflite")
    assert path.read_bytes() == file.read_bytes()
    assert "MIT, Copyright (c) 2021 anilsathyan" in done.stderr
    assert "/blob/d23a6c2107df5b2293a11907f3b70ec95f049827/LICENSE" in done.stderr
    assert "downloaded; size and sha256 are right" in done.stderr
    assert f"Next: bench run -m {path}" in done.stderr
    again = fetch("prisma")  # its address cannot be reached here
    assert again.stdout == done.stdout
    assert "from the cache" in again.stderr


def test_next_step_works(fetch: Run, bench: Run, original: Original, quickest: tuple[str, ...]) -> None:
    path = fetch("paradox_1", "--from", original("gpucom/model1.tflite")).stdout.strip()
    document = json.loads(bench("run", "-m", path, "-b", "litert", *quickest, "--json").stdout)
    assert document


def test_own_file_and_output(fetch: Run, original: Original, tmp_path: Path, kept: Callable[[], list[str]]) -> None:
    file = original("prisma-net_fp16.tflite")
    out = tmp_path / "new" / "here.tflite"
    done = fetch("prisma", "--variant", "fp16", "--from", file, "--output", out)
    assert done.stdout.strip() == str(out)
    assert out.read_bytes() == file.read_bytes()
    assert len(kept()) == 1
    folder = fetch("prisma", "--variant", "fp16", "-o", tmp_path).stdout.strip()
    assert Path(folder) == tmp_path / "prisma-net_fp16.tflite"
    document = json.loads(fetch("prisma", "--variant", "fp16", "--json").stdout)
    assert (document["came_from"], document["verified"], document["size_bytes"]) == ("cache", True, 1_910_736)


def test_wrong_own_file(fetch: Run, original: Original, kept: Callable[[], list[str]]) -> None:
    done = fetch("prisma", "--from", original("prisma-net_fp16.tflite"), code=2)
    assert "is not the original file of prisma_256, fp32, tflite" in done.stderr
    assert "1,910,736 bytes instead of 3,738,148" in done.stderr
    assert done.stdout == ""
    assert "cannot read" in fetch("prisma", "--from", "nowhere.tflite", code=2).stderr
    assert kept() == []


def test_nothing_good_comes(fetch: Run, web: Web, kept: Callable[[], list[str]]) -> None:
    page = web.give(content(b"<!doctype html><p>Sign in"))
    assert "It is a web page." in fetch("prisma", "--from", page, code=4).stderr
    assert "answers 404" in fetch("prisma", "--from", f"{page}/none", code=4).stderr
    assert kept() == []


def test_timeout(fetch: Run, kept: Callable[[], list[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, says nothing
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/model"
        done = fetch("prisma", "--from", address, "--timeout", "0.3", code=4)
    assert "Nothing came within 0.3 s. It was tried 3 times." in done.stderr
    assert kept() == []


def test_without_a_network(fetch: Run, original: Original, tmp_path: Path) -> None:
    done = fetch("prisma", "--variant", "fp16", code=4)
    assert done.stdout == ""
    message = done.stderr[done.stderr.index("bench: ") :]
    assert message.count("bench: ") == 1
    wanted = originals.find("prisma", "fp16")
    assert "no network" in message
    assert wanted.address in message
    assert "bench models fetch prisma_256 --variant fp16 --from FILE" in message
    by_hand = tmp_path / "cache" / "originals" / wanted.sha256[:16] / wanted.name
    assert str(by_hand) in message
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(original(wanted.name).read_bytes())
    assert "from the cache" in fetch("prisma", "--variant", "fp16").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--list"),
        (["prizma"], "Did you mean prisma"),
        (["paradox"], "paradox_1, paradox_2"),
        (["deconv"], "bench models build deconv_munet_128"),
        (["prisma", "--variant", "fp8"], "dynamic (tflite, prisma-net_uint8.tflite)"),
        (["prisma", "--timeout", "0"], "--timeout"),
        (["prisma", "--from", "ftp://host/x"], "ftp://host/x"),
        (["prizma", "--list"], "Did you mean prisma"),
    ],
)
def test_wrong_usage(fetch: Run, arguments: list[str], said: str) -> None:
    done = fetch(*arguments, code=2)
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_list(fetch: Run, original: Original) -> None:
    fetch("mnv3_seg", "--from", original("mnv3_seg_float.tflite"))
    text = fetch("--list").stdout
    rows = {tuple(line.split()[:3]): line.split() for line in text.splitlines()[1 : 1 + len(originals.entries())]}
    assert set(rows) == {(each.model, each.variant, each.format) for each in originals.entries()}
    assert rows["mnv3_transition_256", "fp32", "tflite"][3:] == ["3.80", "MB", "ab3b857fad5992c5", "yes"]
    assert rows["mnv3_transition_256", "int8", "tflite"][-1] == "no"
    assert rows["slim_net_512_raw", "fp32", "tflite"][3:] == ["unverified", "unverified", "no"]
    assert "Licence: MIT" in text
    assert all(len(line) <= 80 for line in text.splitlines() if "/" not in line)
    assert len(fetch("--list", "mnv3_seg").stdout.splitlines()) < len(text.splitlines())


def test_list_as_json(fetch: Run, original: Original) -> None:
    path = fetch("paradox_2", "--from", original("gpucom/model2.tflite")).stdout.strip()
    listed = {
        (each["model"], each["variant"], each["format"]): each for each in json.loads(fetch("--list", "--json").stdout)
    }
    assert len(listed) == len(originals.entries())
    probe = listed["paradox_2", "fp32", "tflite"]
    assert (probe["cached"], probe["size_bytes"], probe["verified"]) == (path, 1_204, True)
    assert probe["reachable"] == "unverified"
    assert probe["address"].startswith("https://raw.githubusercontent.com/anilsathyan7/Portrait-Segmentation/7be8ef96")
    raw = listed["slim_net_512_raw", "fp32", "tflite"]
    assert (raw["sha256"], raw["size_bytes"], raw["verified"], raw["cached"]) == (
        "unverified",
        "unverified",
        False,
        None,
    )


def test_first_use(fetch: Run, web: Web, zoo_file: Callable[..., Path]) -> None:
    done = fetch("slim_raw", "--from", web.give(content(zoo_file("paradox_1").read_bytes())))
    assert "No hash of this file is known here, so it is trusted" in done.stderr
    assert "its sha256 is that of the first use" in fetch("slim_raw").stderr
    (found,) = json.loads(fetch("slim_raw", "--list", "--json").stdout)
    assert found["cached"] == done.stdout.strip()
    assert found["first_use_sha256"] in done.stderr
    changed = fetch("slim_raw", "--from", zoo_file("paradox_2"), code=2)
    assert "Another file was trusted at first" in changed.stderr


def test_two_at_once(web: Web, original: Original, tmp_path: Path, kept: Callable[[], list[str]]) -> None:
    """Both are in the middle of their download at the same time."""
    data = original("prisma-net.tflite").read_bytes()
    both_asked = threading.Barrier(2)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        both_asked.wait(60)
        content(data)(handler)

    command = [sys.executable, "-m", "bench", "models", "fetch", "prisma", "--from", web.give(answer)]
    environment = {**os.environ, "BENCH_CACHE_DIR": str(tmp_path / "cache")}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {one.communicate(timeout=120)[0] for one in both}
    assert [one.returncode for one in both] == [0, 0]
    assert len(said) == 1
    assert kept() == [f"{PRISMA}/prisma-net.tflite"]
    assert Path(said.pop().strip()).read_bytes() == data
