"""What is built from a revision: real git, real commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.base.errors import ExitCode, UsageError
from bench.gate.revisions import BuildError, built, commit_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of a file, and a change that is not committed."""
    folder = tmp_path / "their project"
    folder.mkdir()
    _git(folder, "init", "-q")
    for text in ("old", "new"):
        (folder / "weights.txt").write_text(text)
        _git(folder, "add", ".")
        _git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", text)
    (folder / "weights.txt").write_text("not committed")
    return folder


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def test_each_revision_is_built_from_its_own_checkout(repository: Path) -> None:
    command = "cp weights.txt {out}"
    with (
        built("HEAD~1", command, "m.tflite", repository, 60) as (old, first),
        built("HEAD", command, "m.tflite", repository, 60) as (new, second),
    ):
        assert (old.read_text(), new.read_text()) == ("old", "new")
        assert old.name == new.name == "m.tflite"
        assert (first, second) == (commit_of("HEAD~1", repository), commit_of("HEAD", repository))
        assert len(_git(repository, "worktree", "list").splitlines()) == 3
    assert not old.exists()
    assert len(_git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "weights.txt").read_text() == "not committed"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo 'no compiler' >&2; exit 3; : {out}", "exit code 3"),
        ("true {out}", "made no m.tflite"),
        ("sleep 60; : {out}", "longer than 0.5 s"),
    ],
)
def test_what_cannot_be_built_is_an_error_of_its_own(repository: Path, command: str, said: str) -> None:
    with pytest.raises(BuildError) as failed, built("HEAD", command, "m.tflite", repository, 0.5):
        pass
    assert said in str(failed.value)
    assert failed.value.exit_code == ExitCode.NOT_MEASURED
    assert len(_git(repository, "worktree", "list").splitlines()) == 1
    if "3" in said:
        assert "no compiler" in str(failed.value)


@pytest.mark.parametrize("revision", ["no-such-branch", "--help", ""])
def test_unknown_revision(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError):
        commit_of(revision, repository)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        commit_of("HEAD", tmp_path)
