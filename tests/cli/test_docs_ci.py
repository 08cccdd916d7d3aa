"""docs/ci.md does what it says: its bench.toml and the lines of both jobs, run in a user's repository with a model."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.cli.export import FORMATS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ci.md"
pytestmark = pytest.mark.skipif(not (shutil.which("git") and shutil.which("bash")), reason="needs git and bash")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def github_steps(text: str) -> list[str]:
    """What stands behind each `run:`, a line or a block."""
    found = re.findall(r"^( +)(?:- )?run: (.*)\n((?:\1  .*\n|\n)*)", text, re.MULTILINE)
    return [block if line == "|" else line for _, line, block in found]


def gitlab_script(text: str) -> str:
    """The list below `script:`."""
    (listed,) = re.findall(r"^  script:\n((?:    - .*\n)+)", text, re.MULTILINE)
    return "".join(f"{line[6:]}\n" for line in listed.splitlines())


def eight_times(model: Any) -> None:
    """The only op, eight times in a row."""
    (graph,) = model.subgraphs
    (operator,) = graph.operators
    (end,) = operator.outputs
    for _ in range(7):
        graph.tensors.append(copy.deepcopy(graph.tensors[end]))
        more = copy.deepcopy(operator)
        more.inputs[0], end = end, len(graph.tensors) - 1
        more.outputs[0] = end
        graph.operators.append(more)
    graph.outputs[0] = end


@pytest.fixture
def clone(
    zoo_file: Callable[..., Path], rewrite_tflite: Callable[..., Path], tmp_path: Path
) -> Callable[[str], tuple[Path, str]]:
    """clone(change): (a checkout with a commit on top of origin/main, the commit of origin/main)."""
    source, folder = tmp_path / "upstream", tmp_path / "checkout"
    source.mkdir()

    def git(where: Path, *arguments: str) -> str:
        command = ["git", "-C", str(where), "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def make(change: str) -> tuple[Path, str]:
        git(source, "init", "-q", "-b", "main")
        (source / "bench.toml").write_text(_quick(blocks("toml")[0]))
        (source / "model.tflite").write_bytes(zoo_file("paradox_3").read_bytes())
        git(source, "add", ".")
        git(source, "commit", "-qm", "a model")
        subprocess.run(["git", "clone", "-q", str(source), str(folder)], check=True)
        git(folder, "switch", "-qc", "change")
        if change == "slower":
            rewrite_tflite(zoo_file("paradox_3"), folder / "model.tflite", eight_times)
        else:
            (folder / "bench.toml").write_text((folder / "bench.toml").read_text() + "# a comment\n")
        git(folder, "commit", "-qam", change)
        return folder, git(source, "rev-parse", "HEAD")

    return make


def _quick(text: str) -> str:
    """The documented file, with a rule that is decided soon, and a short run."""
    assert "[run]" not in text
    wide = text.replace("[gate]\n", "[gate]\ntolerance = 0.5\nlimit = 1.0\n")
    return f"{wide}\n[run]\ntime_s = 0.3\ninvocations = 3\nprofile = false\n"


@pytest.fixture
def job(users_python: Path, wheel: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """job(lines, folder, **variables): run lines in bash as the runners do, where `bench` is installed from a wheel."""

    def run(lines: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        known = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "CI_", "PYTHON"))}
        environment = {
            **known, "PATH": f"{users_python.parent}{os.pathsep}{known['PATH']}", "BENCH": str(wheel),
            "BENCH_RESULTS_DIR": "bench-results", **variables,
            # No registry is asked: what the wheel needs is there.
            "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_FORCE_REINSTALL": "1", "PIP_QUIET": "1",
        }  # fmt: skip
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", lines], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip

    return run


def counts(path: Path) -> dict[str, str]:
    root = ElementTree.parse(path).getroot()
    return {key: root.attrib[key] for key in ("tests", "failures", "errors", "skipped")}


GOOD = {"tests": "1", "failures": "0", "errors": "0", "skipped": "0"}


def test_the_github_job_is_red_for_a_slower_model(
    clone: Callable[[str], tuple[Path, str]], job: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    install, compare, budgets = github_steps(blocks("yaml")[0])
    folder, _ = clone("slower")
    summary = tmp_path / "summary.md"
    variables = {"GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": str(summary)}
    assert job(install, folder, **variables).returncode == 0
    done = job(compare, folder, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "REGRESSED" in done.stdout
    assert "::error title=regressed +" in done.stdout
    assert "## bench: 1 regressed" in summary.read_text()
    assert counts(folder / "gate.xml") == {**GOOD, "failures": "1"}
    done = job(budgets, folder, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 within budget, 1 measured" in summary.read_text()
    assert counts(folder / "budgets.xml") == GOOD


def test_the_gitlab_job_is_green_for_a_comment(
    clone: Callable[[str], tuple[Path, str]], job: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    folder, base = clone("comment")
    done = job(gitlab_script(blocks("yaml")[1]), folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WITHIN LIMIT" in done.stdout
    assert counts(folder / "gate.xml") == counts(folder / "budgets.xml") == GOOD
    assert "1 within limit" in (folder / "gate.md").read_text()
    assert "within budget" in (folder / "budgets.md").read_text()


def test_the_page_names_every_format() -> None:
    for name in FORMATS:
        assert f"| `{name}` |" in PAGE.read_text()
    assert tomllib.loads(blocks("toml")[0])["gate"]["budget"]


def test_the_pages_tests_are_tests() -> None:
    for text in blocks("python"):
        compile(text, str(PAGE), "exec")


def test_the_pages_yaml_is_what_the_services_take(tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")
    schemas = (["vendor.github-workflows"], ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"])
    for text, schema in zip(blocks("yaml"), schemas, strict=True):
        (tmp_path / "job.yml").write_text(text)
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, str(tmp_path / "job.yml")]
        subprocess.run(command, check=True)
