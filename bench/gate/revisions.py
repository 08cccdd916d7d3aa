"""What is compared, built from a revision: a checkout in a temporary worktree, and the user's own build command."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.base.errors import NotMeasuredError, UsageError
from bench.base.paths import storage_error
from bench.base.process import Child, ChildEnded, ChildTimeout

_SHOWN_LINES = 12
_GIT_LIMIT_S = 300.0


class BuildError(NotMeasuredError):
    """A revision that could not be built: nothing of it was measured."""

    kind = "build"


def commit_of(revision: str, repository: Path) -> str:
    """The full hash of a revision. Raises UsageError where there is no such one, or no repository."""
    done = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if done.returncode != 0:
        found = done.stderr.strip().splitlines()
        raise UsageError(
            f"git:{revision}", found[0] if found else f"no such revision in {repository}", "See `git log`."
        )
    return done.stdout.strip()


@contextlib.contextmanager
def built(revision: str, command: str, name: str, repository: Path, limit_s: float) -> Iterator[tuple[Path, str]]:
    """(the file that `command` made from a checkout of `revision`, the commit); both are gone afterwards.

    command: for the shell, started in the checkout; `{out}` is where the file goes, called `name`. limit_s: for it.
    Raises UsageError for an unknown revision, BuildError, StorageError.
    """
    commit = commit_of(revision, repository)
    try:
        folder = tempfile.TemporaryDirectory(prefix="bench-build-", ignore_cleanup_errors=True)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()), error) from None
    with folder as text:
        checkout, out = Path(text) / "checkout", Path(text) / "out" / name
        out.parent.mkdir()
        done = _git(repository, "worktree", "add", "--detach", "--force", str(checkout), commit)
        try:
            if done.returncode != 0:
                raise BuildError(f"cannot check out {revision}", _last(done.stderr))
            _run(command.replace("{out}", shlex.quote(str(out))), checkout, revision, limit_s)
            if not out.is_file():
                raise BuildError(
                    f"the build of {revision} made no {name}", "The command ended well, and no file is at {out}.",
                    "See [gate] build and built in bench.toml.",
                )  # fmt: skip
            yield out, commit
        finally:
            _git(repository, "worktree", "remove", "--force", str(checkout))


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, text=True, timeout=_GIT_LIMIT_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError("a revision cannot be built", "git is not there", "Install git.") from None
    except subprocess.TimeoutExpired:
        raise BuildError(f"git {arguments[0]} took longer than {_GIT_LIMIT_S:g} s") from None


def _run(command: str, checkout: Path, revision: str, limit_s: float) -> None:
    """In a process group of its own, which ends with us. Raises BuildError."""
    shell = ["cmd", "/c", command] if sys.platform == "win32" else ["/bin/sh", "-c", command]
    ends, lines = time.monotonic() + limit_s, []
    child = Child.start(shell, cwd=checkout)
    try:
        while True:
            lines.append(child.read_line(ends - time.monotonic()).decode("utf-8", "replace"))
    except ChildTimeout:
        raise BuildError(f"the build of {revision} took longer than {limit_s:g} s", "", _LONGER) from None
    except ChildEnded as ended:
        if ended.returncode != 0:
            said = _last("\n".join([*lines, child.stderr_tail()]))
            raise BuildError(f"the build of {revision} failed with exit code {ended.returncode}", said, _MEND) from None
    finally:
        child.close()


_LONGER = "Allow more: [gate] build_limit_s in bench.toml."
_MEND = "Its last lines stand above; the command is [gate] build in bench.toml."


def _last(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_SHOWN_LINES:])
