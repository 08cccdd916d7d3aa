"""Records that an earlier bench wrote can be read: the file beside this was written before there was accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.records import store
from bench.records.types import Accuracy, MaskPixels, Record


def assert_holds(now: Any, then: Any) -> None:
    """All that was written then is there now; what came later may stand beside it."""
    if isinstance(then, dict):
        assert then.keys() <= now.keys()
        for key, value in then.items():
            assert_holds(now[key], value)
    elif isinstance(then, list):
        assert len(now) == len(then)
        for one, other in zip(now, then, strict=True):
            assert_holds(one, other)
    else:
        assert now == then


OLD = Path(__file__).parent / "old" / "before_accuracy.json"


def test_a_record_from_before_accuracy_is_read_whole() -> None:
    written = json.loads(OLD.read_bytes())
    assert "accuracy" not in written
    assert "fp32_mask_iou" not in written["agreement"]
    record = store.load(OLD)
    assert record.accuracy is None
    assert record.agreement is not None
    assert (record.agreement.fp32_mask_iou, record.agreement.fp32_reason) == (None, "")
    assert record.measured
    assert_holds(json.loads(store.encode(record)), written)
    assert record.case.key == written["case_key"]


def test_accuracy_comes_back_as_it_went(make_record: Callable[..., Record], tmp_path: Path) -> None:
    pixels = MaskPixels(true_positives=3, false_negatives=1, false_positives=3, true_negatives=9)
    accuracy = Accuracy(data="people", data_sha256="ab" * 32, pictures=2, pixels=pixels, unusable=("a.jpg: no mask",))
    record = make_record(accuracy=accuracy)
    assert store.load(store.save(record, tmp_path)) == record
    # A bench from before it passes over what it does not know.
    assert msgspec.json.decode(store.encode(record))["accuracy"]["pixels"]["false_positives"] == 3
