"""Reading an OpenVINO IR: the graph is the .xml, the weights lie in the .bin beside it.

Format: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from bench.base.errors import ModelFileError
from bench.models.model_file import damaged, guarded, no_model, read_bytes
from bench.records.types import GraphFacts, TensorSpec

_KIND = "OpenVINO IR"
_NOT_OPS = ("Parameter", "Result", "Const")
_DTYPES = {"boolean": "bool", "bool": "bool", "string": "string", "bf16": "bfloat16"}
_PREFIXES = {"fp": "float", "f": "float", "i": "int", "u": "uint"}


def weights_file(path: Path) -> Path:
    """The .bin that belongs to an IR's .xml. Raises ModelFileError when it is not there."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        found = f"Its weights are missing: there is no {weights.name} beside it."
        raise ModelFileError(f"cannot use {path}", found, "Copy both files of the IR into the same folder.")
    return weights


def dtype_name(element_type: str) -> str:
    """NumPy's name for `f32` (as in <data>) or `FP32` (as in <port>)."""
    folded = element_type.lower()
    if folded in _DTYPES:
        return _DTYPES[folded]
    letters = folded.rstrip("0123456789")
    return _PREFIXES.get(letters, letters) + folded[len(letters) :]


def _dimension(text: str) -> int:
    """-1 for `?`, `-1` and ranges such as `1..8`."""
    return int(text) if text.strip().isdecimal() else -1


def _shape_attribute(layer: ElementTree.Element) -> tuple[int, ...]:
    data = layer.find("data")
    text = "" if data is None else data.get("shape", "")
    return (-1,) if text == "..." else tuple(_dimension(part) for part in text.split(",") if part.strip())


def _element_type(layer: ElementTree.Element) -> str:
    data = layer.find("data")
    return dtype_name("" if data is None else data.get("element_type", ""))


def _port_names(port: ElementTree.Element | None, otherwise: str) -> str:
    """The first of a port's tensor names; a comma within a name is escaped by a backslash."""
    names = "" if port is None else port.get("names", "")
    first = names.replace("\\,", "\0").split(",")[0].replace("\0", ",")
    return first or otherwise


def _input(layer: ElementTree.Element) -> TensorSpec:
    name = _port_names(layer.find("output/port"), layer.get("name", ""))
    return TensorSpec(name=name, dtype=_element_type(layer), shape=_shape_attribute(layer))


def _output(layer: ElementTree.Element, sources: dict[str, ElementTree.Element]) -> TensorSpec:
    """A Result takes its tensor's name from the port that feeds it, its type and shape from its own port."""
    name = layer.get("output_names", "").split(",")[0]
    name = name or _port_names(sources.get(layer.get("id", "")), layer.get("name", ""))
    port = layer.find("input/port")
    dims = () if port is None else tuple(_dimension(dim.text or "") for dim in port.findall("dim"))
    return TensorSpec(name=name, dtype=dtype_name("" if port is None else port.get("precision", "")), shape=dims)


def _sources(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Layer id -> the output port that feeds its first input."""
    ports = {
        (layer.get("id"), port.get("id")): port
        for layer in root.findall("layers/layer")
        for port in layer.findall("output/port")
    }
    found: dict[str, ElementTree.Element] = {}
    for edge in root.findall("edges/edge"):
        port = ports.get((edge.get("from-layer"), edge.get("from-port")))
        if port is not None:
            found.setdefault(edge.get("to-layer", ""), port)
    return found


def _constant_elements(path: Path, constants: list[ElementTree.Element], weights_bytes: int) -> int:
    """Elements of the weights: all constants but integers of 32 and 64 bits, which are shapes and axes."""
    total = 0
    for layer in constants:
        data = layer.find("data")
        if data is not None and int(data.get("offset", 0)) + int(data.get("size", 0)) > weights_bytes:
            raise damaged(path, _KIND, f"its .bin ends before constant {layer.get('name')!r} does")
        if _element_type(layer) not in ("int32", "int64", "string"):
            total += math.prod(_shape_attribute(layer))
    return total


def facts(path: Path) -> GraphFacts:
    """What the .xml says of its main graph; size_bytes: both files. Raises ModelFileError.

    Parameter, Result and Const layers are inputs, outputs and constants, not ops.
    """
    content = read_bytes(path)
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError):
        raise no_model(path, _KIND, content[:64], "It does not parse as XML; it may be cut off.") from None
    layers = root.findall("layers/layer")
    if root.tag != "net" or not layers:
        raise no_model(path, _KIND, content[:64], f"It is XML, but <{root.tag}> and not an IR's <net> with layers.")
    weights_bytes = weights_file(path).stat().st_size
    with guarded(path, _KIND):
        kinds = [layer.get("type", "") for layer in layers]
        sources = _sources(root)
        ops = [kind for kind in kinds if kind not in _NOT_OPS]
        pairs = list(zip(kinds, layers, strict=True))
        constants = [layer for kind, layer in pairs if kind == "Const"]
        return GraphFacts(
            format="ir",
            inputs=tuple(_input(layer) for kind, layer in pairs if kind == "Parameter"),
            outputs=tuple(_output(layer, sources) for kind, layer in pairs if kind == "Result"),
            op_count=len(ops),
            histogram=dict(sorted(Counter(ops).items())),
            constant_elements=_constant_elements(path, constants, weights_bytes),
            size_bytes=len(content) + weights_bytes,
        )
