"""Published latencies beside ours: only for the same phone, accelerator and fp32 model."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest

from bench.models.catalog import resolve
from bench.models.published_latency import LATENCIES
from bench.records.types import Case, DeviceIdentity
from bench.run.published import published

TABLE = Path(__file__).parents[3] / "shared" / "zoo" / "published_measurements.csv"
CASE = Case(
    device="oneplus3", backend="benchmark_model", accelerator="gpu", model="prisma_256", variant="fp32", era="2019",
    format="tflite", threads=1,
)  # fmt: skip
PHONE = DeviceIdentity(name="oneplus3", kind="android", fingerprint="f", facts={"phone": "OnePlus 3"})


def test_the_documents_figure_stands_beside_ours() -> None:
    (finding,) = published(CASE, PHONE)
    assert finding.severity == "info"
    assert "OnePlus 3, gpu: 107 ms (benchmark_model TF 1.14)" in finding.what


@pytest.mark.parametrize("change", [{"variant": "int8"}, {"accelerator": "nnapi"}, {"model": "mine.tflite"}])
def test_another_case_has_no_figure(change: dict[str, str]) -> None:
    assert published(msgspec.structs.replace(CASE, **change), PHONE) == ()


def test_another_phone_has_no_figure() -> None:
    assert published(CASE, msgspec.structs.replace(PHONE, facts={"phone": "Pixel 6"})) == ()
    assert published(CASE, msgspec.structs.replace(PHONE, facts={})) == ()


def test_every_model_is_one_of_the_zoo() -> None:
    assert {resolve(model).id for _, _, model in LATENCIES} == {model for _, _, model in LATENCIES}


@pytest.mark.skipif(not TABLE.is_file(), reason=f"the published table is not at {TABLE}")
def test_the_figures_are_those_of_the_table() -> None:
    with TABLE.open() as stream:
        rows = {
            (row["device"], row["accelerator"], row["model"].replace("kernel-expanded", "")): row
            for row in csv.DictReader(stream)
            if row["variant"] == "fp32"
        }
    for (phone, accelerator, model), latency in LATENCIES.items():
        row = rows.get((phone, accelerator, model))
        if row is None:
            assert (phone, model) == ("Redmi Note 7 Pro", "deeplab_dm05_513_dense")  # there as a variant of its own
            continue
        assert float(row["latency_ms"]) == latency.milliseconds
        assert (int(row["threads"]) if row["threads"] else None) == latency.threads
