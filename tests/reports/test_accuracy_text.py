"""Accuracy wherever it is shown: in words, in both layouts of the terminal, in the page and in JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records.types import Accuracy, Agreement, MaskPixels, Record
from bench.reports import accuracy_text, html, terminal
from bench.reports.jsonout import run_json

PIXELS = MaskPixels(true_positives=3, false_negatives=1, false_positives=3, true_negatives=9)
GOOD = Accuracy(data="people <b>", data_sha256="ab" * 32, pictures=8, pixels=PIXELS, scaling="unit: pixel / 255")
UNKNOWN = Accuracy(data="people", data_sha256="ab" * 32, reason="the output is no mask")


def printed(records: list[Record]) -> str:
    stream = io.StringIO()
    terminal.print_run(records, report=None, repeat="", stream=stream)
    return stream.getvalue()


def with_fp32(record: Record, **changes: Any) -> Record:
    assert record.agreement is not None
    return msgspec.structs.replace(record, agreement=msgspec.structs.replace(record.agreement, **changes))


def test_in_words(make: Any) -> None:
    assert accuracy_text.lines(make(accuracy=GOOD)) == ["mIoU 0.560", "foreground 0.429", "pixels 75.0 %", "8 pictures"]
    untrained = msgspec.structs.replace(GOOD, untrained=True)
    assert accuracy_text.lines(make(accuracy=untrained))[-1] == "untrained weights"
    assert accuracy_text.lines(make(accuracy=UNKNOWN)) == ["— the output is no mask"]
    assert accuracy_text.lines(make()) == ["— not asked for"]
    assert accuracy_text.one_line(make()) == ""
    nowhere = msgspec.structs.replace(GOOD, pixels=MaskPixels(true_negatives=4))
    assert accuracy_text.lines(make(accuracy=nowhere))[:3] == ["mIoU —", "foreground —", "pixels 100.0 %"]


@pytest.mark.parametrize(("columns", "label"), [("80", "accuracy mIoU 0.560"), ("200", "mIoU 0.560")])
def test_a_column_only_where_it_was_asked_for(
    make: Any, monkeypatch: pytest.MonkeyPatch, columns: str, label: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert "accuracy" not in printed([make()])
    text = printed([make(accuracy=GOOD), make(accuracy=UNKNOWN, backend="openvino"), make(backend="onnxruntime")])
    assert label in text
    for part in ("accuracy", "foreground 0.429", "pixels 75.0 %", "8 pictures", "the output is"):
        assert part in text, part
    assert max(map(len, text.splitlines())) <= int(columns)


def test_the_overlap_with_fp32(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = with_fp32(make(variant="int8"), fp32_mask_iou=0.9874)
    lost = with_fp32(make(variant="int8"), fp32_reason="neither mask has any foreground")
    assert accuracy_text.fp32_text(known) == "fp32 IoU 0.987"
    assert accuracy_text.fp32_text(lost) == "— with fp32: neither mask has any foreground"
    assert accuracy_text.fp32_text(make()) == ""
    assert accuracy_text.fp32_text(make(agreement=Agreement(reference="", ok=None))) == ""
    for columns in ("80", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        assert "fp32 IoU 0.987" in " ".join(printed([known]).split())
    stream = io.StringIO()
    terminal.show_record(known, stream=stream)
    assert "against fp32" in stream.getvalue()


def test_the_page_has_a_column_and_all_that_is_known(make: Any, kinds: dict[str, Record], tmp_path: Path) -> None:
    unusable = msgspec.structs.replace(GOOD, unusable=("a.jpg: no picture <i>",), untrained=True)
    page = html.render([make(accuracy=unusable), kinds["failed"]], "t", tmp_path)
    for part in ("Accuracy", "mIoU 0.560", "untrained weights", "people &lt;b&gt;", "no picture &lt;i&gt;"):
        assert part in page, part
    assert 'colspan="9"' in page
    without = html.render([make(), kinds["failed"]], "t", tmp_path)
    assert "Accuracy" not in without
    assert 'colspan="8"' in without


def test_as_json(make: Any) -> None:
    records = [make(accuracy=GOOD), make(accuracy=UNKNOWN), make()]
    good, unknown, none = (case["accuracy"] for case in json.loads(json.dumps(run_json(records)))["cases"])
    assert (good["mean_iou"], good["foreground_iou"]) == (PIXELS.mean_iou, 3 / 7)
    assert (good["background_iou"], good["pixel_accuracy"], good["reason"]) == (9 / 13, 0.75, None)
    assert good["pixels"]["false_positives"] == 3
    assert unknown["mean_iou"] is None
    assert unknown["reason"] == "the output is no mask"
    assert none is None
    nowhere = make(accuracy=msgspec.structs.replace(GOOD, pixels=MaskPixels(true_negatives=4)))
    (case,) = run_json([nowhere])["cases"]
    assert case["accuracy"]["mean_iou"] is None
    assert case["accuracy"]["reason"]
