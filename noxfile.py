"""The project's checks: `nox -s tests lint types`; `nox -s perf` for the speed of bench itself."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
ROOT = Path(__file__).parent


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite against an editable install."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, and the layers with import-linter, on the wheel: there the package is in one piece."""
    session.install(".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    with session.chdir(session.create_tmp()):
        session.run("lint-imports", "--config", os.fspath(ROOT / ".importlinter"), "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """mypy strict on the installed wheel, from another folder: what a user's type checker sees."""
    session.install(".[dev]")
    with session.chdir(session.create_tmp()):
        session.run("mypy", "--config-file", os.fspath(ROOT / "pyproject.toml"), "-p", "bench")


@nox.session
def perf(session: nox.Session) -> None:
    """Ratios measured side by side in one run: our cost over the runtimes', start-up, op profiles. Takes minutes."""
    session.install("-e", ".[dev]")
    session.run("pytest", "benchmarks", "-s", "--benchmark-columns=median,iqr,rounds", *session.posargs)


@nox.session
def trials(session: nox.Session) -> None:
    """False alarms and found regressions of the gate here, by a fixed plan. About an hour; can be cut off."""
    session.install("-e", ".[dev]")
    session.run("python", "benchmarks/gate_trials.py", *session.posargs)
