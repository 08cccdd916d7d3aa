"""The agent as one file: reproducible, on its own, and old enough for a board's Python."""

from __future__ import annotations

import ast
import hashlib
import importlib.resources
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.backends import pack

RUNTIMES = {"numpy", "ai_edge_litert", "onnxruntime", "openvino", "cv2"}
MODULES = {"litert": "ai_edge_litert", "opencv": "cv2"}  # where an adapter is not called as what it imports
NEWER_THAN_3_8 = {"removeprefix", "removesuffix", "file_digest", "cache", "batched", "pairwise", "lcm", "bit_count"}
SOURCES = sorted(
    entry.name for entry in importlib.resources.files("bench.backends.agent").iterdir() if entry.name.endswith(".py")
)


def tree_of(name: str) -> ast.Module:
    text = (importlib.resources.files("bench.backends.agent") / name).read_text(encoding="utf-8")
    return ast.parse(text, name, feature_version=(3, 8))


def imported(nodes: Sequence[ast.stmt] | ast.Module) -> set[str]:
    """First words of the absolute imports below these nodes."""
    found: set[str] = set()
    for top in [nodes] if isinstance(nodes, ast.Module) else nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add((node.module or "").partition(".")[0])
    return found


def test_the_same_sources_give_the_same_bytes_also_in_another_process(tmp_path: Path) -> None:
    code = "import hashlib; from bench.backends import pack; print(hashlib.sha256(pack.build()).hexdigest())"
    changes = {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **changes}, capture_output=True, check=True
    )
    assert pack.build() == pack.build()
    assert other.stdout.decode().strip() == hashlib.sha256(pack.build()).hexdigest()


def test_the_packed_file_is_kept_by_its_hash_and_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    pack.packed.cache_clear()
    path, digest = pack.packed(tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    path.write_bytes(path.read_bytes()[:-100])
    pack.packed.cache_clear()
    again, _ = pack.packed(tmp_path)
    assert again == path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_it_holds_every_module_and_nothing_else() -> None:
    path, _ = pack.packed(Path(os.environ["BENCH_CACHE_DIR"]))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(["__main__.py", *(f"{pack.PACKAGE}/{name}" for name in SOURCES)])


def test_a_plain_python_runs_it_from_another_folder(tmp_path: Path, agent: str) -> None:
    """-I: neither the environment's variables nor the working folder help it."""
    hello = {"cmd": "hello", "backend": "litert", "accelerator": "cpu", "threads": 1, "options": {}}
    done = subprocess.run(
        [sys.executable, "-I", agent],
        input=json.dumps(hello) + '\n{"cmd": "quit"}\n',
        cwd=tmp_path,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["ok"] for answer in answers] == [True, True]
    assert answers[0]["runtime"] == "litert"
    assert answers[0]["python"] == "%d.%d.%d" % sys.version_info[:3]  # noqa: UP031


@pytest.mark.parametrize("name", SOURCES)
def test_python_3_8_can_read_it_and_it_needs_only_the_runtime(name: str) -> None:
    tree = tree_of(name)
    strangers = imported(tree) - sys.stdlib_module_names - RUNTIMES
    assert not strangers, f"{name} imports {strangers}"
    if name.startswith("adapter_"):
        adapter = name[len("adapter_") : -3]
        own = MODULES.get(adapter, adapter)
        assert imported(tree) & RUNTIMES <= {own, "numpy"}
    # Heavy modules are imported when they are needed: the first answer must say what is missing.
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not imported(top) & RUNTIMES


@pytest.mark.parametrize("name", SOURCES)
def test_it_calls_nothing_that_came_after_python_3_8(name: str) -> None:
    tree = tree_of(name)
    assert any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
        for node in tree.body
    ) or not any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & NEWER_THAN_3_8
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id == "zip":
            assert not call.keywords, "zip(strict=) came with 3.10"
