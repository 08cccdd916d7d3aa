"""`bench run --accuracy` as a user calls it: a column, its JSON and its HTML; and folders that cannot be used."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from bench.cli.run import command
from bench.models import synthetic_portraits
from bench.models.scaling import SCALINGS
from bench.records import store

Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return synthetic_portraits.write(tmp_path / "people", 3, 64)


@pytest.mark.parametrize("columns", ["80", "180"])
def test_accuracy_is_a_column(bench: Bench, quickest: Any, folder: Path, results_folder: Path, columns: str) -> None:
    (folder / "masks" / "synthetic_02.png").unlink()
    done = bench("run", "-m", "prisma", *quickest, "--accuracy", folder, COLUMNS=columns)
    (record,) = map(store.load, store.files(results_folder))
    assert record.accuracy is not None
    pixels = record.accuracy.pixels
    assert pixels is not None
    assert pixels.mean_iou is not None
    assert pixels.total == 2 * 256 * 256
    for part in (
        "accuracy on 2 pictures of people; 1 cannot be used", "synthetic_02.png: it has no mask", "accuracy",
        f"mIoU {pixels.mean_iou:.3f}", f"foreground {pixels.foreground_iou:.3f}", "2 pictures", "untrained weights",
        "[pictures-unusable]", "[untrained-weights]",
    ):  # fmt: skip
        assert part in done.stdout, part
    shown = bench("show", "last", COLUMNS=columns).stdout
    assert f"mIoU {pixels.mean_iou:.3f}" in shown
    assert "people, sha256" in shown
    assert "unit: pixel / 255" in shown
    (case,) = json.loads(bench("show", "last", "--json").stdout)["cases"]
    assert case["accuracy"]["mean_iou"] == pixels.mean_iou
    assert case["accuracy"]["foreground_iou"] == pixels.foreground_iou
    assert case["accuracy"]["pixel_accuracy"] == pixels.pixel_accuracy
    assert case["accuracy"]["pictures"] == 2
    assert case["accuracy"]["untrained"] is True
    assert case["accuracy"]["reason"] is None
    (report,) = results_folder.glob("*/report.html")
    assert f"mIoU {pixels.mean_iou:.3f}" in report.read_text()


def test_a_users_file_says_how_it_takes_pictures(
    bench: Bench, quickest: Any, folder: Path, zoo_file: Callable[..., Path], results_folder: Path
) -> None:
    model = zoo_file("bilinear")
    bench("run", "-m", model, *quickest, "--accuracy", folder)
    bench("run", "-m", model, *quickest, "--accuracy", folder, "--scaling", "signed")
    unit, signed = (record.accuracy for record in map(store.load, store.files(results_folder)))
    assert unit is not None
    assert signed is not None
    assert (unit.scaling, signed.scaling) == ("unit: pixel / 255", "signed: pixel / 127.5 - 1")
    assert unit.pixels != signed.pixels
    assert not unit.untrained


def test_what_was_asked_for_and_is_unknown_was_not_measured(bench: Bench, quickest: Any, folder: Path) -> None:
    done = bench("run", "-m", "paradox_1", *quickest, "--accuracy", folder, "--json", code=4)
    (case,) = json.loads(done.stdout)["cases"]
    assert case["measured"] is True
    assert case["accuracy"]["mean_iou"] is None
    assert case["accuracy"]["reason"] == "paradox_1 is no segmentation model"
    assert "paradox_1 is no segmentation model" in " ".join(done.stderr.split())


@pytest.mark.parametrize("kind", ["missing", "empty", "broken"])
def test_a_folder_that_cannot_be_used_is_told_before_anything_is_measured(
    bench: Bench, quickest: Any, tmp_path: Path, results_folder: Path, kind: str
) -> None:
    folder = tmp_path / "people"
    if kind != "missing":
        folder.mkdir()
    if kind == "broken":
        (folder / "a.jpg").write_bytes(b"no picture")
        (folder / "a_mask.png").write_bytes(b"no mask")
    done = bench("run", "-m", "paradox_1", *quickest, "--accuracy", folder, code=2)
    assert f"cannot measure accuracy with {folder}" in done.stderr
    assert "NAME_mask.png" in done.stderr
    assert not results_folder.exists()


def test_the_command_knows_all_scalings() -> None:
    (option,) = [each for each in command.params if each.name == "scaling"]
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == SCALINGS


def test_scaling_alone_is_a_mistake(bench: Bench, quickest: Any) -> None:
    done = bench("run", "-m", "paradox_1", *quickest, "--scaling", "unit", code=2)
    assert "--accuracy" in done.stderr
