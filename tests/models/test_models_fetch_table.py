"""The table of published files: against the zoo, against copies at hand, and which file a name means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.base.errors import UsageError
from bench.models import catalog, originals
from bench.models.model_file import Format
from bench.models.originals import UNVERIFIED, Original


def test_table_is_of_the_zoo_and_says_what_is_not_checked() -> None:
    ids = {entry.id for entry in catalog.entries()}
    files = originals.entries()
    assert {each.model for each in files} <= ids
    assert len({(each.model, each.variant, each.format) for each in files}) == len(files)
    assert len({each.address for each in files}) == len(files)
    for each in files:
        assert each.reachable == UNVERIFIED
        assert set(each.commit) <= set("0123456789abcdef")
        assert len(each.commit) == 40
        assert (each.sha256 == UNVERIFIED) == (each.size_bytes == UNVERIFIED) == (not each.verified)
        assert each.verified is False or len(each.sha256) == 64


@pytest.mark.parametrize(
    "each",
    [each for each in originals.entries() if each.verified],
    ids=lambda each: f"{each.model}-{each.variant}-{each.format}",
)
def test_table_agrees_with_the_copies_at_hand(each: Original, original: Callable[[str], Path]) -> None:
    path = original(f"gpucom/{each.name}" if "/gpucom/" in each.path else each.name)
    found = path.read_bytes()
    assert (len(found), hashlib.sha256(found).hexdigest()) == (each.size_bytes, each.sha256)


def test_every_copy_at_hand_is_in_the_table(original: Callable[[str], Path]) -> None:
    folder = original("prisma-net.tflite").parent
    there = {path.name for path in folder.rglob("*") if path.suffix in {".tflite", ".onnx"}}
    assert there == {each.name for each in originals.entries() if each.verified}


def test_address_is_quoted() -> None:
    odd = msgspec.structs.replace(originals.find("prisma"), path="a folder/x#1.tflite")
    assert odd.address.endswith(f"/{odd.commit}/a%20folder/x%231.tflite")
    assert odd.name == "x#1.tflite"


@pytest.mark.parametrize(
    ("name", "variant", "format", "file"),
    [
        ("Prisma-Net", None, None, "prisma-net.tflite"),
        ("prisma", "fp16", None, "prisma-net_fp16.tflite"),
        ("prisma", None, "onnx", "prisma_nchw.onnx"),
        ("prisma", "edgetpu", "tflite", "prisma_quant_edgetpu.tflite"),
        ("portrait", None, None, "portrait_video_quant.tflite"),
        ("deeplab", None, None, "deeplab_aiseg_quant513.tflite"),
        ("deeplab_dense", None, None, "deeplab_aiseg513_dm05_float.tflite"),
    ],
)
def test_find(name: str, variant: str | None, format: Format | None, file: str) -> None:
    assert originals.find(name, variant, format).name == file


@pytest.mark.parametrize(
    ("name", "variant", "format", "said"),
    [
        ("nonsense", None, None, "Known:"),
        ("prism", None, None, "Did you mean prisma"),
        ("paradox", None, None, "paradox_7"),
        ("deconv", None, None, "bench models build deconv_munet_128"),
        ("prisma", "fp8", None, "edgetpu (tflite, prisma_quant_edgetpu.tflite)"),
        ("prisma", "int8", "onnx", "fp32 (onnx, prisma_nchw.onnx)"),
    ],
)
def test_find_refuses(name: str, variant: str | None, format: Format | None, said: str) -> None:
    with pytest.raises(UsageError, match=r".") as caught:
        originals.find(name, variant, format)
    assert said in str(caught.value)


def test_every_file_is_found_by_its_own_arguments() -> None:
    for each in originals.entries():
        _, _, variant, *rest = each.arguments.split()
        assert originals.find(each.model, variant, "onnx" if rest else None) is each
