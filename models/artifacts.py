"""Model files of the zoo: built on first use, then taken from the cache, where they lie by their content's hash.

    <cache>/artifacts/<first 16 digits of the sha256>/<name>.<format>
    <cache>/artifacts/index/<hash of what was asked and of the code that builds it>.json

A second call loads neither NumPy nor ONNX nor the TFLite schema.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from bench.base.errors import ModelFileError, NotMeasuredError
from bench.base.paths import write_atomic
from bench.models import modern, quantize
from bench.models.catalog import resolve
from bench.models.model_file import sha256_of
from bench.models.sources import EMITTERS, fingerprint
from bench.models.zoo.entry import ZooEntry

VARIANTS = ("fp32", *quantize.VARIANTS)
ERAS = ("2019", modern.ERA)
FORMATS = ("tflite", "onnx")


class _Kept(msgspec.Struct, frozen=True):
    """What the index knows of one artifact."""

    sha256: str


def supported(model_id: str, variant: str, era: str, format: str) -> str | None:
    """Why the zoo has no such file of a model, in one sentence; None where it has. UsageError: no such model."""
    entry = resolve(model_id)
    for kind, asked, known in (("variant", variant, VARIANTS), ("era", era, ERAS), ("format", format, FORMATS)):
        if asked not in known:
            exist = ", ".join(known)
            return f"{entry.id} has no {kind} {asked!r}; what exists is {exist}."
    reason = modern.why_not(format) if era == modern.ERA else None
    return reason if reason or variant == "fp32" else quantize.why_not(variant, format, entry.params)


def build(
    model_id: str, *, variant: str, era: str, format: str, cache: Path, seed: int = 0, calibration: Path | None = None
) -> Path:
    """The model's file, built where the cache lacks it or holds it damaged.

    seed: of the random weights; calibration: a folder of pictures for int8 and int8-io (models/calibration.py).
    Raises UsageError (no such model, a folder that cannot calibrate), NotMeasuredError (no such variant, era or format
    of it, or a converter or the quantizer refuses it) and StorageError (the cache cannot be written).
    """
    entry = resolve(model_id)
    reason = supported(entry.id, variant, era, format)
    if reason:
        asked = f"cannot build {entry.id}: variant {variant}, era {era}, format {format}"
        todo = f"Choose variant {' or '.join(VARIANTS)}, era {' or '.join(ERAS)}, format {' or '.join(FORMATS)}."
        raise NotMeasuredError(asked, reason, todo)
    pictures = calibration if variant in quantize.CALIBRATED else None
    name = f"{entry.id}_{variant}_{era}{f'_seed{seed}' if seed else ''}{'_pictures' if pictures else ''}.{format}"
    recipe = () if variant == "fp32" else (quantize.recipe_key(variant, pictures),)
    recipe = (*recipe, modern.recipe_key(format)) if era == modern.ERA else recipe
    request = "\n".join((entry.id, variant, era, format, str(seed), fingerprint(EMITTERS), *recipe))
    index = cache / "artifacts" / "index" / f"{hashlib.sha256(request.encode()).hexdigest()[:32]}.json"
    kept = _cached(index, cache, name)
    if kept is not None:
        return kept
    if variant == "fp32":
        data = _emit(entry, era, format, seed)
    else:
        source = build(entry.id, variant="fp32", era=era, format=format, cache=cache, seed=seed)
        data = quantize.quantize(source, variant, pictures)
    return _keep(data, index, cache, name)


def _place(cache: Path, sha256: str, name: str) -> Path:
    return cache / "artifacts" / sha256[:16] / name


def _cached(index: Path, cache: Path, name: str) -> Path | None:
    """The file that the index points to, if it is there and whole."""
    try:
        sha256 = msgspec.json.decode(index.read_bytes(), type=_Kept).sha256
        path = _place(cache, sha256, name)
        return path if sha256_of(path) == sha256 else None
    except (OSError, msgspec.DecodeError, ModelFileError):
        return None


def _emit(entry: ZooEntry, era: str, format: str, seed: int) -> bytes:
    if era == modern.ERA:
        return modern.emit(entry.build(), format=format, seed=seed)
    from bench.models import emit_onnx, emit_tflite

    emit = {"tflite": emit_tflite.emit, "onnx": emit_onnx.emit}[format]
    return emit(entry.build(), seed=seed, description=_description(entry, seed))


def _keep(data: bytes, index: Path, cache: Path, name: str) -> Path:
    sha256 = hashlib.sha256(data).hexdigest()
    path = write_atomic(_place(cache, sha256, name), data)
    write_atomic(index, msgspec.json.encode(_Kept(sha256=sha256)))
    return path


def _description(entry: ZooEntry, seed: int) -> str:
    """Where the file comes from, for whoever finds it elsewhere. No version: the bytes must not change with it."""
    return f"{entry.id} of the bench model zoo: float32, the op forms of 2019, untrained weights from seed {seed}"
