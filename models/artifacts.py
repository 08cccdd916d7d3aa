"""Model files of the zoo: built on first use, then taken from the cache, where they lie by their content's hash.

    <cache>/artifacts/<first 16 digits of the sha256>/<name>.<format>
    <cache>/artifacts/<first 16 digits of the sha256>/<name>.<format>.made.json
    <cache>/artifacts/index/<hash of what was asked and of the code that builds it>.json

A second call loads neither NumPy nor ONNX nor the TFLite schema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.base.errors import ModelFileError, NotMeasuredError
from bench.base.paths import write_atomic
from bench.models import edgetpu, modern, quantize
from bench.models.catalog import resolve
from bench.models.edgetpu_log import Compilation
from bench.models.model_file import sha256_of
from bench.models.sources import EMITTERS, VERSION, fingerprint
from bench.models.zoo.entry import ZooEntry

VARIANTS = ("fp32", *quantize.VARIANTS, edgetpu.VARIANT)
COMPILED = edgetpu.VARIANT  # the one that needs a tool of bench.toml
ERAS = ("2019", modern.ERA)
FORMATS = ("tflite", "onnx")
_CALIBRATED = (*quantize.CALIBRATED, edgetpu.VARIANT)
_NO_TOOLS: Mapping[str, str] = {}


class _Kept(msgspec.Struct, frozen=True):
    """What the index knows of one artifact."""

    sha256: str


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Kept beside an artifact. maker: the tools that made it, with versions.

    compilation: what the Edge TPU compiler said of the file, and its words; None and empty for other variants.
    """

    maker: str
    compilation: Compilation | None = None
    transcript: str = ""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, checked. pictures: None where the variant is not calibrated."""

    entry: ZooEntry
    variant: str
    era: str
    format: str
    seed: int
    pictures: Path | None
    tools: Mapping[str, str]

    @property
    def name(self) -> str:
        marks = f"{f'_seed{self.seed}' if self.seed else ''}{'_pictures' if self.pictures else ''}"
        return f"{self.entry.id}_{self.variant}_{self.era}{marks}.{self.format}"


def supported(model_id: str, variant: str, era: str, format: str, tools: Mapping[str, str] = _NO_TOOLS) -> str | None:
    """Why the zoo has no such file of a model, in a sentence or two; None where it has. UsageError: no such model.

    tools: those of bench.toml (bench/run/config.py).
    """
    entry = resolve(model_id)
    for kind, asked, known in (("variant", variant, VARIANTS), ("era", era, ERAS), ("format", format, FORMATS)):
        if asked not in known:
            exist = ", ".join(known)
            return f"{entry.id} has no {kind} {asked!r}; what exists is {exist}."
    reason = modern.why_not(format) if era == modern.ERA else None
    if reason or variant == "fp32":
        return reason
    if variant != edgetpu.VARIANT:
        return quantize.why_not(variant, format, entry.params)
    return quantize.why_not(edgetpu.SOURCE, format, entry.params, of=variant) or edgetpu.missing(tools)


def build(
    model_id: str,
    *,
    variant: str,
    era: str,
    format: str,
    cache: Path,
    seed: int = 0,
    calibration: Path | None = None,
    tools: Mapping[str, str] = _NO_TOOLS,
) -> Path:
    """The model's file, built where the cache lacks it or holds it damaged.

    seed: of the random weights; calibration: a folder of pictures for int8, int8-io and edgetpu
    (models/calibration.py), which other variants do without; tools: those of bench.toml.
    Raises UsageError (no such model, a folder that cannot calibrate), NotMeasuredError (no such variant, era or format
    of it, or a converter, the quantizer or the compiler refuses it) and StorageError (the cache cannot be written).
    """
    entry = resolve(model_id)
    reason = supported(entry.id, variant, era, format, tools)
    if reason:
        asked = f"cannot build {entry.id}: variant {variant}, era {era}, format {format}"
        todo = f"Choose variant {' or '.join(VARIANTS)}, era {' or '.join(ERAS)}, format {' or '.join(FORMATS)}."
        raise NotMeasuredError(asked, reason, todo)
    pictures = calibration if variant in _CALIBRATED else None
    request = _Request(entry=entry, variant=variant, era=era, format=format, seed=seed, pictures=pictures, tools=tools)
    index = cache / "artifacts" / "index" / f"{_key(request)}.json"
    kept = _cached(index, cache, request.name)
    return kept or _keep(*_make(request, cache), index, cache, request.name)


def key(entry: ZooEntry, *, variant: str, era: str, format: str, tools: Mapping[str, str] = _NO_TOOLS) -> str:
    """32 hex digits of all that decides how a file comes out, for what is read of it; of what is `supported` only."""
    return _key(_Request(entry=entry, variant=variant, era=era, format=format, seed=0, pictures=None, tools=tools))


def made(path: Path) -> Made | None:
    """Who made an artifact; None for a file that is none."""
    try:
        return msgspec.json.decode(_beside(path).read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError):
        return None


def _key(request: _Request) -> str:
    entry, variant = request.entry, request.variant
    recipe: tuple[str, ...] = ()
    if variant != "fp32":
        quantized = edgetpu.SOURCE if variant == edgetpu.VARIANT else variant
        recipe = (quantize.recipe_key(quantized, request.pictures, entry.scaling),)
    if variant == edgetpu.VARIANT:
        recipe = (*recipe, edgetpu.recipe_key(request.tools))
    if request.era == modern.ERA:
        recipe = (*recipe, modern.recipe_key(request.format))
    asked = (entry.id, variant, request.era, request.format, str(request.seed), fingerprint(EMITTERS), *recipe)
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:32]


def _place(cache: Path, sha256: str, name: str) -> Path:
    return cache / "artifacts" / sha256[:16] / name


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.made.json")


def _cached(index: Path, cache: Path, name: str) -> Path | None:
    """The file that the index points to, if it is there and whole."""
    try:
        sha256 = msgspec.json.decode(index.read_bytes(), type=_Kept).sha256
        path = _place(cache, sha256, name)
        return path if sha256_of(path) == sha256 and made(path) else None
    except (OSError, msgspec.DecodeError, ModelFileError):
        return None


def _make(request: _Request, cache: Path) -> tuple[bytes, Made]:
    entry, variant = request.entry, request.variant
    if variant == "fp32":
        return _emit(entry, request.era, request.format, request.seed)
    source = build(
        entry.id,
        variant=edgetpu.SOURCE if variant == edgetpu.VARIANT else "fp32",
        era=request.era,
        format=request.format,
        cache=cache,
        seed=request.seed,
        calibration=request.pictures,
        tools=request.tools,
    )
    if variant == edgetpu.VARIANT:
        data, log, text = edgetpu.compile_model(source, request.tools)
        before = made(source)
        maker = f"{before.maker if before else ''}, {edgetpu.maker(request.tools)}".removeprefix(", ")
        return data, Made(maker=maker, compilation=log, transcript=text)
    try:
        return quantize.quantize(source, variant, request.pictures, entry.scaling), Made(maker=quantize.maker())
    except quantize.RefusedError as refused:
        if request.era != modern.ERA:
            todo = f"{refused.todo} TensorFlow's converter is tried in the era {modern.ERA}, whose op forms it writes."
            raise quantize.RefusedError(refused.asked, refused.found, todo) from None
        from bench.models import quantize_keras

        data, maker = quantize_keras.instead(
            entry, source, variant, folder=request.pictures, seed=request.seed, refused=refused
        )
        return data, Made(maker=maker)


def _emit(entry: ZooEntry, era: str, format: str, seed: int) -> tuple[bytes, Made]:
    if era == modern.ERA:
        return modern.emit(entry.build(), format=format, seed=seed), Made(maker=modern.maker(format))
    from bench.models import emit_onnx, emit_tflite

    emit = {"tflite": emit_tflite.emit, "onnx": emit_onnx.emit}[format]
    return emit(entry.build(), seed=seed, description=_description(entry, seed)), Made(maker=f"bench {VERSION}")


def _keep(data: bytes, facts: Made, index: Path, cache: Path, name: str) -> Path:
    sha256 = hashlib.sha256(data).hexdigest()
    path = write_atomic(_place(cache, sha256, name), data)
    write_atomic(_beside(path), msgspec.json.encode(facts))
    write_atomic(index, msgspec.json.encode(_Kept(sha256=sha256)))
    return path


def _description(entry: ZooEntry, seed: int) -> str:
    """Where the file comes from, for whoever finds it elsewhere. No version: the bytes must not change with it."""
    return f"{entry.id} of the bench model zoo: float32, the op forms of 2019, untrained weights from seed {seed}"
