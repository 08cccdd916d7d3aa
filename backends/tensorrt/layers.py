"""Layers of an engine: what of the model each stands for, from its name and from `--exportLayerInfo`.

TensorRT joins the names of what it fused: `A + B` one after the other, `A || B` side by side, `PWN(A, B)` pointwise,
`{ForeignNode[A...B]}` a group that another compiler (Myelin, DLA) took, of which it names the first and the last only.
With detailed verbosity the layer info has all ONNX nodes of a layer in `Metadata`: `[ONNX Layer: A]` each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.backends.tensorrt.log_types import Layer
from bench.backends.tensorrt.profile_file import LayerTime
from bench.records.types import OpRow

GPU, DLA = "GPU", "DLA"
NS_PER_MS = 1_000_000
_ONNX: Final = re.compile(r"\[ONNX Layer: (.*?)\](?=[\x1e\x1f]|\s*\[ONNX Layer: |\s*$)")
_FOREIGN: Final = re.compile(r"\{ForeignNode\[(.*)\]\}")
_INSERTED: Final = re.compile(
    r"Reformatting CopyNode for .*|.* copy|(?:shuffle|reshape)_(?:between|before|after)_.*", re.DOTALL
)
# Names that TensorRT and its compiler Myelin gave by themselves
_UNNAMED: Final = re.compile(r"\(Unnamed Layer\*? ?\d+\)|__my(?:l|e)_")


@dataclass(frozen=True)
class LayerInfo:
    """kind: `CaskConvolution`, `Reformat`, ...; onnx: names of all nodes of the file in it, where they are told."""

    name: str
    kind: str = ""
    onnx: tuple[str, ...] = ()


def parse_info(text: str) -> tuple[LayerInfo, ...]:
    """The layers of `--exportLayerInfo`: objects with detailed verbosity, else names only. Nothing of what is no JSON.

    Names may hold control characters (TensorRT separates with RS and US), which strict JSON forbids.
    """
    try:
        found = json.loads(text, strict=False)
    except ValueError:
        return ()
    listed = found.get("Layers") if isinstance(found, dict) else None
    return tuple(_info(each) for each in listed if isinstance(each, str | dict)) if isinstance(listed, list) else ()


def _info(each: str | Mapping[str, Any]) -> LayerInfo:
    if isinstance(each, str):
        return LayerInfo(each)
    name, metadata = str(each.get("Name", "")), str(each.get("Metadata", ""))
    return LayerInfo(name, str(each.get("LayerType", "")), tuple(dict.fromkeys(_ONNX.findall(metadata))))


def fused(name: str) -> tuple[str, ...]:
    """What of the model stands in a layer's name; nothing for what TensorRT put in itself.

    Of a group only its ends. Names that themselves hold ` + ` or ` || ` cannot be told from joined ones.
    """
    if _INSERTED.fullmatch(name):
        return ()
    parts: list[str] = []
    for piece in _split(name, (" + ", " || ")):
        inner = _FOREIGN.fullmatch(piece)
        pointwise = piece.startswith("PWN(") and piece.endswith(")")
        if inner:
            parts += [end for ends in inner[1].split("...") for end in fused(ends)]
        elif pointwise:
            parts += [part for each in _split(piece[4:-1], (", ",)) for part in fused(each)]
        elif piece and not _UNNAMED.match(piece):
            parts.append(piece)
    return tuple(dict.fromkeys(parts))


def _split(name: str, joints: tuple[str, ...]) -> list[str]:
    """At the joints outside of brackets."""
    pieces, depth, begin, at = [], 0, 0, 0
    while at < len(name):
        sign = name[at]
        depth += (sign in "({[") - (sign in ")}]")
        joint = next((each for each in joints if depth <= 0 and name.startswith(each, at)), "")
        if joint:
            pieces.append(name[begin:at].strip())
            at = begin = at + len(joint)
        else:
            at += 1
    return [*pieces, name[begin:].strip()]


def op_type(name: str, told: str = "") -> str:
    """What TensorRT calls the layer, else what its name shows."""
    if told:
        return told
    if _INSERTED.fullmatch(name):
        return "Reformat"
    if name.startswith("{ForeignNode["):
        return "ForeignNode"
    return "PointWise" if name.startswith("PWN(") else "Layer"


def rows(
    inferences: int, times: Sequence[LayerTime], info: Iterable[LayerInfo], placed: Iterable[Layer]
) -> tuple[tuple[OpRow, ...], tuple[str, ...]]:
    """Op rows of one inference, and notes on what cannot be told. placed: the builder's list, for types and DLA."""
    known = {each.name: each for each in info}
    built = {each.name: each for each in placed}
    found: list[OpRow] = []
    ends_only = 0
    for position, each in enumerate(times):
        layer, place = known.get(each.name, LayerInfo(each.name)), built.get(each.name)
        ends_only += not layer.onnx and "ForeignNode[" in each.name
        found.append(
            OpRow(
                position=position,
                op_type=op_type(each.name, layer.kind or (place.kind if place else "")),
                name=each.name,
                time_ns=each.total_ms / inferences * NS_PER_MS,
                source_ops=layer.onnx or fused(each.name),
                where=DLA if place is not None and place.on_dla else GPU,
            )
        )
    notes = []
    groups = sum(len(row.source_ops) > 1 for row in found)
    if groups:
        notes.append(f"{groups} rows are several nodes of the model in one: TensorRT fused them")
    if ends_only:
        notes.append(f"{ends_only} rows are groups of which TensorRT names only the first and the last node")
    return tuple(found), tuple(notes)
