"""What a model file says without being run, and its content's hash."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.base.paths import write_atomic
from bench.models.model_file import Format, format_of, sha256_of
from bench.models.read_ir import weights_file
from bench.models.sources import READERS, fingerprint
from bench.records.types import GraphFacts

__all__ = ["describe", "sha256_of"]


def describe(path: Path, cache: Path | None) -> GraphFacts:
    """The facts of a .tflite, .onnx or OpenVINO .xml file, by its suffix.

    Ops are those of the main graph (of the first subgraph of a TFLite file), without constants; a dynamic dimension
    is -1; weights are counted as stored. With a cache folder the answer is kept there by the file's content, so that
    the next call loads no format's library. Raises ModelFileError for what is no model, damaged or cut off.
    """
    kind = format_of(path)
    if cache is None:
        return _read(path, kind)
    kept = cache / "graphs" / f"{_key(path, kind)}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=GraphFacts)
    except (OSError, msgspec.DecodeError):
        facts = _read(path, kind)
        write_atomic(kept, msgspec.json.encode(facts))
        return facts


def _key(path: Path, kind: Format) -> str:
    """The content's name in the cache. Of an IR's weights only the size matters to the facts."""
    size = f"-{weights_file(path).stat().st_size}" if kind == "ir" else ""
    return f"{kind}-{fingerprint(READERS)[:8]}-{sha256_of(path)}{size}"


def _read(path: Path, kind: Format) -> GraphFacts:
    from bench.models import read_ir, read_onnx, read_tflite

    readers = {"tflite": read_tflite.facts, "onnx": read_onnx.facts, "ir": read_ir.facts}
    return readers[kind](path)
