"""plotly's own script, packed so that it can travel inside the report and be unpacked by the browser."""

from __future__ import annotations

import base64
import contextlib
import re
import zlib
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from bench.base.errors import StorageError
from bench.base.paths import write_atomic

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True)
class Bundle:
    """packed: base64 of the zlib-deflated script, or empty with the reason why there is none."""

    version: str
    packed: str
    reason: str = ""


def script_path() -> Path | None:
    """The script in the installed plotly package, found without importing it (that costs more than the report)."""
    try:
        found = util.find_spec("plotly")
    except (ImportError, ValueError):
        return None
    folders = found.submodule_search_locations if found is not None else None
    for folder in folders or ():
        script = Path(folder) / "package_data" / "plotly.min.js"
        if script.is_file():
            return script
    return None


def plotly_bundle(cache: Path) -> Bundle:
    """The packed script, from `cache`/plotly-VERSION.b64 where an earlier report left it. Never raises."""
    script = script_path()
    if script is None:
        return Bundle("", "", "plotly is not installed beside bench, so this report has no charts")
    version = metadata.version("plotly")
    kept = cache / f"plotly-{version}.b64"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        packed = kept.read_text("ascii")
        # Whatever is in there goes into a page: only what is plainly base64 may.
        if _BASE64.fullmatch(packed):
            return Bundle(version, packed)
    try:
        packed = base64.b64encode(zlib.compress(script.read_bytes(), 9)).decode("ascii")
    except OSError as error:
        return Bundle(version, "", f"plotly's script cannot be read: {error.strerror}")
    with contextlib.suppress(StorageError):
        write_atomic(kept, packed.encode("ascii"))
    return Bundle(version, packed)
