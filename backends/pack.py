"""The agent as one file: a zipapp that any Python from 3.8 starts, the same bytes from the same sources."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import zipfile
from functools import lru_cache
from pathlib import Path

from bench.base.paths import write_atomic

PACKAGE = "bench_agent"  # its name inside of the zipapp: the harness's own packages are not there
ENTRY = f"from {PACKAGE}.main import main\n\nmain()\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


def build() -> bytes:
    """The zipapp's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        sources = {"__main__.py": ENTRY.encode()}
        for entry in importlib.resources.files("bench.backends.agent").iterdir():
            if entry.name.endswith(".py"):
                sources[f"{PACKAGE}/{entry.name}"] = entry.read_bytes()
        for name in sorted(sources):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), sources[name])
    return buffer.getvalue()


@lru_cache(maxsize=1)
def packed(cache: Path) -> tuple[Path, str]:
    """The zipapp in the cache, and its sha256."""
    data = build()
    digest = hashlib.sha256(data).hexdigest()
    path = cache / "agent" / digest[:16] / "agent.pyz"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        write_atomic(path, data)
    return path, digest
