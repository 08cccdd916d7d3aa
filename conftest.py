"""For all tests of this repository: the published model files, if they are there, how hypothesis searches, and our own
plugin's fixture with little to do.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from bench.pytest_case import BenchCase, Measured

ORIGINALS = Path(__file__).resolve().parent.parent / "shared" / "zoo" / "originals"

# The same examples at each run where a red test must mean that the change broke it; new ones at a developer's desk.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def original() -> Callable[[str], Path]:
    """original(name): the published model file of that name; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = ORIGINALS / name
        if not path.exists():
            pytest.skip(f"needs the published file {name} in {ORIGINALS}")
        return path

    return find


@pytest.fixture
def quick_case(bench_case: BenchCase) -> Callable[..., Measured]:
    """bench_case, measured for a moment: enough for whether a model runs and what it puts out, not for its speed."""
    return functools.partial(bench_case, time_s=0.1, invocations=1)
