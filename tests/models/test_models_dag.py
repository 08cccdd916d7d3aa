"""The hash of a graph's shape: blind to names and weights, sensitive to everything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import ModelFileError
from bench.models import catalog, dag, emit_tflite

Built = Callable[..., Path]
Changed = Callable[..., Path]


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_dag_hash_sees_wiring_and_not_weights(kind: str, built: Built) -> None:
    hashes = {dag.dag_hash(dag.read(built(entry.id, kind))) for entry in catalog.entries()}
    assert len(hashes) == len(catalog.entries())
    seeded = built("prisma", kind, seed=5)
    assert dag.dag_hash(dag.read(seeded)) in hashes


def test_dag_hash_sees_every_part_of_an_op(built: Built, tmp_path: Path, changed: Changed) -> None:
    def stride(model: Any) -> None:
        model.subgraphs[0].operators[1].builtinOptions.strideH = 2

    def version(model: Any) -> None:
        model.operatorCodes[0].version = 2

    def shape(model: Any) -> None:
        model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape[1] = 128

    def wire(model: Any) -> None:
        model.subgraphs[0].operators[-1].inputs[0] = model.subgraphs[0].inputs[0]

    def nothing(model: Any) -> None:
        model.subgraphs[0].tensors[0].name = "renamed"

    source = built("paradox_6")
    paths = [changed(source, change) for change in (stride, version, shape, wire)]
    hashes = [dag.dag_hash(dag.read(path)) for path in (source, *paths)]
    assert len(set(hashes)) == len(hashes)
    assert dag.dag_hash(dag.read(changed(source, nothing))) == hashes[0]


def test_dag_of_an_ir_is_refused(ir: Path) -> None:
    with pytest.raises(ModelFileError):
        dag.read(ir)


def test_emitters_are_pure(cache: Path) -> None:
    network = catalog.resolve("paradox_4").build()
    assert emit_tflite.emit(network) == emit_tflite.emit(network)
