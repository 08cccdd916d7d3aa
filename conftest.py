"""For all tests of this repository: where the shared material lies, if it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real model files and tools beside the repository; skips where it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared material in {SHARED}")
    return SHARED
