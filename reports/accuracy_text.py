"""A record's accuracy in words, and how a variant's mask compares with that of the fp32 model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.records.types import Accuracy, Record
from bench.reports import format as fmt
from bench.reports.words import plain

UNTRAINED = "untrained weights"


def asked(records: Iterable[Record]) -> bool:
    """Whether there is anything to show a column for."""
    return any(record.accuracy is not None for record in records)


def share(value: float | None) -> str:
    """`0.912`, or a dash."""
    return fmt.NONE if value is None else f"{value:.3f}"


def lines(record: Record) -> list[str]:
    """For a column: mean IoU first, then what it is made of; or one line, why there is none."""
    accuracy = record.accuracy
    if accuracy is None:
        return [f"{fmt.NONE} not asked for"]
    if accuracy.pixels is None:
        return [plain(f"{fmt.NONE} {accuracy.reason}")]
    pixels = accuracy.pixels
    found = [f"mIoU {share(pixels.mean_iou)}", f"foreground {share(pixels.foreground_iou)}"]
    found += [f"pixels {fmt.percent(pixels.pixel_accuracy)}", fmt.counted(accuracy.pictures, "picture")]
    return [*found, UNTRAINED] if accuracy.untrained else found


def one_line(record: Record) -> str:
    """`mIoU 0.912 · foreground 0.873 · pixels 95.3 % · 8 pictures`; empty where it was not asked for."""
    return " · ".join(lines(record)) if record.accuracy is not None else ""


def details(record: Record) -> list[tuple[str, str]]:
    """Names and values of all that is known; empty where it was not asked for."""
    accuracy = record.accuracy
    if accuracy is None:
        return []
    pairs = [("accuracy", one_line(record)), ("pictures", plain(f"{accuracy.data}, sha256 {accuracy.data_sha256}"))]
    if accuracy.scaling:
        pairs.append(("scaling", plain(accuracy.scaling)))
    if accuracy.unusable:
        pairs.append((f"not used ({len(accuracy.unusable)})", plain("; ".join(accuracy.unusable))))
    return pairs


def fp32_text(record: Record) -> str:
    """`fp32 IoU 0.987` (of the masks), `— reason`; empty where there is no such pair."""
    agreement = record.agreement
    if agreement is None or (agreement.fp32_mask_iou is None and not agreement.fp32_reason):
        return ""
    if agreement.fp32_mask_iou is None:
        return plain(f"{fmt.NONE} with fp32: {agreement.fp32_reason}")
    return f"fp32 IoU {agreement.fp32_mask_iou:.3f}"


def fp32_lines(record: Record) -> list[str]:
    text = fp32_text(record)
    return [text] if text else []


def as_json(accuracy: Accuracy | None) -> dict[str, Any] | None:
    """Null where it was not asked for; what is not known is null, with a `reason` beside it."""
    import msgspec

    if accuracy is None:
        return None
    pixels = accuracy.pixels
    names = ("mean_iou", "foreground_iou", "background_iou", "pixel_accuracy")
    measures = {name: getattr(pixels, name) if pixels is not None else None for name in names}
    reason = accuracy.reason or None
    if reason is None and measures["mean_iou"] is None:
        reason = "one of foreground and background is nowhere, neither given nor found"
    return {**measures, **msgspec.to_builtins(accuracy), "reason": reason}
