"""Layers of a built engine: which there are, where they run, and how long each took."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Tuple

from .adapter import Json

# How TensorRT writes the nodes of the file into a layer's metadata; RS and US stand between some.
_ONNX = re.compile(r"\[ONNX Layer: (.*?)\](?=[\x1e\x1f]|\s*\[ONNX Layer: |\s*$)")


def layers(trt: Any, engine: Any) -> List[Json]:
    """{name, kind, onnx} of each layer, in order; onnx: names of the file's nodes in it, where that is told."""
    if not hasattr(engine, "create_engine_inspector"):  # before 8.2
        return []
    inspector = engine.create_engine_inspector()
    return layers_of(str(inspector.get_engine_information(trt.LayerInformationFormat.JSON)))


def layers_of(text: str) -> List[Json]:
    """The layers in the engine inspector's JSON: objects with detailed verbosity, else names. Nothing of what is none.

    Names may hold control characters, which strict JSON forbids.
    """
    try:
        found = json.loads(text, strict=False)
    except ValueError:
        return []
    listed = found.get("Layers") if isinstance(found, dict) else None
    told = []
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, str):
            told.append({"name": each, "kind": "", "onnx": []})
        elif isinstance(each, dict):
            onnx = list(dict.fromkeys(_ONNX.findall(str(each.get("Metadata", "")))))
            told.append({"name": str(each.get("Name", "")), "kind": str(each.get("LayerType", "")), "onnx": onnx})
    return told


def profiler(trt: Any) -> Any:
    """An IProfiler that keeps each layer's time: `times`, a list of (name, ms), one entry per layer and inference."""

    class Times(trt.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.times: List[Tuple[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.times.append((str(layer_name), float(ms)))

    return Times()


def placed(facts: Json, dla: str, gpu: str, count: int) -> Json:
    """facts: what the builder told (`dla`, `gpu`: layers there; `placed`: whether it did); count: of the engine."""
    if not dla:
        counted = ": %d layers by the engine inspector" % count if count else ""
        evidence = "an engine for the GPU (%s)%s; TensorRT runs no layer on the CPU" % (gpu, counted)
        known = count or None
        return {"kind": "full", "delegate": "TensorRT", "nodes": known, "total": known, "evidence": evidence}
    taken, total = len(facts["dla"]), len(facts["dla"]) + len(facts["gpu"])
    if not facts["placed"] or not total:
        return {"kind": "unknown", "reason": "the builder did not list which layers run on DLA"}
    return {
        "kind": "full" if taken == total else "partial" if taken else "none",
        "delegate": "DLA %s" % dla,
        "nodes": taken,
        "total": total,
        "partitions": taken,
        "evidence": "the builder's list of fused layers on DLA and GPU",
        "reason": "" if taken else "all %d layers run on the GPU" % total,
    }


def layer_rows(times: List[Tuple[str, float]], told: List[Json], dla: List[str]) -> List[Json]:
    """Rows in the engine's order, times summed over all inferences. `source_ops` stays empty where it is not told.

    The harness reads those of the others from their names. A name may come several times within an inference.
    """
    known = {each["name"]: each for each in told}
    rows: Dict[str, Json] = {}
    for name, ms in times:
        layer = known.get(name, {"kind": "", "onnx": []})
        row = rows.setdefault(
            name,
            {
                "position": len(rows),
                "op_type": layer["kind"],
                "name": name,
                "time_ns": 0,
                "calls": 0,
                "source_ops": layer["onnx"],
                "where": "DLA" if name in dla else "GPU",
            },
        )
        row["time_ns"] += round(ms * 1e6)
        row["calls"] += 1
    return list(rows.values())
